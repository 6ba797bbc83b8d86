import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Container } from '../../src/index.js'
import { type TestEngine, testEngine } from '../support/engine.js'
import { supervisorIn } from '../support/processes.js'

const floodMs = 8_000
// A log is not bounded, by default, any more than Docker's: this one is kept short for the sake of the disk.
const logFloodMs = 3_000
/** Less than a flood lasts: who is held up waits for its end. */
const slowestAnswerMs = 6_000

let host: TestEngine
let neighbour: Container
beforeAll(async () => {
  host = await testEngine(['busybox'])
  neighbour = await host.engine.run('busybox', ['sleep', '1000000'])
})
afterAll(() => host[Symbol.asyncDispose]())

/** How long the engine and a neighbour took to answer, at the longest, while `flooding` went on. */
async function slowestAnswer(durationMs: number): Promise<number> {
  let slowest = 0
  for (const end = performance.now() + durationMs; performance.now() < end; ) {
    const begin = performance.now()
    const [{ exitCode }, list] = await Promise.all([neighbour.exec(['true']), host.engine.containers.list()])
    slowest = Math.max(slowest, performance.now() - begin)
    expect({ exitCode, neighbour: list.some(({ id }) => id === neighbour.id) }).toEqual({
      exitCode: 0,
      neighbour: true,
    })
  }
  return slowest
}

test('a fork bomb stays in its limits and ends with its container', async () => {
  const bomb = await host.engine
    .run('busybox', ['sh', '-c', 'b() { b | b & }; b; sleep 1000'])
    .pidsLimit(100)
    .memory('64m')
  expect(await slowestAnswer(floodMs)).toBeLessThan(slowestAnswerMs)
  await bomb.remove({ force: true })
  expect((await host.engine.containers.list()).map(({ id }) => id)).toEqual([neighbour.id])
})

test('a flood of execs leaves the neighbours their turn, and no process behind', async () => {
  const flooded = await host.engine.run('busybox', ['sleep', '1000000'])
  const stop = new AbortController()
  const floods = Array.from({ length: 10 }, async () => {
    while (!stop.signal.aborted) await flooded.exec(['echo', 'x'])
  })
  const slowest = await slowestAnswer(floodMs)
  stop.abort()
  await Promise.all(floods)
  const processes = async () => (await flooded.exec(['ps', '-o', 'comm'])).stdout.trim().split('\n').slice(1).sort()
  await expect.poll(processes).toEqual(['ps', 'sleep'])
  await flooded.remove({ force: true })
  expect(slowest).toBeLessThan(slowestAnswerMs)
})

test('a flood of output, with a reader that does not read, holds up nobody and takes no memory', async () => {
  const { readFile } = await import('node:fs/promises')
  const flood = await host.engine.run('busybox', ['yes', 'flooded']).interactive()
  const idle = await flood.attach()
  expect(await slowestAnswer(logFloodMs)).toBeLessThan(slowestAnswerMs)
  const supervisor = supervisorIn(`${host.engine.runRoot}/${flood.id}`)
  const resident = /^VmRSS:\s+(\d+) kB$/m.exec(await readFile(`/proc/${supervisor}/status`, 'utf8'))?.[1]
  idle.detach()
  await flood.remove({ force: true })
  expect(Number(resident)).toBeLessThan(1024)
})

test('an environment and a command beyond what the kernel takes are refused', async () => {
  const huge = 'x'.repeat(3_000_000)
  await expect(host.engine.run('busybox', ['true']).env({ HUGE: huge }).rm().output()).rejects.toMatchObject({
    details: { exitCode: expect.any(Number) },
  })
  await expect(neighbour.exec(['echo', huge])).rejects.toMatchObject({ details: { exitCode: expect.any(Number) } })
  expect((await neighbour.exec(['true'])).exitCode).toBe(0)
})
