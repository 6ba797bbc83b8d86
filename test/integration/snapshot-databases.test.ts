import { randomBytes } from 'node:crypto'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import type { Container, Engine, ExecProcess, Snapshot } from '../../src/index.js'
import { type TestEngine, testEngine } from '../support/engine.js'

let host: TestEngine
let engine: Engine

beforeAll(async () => {
  host = await testEngine(['redis', 'postgres', 'mariadb'])
  engine = host.engine
})
afterEach(async () => {
  for (const { id } of await engine.containers.list({ all: true }))
    await (await engine.containers.get(id)).remove({ force: true, volumes: true })
  for (const { id } of await engine.snapshots.list()) await (await engine.snapshots.get(id)).remove()
})
afterAll(async () => {
  const left = await host.leaks()
  await host[Symbol.asyncDispose]()
  expect(left).toEqual([])
})

async function output(container: Container, command: readonly string[]): Promise<string> {
  const { stdout, stderr, exitCode } = await container.exec(command)
  if (exitCode !== 0) throw new Error(`${exitCode}: ${stdout}${stderr}\n${await container.logs().text()}`)
  return stdout.trim()
}
const until = (container: Container, test: string) =>
  output(container, ['sh', '-c', `until ${test} >/dev/null 2>&1; do sleep 0.05; done`])
const sql = (container: Container, text: string) =>
  output(container, ['psql', '--username=postgres', '--no-align', '--tuples-only', '--quiet', `--command=${text}`])

async function answering(container: Container): Promise<Container> {
  await until(container, 'psql --username=postgres --command="select 1"')
  return container
}
/** Ends by itself: an orphan that is killed would pass for a server process of PostgreSQL, whose postmaster is process 1. */
async function stopped(container: Container, writer: ExecProcess): Promise<void> {
  await output(container, ['touch', '/tmp/stop'])
  expect(await writer.exit).toBe(0)
}
const postgres = () => engine.run('postgres:15').env({ POSTGRES_PASSWORD: 'secret' })
const clone = async (snapshot: Snapshot) => answering(await snapshot.run())

test('a clone of PostgreSQL that is being written to has all that was acknowledged, and nothing by half', async () => {
  const db = await answering(await postgres())
  await sql(db, 'create table one (n int primary key, t text); create table two (n int references one)')
  const loop =
    'i=0; until [ -e /tmp/stop ]; do i=$((i+1)); echo "begin; insert into one values ($i, repeat(chr(120), 2000)); insert into two values ($i); commit;"; done'
  const writer = await db.exec(['sh', '-c', `(${loop}) | psql --username=postgres --quiet`]).start()
  for (let at = 0; at < 2; at++) {
    await until(db, `test "$(psql -U postgres -Atc 'select count(*) > ${(at + 1) * 50} from two')" = t`)
    const acknowledged = Number(await sql(db, 'select max(n) from two'))
    await using snapshot = await db.snapshot()
    const copy = await clone(snapshot)
    const [one = 0, two = 0, last = 0] = (
      await sql(copy, 'select (select count(*) from one), count(*), max(n) from two')
    )
      .split('|')
      .map(Number)
    expect(one).toBe(two)
    expect(last).toBe(two)
    expect(two).toBeGreaterThanOrEqual(acknowledged)
    expect(await copy.logs().text()).toContain(
      'database system was not properly shut down; automatic recovery in progress',
    )
    await sql(copy, 'drop table two; drop table one')
    await copy.remove({ force: true })
  }
  await stopped(db, writer)
  expect(Number(await sql(db, 'select count(*) from one'))).toBeGreaterThan(100)
})

test('clones of PostgreSQL with a volume are databases of their own', async () => {
  const db = await answering(await postgres().volume('pgdata:/var/lib/postgresql/data'))
  await sql(db, 'create table t (n int); insert into t values (1)')
  await using snapshot = await db.snapshot()
  await sql(db, 'insert into t values (2)')
  const clones = await Promise.all([clone(snapshot), clone(snapshot), clone(snapshot)])
  await Promise.all(clones.map((one, at) => sql(one, `insert into t values (${at + 10})`)))
  const found = await Promise.all(clones.map((one) => sql(one, "select string_agg(n::text, ' ' order by n) from t")))
  expect(found).toEqual(['1 10', '1 11', '1 12'])
  expect(await sql(db, 'select count(*) from t')).toBe('2')
  // A clone stops and starts as a database does.
  await clones[0]?.restart({ timeoutMs: 60_000 })
  expect(await sql(await answering(clones[0] as Container), 'select count(*) from t')).toBe('2')
  expect(await clones[0]?.logs().text()).toContain('database system is shut down')
})

test('with an init before it, and after a stop, PostgreSQL starts as well', async () => {
  const db = await answering(await postgres().init())
  await sql(db, 'create table t (n int); insert into t values (1)')
  await using first = await db.snapshot()
  expect(await sql(await clone(first), 'select count(*) from t')).toBe('1')
  await db.stop({ timeoutMs: 60_000 })
  await using second = await db.snapshot()
  expect(await sql(await clone(second), 'select count(*) from t')).toBe('1')
})

test('a clone of Redis has what that has saved, or appended', async () => {
  const ready = (container: Container) => until(container, 'redis-cli ping')
  const store = await engine
    .run('redis:7', ['redis-server', '--appendonly', 'yes', '--appendfsync', 'always'])
    .volume('/data')
  await ready(store)
  const value = randomBytes(1000).toString('hex')
  await output(store, ['redis-cli', 'set', 'key', value])
  await using snapshot = await store.snapshot()
  await output(store, ['redis-cli', 'set', 'key', 'later'])
  const copy = await snapshot.run()
  await ready(copy)
  expect(await output(copy, ['redis-cli', 'get', 'key'])).toBe(value)
  await output(copy, ['redis-cli', 'set', 'own', 'yes'])
  expect(await output(store, ['redis-cli', 'exists', 'own'])).toBe('0')
  const saved = await engine.run('redis:7')
  await ready(saved)
  await output(saved, ['redis-cli', 'set', 'key', 'saved'])
  await output(saved, ['redis-cli', 'save'])
  await output(saved, ['redis-cli', 'set', 'key', 'not saved'])
  await using other = await saved.snapshot()
  const second = await other.run()
  await ready(second)
  expect(await output(second, ['redis-cli', 'get', 'key'])).toBe('saved')
})

test('a clone of MariaDB that is being written to has all that was acknowledged, and nothing by half', async () => {
  const query = (container: Container, text: string) =>
    output(container, ['mariadb', '-psecret', '-N', '-B', '-e', text])
  // Over the network: what makes the first database listens on its socket only.
  const ready = (container: Container) => until(container, "mariadb -h 127.0.0.1 -u root -psecret -e 'select 1'")
  const db = await engine.run('mariadb:10').env({ MARIADB_ROOT_PASSWORD: 'secret' }).volume('/var/lib/mysql')
  await ready(db)
  await query(db, 'create database d; create table d.one (n int primary key); create table d.two (n int primary key)')
  const loop =
    'i=0; until [ -e /tmp/stop ]; do i=$((i+1)); echo "begin; insert into d.one values ($i); insert into d.two values ($i); commit;"; done'
  const writer = await db.exec(['sh', '-c', `(${loop}) | mariadb -psecret`]).start()
  await until(db, `test "$(mariadb -psecret -N -B -e 'select count(*) > 50 from d.two')" = 1`)
  const acknowledged = Number(await query(db, 'select max(n) from d.two'))
  await using snapshot = await db.snapshot()
  const copy = await snapshot.run()
  await ready(copy)
  const [one = 0, two = 0] = (await query(copy, 'select (select count(*) from d.one), count(*) from d.two'))
    .split('\t')
    .map(Number)
  expect(one).toBe(two)
  expect(two).toBeGreaterThanOrEqual(acknowledged)
  await stopped(db, writer)
})
