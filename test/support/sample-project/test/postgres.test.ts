import { type Container, Engine } from 'inboard'
import { afterEach, beforeEach, expect, test } from 'vitest'

let engine: Engine
let db: Container
beforeEach(async () => {
  engine = await Engine.open()
  db = await engine
    .run('postgres:15')
    .env({ POSTGRES_PASSWORD: 'secret' })
    .healthCmd('pg_isready --host 127.0.0.1 --username postgres')
    .healthInterval('200ms')
    .healthStartPeriod('120s')
    .healthStartInterval('200ms')
  await db.waitFor('healthy')
})
afterEach(async () => {
  await db.remove({ force: true, volumes: true })
  await engine.close()
})

test.for(['first', 'second'])('the %s test has a database of its own', async () => {
  const sql = 'create table answers (answer int); insert into answers values (42); select answer from answers'
  const { stdout } = await db.exec(['psql', '-U', 'postgres', '-Atc', sql])
  expect(stdout.trim().split('\n').at(-1)).toBe('42')
})
