import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Engine, EngineEvent } from '../../src/index.js'
import { type TestEngine, testEngine } from '../support/engine.js'

let host: TestEngine
let engine: Engine
beforeAll(async () => {
  host = await testEngine(['busybox'])
  engine = host.engine
})
afterAll(() => host[Symbol.asyncDispose]())

test('tries', async () => {
  const since = new Date()
  const before = performance.now()
  await engine.run('busybox', ['true']).rm().name('cc').label({ tier: 'db' }).output()
  console.log(performance.now() - before)
  console.log(readFileSync(`${engine.root}/events.jsonl`, 'utf8'))
  const list: EngineEvent[] = []
  for await (const e of engine.events({ since, until: new Date(Date.now() + 200) })) list.push(e)
  console.log(JSON.stringify(list.map((e) => [e.type, e.action])))
  expect(1).toBe(1)
})
