import { once } from 'node:events'
import { mkdir, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { PostgreSqlContainer, type StartedPostgreSqlContainer } from '@testcontainers/postgresql'
import { RedisContainer, type StartedRedisContainer } from '@testcontainers/redis'
import { DockerComposeEnvironment, Wait } from 'testcontainers'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type ClientTarget, clientTarget } from '../support/client-target.js'
import { useTestcontainers } from '../support/client-testcontainers.js'
import { body } from '../support/reach.js'

let target: ClientTarget

beforeAll(async () => {
  target = await clientTarget(['busybox', 'redis', 'postgres'])
  await useTestcontainers(target)
})

afterAll(() => target[Symbol.asyncDispose]())

test('PostgreSQL, with snapshots of a database', async () => {
  await using postgres = await new PostgreSqlContainer('postgres:15')
    .withUsername('someone')
    .withPassword('secret')
    .start()
  expect(postgres.getConnectionUri()).toBe(`postgres://someone:secret@localhost:${postgres.getPort()}/test`)
  expect(await asksForTls(postgres)).toBe('N')
  await query(postgres, 'create table kept (answer int); insert into kept values (42)')
  await postgres.snapshot()
  await query(postgres, 'delete from kept')
  expect(await query(postgres, 'select count(*) from kept')).toBe('0')
  await postgres.restoreSnapshot()
  expect(await query(postgres, 'select answer from kept')).toBe('42')
})

async function query(postgres: StartedPostgreSqlContainer, sql: string): Promise<string> {
  const uri = 'postgres://someone:secret@127.0.0.1/test'
  const { exitCode, stdout, output } = await postgres.exec([
    'psql',
    '--no-align',
    '--tuples-only',
    '--command',
    sql,
    uri,
  ])
  expect({ exitCode, output }).toEqual({ exitCode: 0, output: stdout })
  return stdout.trim()
}

/** Says over the published port what clients of PostgreSQL begin with; it answers with one letter. */
async function asksForTls(postgres: StartedPostgreSqlContainer): Promise<string> {
  const socket = connect(postgres.getPort(), postgres.getHost())
  socket.write(Buffer.from([0, 0, 0, 8, 4, 210, 22, 47]))
  const [answer] = await once(socket, 'data')
  socket.destroy()
  return String(answer)
}

test('Redis, with persistence and a password', async () => {
  const directory = join(target.directory, 'redis')
  await mkdir(directory)
  const redis = await new RedisContainer('redis:7').withPersistence(directory).start()
  expect(await redis.executeCliCmd('SET', ['key', 'value'])).toBe('OK\n')
  expect(await command(redis, 'GET key')).toBe('$5\r\nvalue\r\n')
  await redis.stop()
  await using again = await new RedisContainer('redis:7').withPersistence(directory).start()
  expect(await again.executeCliCmd('GET', ['key'])).toBe('value\n')

  await using closed = await new RedisContainer('redis:7').withPassword('secret').start()
  expect(closed.getConnectionUrl()).toBe(`redis://:secret@localhost:${closed.getPort()}`)
  expect(await command(closed, 'GET key')).toMatch(/^-NOAUTH /)
  expect(await command(closed, 'AUTH secret')).toBe('+OK\r\n')
})

async function command(redis: StartedRedisContainer, text: string): Promise<string> {
  const socket = connect(redis.getPort(), redis.getHost())
  socket.write(`${text}\r\n`)
  const [answer] = await once(socket, 'data')
  socket.destroy()
  return String(answer)
}

// It takes the names of newer versions apart: those of 1.29 stay as they are.
test('a project of docker-compose', async () => {
  const override = join(target.directory, 'override.yml')
  await writeFile(override, "version: '2.4'\nservices: { web: { environment: { ADDED: 'yes' } } }\n")
  const file = fileURLToPath(new URL('../support/compose-project/docker-compose.yml', import.meta.url))
  const environment = await new DockerComposeEnvironment(dirname(file), [file, override])
    .withClientOptions({ executable: { standalone: true, executablePath: 'docker-compose' } })
    .withProjectName('tc')
    .withBuild()
    .withEnvironment({ LEVEL: 'of the test', DOCKER_BUILDKIT: '0' })
    .withWaitStrategy('tc_redis_1', Wait.forLogMessage('Ready to accept connections'))
    .up()
  const web = environment.getContainer('tc_web_1')
  expect((await web.exec(['sh', '-c', 'echo $LEVEL $ADDED'])).stdout).toBe('of the test yes\n')
  expect(await body(`http://localhost:${web.getMappedPort(8000)}/`)).toBe('hello from compose\n')
  await environment.down()
  expect((await target.docker(['ps', '--all', '--quiet'])).stdout).toBe('')
  expect((await target.docker(['volume', 'ls', '--quiet'])).stdout).toBe('')
})
