import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Engine, type LogDriver, type LogEntry } from '../../src/index.js'
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

/** A process whose engine has the driver `shared`, which takes what comes first and never comes back from the second. */
function startStuckProcess(script: string) {
  const program = `
    import { Engine } from ${JSON.stringify(fileURLToPath(new URL('../../dist/index.js', import.meta.url)))}
    let calls = 0
    const shared = {
      async write(entries) {
        for (const { text } of entries) process.stdout.write(\`call \${calls} \${text}\`)
        if (calls++ > 0) await new Promise(() => {})
      },
    }
    const roots = ${JSON.stringify({ root: engine.root, runRoot: engine.runRoot })}
    const engine = await Engine.open({ ...roots, logDrivers: { shared } })
    await engine.run('busybox', ['sh', '-c', ${JSON.stringify(script)}]).name('shared').logDriver('shared')
    setInterval(() => {}, 1000)
  `
  return spawn(process.execPath, ['--input-type=module', '--eval', program], { stdio: ['ignore', 'pipe', 'inherit'] })
}

test('whoever is killed in the middle of a write is followed by another engine, which gets what was not taken', async () => {
  const dying = startStuckProcess('echo taken; until [ -e /go ]; do sleep 0.05; done; echo lost; sleep 1000')
  const shared = new Collector()
  let other: Engine | undefined
  try {
    for await (const line of createInterface(dying.stdout)) {
      if (line === 'call 0 taken') await (await engine.containers.get('shared')).exec(['touch', '/go'])
      if (line === 'call 1 lost') break
    }
    // Not before: it would take the first.
    other = await Engine.open({ root: engine.root, runRoot: engine.runRoot, logDrivers: { shared } })
    expect(shared.texts).toEqual([])
    dying.kill('SIGKILL')
    await once(dying, 'exit')
    await shared.until('lost\n')
    expect(shared.texts).toEqual(['lost\n'])
  } finally {
    dying.kill('SIGKILL')
    await other?.close()
    await (await engine.containers.get('shared')).remove({ force: true })
  }
})
