import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type RestartPolicy, restartPolicies } from '../../src/launch/protocol.gen.js'
import { containerPlan } from './container-plan.js'
import {
  Bench,
  buildTestPrograms,
  type Connection,
  connectTo,
  plainSupervisor,
  sanitizedSupervisor,
  supervise,
} from './driver.js'

const ENODEV = 19
const EALREADY = 114

let bench: Bench

beforeAll(() => {
  buildTestPrograms()
  bench = new Bench()
})
afterAll(() => bench.dispose())

/** A container whose program knows what to do with a signal, and what its freezer says. */
async function start(
  executable: string,
  { withFreezer = true, restart }: { withFreezer?: boolean; restart?: RestartPolicy } = {},
) {
  const place = bench.container()
  const cgroups = place.cgroups.filter(({ hierarchy }) => withFreezer || hierarchy !== 'freezer')
  const plan = containerPlan({
    ...place,
    cgroups,
    argv: ['sh', '-c', 'trap "exit 7" TERM; echo ready; sleep 1000 & wait'],
    ...(restart && { restart }),
  })
  const supervised = supervise(executable, plan, bench.directory)
  await supervised.status.next('started')
  await supervised.status.next('stdout')
  const path = place.cgroups.find(({ hierarchy }) => hierarchy === 'freezer')?.path
  const knob = `${path}/freezer.state`
  const state = () => readFileSync(knob, 'utf8').trim()
  const record = () => /^paused .$/m.exec(readFileSync(`${place.runDirectory}/state`, 'utf8'))?.[0]
  return {
    ...supervised,
    knob,
    state,
    record,
    left: () => existsSync(place.directory),
    connect: () => connectTo(place.runDirectory),
  }
}

async function freeze(client: Connection) {
  client.send({ type: 'freeze', hold: 1, lasting: 0 })
  return client.next('frozen')
}

async function pause(client: Connection, hold: 0 | 1) {
  client.send({ type: 'freeze', hold, lasting: 1 })
  return client.next('frozen')
}

const hasFreezer = existsSync('/sys/fs/cgroup/freezer/tasks')

describe.skipIf(!hasFreezer).each([
  ['release', plainSupervisor],
  ['sanitized', sanitizedSupervisor],
])('the %s supervisor, of cgroup v1', (_build, executable) => {
  it('holds a container still until its client has gone, however that ends', async () => {
    const container = await start(executable)
    const client = await container.connect()
    const answer = await freeze(client)
    await expect.poll(container.state).toBe('FROZEN')
    client.socket.destroy()
    await expect.poll(container.state).toBe('THAWED')
    container.status.send({ type: 'signal', signal: 15, everyone: 0, final: 0 })
    expect(answer).toMatchObject({ hold: 1, errno: 0 })
    expect(await container.status.next('exited')).toMatchObject({ signaled: 0, status: 7 })
  })

  it('thaws when the last of several lets go', async () => {
    const container = await start(executable)
    const [one, other] = [await container.connect(), await container.connect()]
    await Promise.all([freeze(one), freeze(other)])
    await expect.poll(container.state).toBe('FROZEN')
    one.socket.destroy()
    // What the supervisor answers now comes after it has seen the end of the first.
    await freeze(await container.connect())
    const between = container.state()
    other.socket.destroy()
    container.status.send({ type: 'freeze', hold: 0, lasting: 0 })
    await container.status.next('frozen')
    container.status.send({ type: 'signal', signal: 9, everyone: 0, final: 0 })
    await container.ended
    expect(between).toBe('FROZEN')
  })

  it('lets a frozen container die', async () => {
    const container = await start(executable)
    const client = await container.connect()
    await freeze(client)
    await expect.poll(container.state).toBe('FROZEN')
    container.status.send({ type: 'signal', signal: 9, everyone: 1, final: 0 })
    expect(await container.status.next('exited')).toMatchObject({ signaled: 1, status: 9 })
    expect(await container.status.next('torndown')).toMatchObject({ failures: 0 })
    await container.ended
    expect(container.left()).toBe(false)
  })

  it('is paused whoever asked for it, until somebody ends that, and says so to all', async () => {
    const container = await start(executable)
    const one = await container.connect()
    await pause(one, 1)
    one.socket.destroy()
    const other = await container.connect()
    const hello = await other.next('hello')
    await expect.poll(container.state).toBe('FROZEN')
    const paused = container.record()
    const again = await pause(other, 1)
    const thawed = await pause(await container.connect(), 0)
    await expect.poll(container.state).toBe('THAWED')
    const running = container.record()
    const twice = await pause(await container.connect(), 0)
    container.status.send({ type: 'signal', signal: 9, everyone: 0, final: 0 })
    await container.ended
    expect([hello.paused, paused, running]).toEqual([1, 'paused 1', 'paused 0'])
    expect([again.errno, thawed.errno, twice.errno]).toEqual([EALREADY, 0, EALREADY])
  })

  it('goes on in order to end, when it is told to end for good while it is paused', async () => {
    const container = await start(executable)
    await pause(container.status, 1)
    await expect.poll(container.state).toBe('FROZEN')
    container.status.send({ type: 'signal', signal: 15, everyone: 0, final: 1 })
    expect(await container.status.next('done')).toMatchObject({ errno: 0 })
    expect(await container.status.next('exited')).toMatchObject({ signaled: 0, status: 7 })
    await container.ended
  })

  it('is paused no more when it is started again', async () => {
    const container = await start(executable, { restart: { policy: restartPolicies.always, maximum: 0 } })
    await pause(container.status, 1)
    process.kill(Number((await container.status.next('started')).pid), 'SIGKILL')
    writeFileSync(container.knob, 'THAWED')
    await container.status.next('restarting')
    await expect.poll(container.record).toBe('paused 0')
    await expect.poll(() => container.status.frames.filter(({ type }) => type === 'started').length).toBe(2)
    const thawed = await pause(await container.connect(), 0)
    container.status.send({ type: 'signal', signal: 9, everyone: 0, final: 1 })
    await container.ended
    expect(thawed).toMatchObject({ errno: EALREADY })
  })

  it('waits with the next start as long as somebody has it stand still', async () => {
    const container = await start(executable, { restart: { policy: restartPolicies.always, maximum: 0 } })
    const client = await container.connect()
    await freeze(client)
    process.kill(Number((await container.status.next('started')).pid), 'SIGKILL')
    writeFileSync(container.knob, 'THAWED')
    const { delay } = await container.status.next('restarting')
    await new Promise((resolve) => setTimeout(resolve, 3 * delay))
    const { phase } = await (await container.connect()).next('hello')
    client.socket.destroy()
    await expect.poll(() => container.status.frames.filter(({ type }) => type === 'started').length).toBe(2)
    container.status.send({ type: 'signal', signal: 9, everyone: 0, final: 1 })
    await container.ended
    expect(phase).toBe(3)
  })

  it('says that there is no freezer', async () => {
    const container = await start(executable, { withFreezer: false })
    const client = await container.connect()
    const answer = await freeze(client)
    container.status.send({ type: 'signal', signal: 9, everyone: 0, final: 0 })
    await container.ended
    expect(answer).toMatchObject({ hold: 1, errno: ENODEV })
  })
})
