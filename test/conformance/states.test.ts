import { execFileSync } from 'node:child_process'
import { closeSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import Sqlite from 'better-sqlite3'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { connectIn } from '../../src/container/dialogue.js'
import { lockRunDirectory, markRemoved } from '../../src/container/run-directory.js'
import { transitions, type Verb } from '../../src/container/states.js'
import type { Container, ContainerStatus } from '../../src/index.js'
import type { Session } from '../../src/launch/session.js'
import { type TestEngine, testEngine } from '../support/engine.js'
import { fact } from './support/facts.js'

/** What Docker has answered in a state, and the state afterwards (test/conformance/facts/states.mjs). */
interface Answer {
  readonly status: number | 'waits'
  readonly message?: string | undefined
  readonly after: ContainerStatus | 'removed'
}

const facts: Readonly<Record<ContainerStatus, Readonly<Record<string, Answer>>>> = JSON.parse(fact('states.json'))
const states = Object.keys(facts) as ContainerStatus[]

/** For what waits, and for what does not. */
const patienceMs = { waits: 150, answers: 30_000 } as const
type Patience = keyof typeof patienceMs
const aborted = Symbol('aborted')
/** Resolves to `aborted` when it waits. */
const patiently =
  (condition: 'not-running' | 'next-exit' | 'removed') => (container: Container, patience: Patience) => {
    const signal = AbortSignal.timeout(patienceMs[patience])
    return container.wait({ condition, signal }).catch((error) => {
      if (error === signal.reason) return aborted
      throw error
    })
  }

/** As the facts name them. */
const verbs: Readonly<Record<string, (container: Container, patience: Patience) => Promise<unknown>>> = {
  start: (container) => container.start(),
  stop: (container) => container.stop({ timeoutMs: 0 }),
  restart: (container) => container.restart({ timeoutMs: 0 }),
  kill: (container) => container.kill(),
  signal: (container) => container.kill('HUP'),
  pause: (container) => container.pause(),
  unpause: (container) => container.unpause(),
  exec: (container) => Promise.resolve(container.exec(['true'])),
  attach: async (container) => (await container.attach()).detach(),
  rename: (container) => container.rename(`renamed-${container.id.slice(0, 12)}`),
  update: (container) => container.update({ cpuShares: 512 }),
  'update restart': (container) => container.update({ restart: 'unless-stopped' }),
  remove: (container) => container.remove(),
  'remove force': (container) => container.remove({ force: true }),
  commit: async (container) => (await container.commit()).remove(),
  export: async (container) => {
    for await (const _ of container.export()) break
  },
  copyFrom: async (container) => {
    for await (const _ of await container.archive('/etc/passwd')) break
  },
  copyTo: (container) => container.extract(Buffer.alloc(1024), '/etc'),
  'wait not-running': patiently('not-running'),
  'wait next-exit': patiently('next-exit'),
  'wait removed': patiently('removed'),
  top: (container) => container.top(),
  stats: (container) => container.stats(),
  logs: (container) => container.logs().text(),
  resize: (container) => container.resize(24, 80),
}

/** Where we are not as Docker is, and why. */
const differences: Readonly<Record<string, Partial<Answer>>> = {
  // Docker's daemon looks for the network of a container that has none at this moment.
  'restarting rename': { status: 204, message: undefined },
  'restarting resize': { status: 409, message: 'Container ID is not running' },
  // The daemon attaches to nothing; its client refuses.
  ...Object.fromEntries(
    ['created', 'exited', 'dead', 'removing'].map((state) => [
      `${state} attach`,
      { status: 409, message: 'You cannot attach to a stopped container, start it first' },
    ]),
  ),
  // Its driver loses its way; of ours the files are there still.
  'dead copyFrom': { status: 200, message: undefined },
  'dead copyTo': { status: 200, message: undefined },
  'removing copyFrom': { status: 404, message: 'No such container: ID' },
  'removing copyTo': { status: 404, message: 'No such container: ID' },
  // The files in the way are ours.
  'dead remove': { status: 500, message: 'container ID: failed to remove root filesystem' },
  'dead remove force': { status: 500, message: 'container ID: failed to remove root filesystem' },
}

/** One that has ended ends again, sooner or later. */
const isUncertain = (state: ContainerStatus, verb: string) =>
  ['exited', 'restarting'].includes(state) && ['start', 'restart'].includes(verb)

const cells = states.flatMap((state) =>
  Object.entries(facts[state]).map(([verb, answer]) => {
    const expected = { ...answer, ...differences[`${state} ${verb}`] }
    return { title: `${state}: ${verb}`, state, verb, expected }
  }),
)

describe('the table of states and verbs', () => {
  const verbOf = (name: string) => (name === 'signal' ? 'kill' : name.replace(/^(wait|update) .*/, '$1')) as Verb

  test.each(cells.filter(({ state, verb }) => !(state === 'dead' && verb.startsWith('remove'))))(
    '$title is as Docker has it',
    ({ state, verb, expected }) => {
      const answer = transitions[verbOf(verb)][state]
      if (typeof expected.status === 'number' && expected.status >= 400 && expected.status !== 404)
        expect(answer).toBe(expected.message)
      else expect(answer === undefined || typeof answer === 'symbol').toBe(true)
      expect(typeof answer === 'symbol').toBe(expected.status === 304)
    },
  )
})

let host: TestEngine
const made = new Map<string, Container>()
const undo: (() => void)[] = []

/** A verb that changes the container's state wants one of its own. */
const placeOf = ({ state, verb, expected }: (typeof cells)[number]) =>
  expected.after !== state || ['start', 'restart', 'rename', 'signal'].includes(verb) ? `${state} ${verb}` : state

const upper = ({ id }: Container) => join(host.directory, 'root/containers', id, 'upper/kept')

const prepare: Readonly<Record<ContainerStatus, () => Promise<Container>>> = {
  created: () => host.engine.run('busybox', ['sleep', '1000']).tty().network('none').create(),
  running: async () => host.engine.run('busybox', ['sleep', '1000']).tty().network('none'),
  async paused() {
    const container = await prepare.running()
    await container.pause()
    return container
  },
  async restarting() {
    const builder = host.engine.run('busybox', ['sh', '-c', 'exit 3']).tty().network('none').restart('always')
    const container = await builder
    // As long as somebody has it stand still to read its files, it is not started again.
    for (;;) {
      await container.wait({ condition: 'next-exit' })
      const session = (await connectIn(join(host.directory, 'run', container.id))) as Session
      await session.freeze(true)
      if ((await status(container)) === 'restarting') {
        undo.push(() => session.close())
        return container
      }
      session.close()
    }
  },
  async exited() {
    const container = await host.engine.run('busybox', ['sh', '-c', 'exit 3']).tty().network('none')
    await container.wait()
    return container
  },
  async dead() {
    const container = await prepare.exited()
    writeFileSync(upper(container), '')
    execFileSync('chattr', ['+i', upper(container)])
    undo.push(() => execFileSync('chattr', ['-i', upper(container)]))
    await container.remove().catch(() => {})
    return container
  },
  /** As another process would have it that is in the middle of it. */
  async removing() {
    const container = await prepare.created()
    const runRoot = join(host.directory, 'run')
    const database = new Sqlite(join(host.directory, 'root/db/inboard.sqlite'))
    database.prepare("UPDATE containers SET phase = 'removing' WHERE id = ?").run(container.id)
    database.close()
    const lock = lockRunDirectory(runRoot, container.id) as number
    undo.push(() => closeSync(lock))
    markRemoved(runRoot, container.id)
    return container
  },
}

async function status(container: Container): Promise<string> {
  try {
    return (await container.inspect()).State.Status
  } catch (error) {
    if ((error as { code?: string }).code === 'CONTAINER_NOT_FOUND') return 'removed'
    throw error
  }
}

/** One cell, at a real container. */
async function tryVerb(cell: (typeof cells)[number]): Promise<void> {
  const { state, verb, expected } = cell
  const container = made.get(placeOf(cell)) as Container
  const done = verbs[verb]?.(container, expected.status === 'waits' ? 'waits' : 'answers')
  if (typeof expected.status === 'number' && expected.status >= 400)
    await expect(done).rejects.toThrow((expected.message ?? '').replaceAll('ID', container.id))
  else expect((await done) === aborted).toBe(expected.status === 'waits')
  if (isUncertain(state, verb)) expect(['running', 'exited', 'restarting']).toContain(await status(container))
  // The end of a wait for the next start is told when its supervisor has ended it.
  else await expect.poll(() => status(container), { timeout: 10_000 }).toBe(expected.after)
}

describe('what a verb does to a container', () => {
  beforeAll(async () => {
    host = await testEngine(['busybox'])
    const places = new Map(cells.map((cell) => [placeOf(cell), cell.state]))
    await Promise.all([...places].map(async ([place, state]) => made.set(place, await prepare[state]())))
  })
  afterAll(async () => {
    for (const step of undo) step()
    await host[Symbol.asyncDispose]()
  })

  test.each(cells)('$title', tryVerb)
})
