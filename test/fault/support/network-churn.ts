import type { Container, Engine } from '../../../src/index.js'
import { Random } from './random.js'
import type { Roots } from './scenario.js'
import { killIfThere, supervisorOf } from './supervisors.js'

export const churnedNetworks = ['churned-0', 'churned-1'] as const
const names = Array.from({ length: 10 }, (_, at) => `churned-${at}`)

/** What others may have done meanwhile, or do at the moment. */
const expected: ReadonlySet<unknown> = new Set([
  'LAUNCH_FAILED',
  'INVALID_STATE',
  'CONTAINER_NOT_FOUND',
  'CONTAINER_IN_USE',
  'NAME_IN_USE',
  'PORT_IN_USE',
  'ALREADY_CONNECTED',
  'NOT_CONNECTED',
])

/**
 * Random operations on containers and networks that other processes change as well; `say` is told of each before it
 * begins, and of errors that should not be.
 */
export async function networkChurn(
  engine: Engine,
  roots: Roots,
  { seed, from, count }: { readonly seed: number; readonly from: number; readonly count: number },
  say: (fact: unknown) => void,
): Promise<void> {
  for (let at = from; at < count; at++) {
    const random = new Random(seed + at)
    const verb = random.pick(Object.keys(verbs) as (keyof typeof verbs)[])
    say({ at, verb })
    try {
      await verbs[verb](engine, random, roots)
    } catch (error) {
      const { code, stack } = error as { code?: string; stack?: string }
      if (!expected.has(code)) say({ at, unexpected: `${verb}: ${stack}` })
    }
  }
}

const ports = (random: Random) =>
  random.pick([
    [],
    ['80'],
    [`${9000 + random.below(4)}:80`],
    ['127.0.0.1::53/udp', '81'],
    [`${9100 + random.below(4)}:53/udp`],
  ])

async function any(engine: Engine, random: Random): Promise<Container> {
  return engine.containers.get(random.pick(names))
}

const verbs = {
  async create(engine: Engine, random: Random) {
    const network = random.pick(['bridge', ...churnedNetworks])
    const builder = engine.run('busybox', ['sleep', '1000']).name(random.pick(names)).network(network)
    const aliased = network === 'bridge' ? builder : builder.networkAlias('all')
    await aliased.publish(...ports(random))
  },
  async createAgain(engine: Engine, random: Random) {
    await verbs.create(engine, random)
  },
  async connect(engine: Engine, random: Random) {
    const network = await engine.networks.get(random.pick(churnedNetworks))
    await network.connect(await any(engine, random))
  },
  async disconnect(engine: Engine, random: Random) {
    const network = await engine.networks.get(random.pick(['bridge', ...churnedNetworks]))
    await network.disconnect(await any(engine, random))
  },
  async kill(engine: Engine, random: Random, { runRoot }: Roots) {
    const { id } = await any(engine, random)
    killIfThere(supervisorOf(`${runRoot}/${id}/state`))
  },
  async restart(engine: Engine, random: Random) {
    const container = await any(engine, random)
    await container.restart({ timeoutMs: 1 })
  },
  async rename(engine: Engine, random: Random) {
    await (await any(engine, random)).rename(random.pick(names))
  },
  async remove(engine: Engine, random: Random) {
    await (await any(engine, random)).remove({ force: true })
  },
  /** The whole process. */
  async die(_engine: Engine, random: Random) {
    if (random.below(3) === 0) process.kill(process.pid, 'SIGKILL')
  },
}
