import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { Container, Engine } from '../../src/index.js'
import { inAnotherProcess } from '../support/another-process.js'
import { type TestEngine, testEngine } from '../support/engine.js'
import { addressOf, body, listening, portOf } from '../support/reach.js'

let host: TestEngine
let engine: Engine
beforeAll(async () => {
  host = await testEngine(['busybox'])
  engine = host.engine
})
afterEach(async () => {
  for (const { id } of await engine.containers.list({ all: true }))
    await (await engine.containers.get(id)).remove({ force: true, volumes: true })
  expect(await host.leaks()).toEqual([])
})
afterAll(() => host[Symbol.asyncDispose]())

const patience = { interval: 10, timeout: 20_000 }

/** Waits until it is in that state, and stays: `wait()` tells of each end of the program. */
async function settledAs(container: Container, status: string) {
  await expect.poll(async () => (await container.inspect()).State.Status, patience).toBe(status)
  const { State, RestartCount } = await container.inspect()
  return { State, RestartCount }
}

async function restarted(container: Container, times: number): Promise<void> {
  await expect.poll(async () => (await container.inspect()).RestartCount, patience).toBeGreaterThanOrEqual(times)
  await expect.poll(async () => (await container.inspect()).State.Status, patience).toBe('running')
}

/** Its first process, killed from outside: nobody has stopped it. */
const crash = async (container: Container) => process.kill((await container.inspect()).State.Pid, 'SIGKILL')

const exiting = (code: number) => ['sh', '-c', `echo run; exit ${code}`]

describe('a restart policy', () => {
  test.each([
    ['no', 3, 0],
    ['on-failure:2', 3, 2],
    ['on-failure:2', 0, 0],
    ['on-failure', 0, 0],
  ])('%s, of a program that ends with %d, starts it %d times again', async (policy, code, times) => {
    const container = await engine.run('busybox', exiting(code)).restart(policy)
    const { State, RestartCount } = await settledAs(container, 'exited')
    expect([State.ExitCode, RestartCount]).toEqual([code, times])
    expect(await container.logs().text()).toBe('run\n'.repeat(times + 1))
  })

  test.each(['always', 'unless-stopped'])('%s starts any again, until it is stopped', async (policy) => {
    const container = await engine.run('busybox', exiting(0)).restart(policy)
    await expect.poll(async () => (await container.inspect()).RestartCount, patience).toBeGreaterThanOrEqual(2)
    await container.stop({ timeoutMs: 0 })
    const { State, RestartCount } = await settledAs(container, 'exited')
    expect(State).toMatchObject({ Running: false, Restarting: false, Pid: 0 })
    await new Promise((resolve) => setTimeout(resolve, 300))
    expect((await container.inspect()).RestartCount).toBe(RestartCount)
  })

  test('waits 100 ms, and twice as long each time', async () => {
    const container = await engine.run('busybox', exiting(1)).restart('on-failure:4')
    await settledAs(container, 'exited')
    const times: number[] = []
    for await (const { time } of container.logs()) times.push(Date.parse(`${time.slice(0, 23)}Z`))
    const gaps = times.slice(1).map((time, index) => time - (times[index] as number))
    for (const [index, gap] of gaps.entries()) expect(gap).toBeGreaterThanOrEqual(100 * 2 ** index - 1)
    expect(gaps).toHaveLength(4)
  })

  test('counts anew when somebody starts it', async () => {
    const container = await engine.run('busybox', exiting(1)).restart('on-failure:1').create()
    await container.start()
    const first = await settledAs(container, 'exited')
    await container.start()
    const second = await settledAs(container, 'exited')
    expect([first.RestartCount, second.RestartCount]).toEqual([1, 1])
    expect(await container.logs().text()).toBe('run\n'.repeat(4))
  })

  test('ends with a program that is no more, as Docker’s: its last exit code, and why', async () => {
    const container = await engine.run('busybox', ['sh', '-c', 'rm /bin/sh; exit 7']).restart('always')
    const { State, RestartCount } = await settledAs(container, 'exited')
    expect(State).toMatchObject({ ExitCode: 7, Error: expect.stringContaining('exec: "sh"') })
    expect(RestartCount).toBe(1)
  })
})

describe('with no Node process alive', () => {
  test('a container is started again, and what comes of it is known to whoever looks', async () => {
    const id = await inAnotherProcess<string>(
      host,
      `const c = await engine.run('busybox', ['sh', '-c', 'echo run; exit 3']).restart('on-failure:3'); return c.id`,
    )
    const container = await engine.containers.get(id)
    const { State, RestartCount } = await settledAs(container, 'exited')
    expect([State.ExitCode, RestartCount]).toEqual([3, 3])
    expect(await container.logs().text()).toBe('run\n'.repeat(4))
  })

  test('also why it could not be', async () => {
    const id = await inAnotherProcess<string>(
      host,
      `const c = await engine.run('busybox', ['sh', '-c', 'rm /bin/sh; exit 7']).restart('always'); return c.id`,
    )
    const { State, RestartCount } = await settledAs(await engine.containers.get(id), 'exited')
    expect(State).toMatchObject({ ExitCode: 7, Error: expect.stringContaining('exec: "sh"') })
    expect(RestartCount).toBe(1)
  })
})

describe('a container that was started again', () => {
  test('has its addresses, names, ports and volumes still', async () => {
    await engine.networks.create('again')
    const web = await engine
      .run('busybox', ['sh', '-c', 'hostname >>/data/index.html; exec httpd -f -h /data'])
      .name('web')
      .hostname('web')
      .network('again')
      .publish('80')
      .volume('kept:/data')
      .restart('always')
    const client = await engine.run('busybox', ['sleep', '1000']).network('again')
    await listening(web, 80)
    const before = { port: await portOf(web, '80/tcp'), address: await addressOf(web, 'again') }
    // A connection of the first server's that is over keeps nobody from port 80.
    await body(`http://127.0.0.1:${before.port}/`)
    await crash(web)
    await restarted(web, 1)
    await listening(web, 80)
    expect({ port: await portOf(web, '80/tcp'), address: await addressOf(web, 'again') }).toEqual(before)
    expect(await body(`http://127.0.0.1:${before.port}/`)).toBe('web\nweb\n')
    expect((await client.exec(['wget', '-qO-', 'http://web/'])).stdout).toBe('web\nweb\n')
    await web.remove({ force: true })
    await client.remove({ force: true })
    await (await engine.networks.get('again')).remove()
    await (await engine.volumes.get('kept')).remove()
  })

  test('has another process, and says how the last one ended', async () => {
    const container = await engine.run('busybox', ['sleep', '1000']).restart('always')
    const before = (await container.inspect()).State
    await crash(container)
    await restarted(container, 1)
    const after = (await container.inspect()).State
    expect(after).toMatchObject({ Status: 'running', Running: true, Restarting: false, ExitCode: 0 })
    expect(after.Pid).not.toBe(before.Pid)
    expect(Date.parse(after.StartedAt)).toBeGreaterThanOrEqual(Date.parse(after.FinishedAt))
    expect(Date.parse(after.FinishedAt)).toBeGreaterThanOrEqual(Date.parse(before.StartedAt))
    expect((await container.exec(['true'])).exitCode).toBe(0)
  })

  test('is told to have been out of memory as often as it was', async () => {
    const command = 'echo run >>/runs; [ $(wc -l </runs) = 1 ] && tail /dev/zero; exit 6'
    const container = await engine.run('busybox', ['sh', '-c', command]).memory('16m').restart('on-failure:1')
    const { State, RestartCount } = await settledAs(container, 'exited')
    expect([State.OOMKilled, RestartCount]).toEqual([false, 1])
    const told: string[] = []
    for await (const { action, actor } of engine.events({ since: 0, until: Date.now() + 1 }))
      if (actor.id === container.id && ['start', 'oom', 'die'].includes(action)) told.push(action)
    expect(told).toEqual(['start', 'oom', 'die', 'start', 'die'])
  })

  test('has nothing of the run before but its files', async () => {
    const count = 'grep -lsx sleep /proc/[0-9]*/comm | wc -l; ls /dev/shm | wc -l; grep -c . /runs'
    const command = `echo run >>/runs; ${count}; touch /dev/shm/seen; sleep 1000 & sleep 0; exit 1`
    const container = await engine.run('busybox', ['sh', '-c', command]).restart('on-failure:1')
    await settledAs(container, 'exited')
    expect(await container.logs().text()).toBe('0\n0\n1\n0\n0\n2\n')
    expect((await container.diff()).map(({ path }) => path)).toEqual(['/runs'])
  })
})

describe('while it waits to be started again', () => {
  test('it is not, as long as its files are copied', async () => {
    const container = await engine.run('busybox', exiting(1)).restart('always')
    // Long enough to be met in it.
    await expect
      .poll(async () => {
        const { RestartCount, State } = await container.inspect()
        return RestartCount >= 5 && State.Status
      }, patience)
      .toBe('restarting')
    const archive = await container.archive('/bin/busybox')
    const { RestartCount } = await container.inspect()
    await new Promise((resolve) => setTimeout(resolve, 50 * 2 ** RestartCount + 300))
    expect(await container.inspect()).toMatchObject({ RestartCount, State: { Status: 'restarting' } })
    for await (const _ of archive);
    await expect.poll(async () => (await container.inspect()).RestartCount, patience).toBeGreaterThan(RestartCount)
  })
})

describe('by hand', () => {
  test('an rm container is started again at once, however often', async () => {
    const container = await engine.run('busybox', ['sleep', '1000']).rm().stopSignal('SIGKILL')
    const delays: number[] = []
    for (let round = 0; round < 8; round++) await container.restart()
    let endedNs = 0n
    for await (const { action, timeNano } of engine.events({
      since: 0,
      until: Date.now() + 1,
      filters: { container: container.id },
    })) {
      if (action === 'die') endedNs = timeNano
      if (action === 'start' && endedNs > 0n) delays.push(Number((timeNano - endedNs) / 1_000_000n))
    }
    // The last one would come after 12.8 s by its policy's rules.
    expect([delays.length, Math.max(...delays) < 10_000]).toEqual([8, true])
  })
})

test('it can be stopped, however many wait for it in another process', async () => {
  const container = await engine.run('busybox', ['sleep', '1000']).stopSignal('SIGKILL')
  const other = await host.reopen()
  const elsewhere = await other.containers.get(container.id)
  const waiting = Array.from({ length: 300 }, () => elsewhere.wait())
  await elsewhere.stop()
  expect(new Set((await Promise.all(waiting)).map(({ exitCode }) => exitCode))).toEqual(new Set([137]))
  await other.close()
})
