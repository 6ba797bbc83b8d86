import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Engine, LogDriver, LogEntry } from '../../src/index.js'
import { type TestEngine, testEngine } from '../support/engine.js'

/** Remembers what it takes; fails as often as it is told. */
class Collector implements LogDriver {
  readonly texts: string[] = []
  failures = 0
  #wake = () => {}

  async write(entries: readonly LogEntry[]): Promise<void> {
    if (this.failures-- > 0) throw new Error('not now')
    this.texts.push(...entries.map(({ text }) => text))
    this.#wake()
  }

  check({ forbidden }: Readonly<Record<string, string>>): void {
    if (forbidden !== undefined) throw new Error('forbidden is forbidden')
  }

  async until(text: string): Promise<void> {
    while (!this.texts.includes(text))
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
  }
}

let host: TestEngine
let engine: Engine
const collector = new Collector()
beforeAll(async () => {
  host = await testEngine(['busybox'], { logDrivers: { collector } })
  engine = host.engine
})
afterAll(() => host[Symbol.asyncDispose]())

const run = (script: string) => engine.run('busybox', ['sh', '-c', script]).logDriver('collector')

test('a driver gets the output while the container runs, and logs are read as ever', async () => {
  const container = await run('echo first; sleep 1000')
  await collector.until('first\n')
  expect(await container.logs().text()).toBe('first\n')
  expect((await container.inspect()).HostConfig.LogConfig).toEqual({ Type: 'collector', Config: {} })
  await container.remove({ force: true })
})

test('one that fails is asked again, and the container does not wait', async () => {
  collector.failures = 2
  const container = await run('echo again; echo and again')
  expect((await container.wait()).exitCode).toBe(0)
  await collector.until('and again\n')
  expect(collector.texts.filter((text) => text === 'again\n')).toHaveLength(1)
})

test('what was taken is remembered: another engine goes on behind it', async () => {
  const container = await run('echo before; read go; echo after').interactive().attach()
  await collector.until('before\n')
  const other = await host.reopen()
  container.stdin.end('\n')
  await container.exit
  await collector.until('after\n')
  await other.close()
  expect(collector.texts.filter((text) => text === 'before\n')).toHaveLength(1)
})

test('one that refuses options, or does not exist, makes no container', async () => {
  await expect(run('true').logOpt({ forbidden: 'x' }).create()).rejects.toThrow('forbidden is forbidden')
  await expect(engine.run('busybox').logDriver('nobody').create()).rejects.toThrow(
    'error looking up logging plugin nobody: plugin "nobody" not found',
  )
})
