import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cp } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type CommandResult, command } from '../support/api.js'
import { type ClientTarget, clientTarget } from '../support/client-target.js'
import { body } from '../support/reach.js'
import { Terminal } from '../support/terminal.js'

// Debian's docker-compose 1.29 (the one of Python), with the three services of test/support/compose-project.

const project = fileURLToPath(new URL('../support/compose-project', import.meta.url))

let target: ClientTarget
let cwd: string

beforeAll(async () => {
  target = await clientTarget(['busybox', 'redis', 'postgres'])
  cwd = join(target.directory, 'project')
  await cp(project, cwd, { recursive: true })
})

afterAll(() => target[Symbol.asyncDispose]())

const environment = () => ({ ...target.env, COMPOSE_PROJECT_NAME: 'trial', DOCKER_BUILDKIT: '0' })

/** Runs docker-compose, which must not fail. */
async function compose(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<CommandResult> {
  const result = await command('docker-compose', args, { cwd, env: { ...environment(), ...env } })
  expect(result.code, `docker-compose ${args.join(' ')}: ${result.stderr}`).toBe(0)
  return result
}

/** What a docker command prints, by lines. */
async function lines(...args: readonly string[]): Promise<string[]> {
  const { code, stdout, stderr } = await target.docker(args)
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  return stdout.split('\n').filter(Boolean)
}

/** The ids of a service's containers. */
const containersOf = (service: string) =>
  lines('ps', '--all', '--quiet', '--no-trunc', '--filter', `label=com.docker.compose.service=${service}`)

/** Everything of the project that the engine knows. */
async function leftovers(project: string): Promise<string[]> {
  const filter = ['--filter', `label=com.docker.compose.project=${project}`]
  const volumes = await lines('volume', 'ls', '--format', '{{.Name}}', ...filter)
  return [...(await states(project)), ...(await lines('network', 'ls', '--format', '{{.Name}}', ...filter)), ...volumes]
}

/** Each container of a project, and how it is. */
async function states(project: string): Promise<string[]> {
  const filter = ['--filter', `label=com.docker.compose.project=${project}`]
  return (await lines('ps', '--all', '--format', '{{.Names}} {{.State}}', ...filter)).sort()
}

test('a project is brought up, once its services are healthy, scaled, changed, and down again', async () => {
  const began = Math.floor(Date.now() / 1000)
  const up = await compose(['up', '--detach', '--scale', 'web=3'])
  expect(up.stderr).toMatch(/Creating network "trial_back" with the default driver/)
  expect(up.stderr).toMatch(/Creating volume "trial_data" with default driver/)
  expect(up.stdout).toMatch(/Successfully tagged project\/web:1/)
  await gated(began)
  await answered()

  const { stdout: listed } = await compose(['ps'])
  expect(listed).toMatch(/trial_postgres_1 +docker-entrypoint\.sh postgres +Up \(healthy\)/)
  for (const number of [1, 2, 3]) expect(listed).toMatch(new RegExp(`trial_web_${number} .* Up .*->8000/tcp`))
  expect((await compose(['logs', '--no-color', 'postgres'])).stdout).toMatch(
    /database system is ready to accept connections/,
  )
  expect((await compose(['top', 'redis'])).stdout).toMatch(/redis-server/)
  expect((await compose(['images'])).stdout).toMatch(/trial_web_1 +project\/web +1 /)

  await query('create table kept as select 42 as answer')
  await changed()
  expect(await query('select answer from kept')).toBe('42')

  await stoppedAndStarted()
  const down = await compose(['down', '--volumes'])
  expect(down.stderr).toMatch(/Removing volume trial_data/)
  expect(await leftovers('trial')).toEqual([])
})

/** Who depends on others has been created when they were healthy. */
async function gated(since: number): Promise<void> {
  const filter = ['--filter', 'type=container', '--filter', 'event=create', '--filter', 'event=health_status']
  const until = ['--since', String(since), '--until', String(Math.ceil(Date.now() / 1000))]
  const format = '{{.Actor.Attributes.name}} {{.Action}}'
  const events = await lines('events', ...until, ...filter, '--format', format)
  const first = (event: string) => events.indexOf(event)
  for (const service of ['redis', 'postgres']) {
    const healthy = first(`trial_${service}_1 health_status: healthy`)
    expect(healthy, events.join('\n')).toBeGreaterThan(first(`trial_${service}_1 create`))
    for (const number of [1, 2, 3]) expect(first(`trial_web_${number} create`)).toBeGreaterThan(healthy)
  }
}

/** Each of the three answers at a port of its own, and they reach what stands behind them by its name. */
async function answered(): Promise<void> {
  const ports = new Set<string>()
  for (const index of ['1', '2', '3']) {
    const { stdout } = await compose(['port', `--index=${index}`, 'web', '8000'])
    const [, port = ''] = /^0\.0\.0\.0:(\d+)\n$/.exec(stdout) ?? []
    ports.add(port)
    expect(await body(`http://127.0.0.1:${port}/`)).toBe('hello from compose\n')
  }
  expect(ports.size).toBe(3)
  const ask = 'printf "PING\\r\\nQUIT\\r\\n" | nc redis 6379'
  expect((await compose(['exec', '-T', 'web', 'sh', '-c', ask])).stdout).toMatch(/^\+PONG\r\n/)
}

async function query(sql: string): Promise<string> {
  const psql = ['psql', '--username=postgres', '--host=127.0.0.1', '--no-align', '--tuples-only', '--command', sql]
  const { stdout } = await compose(['exec', '-T', '-e', 'PGPASSWORD=secret', 'postgres', ...psql])
  return stdout.trim()
}

/** What is configured differently is made anew, and nothing else. */
async function changed(): Promise<void> {
  const before = { redis: await containersOf('redis'), web: await containersOf('web') }
  const up = await compose(['up', '--detach', '--scale', 'web=3'], { LEVEL: 'two' })
  expect(up.stderr).toMatch(/trial_redis_1 is up-to-date/)
  expect(up.stderr).toMatch(/Recreating trial_web_2 \.\.\. done/)
  expect(await containersOf('redis')).toEqual(before.redis)
  const web = await containersOf('web')
  expect(web).toHaveLength(3)
  expect(web.filter((id) => before.web.includes(id))).toEqual([])
  expect((await compose(['exec', '-T', 'web', 'sh', '-c', 'echo $LEVEL'], { LEVEL: 'two' })).stdout).toBe('two\n')
  // The volume of a container that is replaced goes over to the next one.
  await compose(['up', '--detach', '--force-recreate', '--no-deps', 'postgres'])
  await expect
    .poll(() => lines('inspect', '--format', '{{.State.Health.Status}}', 'trial_postgres_1'), { timeout: 60_000 })
    .toEqual(['healthy'])
}

async function stoppedAndStarted(): Promise<void> {
  await compose(['pause', 'redis'])
  expect((await compose(['ps', 'redis'])).stdout).toMatch(/Paused/)
  await compose(['unpause', 'redis'])
  await compose(['restart', '--timeout', '5', 'redis'])
  await compose(['up', '--detach', '--no-recreate', '--scale', 'web=1'], { LEVEL: 'two' })
  expect(await containersOf('web')).toHaveLength(1)
  await compose(['stop', '--timeout', '5'])
  expect(await states('trial')).toEqual(['trial_postgres_1 exited', 'trial_redis_1 exited', 'trial_web_1 exited'])
  await compose(['start', 'redis'])
  expect(await states('trial')).toContain('trial_redis_1 running')
}

test('in the foreground, until it is interrupted', async () => {
  const own = { COMPOSE_PROJECT_NAME: 'front' }
  const child = spawn('docker-compose', ['up', '--no-color', '--timeout', '5', 'redis'], {
    cwd,
    env: { ...process.env, ...environment(), ...own },
  })
  child.stderr.resume()
  const terminal = new Terminal(child)
  expect(await terminal.until('Ready to accept connections')).toMatch(/redis_1 +\| .*Ready to accept connections/)
  const ended = once(child, 'exit')
  child.kill('SIGINT')
  expect(await terminal.rest()).toMatch(/Gracefully stopping/)
  expect(await ended).toEqual([0, null])
  expect(await states('front')).toEqual(['front_redis_1 exited'])
  await compose(['down', '--volumes'], own)
  expect(await leftovers('front')).toEqual([])
})

test('one-off commands, and builds by the client in Python', async () => {
  const own = { COMPOSE_DOCKER_CLI_BUILD: '0', COMPOSE_PROJECT_NAME: 'oneoff' }
  const built = await compose(['build', '--no-cache', '--build-arg', 'greeting=bonjour', 'web'], own)
  expect(built.stdout).toMatch(/Successfully tagged project\/web:1\n$/)
  const run = await compose(['run', '--rm', '--no-deps', '-T', 'web', 'cat', '/srv/www/index.html'], own)
  expect(run.stdout).toBe('bonjour from compose\n')
  const failed = await command('docker-compose', ['run', '--rm', '--no-deps', '-T', 'web', 'sh', '-c', 'exit 4'], {
    cwd,
    env: { ...environment(), ...own },
  })
  expect(failed.code).toBe(4)
  await compose(['down', '--volumes'], own)
  expect(await leftovers('oneoff')).toEqual([])
})
