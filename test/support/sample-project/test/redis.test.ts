import { type Container, Engine } from 'inboard'
import { afterAll, beforeAll, expect, test } from 'vitest'

let engine: Engine
let redis: Container
beforeAll(async () => {
  engine = await Engine.open()
  redis = await engine.run('redis:7').healthCmd('redis-cli ping').healthInterval('100ms')
  await redis.waitFor('healthy')
})
afterAll(async () => {
  await redis.remove({ force: true, volumes: true })
  await engine.close()
})

test('redis answers', async () => {
  expect((await redis.exec(['redis-cli', 'ping'])).stdout).toBe('PONG\n')
})

test('redis keeps what it is told where its files can be read', async () => {
  await redis.exec(['redis-cli', 'set', 'color', 'red'])
  await redis.exec(['redis-cli', 'save'])
  expect(await redis.fs.readdir('/data')).toContain('dump.rdb')
  expect(String(await redis.fs.readFile('/data/dump.rdb'))).toContain('color')
})
