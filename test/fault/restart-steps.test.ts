import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { faults } from '../../src/engine/launcher.js'
import type { Container, Engine } from '../../src/index.js'
import type { faultPoints, OperationName } from '../../src/launch/protocol.gen.js'
import type { Fault } from '../../src/launch/run-plan.js'
import { leaksOf, type TestEngine, testEngine } from '../support/engine.js'
import { settled } from '../support/settled.js'

const tablePath = '../../native/protocol/operations.mjs'
const { operations } = (await import(tablePath)) as {
  operations: readonly { readonly name: OperationName; readonly again?: boolean }[]
}

let host: TestEngine
let engine: Engine
/** On the same root, and in no way told what the first one does. */
let other: Engine
let always: ReadonlySet<string>
const total = { faults: 0, lost: 0, leaked: 0 }

beforeAll(async () => {
  host = await testEngine(['busybox'])
  engine = host.engine
  other = await host.reopen()
  await engine.networks.create('apart')
  always = new Set(await leaksOf(host.directory))
})
afterAll(async () => {
  console.log(`${total.faults} faults, ${total.lost} lost, ${total.leaked} leaked`)
  await host[Symbol.asyncDispose]()
})

/** Of the first program and of the one that is started after it. */
const [first, second] = [3, 4]

/** With something of every part of a plan that a start within a run goes through, or leaves alone. */
const failing = (policy: string) =>
  engine
    .run('busybox', ['sh', '-c', `sleep 1000 & echo >>/runs; exit $((${first - 1} + $(wc -l </runs)))`])
    .network('apart')
    .publish('127.0.0.1::80')
    .volume(`${host.directory}:/host`, '/anonymous')
    .tmpfs('/scratch', 'size=1m')
    .memory('64m')
    .restart(policy)
    .create()

interface Case {
  readonly what: string
  readonly fault: Fault
  readonly policy: string
  /** What may be told afterwards. */
  readonly truth: readonly { readonly ExitCode: number; readonly RestartCount: number }[]
}

const told = (ExitCode: number, RestartCount: number) => ({ ExitCode, RestartCount })
/** The supervisor went before anybody was told of a start: it has failed. */
const unstarted = told(125, 0)

/** Kills between the steps: of a start, of a restart, of an end. */
function killsBetween(): Case[] {
  const point = (point: keyof typeof faultPoints, round: number, truth: Case['truth'][0], policy = 'on-failure:1') => ({
    what: `kill when ${point}, round ${round} of ${policy}`,
    fault: { point, round },
    policy,
    truth: [truth],
  })
  return [
    point('confirmed', 0, unstarted),
    point('running', 0, unstarted),
    point('ended', 0, told(137, 0)),
    // Nothing runs: the container has ended as its program has.
    ...(['recorded', 'told', 'killed', 'reaped', 'waited', 'confirmed'] as const).map((name) =>
      point(name, 1, told(first, 1)),
    ),
    point('running', 1, told(137, 1)),
    point('ended', 1, told(137, 1)),
    ...(['recorded', 'told', 'reaped'] as const).map((name) => point(name, 0, told(first, 0), 'no')),
  ]
}

/** A fault at every step that a start within a run goes through, and at those of the run's end. */
function faultsOfRestart(kind: 'kill' | 'error', steps: readonly OperationName[]): Case[] {
  const again = new Set(operations.flatMap((operation) => (operation.again ? [operation.name] : [])))
  const program = steps.indexOf('execute')
  const last = steps.indexOf('network_end')
  const container = steps.indexOf('section', steps.indexOf('release'))
  return steps.flatMap((name, step) => {
    const isMade = step < container && again.has(name)
    const isStart = isMade || (step > container && step <= program)
    const isEnd = step > steps.indexOf('title', program) && step > steps.lastIndexOf('restart_policy')
    if (name === 'section' || !(isStart || isEnd)) return []
    const truth = told(isStart ? first : kind === 'kill' && step <= last ? 137 : second, 1)
    const what = `${kind} at step ${step} (${name})`
    return [{ what, fault: { step, kind, round: 1 }, policy: 'on-failure:1', truth: [truth] }]
  })
}

/** In its section. */
function isFirstOfItsKind(steps: readonly OperationName[], step: number): boolean {
  return !steps.slice(steps.lastIndexOf('section', step), step).includes(steps[step] as OperationName)
}

const together = 24

/** Some at once: what makes a restart slow is the wait for it. */
async function wrongOf(cases: readonly Case[]): Promise<string[]> {
  const wrong: string[] = []
  for (let at = 0; at < cases.length; at += together) {
    const begun: { container: Container; what: string; truth: Case['truth'] }[] = []
    for (const { what, fault, policy, truth } of cases.slice(at, at + together)) {
      const container = await failing(policy)
      faults.next = fault
      await container.start().catch(() => {})
      begun.push({ container, what, truth })
    }
    for (const one of begun) wrong.push(...(await misreported(one.container, one.what, one.truth)))
    const ids = new Set(begun.map(({ container }) => container.id))
    const left = (leak: string) => !always.has(leak) && !ids.has(leak.split(' ').at(-1) ?? '') && !isVolume(leak)
    wrong.push(...leaked(await settled(async () => (await leaksOf(host.directory)).filter(left))))
    for (const { container } of begun) await container.remove({ volumes: true })
    wrong.push(
      ...leaked(await settled(async () => (await leaksOf(host.directory)).filter((leak) => !always.has(leak)))),
    )
    total.faults += begun.length
  }
  return wrong
}

/** Those of containers that are kept. */
const isVolume = (leak: string) => leak.startsWith('volume')

function leaked(leaks: readonly string[]): string[] {
  total.leaked += leaks.length
  return leaks.map((leak) => `left ${leak}`)
}

/** What another engine says of it, at once and later. */
async function misreported({ id }: Container, what: string, truth: Case['truth']): Promise<string[]> {
  const container = await other.containers.get(id)
  const state = async () => {
    const { State, RestartCount } = await container.inspect()
    return { Status: State.Status, ExitCode: State.ExitCode, RestartCount, Pid: State.Pid, Running: State.Running }
  }
  const isOver = ({ Status }: { Status: string }) => Status === 'exited' || Status === 'created'
  await expect.poll(async () => isOver(await state()), { interval: 5, timeout: 20_000 }).toBe(true)
  const found = await state()
  const isTrue = truth.some((one) => one.ExitCode === found.ExitCode && one.RestartCount === found.RestartCount)
  if (isTrue && found.Pid === 0 && !found.Running) return []
  total.lost++
  return [`${what}: ${JSON.stringify(found)} instead of ${JSON.stringify(truth)}`]
}

describe('a supervisor that is killed', () => {
  test('between the steps of a start, a restart or an end leaves nothing, and the truth is told', async () => {
    expect(await wrongOf(killsBetween())).toEqual([])
  })

  test('at any step of a restart, and of the end after one, leaves nothing, and the truth is told', async () => {
    const container = await failing('on-failure:1')
    await container.start()
    const { steps } = faults
    await misreported(container, 'no fault', [told(second, 1)])
    await container.remove({ volumes: true })
    expect(await wrongOf(faultsOfRestart('kill', steps))).toEqual([])
  })
})

test('an error at a step of each kind of a restart ends the run as its last program has ended', async () => {
  const container = await failing('on-failure:1')
  await container.start()
  const { steps } = faults
  await misreported(container, 'no fault', [told(second, 1)])
  await container.remove({ volumes: true })
  const isFirst = ({ fault }: Case) => 'step' in fault && isFirstOfItsKind(steps, fault.step)
  expect(await wrongOf(faultsOfRestart('error', steps).filter(isFirst))).toEqual([])
})
