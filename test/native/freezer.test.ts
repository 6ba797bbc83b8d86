import { existsSync, readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
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

let bench: Bench

beforeAll(() => {
  buildTestPrograms()
  bench = new Bench()
})
afterAll(() => bench.dispose())

/** A container that prints as fast as it is read, and what its freezer says. */
async function start(executable: string, { withFreezer = true } = {}) {
  const place = bench.container()
  const cgroups = place.cgroups.filter(({ hierarchy }) => withFreezer || hierarchy !== 'freezer')
  const plan = containerPlan({
    ...place,
    cgroups,
    argv: ['sh', '-c', 'trap "exit 7" TERM; sleep 1000 & wait'],
  })
  const supervised = supervise(executable, plan, bench.directory)
  await supervised.status.next('started')
  const path = place.cgroups.find(({ hierarchy }) => hierarchy === 'freezer')?.path
  const state = () => readFileSync(`${path}/freezer.state`, 'utf8').trim()
  return { ...supervised, state, left: () => existsSync(place.directory), connect: () => connectTo(place.runDirectory) }
}

async function freeze(client: Connection) {
  client.send({ type: 'freeze', hold: 1, lasting: 0 })
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

  it('says that there is no freezer', async () => {
    const container = await start(executable, { withFreezer: false })
    const client = await container.connect()
    const answer = await freeze(client)
    container.status.send({ type: 'signal', signal: 9, everyone: 0, final: 0 })
    await container.ended
    expect(answer).toMatchObject({ hold: 1, errno: ENODEV })
  })
})
