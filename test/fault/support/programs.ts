import { closeSync, openSync, readdirSync, writeSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { failpoints } from '../../../src/errors/failpoint.js'
import { type Container, Engine, InboardError } from '../../../src/index.js'
import { buildPhases, type PhasePoint } from './build-points.js'
import { type Building, buildOnce } from './build-program.js'
import { churn } from './churn.js'
import { cloneScenario } from './clone-scenario.js'
import { type EventWriting, writeEvents } from './event-writer.js'
import { lifecycleScenario, withSpool } from './lifecycle-scenario.js'
import { networkChurn } from './network-churn.js'
import { networkScenario } from './network-scenario.js'
import { Random } from './random.js'
import { type Roots, type Step, scenario, User } from './scenario.js'
import { snapshotScenario } from './snapshot-scenario.js'
import { type VolumeTurns, volumeChurn } from './volume-churn.js'
import { withShelf } from './volume-place.js'
import { volumeScenario } from './volume-scenario.js'

/** Tells the test, before anything else happens. */
function say(fact: unknown): void {
  const line = `${JSON.stringify(fact)}\n`
  try {
    writeSync(1, line)
  } catch {
    // The system call that is made to fail may be this one.
    writeSync(1, line)
  }
}

export interface Point {
  readonly name: string
  /** At which of its calls, counted from 1. */
  readonly call: number
}

/** Has `action` happen at a call of a failpoint. */
export function arm({ name, call }: Point, action: () => void): void {
  let calls = 0
  failpoints.set(name, () => {
    if (++calls === call) action()
  })
}

interface Life {
  readonly roots: Roots
  readonly archives: User['archives']
  /** Where it ends by SIGKILL. */
  readonly point?: Point
}

async function live(steps: readonly Step[], user: User): Promise<void> {
  for (const [at, step] of steps.entries()) {
    say({ begun: at })
    await step.act(user)
    say({ done: at })
  }
}

/** The programs that run in processes of their own. */
export const programs = {
  /** The scenario; says `begin N` and `done N` of each step. */
  async scenario({ roots, archives, point }: Life) {
    if (point) arm(point, () => process.kill(process.pid, 'SIGKILL'))
    await live(scenario, new User(roots, archives))
  },

  /** The scenario of volumes; says the same. */
  async volumes({ roots, archives, point }: Life) {
    if (point) arm(point, () => process.kill(process.pid, 'SIGKILL'))
    await live(volumeScenario, new User(withShelf(roots), archives))
  },

  /** The scenario of what happens to containers; says the same. */
  async lifecycle({ roots, archives, point }: Life) {
    if (point) arm(point, () => process.kill(process.pid, 'SIGKILL'))
    await live(lifecycleScenario, new User(withSpool(roots), archives))
  },

  /** The scenario of networks. */
  async networks({ roots, archives, point }: Life) {
    if (point) arm(point, () => process.kill(process.pid, 'SIGKILL'))
    const user = new User(roots, archives)
    for (const step of networkScenario) await step.act(user)
  },

  /** The scenario of clones; says which volumes are there after each step. */
  async clones({ roots, archives, point }: Life) {
    if (point) arm(point, () => process.kill(process.pid, 'SIGKILL'))
    const user = new User(roots, archives)
    for (const step of cloneScenario) {
      // What the step is about to remove is not said to be there.
      if (step.does.startsWith('remove')) say({ there: ['source', 'copied'] })
      await step.act(user)
      if (step.does !== 'close') say({ there: (await (await user.engine()).volumes.list()).map(({ name }) => name) })
    }
  },

  /** The scenario of snapshots; says which are there after each step. */
  async snapshots({ roots, archives, point }: Life) {
    if (point) arm(point, () => process.kill(process.pid, 'SIGKILL'))
    const user = new User(roots, archives)
    for (const step of snapshotScenario) {
      // What the step is about to remove is not said to be there.
      if (step.does.startsWith('remove')) say({ there: [] })
      await step.act(user)
      if (step.does !== 'close') say({ there: (await (await user.engine()).snapshots.list()).map(({ name }) => name) })
    }
  },

  /** Records events, and says each that has happened. */
  async events({ point, ...writing }: EventWriting & { readonly point?: Point }) {
    if (point) arm(point, () => process.kill(process.pid, 'SIGKILL'))
    await writeEvents(writing, say)
  },

  /** Random operations on networks, from one of them on; says each. */
  async networkChurn({ roots, ...turns }: { roots: Roots; seed: number; from: number; count: number }) {
    const engine = await Engine.open(roots)
    await networkChurn(engine, roots, turns, say)
    await engine.close()
  },

  /** Random operations on volumes, from one of them on; says each. */
  async volumeChurn({ roots, ...turns }: { roots: Roots } & VolumeTurns) {
    const engine = await Engine.open(withShelf(roots))
    await volumeChurn(engine, roots, turns, say)
    await engine.close()
  },

  /** The default network, and so many others, of one root among several. */
  async rootOfNetworks({ roots, image, count }: { roots: Roots; image: string; count: number }) {
    const engine = await Engine.open(roots)
    await engine.images.load(image)
    await Promise.all([
      engine.run('busybox', ['sleep', '1000']).name('kept'),
      ...Array.from({ length: count }, (_, at) => engine.networks.create(`net-${at}`)),
    ])
    await engine.close()
  },

  /** One image from a registry; says when it begins, and how long it took. */
  async pull({ roots, reference }: { roots: Roots; reference: string }) {
    const engine = await Engine.open(roots)
    say({ begun: reference })
    const began = performance.now()
    const { id } = await engine.pull(reference)
    say({ pulled: id, tookMs: performance.now() - began })
    await engine.close()
  },

  /** One build. */
  async build(building: Building) {
    await buildOnce(building, say)
  },

  /** One build, or the removal of what it has left, to a failpoint. */
  async buildToPoint({ roots, context, point }: { roots: Roots; context: string; point: PhasePoint }) {
    const engine = await Engine.open(roots)
    if (point.phase === 'prune') await buildPhases.build(engine, context)
    arm(point, () => process.kill(process.pid, 'SIGKILL'))
    await buildPhases[point.phase](engine, context)
    await engine.close()
  },

  /** Nothing but an engine. */
  async open({ roots }: { roots: Roots }) {
    await (await Engine.open(roots)).close()
  },

  /** Containers that come and go in one process; says what that cost. */
  async many({ roots, count }: { roots: Roots; count: number }) {
    const engine = await Engine.open(roots)
    const run = () => engine.run('busybox', ['true']).rm().output()
    for (let n = 0; n < 20; n++) await run()
    const before = descriptors().length
    for (let n = 0; n < count; n++) if ((await run()).exitCode !== 0) throw new Error('a run failed')
    say({ before, after: await descriptorsAfter(before), left: await engine.containers.list({ all: true }) })
    await engine.close()
  },

  /** Verbs with fewer and fewer descriptors to be had; says how each ends. */
  async exhausted({ roots, most }: { roots: Roots; most: number }) {
    const engine = await Engine.open(roots)
    const kept = await engine.run('busybox', ['sleep', '1000']).name('longer')
    await engine.run('busybox', ['true']).rm().output()
    await kept.exec(['true'])
    const before = descriptors().length
    for (let free = 0; free <= most; free++)
      for (const verb of ['run', 'create', 'exec', 'load'] as const) {
        const release = occupy(free)
        const code = await verbs[verb](engine, kept).then(
          () => 'done',
          (error: { code?: string; details?: { errno?: string } }) =>
            error instanceof InboardError ? `${error.code} ${error.details.errno ?? ''}` : `untyped: ${error}`,
        )
        release()
        say({ free, verb, code })
      }
    say({ before, after: await descriptorsAfter(before) })
    await engine.close()
  },

  /** Takes its turns, one for each line that it reads, at the same names and ids as the other processes that run this. */
  async race({ roots, rounds }: { roots: Roots; rounds: number }) {
    const engine = await Engine.open(roots)
    const lines = createInterface({ input: process.stdin })
    const turns = lines[Symbol.asyncIterator]()
    say({ opened: true })
    for (let round = 0; round < rounds; round++)
      for (const verb of ['create', 'start', 'stop', 'remove', 'mixed'] as const) {
        await turns.next()
        const began = Date.now()
        const code = await races[verb](engine, `raced-${round}`).then(
          (value) => value,
          (error) => (error instanceof InboardError ? error.code : `untyped: ${error}`),
        )
        say({ round, verb, code, tookMs: Date.now() - began })
      }
    lines.close()
    await engine.close()
  },

  /** One container from its start to its end, for a tracer that makes system calls fail. */
  async once({ roots }: { roots: Roots }) {
    try {
      const engine = await Engine.open(roots)
      say({ opened: true })
      await engine.run('busybox', ['true']).name('brief').rm().output()
      const kept = await engine.run('busybox', ['true']).name('kept').create()
      say({ created: 'kept' })
      await kept.start()
      await kept.wait()
      await kept.remove()
      say({ removed: 'kept' })
      await engine.close()
    } catch (error) {
      say(error instanceof InboardError ? { code: error.code, message: error.message } : { untyped: String(error) })
    }
  },

  /** Random verbs until it is killed. */
  async churn({ roots, prefix, seed }: { roots: Roots; prefix: string; seed: number }) {
    await churn(await Engine.open(roots), prefix, seed, say)
  },
}

const descriptors = () => readdirSync('/proc/self/fd')

/** How many there are: what a verb has begun may still be on its way out, a supervisor, and then the connection to it. */
async function descriptorsAfter(before: number): Promise<number> {
  for (const deadline = performance.now() + 10_000; descriptors().length > before; await delay(5))
    if (performance.now() > deadline) break
  return descriptors().length
}

/** Takes all descriptors but so many; the function gives them back. */
function occupy(free: number): () => void {
  const taken: number[] = []
  try {
    for (;;) taken.push(openSync('/dev/null', 'r'))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EMFILE') throw error
  }
  for (const fd of taken.splice(0, free)) closeSync(fd)
  return () => {
    for (const fd of taken) closeSync(fd)
  }
}

const verbs = {
  run: (engine: Engine, _kept: Container) => engine.run('busybox', ['true']).rm().output() as Promise<unknown>,
  create: async (engine: Engine) => (await engine.run('busybox', ['true']).create()).remove(),
  exec: async (_engine: Engine, kept: Container) => kept.exec(['true']),
  load: async (engine: Engine) =>
    engine.images.load('/nonexistent').catch((error) => {
      if (!(error instanceof InboardError) || error.code !== 'FILE_NOT_FOUND') throw error
    }),
}

const races = {
  async create(engine: Engine, name: string) {
    return (await engine.run('busybox', ['sh', '-c', 'echo started; exec sleep 1000']).name(name).create()).id
  },
  async start(engine: Engine, name: string) {
    await (await engine.containers.get(name)).start()
    return 'done'
  },
  async stop(engine: Engine, name: string) {
    await (await engine.containers.get(name)).stop({ timeoutMs: 5 })
    return 'done'
  },
  async remove(engine: Engine, name: string) {
    await (await engine.containers.get(name)).remove()
    return 'done'
  },
  /** Everything at once, on one container. */
  async mixed(engine: Engine, name: string) {
    const again = `${name}-again`
    const random = new Random(process.pid)
    const codes: string[] = []
    for (let n = 0; n < 6; n++) {
      const get = () => engine.containers.get(again)
      const verb = random.pick([
        async () => engine.run('busybox', ['sleep', '1000']).name(again).create(),
        async () => (await get()).start(),
        async () => (await get()).start(),
        async () => (await get()).stop({ timeoutMs: 1 }),
        async () => (await get()).remove({ force: true }),
        async () => (await get()).exec(['true']),
        async () => (await get()).inspect(),
      ])
      await verb().catch((error: unknown) =>
        codes.push(error instanceof InboardError ? error.code : `untyped: ${(error as Error).stack}`),
      )
    }
    return codes.join()
  },
}

export type Programs = typeof programs
