import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Container, Engine, EngineEvent } from '../../src/index.js'
import { log } from '../../src/wait/index.js'
import { inAnotherProcess } from '../support/another-process.js'
import { type TestEngine, testEngine } from '../support/engine.js'
import { startEngineProcess } from '../support/engine-process.js'
import { supervisorIn } from '../support/processes.js'

let host: TestEngine
let engine: Engine
beforeAll(async () => {
  host = await testEngine(['busybox', 'postgres'])
  engine = host.engine
})
afterAll(() => host[Symbol.asyncDispose]())

/** Its health is what the file `/state` says. */
const checked = (name: string) =>
  engine
    .run('busybox', ['sleep', '1000'])
    .name(name)
    .stopSignal('KILL')
    .healthcheck({ test: 'test "$(cat /state)" = good', interval: 20, retries: 2 })

const say = (container: Container, text: string) => container.exec(['sh', '-c', `echo ${text} >/state`])
const healthIn = async (container: Container) => (await container.inspect()).State.Health
const remove = (container: Container) => container.remove({ force: true })

/** The container's events, until one of the action. */
async function eventsUntil(container: Container, action: string): Promise<EngineEvent[]> {
  const seen: EngineEvent[] = []
  for await (const event of engine.events({ since: '1h', filters: { container: container.id } })) {
    seen.push(event)
    if (event.action === action) break
  }
  return seen
}

test('tells how a container fares, in inspect, in events and to whoever waits, also in another process', async () => {
  const container = await checked('fares').create()
  const before = await healthIn(container)
  await container.start()
  const failure = await container.waitFor('healthy').catch((error) => error)
  const failing = await healthIn(container)
  await say(container, 'good')
  await eventsUntil(container, 'health_status: healthy')
  await container.waitFor('healthy')
  const elsewhere = await inAnotherProcess(
    host,
    `const c = await engine.containers.get('fares')
     await c.waitFor('healthy', { timeoutMs: 60_000 })
     return (await c.inspect()).State.Health.Status`,
  )
  const listed = await engine.containers.list({ filters: { health: 'healthy' } })
  const events = await eventsUntil(container, 'health_status: healthy')
  await container.stop()
  const ended = await healthIn(container)
  await container.start()
  const again = await healthIn(container)
  await remove(container)

  expect(before).toBeUndefined()
  expect(failure).toMatchObject({ name: 'InvalidStateError', code: 'CONTAINER_UNHEALTHY' })
  expect(failing).toMatchObject({ Status: 'unhealthy' })
  expect(failing?.FailingStreak).toBeGreaterThanOrEqual(2)
  expect(failing?.Log[0]).toMatchObject({
    ExitCode: 1,
    Output: "cat: can't open '/state': No such file or directory\n",
  })
  expect(failing?.Log[0]?.Start).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z$/)
  expect(elsewhere).toBe('healthy')
  expect(listed.map(({ name }) => name)).toEqual(['fares'])
  expect(ended).toMatchObject({ Status: 'unhealthy', FailingStreak: 0 })
  expect(ended?.Log.at(-1)).toMatchObject({ ExitCode: 0 })
  expect(again?.Log[0]).toBeDefined()

  const check = '/bin/sh -c test "$(cat /state)" = good'
  const names = events.map(({ action }) => action)
  expect(names.slice(0, 5)).toEqual(['create', 'start', `exec_create: ${check}`, `exec_start: ${check}`, 'exec_die'])
  expect(names.filter((name) => name.startsWith('health_status'))).toEqual([
    'health_status: unhealthy',
    'health_status: healthy',
  ])
  const [created, started, died] = events.slice(2, 5).map(({ actor }) => actor.attributes)
  expect(created?.execID).toMatch(/^[0-9a-f]{64}$/)
  expect([started?.execID, died?.execID]).toEqual([created?.execID, created?.execID])
  expect(died).toMatchObject({ exitCode: '1', name: 'fares', image: 'busybox' })
})

test('goes on when there is no Node process any more', async () => {
  const program = `
    await engine.run('busybox', ['sleep', '1000']).name('alone').healthcheck({ test: 'echo x >>/made; false', interval: 10, retries: 4 })
    process.kill(process.pid, 'SIGKILL')
  `
  await once(startEngineProcess(engine, program), 'exit')
  const container = await engine.containers.get('alone')
  await eventsUntil(container, 'health_status: unhealthy')
  const health = await healthIn(container)
  await remove(container)
  expect(health).toMatchObject({ Status: 'unhealthy' })
  expect(health?.Log.length).toBeGreaterThanOrEqual(4)
})

test('kills a check that takes too long, and goes on', async () => {
  const container = await engine
    .run('busybox', ['sleep', '1000'])
    .healthCmd('test -f /done && exit 0; exec sleep 777')
    .healthInterval(20)
    .healthTimeout('300ms')
    .healthRetries(1)
  const failure = await container.waitFor('healthy').catch((error) => error)
  await container.exec(['touch', '/done'])
  await eventsUntil(container, 'health_status: healthy')
  const sleeping = async () => (await container.exec(['sh', '-c', 'ps | grep -c "[s]leep 777"'])).stdout
  await expect.poll(sleeping, { timeout: 20_000 }).toBe('0\n')
  await remove(container)
  expect(failure).toMatchObject({
    code: 'CONTAINER_UNHEALTHY',
    details: { exitCode: -1, output: 'Health check exceeded timeout (300ms)' },
  })
})

// PostgreSQL's first process gets the check's children, and ends all sessions when one of them was killed.
test('leaves PostgreSQL alone when its checks take too long', async () => {
  const container = await engine
    .run('postgres:15', [])
    .env({ POSTGRES_PASSWORD: 'secret' })
    .healthCmd('sleep 2; true')
    .healthInterval(20)
    .healthTimeout('200ms')
    .healthRetries(1)
    .waitFor(log(/ready to accept connections/))
  const session = await container.exec(['psql', '--username=postgres', '--command=select pg_sleep(4)'])
  const output = await container.logs().text()
  await remove(container)
  expect(session).toMatchObject({ exitCode: 0, stderr: '' })
  expect(output).not.toContain('terminated by signal')
})

/** Processes of the host with that argument. */
const processesWith = (argument: string) =>
  readdirSync('/proc').filter((pid) => /^\d+$/.test(pid) && commandOf(pid).split('\0').includes(argument))

function commandOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8')
  } catch {
    return ''
  }
}

test.each([
  ['its program', 'stop', 'private'],
  ['its program', 'stop', 'host'],
  ['its supervisor', 'lose', 'private'],
  ['its supervisor', 'lose', 'host'],
] as const)('a check does not outlive %s (%s, pid: %s)', async (_whom, how, pid) => {
  const mark = `7${process.pid}${how.length}${pid.length}`
  const run = engine.run('busybox', ['sleep', '1000']).init().healthCmd(`sleep ${mark} & sleep ${mark}`)
  const container = await (pid === 'host' ? run.pid('host') : run).healthInterval(20)
  await expect.poll(() => processesWith(mark).length, { timeout: 20_000 }).toBe(2)
  const supervisor = supervisorIn(join(host.directory, 'run', container.id))
  if (how === 'stop') await container.stop()
  else process.kill(supervisor, 'SIGKILL')
  const { exitCode } = await container.wait()
  await remove(container)
  await expect.poll(() => processesWith(mark), { timeout: 20_000 }).toEqual([])
  expect(exitCode).toBe(how === 'stop' ? 143 : 137)
})

test('is an exec of its own user, directory and variables', async () => {
  const container = await engine
    .run('busybox', ['sleep', '1000'])
    .user('1000:2000')
    .workdir('/tmp')
    .env({ COLOR: 'blue' })
    .capDrop('ALL')
    .securityOpt('no-new-privileges')
    .healthCmd('id -u; id -g; pwd; echo $COLOR; grep -E "^(CapBnd|NoNewPrivs|Seccomp):" /proc/self/status; tty')
    .healthInterval(20)
    .healthRetries(1)
  const failure = await container.waitFor('healthy').catch((error) => error)
  await remove(container)
  const lines = [
    '1000',
    '2000',
    '/tmp',
    'blue',
    'CapBnd:\t0000000000000000',
    'NoNewPrivs:\t1',
    'Seccomp:\t2',
    'not a tty',
  ]
  expect(failure.details.output.trim().split('\n')).toEqual(lines)
})

describe('waiting', () => {
  test('ends with the container', async () => {
    const container = await checked('ends').healthStartPeriod('1h')
    const waiting = container.waitFor('healthy').catch((error) => error)
    await container.kill()
    expect(await waiting).toMatchObject({ code: 'INVALID_STATE', details: { to: 'healthy', from: 'exited' } })
    await remove(container)
  })

  test('ends in time', async () => {
    const container = await checked('slow').healthStartPeriod('1h')
    const failure = await container.waitFor('healthy', { timeoutMs: 200 }).catch((error) => error)
    const aborted = container.waitFor('healthy', { signal: AbortSignal.abort(new Error('enough')) })
    await expect(aborted).rejects.toThrow('enough')
    await remove(container)
    expect(failure).toMatchObject({ code: 'WAIT_TIMED_OUT', details: { from: 'starting', timeoutMs: 200 } })
  })

  test('is of no use where nothing is checked, or nothing runs', async () => {
    const container = await checked('off')
      .noHealthcheck(false)
      .healthcheck({ test: ['NONE'] })
    await container.waitFor('running')
    await expect(container.waitFor('healthy')).rejects.toThrow('Container off has no health check')
    const other = await checked('not-started').create()
    await expect(other.waitFor('healthy')).rejects.toMatchObject({
      code: 'INVALID_STATE',
      details: { from: 'created' },
    })
    expect((await container.inspect()).State.Health).toBeUndefined()
    await remove(container)
    await remove(other)
  })

  test('goes on while a container is started again', async () => {
    const container = await engine
      .run('busybox', ['sh', '-c', 'if [ -f /again ]; then touch /ok; sleep 1000; fi; touch /again; sleep 0.2; exit 1'])
      .restart('always')
      .healthcheck({ test: ['CMD', 'test', '-f', '/ok'], interval: 20, retries: 1000 })
    await container.waitFor('healthy')
    const { RestartCount, State } = await container.inspect()
    await remove(container)
    expect(RestartCount).toBe(1)
    expect(State.Health?.Status).toBe('healthy')
  })
})

test('a committed image has the check of its container', async () => {
  const container = await checked('committed').healthStartPeriod('3s').create()
  const plain = await container.commit('checked:1')
  const changed = await container.commit('checked:2', { changes: ['HEALTHCHECK --interval=50ms CMD ["true"]'] })
  const images = await Promise.all([plain.inspect(), changed.inspect()])
  const healths = images.map(({ Config }) => Config?.Healthcheck)
  const of = await engine.run('checked:2', ['sleep', '1000'])
  await of.waitFor('healthy')
  const { Config } = await of.inspect()
  await remove(of)
  await remove(container)
  expect(healths[0]).toEqual({
    Test: ['CMD-SHELL', 'test "$(cat /state)" = good'],
    Interval: 20e6,
    StartPeriod: 3e9,
    Retries: 2,
  })
  expect(healths[1]).toEqual({ Test: ['CMD', 'true'], Interval: 50e6 })
  expect(Config.Healthcheck).toEqual(healths[1])
})

test('leaves nothing behind', async () => {
  expect(await host.leaks()).toEqual([])
})
