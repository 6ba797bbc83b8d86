import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import type { Container, Engine } from '../../src/index.js'
import { type TestEngine, testEngine } from '../support/engine.js'
import { startEngineProcess } from '../support/engine-process.js'

// The supervisor of a container that removes itself takes all with it that tells of its end, but for what it has said.

let host: TestEngine
let engine: Engine

beforeAll(async () => {
  host = await testEngine(['busybox'])
  engine = host.engine
})

afterEach(async () => {
  expect(await engine.containers.list({ all: true })).toEqual([])
  expect(await host.leaks()).toEqual([])
})

afterAll(() => host[Symbol.asyncDispose]())

const isTorndown = ({ id }: Container) => !existsSync(`${engine.runRoot}/${id}`)

/** Of all that was told of one. */
async function endsTold({ id }: Container): Promise<(string | undefined)[]> {
  const codes: (string | undefined)[] = []
  for await (const { actor } of engine.events({
    since: 0,
    until: new Date(),
    filters: { container: id, event: 'die' },
  }))
    codes.push(actor.attributes.exitCode)
  return codes
}

/** This process does nothing meanwhile. */
function standStill(isOver: () => boolean): void {
  const pause = new Int32Array(new SharedArrayBuffer(4))
  for (const deadline = performance.now() + 30_000; !isOver() && performance.now() < deadline; )
    Atomics.wait(pause, 0, 0, 5)
}

test('an end behind output that nobody takes is told', async () => {
  const program = ['sh', '-c', 'read go; head -c 160000 /dev/zero; exit 3']
  const io = await engine.run('busybox', program).interactive().rm().name('unread').attach()
  const container = await engine.containers.get('unread')
  // Nothing is written after that: it would be found then that the supervisor has gone.
  io.stdin.write('go\n')
  await expect.poll(() => isTorndown(container)).toBe(true)
  expect((await container.wait()).exitCode).toBe(3)
  expect(await endsTold(container)).toEqual(['3'])
  io.stdout.resume()
  io.stderr.resume()
  expect((await io.exit).exitCode).toBe(3)
})

test('an end is told by a process that stood still when it came, and when it asked', async () => {
  const io = await engine.run('busybox', ['sh', '-c', 'read go; exit 3']).interactive().rm().name('still').attach()
  const container = await engine.containers.get('still')
  io.stdout.resume()
  io.stderr.resume()
  await new Promise((resolve) => io.stdin.write('go\n', resolve))
  standStill(() => isTorndown(container))
  const waited = container.wait()
  for (let turn = 0; turn < 100; turn++) await Promise.resolve()
  const began = performance.now()
  standStill(() => performance.now() - began > 1500)
  expect((await waited).exitCode).toBe(3)
  expect((await io.exit).exitCode).toBe(3)
  expect(await endsTold(container)).toEqual(['3'])
})

test('the end of one that another process has started, which stands still, is told once', async () => {
  const starter = startEngineProcess(
    engine,
    `const run = engine.run('busybox', ['sh', '-c', 'until [ -e /go ]; do sleep 0.01; done; exit 3']).rm()
    const container = await run
    const waited = container.wait()
    await new Promise(setImmediate)
    console.log(container.id)
    console.log((await waited).exitCode)
    await engine.close()`,
  )
  const ended = once(starter, 'close')
  const lines = createInterface(starter.stdout)[Symbol.asyncIterator]()
  try {
    const container = await engine.containers.get((await lines.next()).value)
    starter.kill('SIGSTOP')
    await (await container.exec(['touch', '/go'])).exitCode
    await expect.poll(() => isTorndown(container)).toBe(true)
    expect((await container.wait()).exitCode).toBe(3)
    expect(await endsTold(container)).toEqual(['3'])
    starter.kill('SIGCONT')
    expect((await lines.next()).value).toBe('3')
    expect(await endsTold(container)).toEqual(['3'])
  } finally {
    starter.kill('SIGCONT')
    await ended
  }
})
