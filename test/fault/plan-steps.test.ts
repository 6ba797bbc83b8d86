import { mkdirSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { faults } from '../../src/engine/launcher.js'
import { type Container, type Engine, LaunchError } from '../../src/index.js'
import type { OperationName } from '../../src/launch/protocol.gen.js'
import { leaksOf, type TestEngine, testEngine } from '../support/engine.js'
import { settled } from '../support/settled.js'

type Kind = 'error' | 'kill'

let host: TestEngine
let engine: Engine
/** What of the neighbour is there all the time. */
let neighbours: ReadonlySet<string>
const total = { faults: 0, lost: 0, leaked: 0 }

beforeAll(async () => {
  host = await testEngine(['busybox'])
  engine = host.engine
  mkdirSync(`${host.directory}/shared`)
  await engine.networks
    .create('apart')
    .subnet('10.77.0.0/24', 'fd77::/64')
    .ipv6()
    .option({ 'com.docker.network.bridge.enable_icc': 'false' })
  await engine.run('busybox', ['sleep', '1000']).name('neighbour').network('apart').expose('5432')
  neighbours = new Set(await leaksOf(host.directory))
})
afterAll(async () => {
  console.log(`${total.faults} faults, ${total.lost} lost, ${total.leaked} leaked`)
  await host[Symbol.asyncDispose]()
})

/**
 * A container with something of every part of a plan: terminal, bind mount, tmpfs, limits, devices, sysctls, user, interface
 * with addresses of both families, published ports, names, a link past what keeps neighbours apart.
 */
const representative = (command: string[]) =>
  engine
    .run('busybox', command)
    .name('faulty')
    .network('apart')
    .networkAlias('www')
    .link('neighbour:db')
    .publish('18080:80', '127.0.0.1::53/udp')
    .tty()
    .interactive()
    .volume(`${host.directory}/shared:/shared`)
    .tmpfs('/scratch', 'size=1m')
    .memory('64m')
    .pidsLimit(64)
    .cpus(0.5)
    .ulimit('nofile=64:128')
    .sysctl({ 'net.ipv4.ip_forward': '1' })
    .device('/dev/null:/dev/also-null')
    .workdir('/made/here')
    .init()
    .user('1000:1000')

interface Step {
  readonly step: number
  readonly name: OperationName
  /** Comes after the program has run. */
  readonly isLate: boolean
  /** Comes before its end is told: who kills the supervisor there takes the end with it. */
  readonly isEnding: boolean
}

/** The steps of what `launch` launches. */
async function stepsOf(launch: () => Promise<unknown>): Promise<Step[]> {
  await launch()
  const { steps } = faults
  const program = steps.indexOf('execute')
  const told = steps.indexOf('network_end')
  return steps.flatMap((name, step) =>
    name === 'section' ? [] : [{ step, name, isLate: step > program, isEnding: step > program && step <= told }],
  )
}

const ownLeaks = async () => (await leaksOf(host.directory)).filter((leak) => !neighbours.has(leak))

async function leaksAfter(what: string, counts = (_leak: string) => true): Promise<string[]> {
  total.faults++
  const leaks = await settled(async () => (await ownLeaks()).filter(counts))
  total.leaked += leaks.length
  return leaks.map((leak) => `${what}: left ${leak}`)
}

function lost(what: string): string[] {
  total.lost++
  return [what]
}

/** How a program's end with `code` is told that a fault met late. */
const ending = (kind: Kind, { isEnding }: Step, code: number) => (kind === 'kill' && isEnding ? 137 : code)

/** What the error of a failed start must say; nothing when the fault came too late to be one. */
function misreported(kind: Kind, { step, name }: { step: number; name: string }, error: unknown): string[] {
  if (!(error instanceof LaunchError)) return [`is told as ${error}`]
  // A killed supervisor can say nothing; a killed child has its death told by it.
  if (kind === 'kill' && error.details.step === undefined) return []
  if (error.details.step === step && error.details.operation === name) return []
  return [`is told as step ${error.details.step} (${error.details.operation})`]
}

describe.each<Kind>(['error', 'kill'])('%s at every step of a run plan', (kind) => {
  test('fails the start of a container that removes itself, or changes nothing of its result', async () => {
    const run = () => representative(['true']).rm().output()
    const wrong: string[] = []
    for (const at of await stepsOf(run)) {
      const what = `${kind} at step ${at.step} (${at.name})`
      faults.next = { step: at.step, kind }
      const outcome = await run().catch((error: unknown) => ({ error }))
      const error = 'error' in outcome ? outcome.error : undefined
      if (at.isLate && !('exitCode' in outcome && outcome.exitCode === ending(kind, at, 0)))
        wrong.push(...lost(`${what}: ${error}`))
      if (!at.isLate) wrong.push(...misreported(kind, at, error).map((how) => `${what} ${how}`))
      wrong.push(...(await leaksAfter(what)))
      const left = await engine.containers.list({ all: true })
      if (left.some(({ name }) => name === 'faulty')) wrong.push(...lost(`${what}: the container is left`))
    }
    expect(wrong).toEqual([])
  })

  test('leaves a container that is kept as it was, to be started again', async () => {
    const container = await representative(['sh', '-c', 'exit 3']).create()
    const start = async () => {
      await container.start()
      await container.wait()
    }
    const wrong: string[] = []
    for (const at of await stepsOf(start)) {
      const what = `${kind} at step ${at.step} (${at.name})`
      faults.next = { step: at.step, kind }
      const error = await start().catch((error: unknown) => error)
      const { State } = await container.inspect()
      if (!at.isLate) wrong.push(...misreported(kind, at, error).map((how) => `${what} ${how}`))
      const failed = [125, 126, 127].includes(State.ExitCode) && State.Error !== ''
      if (State.Status !== 'exited' || (at.isLate ? State.ExitCode !== ending(kind, at, 3) : !failed))
        wrong.push(...lost(`${what}: ${JSON.stringify(State)}, ${error}`))
      wrong.push(...(await leaksOfKept(container, what)))
    }
    await start()
    expect((await container.inspect()).State.ExitCode).toBe(3)
    await container.remove()
    expect(wrong).toEqual([])
    expect(await settled(ownLeaks)).toEqual([])
  })

  test('of an exec plan fails the exec and leaves the container running', async () => {
    const container = await representative(['sleep', '1000'])
    const exec = () => container.exec(['true']).tty()
    const before = await ownLeaks()
    const wrong: string[] = []
    for (const at of await stepsOf(async () => exec())) {
      const what = `${kind} at step ${at.step} (${at.name}) of an exec`
      faults.next = { step: at.step, kind }
      const error = await exec().then(
        () => undefined,
        (error: unknown) => error,
      )
      if (!at.isLate) wrong.push(...misreported(kind, at, error).map((how) => `${what} ${how}`))
      if (at.isLate && error !== undefined) wrong.push(...lost(`${what}: ${error}`))
      total.faults++
      if ((await exec()).exitCode !== 0) wrong.push(...lost(`${what}: the container does not run`))
      wrong.push(...(await settled(() => processesOf(container, 'true'))).map((left) => `${what}: left ${left}`))
    }
    expect(await settled(async () => (await ownLeaks()).filter((leak) => !before.includes(leak)))).toEqual([])
    expect(await ownLeaks()).toEqual(before)
    await container.remove({ force: true })
    expect(wrong).toEqual([])
    expect(await settled(ownLeaks)).toEqual([])
  })
})

/** Those of a command; who has just been killed may not have been reaped yet. */
async function processesOf(container: Container, command: string): Promise<string[]> {
  const { stdout } = await container.exec(['ps', '-o', 'pid,args'])
  return stdout.split('\n').filter((line) => line.includes(command))
}

/** The directory of a container that is kept is its own. */
async function leaksOfKept({ id }: Container, what: string): Promise<string[]> {
  const own = `container directory ${id}`
  return leaksAfter(what, (leak) => leak !== own)
}
