import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Frame, opcodes, restartPolicies } from '../../src/launch/protocol.gen.js'
import type { ContainerPlan } from './container-plan.js'
import { Bench, buildTestPrograms, type Connection, connectTo, plainSupervisor, sanitizedSupervisor } from './driver.js'
import { start as startBy } from './start.js'

const ENOENT = 2
const ESRCH = 3
const EINVAL = 22
const SIGTERM = 15
const SIGKILL = 9

let bench: Bench

beforeAll(() => {
  buildTestPrograms()
  bench = new Bench()
})
afterAll(() => bench.dispose())

type Options = Partial<ContainerPlan> & { readonly argv: readonly string[] }
type Policy = keyof typeof restartPolicies

/** A container that is started again by a policy. */
const start = (executable: string, policy: Policy, options: Options, maximum = 0) =>
  startBy(bench, executable, { restart: { policy: restartPolicies[policy], maximum }, ...options })

/** What tells of its life, without its output. */
const life = ({ frames }: Connection) => frames.filter(({ type }) => type !== 'stdout' && type !== 'stderr')

/** The nth frame of a type, now or later. */
async function nth<T extends Frame['type']>(connection: Connection, type: T, n: number) {
  const found = () => connection.frames.filter((frame) => frame.type === type)[n]
  await expect.poll(found, { interval: 5, timeout: 20_000 }).toBeDefined()
  return found() as Extract<Frame, { type: T }>
}

function stateOf(directory: string): Record<string, string> {
  const lines = readFileSync(join(directory, 'state'), 'utf8').trim().split('\n')
  return Object.fromEntries(lines.map((line) => line.split(' ')))
}

const isMade = (directory: string) => existsSync(directory)

/** A container whose program was killed, and is not started again before `release`: somebody has it stand still. */
async function held(executable: string, policy: Policy) {
  const place = bench.container()
  const restart = { policy: restartPolicies[policy], maximum: 0 }
  const container = startBy(bench, executable, { argv: ['sleep', '1000'], restart }, [], place)
  const { pid, startedAtNs } = await container.status.next('started')
  const holder = await connectTo(container.runDirectory)
  holder.send({ type: 'freeze', hold: 1, lasting: 0 })
  await holder.next('frozen')
  process.kill(Number(pid), 'SIGKILL')
  // It dies when it moves.
  writeFileSync(`${place.cgroups.find(({ hierarchy }) => hierarchy === 'freezer')?.path}/freezer.state`, 'THAWED')
  await container.status.next('restarting')
  return { ...container, startedAtNs, release: () => void holder.socket.destroy() }
}

const hasFreezer = existsSync('/sys/fs/cgroup/freezer/tasks')

describe.each([
  ['release', plainSupervisor],
  ['sanitized', sanitizedSupervisor],
])('the %s supervisor', (_build, executable) => {
  it('starts a program that has failed again, as often as it may, and tells its attached clients all of it', async () => {
    const argv = ['sh', '-c', 'echo run >> /runs; cat /runs; exit 3']
    const { status, ended, directory } = start(executable, 'onFailure', { argv }, 2)
    await ended
    expect(life(status)).toMatchObject([
      { type: 'started', restarts: 0 },
      { type: 'restarting', signaled: 0, status: 3, restarts: 1, delay: 100 },
      { type: 'started', restarts: 1 },
      { type: 'restarting', signaled: 0, status: 3, restarts: 2, delay: 200 },
      { type: 'started', restarts: 2 },
      { type: 'exited', signaled: 0, status: 3, restarts: 2 },
      { type: 'torndown', failures: 0 },
    ])
    expect(status.output()).toBe('run\nrun\nrun\nrun\nrun\nrun\n')
    expect(isMade(directory)).toBe(false)
  })

  it('waits at least as long as it says', async () => {
    const { status, ended } = start(executable, 'onFailure', { argv: ['sh', '-c', 'exit 1'] }, 2)
    await ended
    const { finishedAtNs } = await nth(status, 'restarting', 1)
    const { startedAtNs } = await nth(status, 'started', 2)
    expect(Number(startedAtNs - finishedAtNs)).toBeGreaterThan(200e6)
  })

  it('leaves a program that has succeeded alone, when it is to be started again on failure', async () => {
    const { status, ended } = start(executable, 'onFailure', { argv: ['true'] })
    await ended
    expect(life(status)).toMatchObject([{ type: 'started' }, { type: 'exited', restarts: 0 }, { type: 'torndown' }])
  })

  it('gives each start all of a container anew, but for its network', async () => {
    const show = 'readlink /proc/self/ns/net; readlink /proc/self/ns/mnt; ls /dev/shm; touch /dev/shm/seen; echo $$'
    const argv = ['sh', '-c', `${show}; grep -h SigIgn /proc/self/status; exit 3`]
    const { status, ended } = start(executable, 'onFailure', { argv }, 1)
    await ended
    const lines = status.output().trim().split('\n')
    const [net, mounts, pid, ignored] = lines.slice(0, 4)
    expect(lines.slice(4)).toEqual([net, expect.not.stringMatching(`^${mounts}$`), pid, ignored])
    expect([pid, ignored]).toEqual(['1', 'SigIgn:\t0000000000000000'])
  })

  it.skipIf(!hasFreezer)('has on record what it waits for, and that it runs again', async () => {
    const container = await held(executable, 'always')
    const { startedAtNs } = container
    const waiting = stateOf(container.runDirectory)
    container.release()
    const again = await nth(container.status, 'started', 1)
    const running = stateOf(container.runDirectory)
    const late = await connectTo(container.runDirectory)
    const hello = await late.next('hello')
    container.status.send({ type: 'signal', signal: SIGKILL, everyone: 0, final: 1 })
    await container.ended
    const end = { restarts: '1', signaled: '1', exitStatus: '9', oomKilled: '0', finishedAtNs: waiting.finishedAtNs }
    expect(waiting).toMatchObject({ status: '3', pid: '0', startedAtNs: String(startedAtNs), ...end })
    expect(BigInt(waiting.restartAtNs ?? 0) - BigInt(waiting.finishedAtNs ?? 0)).toBe(100_000_000n)
    const now = { status: '1', pid: String(again.pid), startedAtNs: String(again.startedAtNs), restartAtNs: '0' }
    expect(running).toMatchObject({ ...now, ...end })
    expect(hello).toMatchObject({ phase: 1, pid: again.pid, startedAtNs: again.startedAtNs, restarts: 1, paused: 0 })
  })

  it('does not start a program again that was ended for good', async () => {
    const { status, ended } = start(executable, 'always', { argv: ['sleep', '1000'] })
    await status.next('started')
    status.send({ type: 'signal', signal: SIGKILL, everyone: 0, final: 1 })
    await ended
    expect(await status.next('done')).toMatchObject({ errno: 0 })
    expect(await status.next('exited')).toMatchObject({ signaled: 1, status: SIGKILL, restarts: 0 })
  })

  it('starts one again that was signalled only', async () => {
    const { status, ended } = start(executable, 'onFailure', { argv: ['sleep', '1000'] })
    await status.next('started')
    status.send({ type: 'signal', signal: SIGKILL, everyone: 0, final: 0 })
    await nth(status, 'started', 1)
    status.send({ type: 'signal', signal: SIGKILL, everyone: 0, final: 1 })
    await ended
    expect(await status.next('exited')).toMatchObject({ signaled: 1, status: SIGKILL, restarts: 1 })
  })

  it.skipIf(!hasFreezer)(
    'ends the wait for the next start when the end is for good; other signals reach nobody',
    async () => {
      const { status, ended, runDirectory } = await held(executable, 'always')
      const client = await connectTo(runDirectory)
      for (const final of [0, 1]) client.send({ type: 'signal', signal: SIGTERM, everyone: 0, final })
      await ended
      expect(await client.next('hello')).toMatchObject({ phase: 3, pid: 0, restarts: 1 })
      expect(client.frames.filter(({ type }) => type === 'done')).toMatchObject([{ errno: ESRCH }, { errno: 0 }])
      expect(life(status)).toMatchObject([
        { type: 'started' },
        { type: 'restarting' },
        { type: 'exited', status: SIGKILL, restarts: 1 },
        { type: 'torndown' },
      ])
    },
  )

  it('takes another policy while the program runs', async () => {
    const { status, ended } = start(executable, 'no', { argv: ['sh', '-c', 'read x; exit 6'], stdio: stdin })
    await status.next('started')
    status.send({ type: 'policy', policy: 17, maximum: 0 })
    status.send({ type: 'policy', policy: restartPolicies.always, maximum: 0 })
    status.send({ type: 'stdin', data: Buffer.from('\n') })
    await nth(status, 'started', 1)
    status.send({ type: 'policy', policy: restartPolicies.no, maximum: 0 })
    status.send({ type: 'stdin', data: Buffer.from('\n') })
    await ended
    expect(status.frames.filter(({ type }) => type === 'done')).toMatchObject([
      { errno: EINVAL },
      { errno: 0 },
      { errno: 0 },
    ])
    expect(await status.next('exited')).toMatchObject({ status: 6, restarts: 1 })
  })

  it('starts it once more, at once, for whoever asks for that, and may be gone by then', async () => {
    const argv = ['sh', '-c', 'echo run; read x; exit 8']
    const { status, ended } = start(executable, 'no', { argv, stdio: stdin })
    for (const round of [0, 1, 2]) {
      await nth(status, 'started', round)
      if (round < 2) status.send({ type: 'policy', policy: restartPolicies.once, maximum: 0 })
      status.send({ type: 'stdin', data: Buffer.from('\n') })
    }
    await ended
    const delays = status.frames.flatMap((frame) => (frame.type === 'restarting' ? [frame.delay] : []))
    expect(delays.map(Number)).toEqual([0, 0])
    expect(await status.next('exited')).toMatchObject({ status: 8, restarts: 2 })
  })

  it('ends the run with the last program when that can not be started again, and says why', async () => {
    const argv = ['sh', '-c', 'rm /bin/sh; exit 7']
    const { status, ended, directory } = start(executable, 'always', { argv })
    await ended
    expect(life(status)).toMatchObject([
      { type: 'started' },
      { type: 'restarting', restarts: 1 },
      { type: 'failed', opcode: opcodes.execute, errno: ENOENT, text: 'sh' },
      { type: 'exited', signaled: 0, status: 7, restarts: 1 },
      { type: 'torndown', failures: 0 },
    ])
    expect(isMade(directory)).toBe(false)
  })

  it('gives the next start a terminal of the size that the last had', async () => {
    const { status, ended } = start(
      executable,
      'onFailure',
      {
        argv: ['sh', '-c', 'stty size; read x; exit 1'],
        stdio: { kind: 'tty', flags: ['attached', 'stdin'] },
      },
      1,
    )
    await status.printed('24 80')
    status.send({ type: 'resize', rows: 30, columns: 100 })
    status.send({ type: 'stdin', data: Buffer.from('\n') })
    await status.printed('30 100')
    status.send({ type: 'stdin', data: Buffer.from('\n') })
    await ended
    expect(await status.next('exited')).toMatchObject({ status: 1, restarts: 1 })
  })

  it('sleeps as long as nothing happens', async () => {
    const { status, ended, process } = start(executable, 'always', { argv: ['sleep', '1000'] })
    await status.next('started')
    const switches = () =>
      /voluntary_ctxt_switches:\t(\d+)/.exec(readFileSync(`/proc/${process.pid}/status`, 'utf8'))?.[1]
    const isAsleep = () => readFileSync(`/proc/${process.pid}/stat`, 'utf8').includes(') S ')
    await expect.poll(isAsleep).toBe(true)
    const before = switches()
    await new Promise((resolve) => setTimeout(resolve, 1000))
    expect(switches()).toBe(before)
    status.send({ type: 'signal', signal: SIGKILL, everyone: 0, final: 1 })
    await ended
  })
})

const stdin = { kind: 'pipes', flags: ['attached', 'stdin'] } as const
