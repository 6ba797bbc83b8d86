import type { Container, Engine } from '../../../src/index.js'
import { Random } from './random.js'
import type { Roots } from './scenario.js'
import { killIfThere, supervisorOf } from './supervisors.js'
import { wholeText } from './volume-place.js'

/** Volumes that are never removed: whatever is said to be in them is there in the end. */
export const keptVolumes = ['kept-0', 'kept-1', 'kept-2'] as const
const volumes = ['copied-0', 'copied-1', 'copied-2', 'shelved-0'] as const
const containers = Array.from({ length: 6 }, (_, at) => `churned-${at}`)

/** What others may have done meanwhile, or do at the moment. */
const expected: ReadonlySet<unknown> = new Set([
  'CONTAINER_NOT_FOUND',
  'CONTAINER_IN_USE',
  'NAME_IN_USE',
  'INVALID_STATE',
  'LAUNCH_FAILED',
  'VOLUME_IN_USE',
  'VOLUME_NOT_FOUND',
])

/** What a churning process says. */
export interface VolumeTurn {
  readonly at: number
  /** What it begins. */
  readonly verb?: string
  /** A line that is in a volume. */
  readonly line?: string
  readonly volume?: string
  readonly unexpected?: string
}

/** Where a churn goes on, and what its image's `/big` has. */
export interface VolumeTurns {
  readonly seed: number
  readonly from: number
  readonly count: number
  readonly whole: string
  /** Verbs that may come; all when there are none. */
  readonly only?: readonly string[]
}

/** Random operations on containers and volumes that other processes use as well; `say` is told of each before it begins. */
export async function volumeChurn(
  engine: Engine,
  roots: Roots,
  { seed, from, count, whole, only }: VolumeTurns,
  say: (turn: VolumeTurn) => void,
): Promise<void> {
  const verbs = Object.entries(volumeVerbs).filter(([name]) => only?.includes(name) ?? true)
  for (let at = from; at < count; at++) {
    const random = new Random(seed + at)
    const [name, verb] = random.pick(verbs)
    say({ at, verb: name })
    try {
      const turn = await verb({ engine, random, roots, whole, id: `${seed}-${at}` })
      if (turn) say({ at, ...turn })
    } catch (error) {
      const { code, stack } = error as { code?: string; stack?: string }
      if (!expected.has(code)) say({ at, unexpected: `${name}: ${stack}` })
    }
  }
}

/** What was said to be in a volume, and is not. */
export async function lostLines(engine: Engine, turns: readonly VolumeTurn[]): Promise<string[]> {
  const there = new Map<string, ReadonlySet<string>>()
  for (const name of keptVolumes) {
    const { stdout } = await shell(engine, 'cat /kept/lines').volume(`${name}:/kept`).rm().output()
    there.set(name, new Set(stdout.split('\n')))
  }
  return turns.flatMap(({ line, volume = '' }) =>
    line === undefined || there.get(volume)?.has(line) ? [] : [`lost: ${line} of ${volume}`],
  )
}

interface Turn {
  readonly engine: Engine
  readonly random: Random
  readonly roots: Roots
  readonly whole: string
  /** Nobody else's. */
  readonly id: string
}

type Said = Pick<VolumeTurn, 'line' | 'volume'>

const volumeVerbs: Readonly<Record<string, (turn: Turn) => Promise<Said | undefined>>> = {
  async append({ engine, random, id }) {
    const volume = random.pick(keptVolumes)
    const run = shell(engine, `echo ${id} >> /kept/lines && test -s /own/word`).volume(`${volume}:/kept`).rm()
    return ended(await run.output()) ? { line: id, volume } : undefined
  },

  /** Whoever of several fills it: each has all of it. */
  async copyUp({ engine, random, whole }) {
    const run = withVolume(shell(engine, wholeText), random, '/big').rm()
    const result = await run.output()
    if (ended(result) && result.stdout !== whole)
      throw new Error(`a container has not all of its volume: ${result.stdout}`)
    return undefined
  },

  async run({ engine, random }) {
    const container = withVolume(shell(engine, 'exec sleep 1000'), random, '/big').name(random.pick(containers))
    await container.volume(`${random.pick(keptVolumes)}:/kept`, '/any', 'scratch:/scratch')
    return undefined
  },

  async create({ engine, random }) {
    const container = withVolume(shell(engine, 'exec sleep 1000'), random, '/big').name(random.pick(containers))
    await container.volume('/any').create()
    return undefined
  },

  async start({ engine, random }) {
    await (await any(engine, random)).start()
    return undefined
  },

  async restart({ engine, random }) {
    await (await any(engine, random)).restart({ timeoutMs: 1 })
    return undefined
  },

  /** Another has its volumes when it is gone. */
  async take({ engine, random }) {
    const from = random.pick(containers)
    const taker = shell(engine, 'test -s /own/word && test -d /any').volumesFrom(from).rm()
    ended(await taker.output())
    return undefined
  },

  async takeAndKeep({ engine, random }) {
    const name = random.pick(containers)
    await shell(engine, 'exec sleep 1000').volumesFrom(random.pick(containers)).name(name)
    return undefined
  },

  async remove({ engine, random }) {
    await (await any(engine, random)).remove({ force: true, volumes: true })
    return undefined
  },

  async removeAgain(turn) {
    return volumeVerbs.remove?.(turn)
  },

  /** What the copy has, the volume had: it is let go of, and the volume keeps all. */
  async clone({ engine, random, id }) {
    const volume = random.pick(keptVolumes)
    const clone = await (await engine.volumes.get(volume)).clone(`clone-${id}`)
    const { stdout } = await shell(engine, 'cat /kept/lines').volume(`${clone.name}:/kept`).rm().output()
    await clone.remove()
    const line = stdout.trimEnd().split('\n').at(-1)
    return line ? { line, volume } : undefined
  },

  async createVolume({ engine, random }) {
    const name = random.pick(volumes)
    await engine.volumes.create(name, { driver: driverOf(name) })
    return undefined
  },

  async removeVolume({ engine, random }) {
    await (await engine.volumes.get(random.pick([...volumes, 'scratch']))).remove()
    return undefined
  },

  async scratch({ engine }) {
    const driverOptions = { type: 'tmpfs', device: 'tmpfs', o: 'size=4m' }
    await engine.volumes.create('scratch', { driverOptions })
    return undefined
  },

  async prune({ engine }) {
    // Volumes without a name are not pruned: none is to be left without that.
    await engine.volumes.prune({ all: true, filters: { withoutLabel: ['keep', 'com.docker.volume.anonymous'] } })
    return undefined
  },

  async killSupervisor({ engine, random, roots }) {
    const { id } = await any(engine, random)
    killIfThere(supervisorOf(`${roots.runRoot}/${id}/state`))
    return undefined
  },
}

const shell = (engine: Engine, text: string) => engine.run('busybox', ['sh', '-c', text]).network('none')

const driverOf = (name: string) => (name.startsWith('shelved') ? 'shelf' : 'local')

function withVolume(builder: ReturnType<typeof shell>, random: Random, target: string) {
  const source = random.pick(volumes)
  return builder.mount({ type: 'volume', source, target, volumeOptions: { driver: driverOf(source) } })
}

async function any(engine: Engine, random: Random): Promise<Container> {
  return engine.containers.get(random.pick(containers))
}

/** Whether it has ended by itself, and well: its supervisor may have been killed. */
function ended({ exitCode, stderr }: { exitCode: number; stderr: string }): boolean {
  if (exitCode !== 0 && exitCode !== 137) throw new Error(`a container ended with ${exitCode}: ${stderr}`)
  return exitCode === 0
}
