import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Container } from '../../src/index.js'
import { type TestEngine, testEngine } from '../support/engine.js'

let host: TestEngine
let redis: Container

beforeAll(async () => {
  host = await testEngine(['redis'])
  redis = await host.engine.run('redis:7').name('myredis')
  await untilReady(1)
})
afterAll(() => host[Symbol.asyncDispose]())

/** For the so many'th time. */
async function untilReady(times: number): Promise<void> {
  let seen = 0
  for await (const { text } of redis.logs({ follow: true }))
    if (text.includes('Ready to accept connections') && ++seen === times) break
}

test('runs a real Redis from its archive and answers PONG to an exec', async () => {
  const { exitCode, stdout, stderr } = await redis.exec(['redis-cli', 'ping'])
  expect({ exitCode, stdout: stdout.trim(), stderr }).toEqual({ exitCode: 0, stdout: 'PONG', stderr: '' })
})

test('keeps what is written as long as the container lives, also over a restart', async () => {
  await redis.exec(['redis-cli', 'set', 'colour', 'green'])
  await redis.exec(['redis-cli', 'save'])
  await redis.restart()
  await untilReady(2)
  const { stdout } = await redis.exec(['redis-cli', 'get', 'colour'])
  expect(stdout.trim()).toBe('green')
})

test('stops Redis by its own handling of the stop signal', async () => {
  await redis.stop({ timeoutMs: 60_000 })
  expect(await redis.wait()).toEqual({ exitCode: 0, signal: undefined, oomKilled: false })
  expect(await redis.logs({ tail: 5 }).text()).toContain('bye bye')
})
