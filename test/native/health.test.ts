import { existsSync, mkdirSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parseHealthRecord } from '../../src/launch/health-record.js'
import { type Frame, type OperationName, PlanWriter } from '../../src/launch/protocol.gen.js'
import { type ContainerPlan, containerPlan, writeContainerPlan } from './container-plan.js'
import {
  Bench,
  buildTestPrograms,
  type Connection,
  connectTo,
  plainSupervisor,
  sanitizedSupervisor,
  supervise,
} from './driver.js'

let bench: Bench

beforeAll(() => {
  buildTestPrograms()
  bench = new Bench()
})
afterAll(() => bench.dispose())

type HealthFrame = Extract<Frame, { type: 'health' }>
const [starting, healthy, unhealthy] = [1, 2, 3]

/** The first that is like it, now or later. */
async function told(connection: Connection, isIt: (frame: HealthFrame) => boolean): Promise<HealthFrame> {
  for (;;) {
    const found = connection.frames.find((frame) => frame.type === 'health' && isIt(frame))
    if (found) return found as HealthFrame
    await new Promise<void>((resolve, reject) => {
      connection.socket.once('data', () => resolve())
      connection.socket.once('close', () => reject(new Error('closed before its health was told')))
    })
  }
}

const untilKilled = ['sh', '-c', 'trap "exit 7" TERM; echo ready; sleep 1000 & wait']
/** Does as the file says that the test writes into the root. */
const asTheFileSays = [
  'sh',
  '-c',
  'while test "$(cat /state)" = wait; do sleep 0.01; done; test "$(cat /state)" = good',
]

/** Where an operation is in the plan of a container that is checked. */
function stepOf(name: OperationName, health: NonNullable<ContainerPlan['health']>): number {
  const plan = new PlanWriter()
  writeContainerPlan(plan, { ...bench.container(), cgroups: [], argv: untilKilled, health })
  return plan.names.indexOf(name)
}

let cgroups = 0

/** Of version 2. */
function ownCgroup(): string {
  const path = `/sys/fs/cgroup/unified/inboard-native-${process.pid}-${cgroups++}`
  mkdirSync(path)
  return path
}

function removeCgroup(path: string): void {
  if (existsSync(`${path}/probe`)) rmdirSync(`${path}/probe`)
  rmdirSync(path)
}

/** A container that is checked. `say` makes the file `/state`. */
async function start(
  executable: string,
  health: NonNullable<ContainerPlan['health']>,
  options: Partial<ContainerPlan> = {},
  place: ReturnType<Bench['container']> = { ...bench.container(), cgroups: [] },
  state = 'bad',
) {
  const say = (text: string) => writeFileSync(`${place.directory}/u/state`, text)
  say(state)
  const plan = containerPlan({ ...place, argv: untilKilled, health, ...options })
  const supervised = supervise(executable, plan, bench.directory)
  const { pid } = await supervised.status.next('started')
  return {
    ...supervised,
    ...place,
    pid,
    say,
    record: () => parseHealthRecord(readFileSync(`${place.runDirectory}/health`)),
    connect: () => connectTo(place.runDirectory),
    end: async () => {
      supervised.status.send({ type: 'signal', signal: 9, everyone: 0, final: 1 })
      await supervised.ended
    },
  }
}

describe.each([
  ['release', plainSupervisor],
  ['sanitized', sanitizedSupervisor],
])('the %s supervisor', (_build, executable) => {
  it('tells how a container fares, and has the last five checks on record', async () => {
    const place = { ...bench.container(), cgroups: [] }
    const health = { argv: asTheFileSays, interval: 10, retries: 2 }
    const container = await start(executable, health, {}, place, 'wait')
    const first = container.record()
    container.say('bad')
    const failed = await told(container.status, ({ status }) => status === unhealthy)
    const [one] = container.status.frames.filter(({ type }) => type === 'health')
    container.say('good')
    const well = await told(container.status, ({ status }) => status === healthy)
    const another = await container.connect()
    container.say('bad')
    await told(another, ({ status, streak }) => status === unhealthy && streak >= 5)
    const last = container.record()
    await container.end()
    expect(first).toEqual({ status: 'starting', streak: 0, results: [] })
    expect(one).toMatchObject({ status: starting, streak: 1 })
    expect(failed.streak).toBe(2)
    expect(well.streak).toBe(0)
    expect(last?.results.map(({ exitCode }) => exitCode)).toEqual([1, 1, 1, 1, 1])
    const times = last?.results.flatMap(({ startNs, endNs }) => [BigInt(startNs), BigInt(endNs)]) ?? []
    expect(times).toEqual([...times].sort((a, b) => (a < b ? -1 : 1)))
  })

  it('does not count failures while it may be on its way up', async () => {
    const container = await start(executable, {
      argv: asTheFileSays,
      interval: 20,
      startInterval: 5,
      startPeriod: 600_000,
      retries: 2,
    })
    await expect.poll(() => container.status.frames.filter(({ type }) => type === 'health').length).toBeGreaterThan(4)
    const patient = container.record()
    container.say('good')
    await told(container.status, ({ status }) => status === healthy)
    container.say('bad')
    const failed = await told(container.status, ({ status }) => status === unhealthy)
    await container.end()
    expect(patient).toMatchObject({ status: 'starting', streak: 0 })
    expect(failed.streak).toBe(2)
  })

  it('is checked less often as soon as it is well', async () => {
    const schedule = { interval: 600_000, startInterval: 5, startPeriod: 600_000 }
    const container = await start(executable, { argv: asTheFileSays, ...schedule })
    container.say('good')
    await told(container.status, ({ status }) => status === healthy)
    const before = container.record()
    for (let round = 0; round < 20; round++) await container.connect()
    const after = container.record()
    await container.end()
    expect(after).toEqual(before)
  })

  it('keeps what a check prints, on both streams, up to 4096 bytes', async () => {
    const argv = ['sh', '-c', 'echo out; echo err >&2; dd if=/dev/zero bs=1000 count=300 2>/dev/null; exit 3']
    const container = await start(executable, { argv, interval: 10 })
    await told(container.status, ({ streak }) => streak === 1)
    const check = container.record()?.results[0]
    await container.end()
    expect(check).toMatchObject({ exitCode: 3, output: `out\nerr\n${'\0'.repeat(4088)}...` })
  })

  it('checks it from inside, as its user, with nothing to read', async () => {
    const script = 'cat; id -u; hostname; ls /proc/self/fd; echo "$PPID"; cat /proc/1/comm'
    const container = await start(executable, { argv: ['sh', '-c', script], interval: 10 }, { uid: 1234 })
    await told(container.status, () => true)
    const output = container.record()?.results[0]?.output
    await container.end()
    // The fourth descriptor is that of ls, of the directory itself. The supervisor, its parent, is nobody in there.
    expect(output).toBe(['1234', 'native-test', '0', '1', '2', '3', '0', 'sh', ''].join('\n'))
  })

  it.each([
    ['there is none', ['/bin/none'], 2, '/bin/none'],
    ['it is none', ['/bin/plain'], 13, '/bin/plain'],
  ])('has on record why a check cannot be made: %s', async (_what, argv, _errno, program) => {
    const container = await start(executable, { argv, interval: 10, retries: 1 })
    const failed = await told(container.status, () => true)
    const check = container.record()?.results[0]
    await container.end()
    expect(failed).toMatchObject({ status: unhealthy, streak: 1 })
    expect(check?.exitCode).toBe(-1)
    expect(check?.output).toContain(`unable to start container process: exec: "${program}": `)
  })

  it.each([
    ['a cgroup', true],
    ['no cgroup', false],
  ])(
    'kills a check that takes too long, in %s of version 2, and leaves what it has started',
    async (_where, isUnified) => {
      const unified = ownCgroup()
      const script = 'sleep 1000 >/dev/null 2>&1 & echo $! >>/left; exec sleep 1000'
      // Time enough for the shell on a busy machine.
      const health = { argv: ['sh', '-c', script], interval: 10, timeout: 1000, expired: 'too long' }
      const container = await start(
        executable,
        { ...health, ...(isUnified && { cgroup: unified }) },
        { argv: ['sleep', '1000'] },
      )
      await told(container.status, ({ streak }) => streak === 2)
      const record = container.record()
      const inside = readFileSync(`${container.directory}/u/left`, 'utf8').trim().split('\n')
      const left = isUnified ? readFileSync(`${unified}/probe/cgroup.procs`, 'utf8').trim().split('\n') : []
      await container.end()
      await expect.poll(() => readFileSync(`${unified}/cgroup.events`, 'utf8')).toContain('populated 0')
      removeCgroup(unified)
      expect(record?.results.slice(0, 2)).toMatchObject(Array(2).fill({ exitCode: -1, output: 'too long' }))
      expect(inside.length).toBeGreaterThanOrEqual(2)
      if (isUnified) expect(left.length).toBeGreaterThanOrEqual(2)
    },
  )

  it('ends its check with the program, which is no failure', async () => {
    const container = await start(executable, { argv: ['sh', '-c', 'echo x >/begun; sleep 1000'], interval: 10 })
    await expect.poll(() => existsSync(`${container.directory}/u/begun`)).toBe(true)
    // What has no handler of a signal yet does not get it, as the first of its namespace.
    await container.status.printed('ready')
    container.status.send({ type: 'signal', signal: 15, everyone: 0, final: 0 })
    expect(await container.status.next('exited')).toMatchObject({ signaled: 0, status: 7 })
    expect(await container.status.next('torndown')).toMatchObject({ failures: 0 })
    await container.ended
    expect(container.status.frames.filter(({ type }) => type === 'health')).toEqual([])
  })

  it.each([
    ['fails', 1, -1, 'join_program: i/o error'],
    ['is killed', 2, 137, ''],
  ] as const)('takes a check that %s on its way for a failure', async (_what, faultKind, exitCode, output) => {
    const health = { argv: ['true'], interval: 10, retries: 1 }
    const fault = { faultStep: stepOf('join_program', health), faultKind }
    const container = await start(executable, health, { fault })
    const failed = await told(container.status, () => true)
    const check = container.record()?.results[0]
    await container.end()
    expect(failed).toMatchObject({ status: unhealthy, streak: 1 })
    expect(check).toMatchObject({ exitCode, output: expect.stringContaining(output) })
  })

  it('goes on when its record cannot be written', async () => {
    const container = await start(executable, { argv: asTheFileSays, interval: 10, retries: 1 })
    rmSync(`${container.runDirectory}/health`)
    mkdirSync(`${container.runDirectory}/health`)
    container.say('good')
    await told(container.status, ({ status }) => status === healthy)
    await container.end()
  })
})

describe.skipIf(!existsSync('/sys/fs/cgroup/freezer/tasks'))('a paused container', () => {
  it('is not checked, is called unhealthy, and is checked again afterwards', async () => {
    const place = bench.container()
    const container = await start(plainSupervisor, { argv: asTheFileSays, interval: 10 }, {}, place)
    container.say('good')
    await told(container.status, ({ status }) => status === healthy)
    const client = await container.connect()
    client.send({ type: 'freeze', hold: 1, lasting: 1 })
    await client.next('frozen')
    const paused = container.record()
    const later = await container.connect()
    later.send({ type: 'freeze', hold: 0, lasting: 1 })
    await later.next('frozen')
    const again = await told(later, () => true)
    await container.end()
    expect(paused?.status).toBe('unhealthy')
    expect(again).toMatchObject({ status: healthy, streak: 0 })
  })
})
