import { once } from 'node:events'
import { fetch } from 'undici'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { Container, Engine } from '../../src/index.js'
import { answers, generic, mariadb, mysql, nginx, postgres, redis } from '../../src/services/index.js'
import { type TestEngine, testEngine } from '../support/engine.js'

let host: TestEngine
let engine: Engine

beforeAll(async () => {
  host = await testEngine(['busybox', 'redis', 'nginx', 'postgres', 'mariadb'])
  engine = host.engine
})

afterEach(async () => {
  expect(await engine.containers.list({ all: true })).toEqual([])
  expect(await host.leaks()).toEqual([])
})

afterAll(() => host[Symbol.asyncDispose]())

const ofTests = { image: 'postgres:15' }
const mariadbOfTests = { image: 'mariadb:10' }

async function psql(container: Container, url: string, sql: string): Promise<string> {
  const { exitCode, stdout, stderr } = await container.exec([
    'psql',
    url,
    '--no-align',
    '--tuples-only',
    '--command',
    sql,
  ])
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' })
  return stdout.trim()
}

describe('PostgreSQL', () => {
  test('lets its user in by its connection string, once it is started', async () => {
    await using db = await postgres({ ...ofTests, user: 'ada', database: 'app' }).start(engine)
    const { user, password, database, port } = db
    expect({ user, database, port }).toEqual({ user: 'ada', database: 'app', port: 5432 })
    expect(password).toMatch(/^[0-9a-f]{32}$/)
    expect(await psql(db.container, db.connectionString, 'select current_user, current_database()')).toBe('ada|app')
  })

  test('has another password in each container', async () => {
    const preset = postgres(ofTests)
    await using one = await preset.start(engine)
    await using other = await preset.start(engine)
    expect(other.password).not.toBe(one.password)
    expect(one.url.password).toBe(one.password)
  })

  test('asks for the password whoever begins a session with it', async () => {
    await using db = await postgres(ofTests).start(engine, { network: 'none' })
    expect(db.host).toBe('localhost')
    const socket = await db.container.connect(db.port)
    const parameters = Buffer.from(`user\0${db.user}\0database\0${db.database}\0\0`)
    socket.write(Buffer.concat([Buffer.from([0, 0, 0, 8 + parameters.length, 0, 3, 0, 0]), parameters]))
    const [answer] = await once(socket, 'data')
    expect(String(answer)).toMatch(/^R.*SCRAM-SHA-256/s)
    socket.destroy()
  })

  test('is ready with data that it has from before', async () => {
    const data = { volume: ['pgdata:/var/lib/postgresql/data'] }
    const preset = postgres({ ...ofTests, password: 'secret', database: 'app' })
    {
      await using db = await preset.start(engine, data)
      await psql(db.container, db.connectionString, 'create table kept as select 42 as answer')
      await db.container.kill()
    }
    {
      await using again = await preset.start(engine, data)
      expect(await psql(again.container, again.connectionString, 'select answer from kept')).toBe('42')
    }
    await (await engine.volumes.get('pgdata')).remove()
  })

  test('tells others on its network how they reach it', async () => {
    await using scope = engine.scope()
    const { name } = await scope.network()
    const db = await postgres(ofTests).start(scope, { network: name, networkAlias: ['db'] })
    const client = scope.run('postgres:15', ['psql', db.connectionStringAt('db'), '-Atc', 'select 42'])
    expect((await client.network(name).output()).stdout).toBe('42\n')
  })

  test('is one for all who ask for it by a key, and stays when they close it', async () => {
    const preset = postgres({ ...ofTests, password: 'secret' })
    const found = await Promise.all(Array.from({ length: 3 }, () => preset.start(engine, { reuse: 'db' })))
    expect(new Set(found.map(({ container }) => container.id)).size).toBe(1)
    for (const db of found) await db.close()
    const [db] = found
    expect(await psql(db?.container as Container, db?.connectionString ?? '', 'select 42')).toBe('42')
    await db?.container.remove({ force: true })
  })

  test('says that a password has to be given with reuse', async () => {
    await expect(postgres(ofTests).start(engine, { reuse: 'db' })).rejects.toMatchObject({
      code: 'INVALID_OPTION',
      details: { option: 'reuse' },
    })
  })

  test('starts with what it had when a snapshot was taken', async () => {
    await using db = await postgres(ofTests).start(engine)
    await psql(db.container, db.connectionString, 'create table kept as select 1 as version')
    await using snapshot = await db.snapshot()
    await psql(db.container, db.connectionString, 'update kept set version = 2')
    await using one = await snapshot.start()
    await using other = await snapshot.start()
    await psql(other.container, other.connectionString, 'update kept set version = 3')
    const version = (of: typeof db) => psql(of.container, of.connectionString, 'select version from kept')
    expect([await version(db), await version(one), await version(other)]).toEqual(['2', '1', '3'])
  })
})

describe('Redis', () => {
  /** What it answers to a command, from this process. */
  async function said(container: Container, command: string): Promise<string> {
    const socket = await container.connect(6379)
    socket.write(`${command}\r\n`)
    const [answer] = await once(socket, 'data')
    socket.destroy()
    return String(answer)
  }

  test('answers at the address that it says', async () => {
    await using cache = await redis().start(engine)
    expect(await said(cache.container, 'PING')).toBe('+PONG\r\n')
    const { stdout } = await cache.container.exec(['redis-cli', '-u', cache.connectionString, 'ping'])
    expect(stdout).toBe('PONG\n')
  })

  test('lets only those in who have its password', async () => {
    await using cache = await redis({ password: 'secret' }).start(engine)
    expect(await said(cache.container, 'GET key')).toMatch(/^-NOAUTH/)
    const { stdout } = await cache.container.exec([
      'redis-cli',
      '--no-auth-warning',
      '-u',
      cache.connectionString,
      'ping',
    ])
    expect(stdout).toBe('PONG\n')
  })

  test('is reached by a published port', async () => {
    await using cache = await redis().start(engine, { publish: true })
    expect(cache.host).toBe('127.0.0.1')
    expect(await cache.container.port(6379)).toEqual([`127.0.0.1:${cache.port}`])
  })

  test('has what was in its memory in a snapshot', async () => {
    await using cache = await redis({ password: 'secret' }).start(engine)
    const command = (of: typeof cache, ...words: string[]) =>
      of.container.exec(['redis-cli', '--no-auth-warning', '-u', of.connectionString, ...words])
    await command(cache, 'SET', 'key', 'value')
    await using snapshot = await cache.snapshot()
    await using clone = await snapshot.start()
    expect((await command(clone, 'GET', 'key')).stdout).toBe('value\n')
  })
})

describe('MariaDB', () => {
  async function sql(
    container: Container,
    { user, password, database }: Record<'user' | 'password' | 'database', string>,
    text: string,
  ) {
    const { exitCode, stdout, stderr } = await container
      .exec([
        'mariadb',
        '--host=127.0.0.1',
        `--user=${user}`,
        '--batch',
        '--skip-column-names',
        '--execute',
        text,
        database,
      ])
      .env({ MYSQL_PWD: password })
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' })
    return stdout.trim()
  }

  test('lets a user in who has all rights on the database', async () => {
    await using db = await mariadb({ ...mariadbOfTests, user: 'ada', database: 'app' }).start(engine)
    await sql(db.container, db, 'create table kept as select 42 as answer')
    expect(await sql(db.container, db, 'select answer, current_user() from kept')).toBe('42\tada@%')
  })

  test('understands what is said to MySQL, and starts with what it had when a snapshot was taken', async () => {
    await using db = await mysql(mariadbOfTests).start(engine)
    await sql(db.container, db, 'create table kept as select 42 as answer')
    await using snapshot = await db.snapshot()
    await using clone = await snapshot.start()
    expect(await sql(clone.container, clone, 'select answer from kept')).toBe('42')
  })
})

test('nginx serves', async () => {
  await using web = await nginx({ image: 'nginx' }).start(engine)
  const page = await fetch(web.connectionString, { dispatcher: web.container.dispatcher() })
  expect(await page.text()).toContain('Welcome to nginx')
})

describe('any other', () => {
  const echo = ['nc', '-ll', '-p', '7', '-e', 'cat']

  test('is ready when it answers as is said', async () => {
    const preset = generic({
      image: 'busybox',
      port: 7,
      command: echo,
      ready: [answers(7, { send: 'hi', expect: /^hi$/ })],
    })
    await using one = await preset.start(engine)
    expect(one.connectionString).toBe(`tcp://${one.host}:7`)
  })

  test('is gone when it does not become ready, which is told with what was tried', async () => {
    const preset = generic({
      image: 'busybox',
      port: 7,
      command: echo,
      ready: [answers(7, { send: 'hi', expect: /^ho/ })],
    })
    await expect(preset.start(engine, { timeoutMs: 3000 })).rejects.toMatchObject({
      code: 'WAIT_TIMED_OUT',
      details: { attempts: expect.arrayContaining([expect.stringContaining('"hi"')]) },
    })
  })

  test('is left alone when this process is told to stop waiting', async () => {
    const signal = AbortSignal.timeout(300)
    const preset = generic({ image: 'busybox', port: 7, command: ['sleep', '1000'] })
    await expect(preset.start(engine, { signal })).rejects.toThrow(/timeout/)
  })
})
