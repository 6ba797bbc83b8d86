import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import type { Container, Engine, InboardError, Readiness } from '../../src/index.js'
import { all, any, exec, exit, file, healthy, http, log, port } from '../../src/wait/index.js'
import { type TestEngine, testEngine } from '../support/engine.js'
import { openSockets } from '../support/open-sockets.js'

let host: TestEngine
let engine: Engine
let before: number

beforeAll(async () => {
  host = await testEngine(['busybox', 'redis', 'postgres', 'nginx'])
  engine = host.engine
  // What an engine opens with the first container, and the first ephemeral one, and keeps.
  for (const run of [sh('sleep 1000'), sh('sleep 1000').ephemeral()])
    await (await run.waitFor(file('/bin'))).remove({ force: true })
  expect(await host.leaks()).toEqual([])
  before = openSockets()
})
afterEach(async () => {
  for (const { id } of await engine.containers.list({ all: true }))
    await (await engine.containers.get(id)).remove({ force: true })
  await engine.networks.prune()
  expect(await host.leaks()).toEqual([])
  await expect.poll(openSockets).toBeLessThanOrEqual(before)
})
afterAll(() => host[Symbol.asyncDispose]())

const sh = (script: string) => engine.run('busybox', ['sh', '-c', script])

const failureOf = (promise: PromiseLike<unknown>): Promise<InboardError> =>
  Promise.resolve(promise).then(
    () => Promise.reject(new Error('it did not fail')),
    (error: InboardError) => error,
  )

/** So many timers and watchers keep this process alive. */
const active = () => process.getActiveResourcesInfo().filter((kind) => /Timeout|FSEvent|TCP/.test(kind)).length

test('an awaited Redis on a network of its own takes commands', async () => {
  await engine.networks.create('net')
  const redis = await engine.run('redis:7').network('net').waitFor(port(6379))
  expect((await redis.exec(['redis-cli', 'ping'])).stdout).toBe('PONG\n')
})

test('an awaited PostgreSQL answers queries: by its port, its log and its own tool', async () => {
  const ready = [port(5432), log(/database system is ready to accept connections/), exec(['pg_isready', '-q'])]
  const db = await engine
    .run('postgres:15')
    .env({ POSTGRES_PASSWORD: 'secret' })
    .waitFor(...ready)
  const { stdout } = await db.exec(['psql', '-U', 'postgres', '-Atc', 'select 6 * 7'])
  expect(stdout).toBe('42\n')
  await db.restart()
  expect((await db.exec(['psql', '-U', 'postgres', '-Atc', 'select 1'])).stdout).toBe('1\n')
})

test('an awaited nginx serves pages, as their status and body say', async () => {
  const ok = http('/', { port: 80, status: 200, body: /Welcome to nginx/ })
  const web = await engine
    .run('nginx')
    .network('none')
    .waitFor(ok, http('/nothing', { port: 80, status: 404 }))
  const missing = failureOf(web.waitFor(http('/nothing', { port: 80 }), { timeoutMs: 3000 }))
  expect((await missing).details).toMatchObject({ attempts: [expect.stringContaining('404')] })
  await web.waitFor(http('/', { port: 80, status: (status) => status < 300, body: (body) => body.includes('nginx') }))
})

test('waits for health, for a file, and for the end of a job', async () => {
  await sh('sleep 0.2; touch /tmp/ready; sleep 1000')
    .healthCmd('test -e /tmp/ready')
    .healthInterval('50ms')
    .healthRetries(1000)
    .waitFor(healthy(), file('/tmp/ready'))
  await sh('sleep 0.1; exit 3').waitFor(exit(3))
  await sh('exit 0').rm().waitFor(exit())
})

test('counts lines of the log since the start, of one stream if that is asked for', async () => {
  const script = 'echo ready; echo ready >&2; echo already; exec sleep 1000'
  const container = await sh(script).waitFor(
    log('ready', { times: 3 }),
    log(/^ready$/g, { times: 1, stream: 'stderr' }),
  )
  const pattern = /ready/gy
  pattern.lastIndex = 3
  await container.waitFor(log(pattern, { times: 2 }))
  const late = failureOf(container.waitFor(log(/^ready$/, { times: 2, stream: 'stdout' }), { timeoutMs: 200 }))
  expect((await late).code).toBe('WAIT_TIMED_OUT')
  // Of the run before nothing counts.
  await container.restart({ timeoutMs: 0 })
  await container.waitFor(log('ready', { times: 3 }))
  expect((await failureOf(container.waitFor(log('ready', { times: 4 }), { timeoutMs: 200 }))).code).toBe(
    'WAIT_TIMED_OUT',
  )
})

test('a log that has the line has it, though its program has ended since', async () => {
  await sh('echo ready').waitFor(log('ready'))
  const failed = await failureOf(sh('echo nothing; exit 7').waitFor(log('ready')))
  expect(failed).toMatchObject({ code: 'CONTAINER_EXITED_EARLY', details: { exitCode: 7, lastLog: ['nothing'] } })
})

test('own functions are called again until they do not return false, and end it by throwing', async () => {
  let calls = 0
  const third: Readiness = ({ attempted }) => {
    attempted(`call ${++calls}`)
    return calls >= 3
  }
  await sh('sleep 1000').waitFor(third)
  expect(calls).toBe(3)
  const never = new Error('never')
  await expect(
    sh('sleep 1000').waitFor(() => {
      throw never
    }),
  ).rejects.toBe(never)
})

test('all are waited for at once; of any one is enough', async () => {
  const container = await sh('touch /tmp/b; sleep 1000').waitFor(
    any(port(1), file('/tmp/b')),
    all(file('/tmp'), file('/tmp/b')),
  )
  const failed = await failureOf(container.waitFor(any(port(1), all(port(2), file('/c'))), { timeoutMs: 3000 }))
  const { waited, attempts } = failed.details as { waited: string; attempts: string[] }
  expect(waited).toBe('port 1 or (port 2 and file /c)')
  expect(attempts.join()).toMatch(
    /port 1: ECONNREFUSED.*port 2: ECONNREFUSED|port 2: ECONNREFUSED.*port 1: ECONNREFUSED/,
  )
  const hopeless = () => {
    throw new Error('hopeless')
  }
  expect((await failureOf(container.waitFor(any(hopeless, hopeless)))).message).toContain('hopeless; hopeless')
})

test('tells what was tried and how the log ends when it takes too long; the container stays', async () => {
  const failed = await failureOf(
    sh('for i in $(seq 30); do echo line $i; done; sleep 1000').name('slow').waitFor(port(5432)).waitTimeout(1000),
  )
  expect(failed).toMatchObject({
    code: 'WAIT_TIMED_OUT',
    details: {
      state: 'running',
      waited: 'port 5432',
      attempts: [expect.stringMatching(/^connect to port 5432: ECONNREFUSED \(\d+ times\)$/)],
      lastLog: Array.from({ length: 20 }, (_, at) => `line ${at + 11}`),
    },
  })
  expect(failed.message).toMatch(/^Container slow was not ready within 1000 ms: it is running; waited for port 5432/)
  expect((await (await engine.containers.get('slow')).inspect()).State.Running).toBe(true)
})

test.each([
  ['that stays', (container: ReturnType<typeof sh>) => container],
  ['that removes itself', (container: ReturnType<typeof sh>) => container.rm()],
])('fails at once when a container %s ends', async (_, with_) => {
  const failed = await failureOf(with_(sh('sleep 0.2; echo no licence >&2; exit 3')).waitFor(port(80), () => false))
  expect(failed).toMatchObject({
    code: 'CONTAINER_EXITED_EARLY',
    details: { exitCode: 3, lastLog: ['no licence'], waited: 'port 80 and a function' },
  })
  expect(failed.message).toContain('no licence')
})

test('tells the last lines also of one that ends at once, and is gone with its log', async () => {
  const script =
    'seq 25; printf "\\303"; sleep 0.01; printf "\\244 half" >&2; printf "\\244 whole\\r\\n"; echo "no licence"; exit 3'
  const failed = async () => (await failureOf(sh(script).ephemeral().waitFor(port(80)))).details
  const all = await Promise.all(Array.from({ length: 8 }, failed))
  for (const { exitCode, lastLog } of all) {
    expect(exitCode).toBe(3)
    expect(lastLog).toHaveLength(20)
    expect((lastLog as string[]).slice(-3)).toEqual(['ä whole', 'no licence', '\ufffd half'])
  }
  expect(await engine.containers.list({ all: true })).toEqual([])
})

test('what it prints before it is ready and after is all in its log', async () => {
  const container = await sh('echo before; touch /ready; read line; echo after; exec sleep 1000')
    .interactive()
    .ephemeral()
    .waitFor(file('/ready'))
  const { stdin } = await container.attach()
  stdin.write('on\n')
  await container.waitFor(log('after'))
  expect(await container.logs().text()).toBe('before\nafter\n')
  await container.close()
})

test('fails at once when it is removed', async () => {
  const waiting = failureOf(
    sh('sleep 1000')
      .name('victim')
      .waitFor(() => false),
  )
  await expect
    .poll(() =>
      engine.containers.get('victim').then(
        () => true,
        () => false,
      ),
    )
    .toBe(true)
  await (await engine.containers.get('victim')).remove({ force: true })
  expect(await waiting).toMatchObject({ code: 'CONTAINER_EXITED_EARLY' })
})

test('an exit that is waited for fails with another code', async () => {
  expect(await failureOf(sh('exit 4').waitFor(exit(0)))).toMatchObject({
    code: 'CONTAINER_EXITED_EARLY',
    details: { exitCode: 4, waited: 'exit code 0' },
  })
})

test('goes on while a policy starts the program again', async () => {
  const script = 'test -e /seen && exec httpd -f -p 9000; touch /seen; exit 1'
  const container = await sh(script).restart('always').waitFor(port(9000))
  expect((await container.inspect()).RestartCount).toBeGreaterThan(0)
})

test('stops by its signal, and leaves no socket, timer or follower', async () => {
  const container = await sh('sleep 1000')
  const idle = active()
  const stop = new AbortController()
  const ready = [port(1), log('never'), exec(['sleep', '1000']), file('/never'), http('/', { port: 1 }), () => false]
  const waiting = failureOf(container.waitFor(all(...ready), { signal: stop.signal }))
  await delay(200)
  const reason = new Error('enough')
  stop.abort(reason)
  expect(await waiting).toBe(reason)
  await expect.poll(active).toBeLessThanOrEqual(idle)
  await expect.poll(async () => (await container.top()).processes.length).toBe(1)
})

test('start() of what create() has made waits, each time', async () => {
  const created = await sh('sleep 0.2; touch /tmp/a; sleep 1000').tmpfs('/tmp').waitFor(file('/tmp/a')).create()
  expect((await created.inspect()).State.Status).toBe('created')
  await created.start()
  await created.stat('/tmp/a')
  await created.stop({ timeoutMs: 0 })
  await created.start()
  await created.stat('/tmp/a')
})

test('attach() gives the streams when it is ready', async () => {
  const io = await sh('echo before; sleep 0.1; touch /tmp/a; cat').interactive().waitFor(file('/tmp/a')).attach()
  io.stdin.end('after\n')
  let output = ''
  for await (const chunk of io.stdout) output += chunk
  expect(output).toBe('before\nafter\n')
})

test('refuses what cannot be, before anything is made', async () => {
  const refused = { code: 'INVALID_OPTION' }
  await expect(sh('true').waitFor(port(1)).output()).rejects.toMatchObject(refused)
  await expect(sh('true').waitFor(port(1)).waitTimeout(0)).rejects.toMatchObject(refused)
  await expect(sh('true').waitFor({} as Readiness)).rejects.toMatchObject(refused)
  expect(await engine.containers.list({ all: true })).toEqual([])
})

test('another process waits for what it has not started', async () => {
  const { id } = await engine.run('redis:7').network('none')
  const other = await host.reopen()
  const seen: Container = await other.containers.get(id)
  await seen.waitFor(all(port(6379), log('Ready to accept connections')))
  const waiting = failureOf(seen.waitFor(() => false))
  await (await engine.containers.get(id)).kill()
  expect(await waiting).toMatchObject({ code: 'CONTAINER_EXITED_EARLY', details: { exitCode: 137 } })
})
