import { expect, test } from 'vitest'
import { generic, mariadb, mongo, mysql, nginx, postgres, redis, type Service, type Settled } from './index.js'

const address = { host: '172.17.0.2', port: 1234 }

/** What a preset says to a container that has these credentials. */
function told<Own extends object>(preset: Service<Own>) {
  const its = { password: 'p@ss', ...known(preset.credentials) } as unknown as Settled<Own>
  return {
    image: preset.image,
    port: preset.port,
    env: preset.env?.(its),
    command: preset.command?.(its),
    connectionString: preset.connectionString(address, its),
    beforeSnapshot: preset.beforeSnapshot?.(its),
    ready: preset.ready(its).map((one) => ('description' in one ? one.description : one)),
  }
}

const known = (credentials: object) =>
  Object.fromEntries(Object.entries(credentials).filter(([, value]) => value !== undefined))

test('PostgreSQL', () => {
  expect(told(postgres({ database: 'app' }))).toEqual({
    image: 'postgres:17',
    port: 5432,
    env: { POSTGRES_USER: 'postgres', POSTGRES_PASSWORD: 'p@ss', POSTGRES_DB: 'app' },
    command: undefined,
    connectionString: 'postgres://postgres:p%40ss@172.17.0.2:1234/app',
    beforeSnapshot: [
      'psql',
      '--no-password',
      '--username',
      'postgres',
      '--dbname',
      'app',
      '--command',
      'ALTER SYSTEM SET recovery_init_sync_method = syncfs',
      '--command',
      'CHECKPOINT',
    ],
    ready: ['port 5432 answering as one that is ready'],
  })
})

test("PostgreSQL's database is called as its user, as long as nobody says otherwise", () => {
  expect(postgres({ user: 'ada' }).credentials).toEqual({ user: 'ada', password: undefined, database: 'ada' })
})

test('Redis lets everybody in, or who has its password', () => {
  expect(told(redis())).toMatchObject({
    image: 'redis:7',
    command: undefined,
    connectionString: 'redis://172.17.0.2:1234',
    beforeSnapshot: ['redis-cli', '-e', 'SAVE'],
  })
  expect(told(redis({ password: 'secret' }))).toMatchObject({
    command: ['redis-server', '--requirepass', 'secret'],
    connectionString: 'redis://default:secret@172.17.0.2:1234',
    beforeSnapshot: ['redis-cli', '-e', '--no-auth-warning', '-a', 'secret', 'SAVE'],
  })
})

test('MySQL and MariaDB make another user beside root', () => {
  expect(told(mysql())).toMatchObject({
    image: 'mysql:8.4',
    env: { MYSQL_ROOT_PASSWORD: 'p@ss', MYSQL_DATABASE: 'test' },
    connectionString: 'mysql://root:p%40ss@172.17.0.2:1234/test',
    beforeSnapshot: undefined,
  })
  expect(told(mariadb({ user: 'ada', database: 'app' }))).toMatchObject({
    image: 'mariadb:11',
    env: {
      MARIADB_ROOT_PASSWORD: 'p@ss',
      MARIADB_DATABASE: 'app',
      MARIADB_USER: 'ada',
      MARIADB_PASSWORD: 'p@ss',
    },
    connectionString: 'mariadb://ada:p%40ss@172.17.0.2:1234/app',
  })
})

test('MongoDB', () => {
  expect(told(mongo())).toMatchObject({
    image: 'mongo:8',
    port: 27017,
    env: { MONGO_INITDB_ROOT_USERNAME: 'root', MONGO_INITDB_ROOT_PASSWORD: 'p@ss', MONGO_INITDB_DATABASE: 'test' },
    connectionString: 'mongodb://root:p%40ss@172.17.0.2:1234/test?authSource=admin&directConnection=true',
    ready: ['port 27017 taking connections'],
  })
})

test('nginx, and any other', () => {
  expect(told(nginx({ image: 'nginx:1.28' }))).toMatchObject({
    image: 'nginx:1.28',
    port: 80,
    connectionString: 'http://172.17.0.2:1234',
  })
  expect(told(generic({ image: 'memcached:1', port: 11211, env: { A: '1' }, command: ['memcached'] }))).toEqual({
    image: 'memcached:1',
    port: 11211,
    env: { A: '1' },
    command: ['memcached'],
    connectionString: 'tcp://172.17.0.2:1234',
    beforeSnapshot: undefined,
    ready: ['port 11211 taking connections'],
  })
})

test('an address of IPv6 stands in brackets', () => {
  expect(nginx().connectionString({ host: 'fd00::2', port: 80 }, {})).toBe('http://[fd00::2]:80')
})

test('a preset is frozen, and a copy is another one', () => {
  const preset = postgres()
  expect(Object.isFrozen(preset)).toBe(true)
  expect(Object.isFrozen(preset.credentials)).toBe(true)
  expect(told({ ...preset, image: 'postgis/postgis:17-3.5' })).toMatchObject({
    image: 'postgis/postgis:17-3.5',
    port: 5432,
  })
})
