import { existsSync } from 'node:fs'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type TestEngine, testEngine } from '../support/engine.js'

let host: TestEngine
beforeAll(async () => {
  host = await testEngine(['busybox'])
})
afterAll(() => host[Symbol.asyncDispose]())

/** Nothing of this process goes on meanwhile. */
const standStill = (ms: number) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)

test('output and exit code are those of a program that has ended before its input was all written', async () => {
  const program = ['sh', '-c', 'read _; seq 9000; exit 3']
  const io = await host.engine.run('busybox', program).rm().interactive().attach()
  const output = text(io.stdout)
  io.stdin.write('go\n')
  // Its supervisor has gone, and what it has told waits in our connection to it, to which we write next.
  while (existsSync(`${host.directory}/run/${io.container.id}`)) standStill(1)
  standStill(50)
  io.stdin.write('what nobody reads')
  expect(await output).toBe(Array.from({ length: 9000 }, (_, at) => `${at + 1}\n`).join(''))
  expect((await io.exit).exitCode).toBe(3)
})

test('nothing is left', async () => {
  expect(await host.leaks()).toEqual([])
})
