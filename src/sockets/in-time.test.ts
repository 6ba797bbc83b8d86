import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { expect, onTestFinished, test } from 'vitest'
import { inTime } from './in-time.js'

test('what happens in time does, what does not does not', async () => {
  expect(await inTime(Promise.resolve(), 1000)).toBe(true)
  expect(await inTime(new Promise(() => {}), 10)).toBe(false)
  expect(await inTime(new Promise((resolve) => setTimeout(resolve, 20)), -1)).toBe(true)
})

test('what has come while the process stood still is in time', async () => {
  const child = spawn('cat', { stdio: ['pipe', 'pipe', 'inherit'] })
  onTestFinished(() => void child.kill())
  child.stdin.write('a')
  await once(child.stdout, 'data')
  const answer = once(child.stdout, 'data')
  child.stdin.write('b')
  const awaited = inTime(answer, 50)
  await Promise.resolve()
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 500)
  expect(await awaited).toBe(true)
})
