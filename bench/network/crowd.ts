import { type Container, type Engine, InboardError } from 'inboard'
import { inParallel } from '../parallel.js'
import { median, printTarget } from '../statistics.js'

const sleep = ['sleep', '1000000']
/** How many containers fit on a bridge of the kernel's: BR_MAX_PORTS without the bridge itself. */
const most = 1023
/** Containers being removed at a time. */
const width = 20
/** Starts of which the median is taken at both ends. */
const sample = 20

/** Containers on one bridge, one after the other: what the last start costs, and what is said of one that does not fit. */
export async function fillBridge(engine: Engine, count: number): Promise<void> {
  console.log('')
  await fill(engine, 'bridge', count)
  const network = await engine.networks.create('crowd').driver('bridge')
  try {
    await fill(engine, 'crowd', count)
  } finally {
    await network.remove()
  }
}

async function fill(engine: Engine, network: string, count: number): Promise<void> {
  const containers: Container[] = []
  try {
    const times = await startMany(engine, network, count, containers)
    const ends = [times.slice(0, sample), times.slice(-sample)].map(median)
    const [first = Number.NaN, last = Number.NaN] = ends
    console.log(`${count} containers on ${network}: first starts ${first.toFixed(2)} ms, last ${last.toFixed(2)} ms`)
    printTarget(`last start / first, ${network}`, last / first, 3)
    const refusal = await overfill(engine, network, containers)
    console.log(`container ${containers.length + 1} on ${network}: ${refusal}`)
    printTarget(`containers that fit on ${network}`, containers.length, most, '', 'atLeast')
  } finally {
    await inParallel(containers.length, width, (index) => containers[index]?.remove({ force: true }))
  }
}

async function startMany(engine: Engine, network: string, count: number, containers: Container[]): Promise<number[]> {
  const times: number[] = []
  for (let index = 0; index < count; index++) {
    const start = performance.now()
    containers.push(await engine.run('busybox', sleep).network(network))
    times.push(performance.now() - start)
  }
  return times
}

/** Starts more until one is refused; in which words. */
async function overfill(engine: Engine, network: string, containers: Container[]): Promise<string> {
  const refused = `inboard-bench-one-too-many-${network}`
  while (containers.length <= most) {
    try {
      await engine.run('busybox', sleep).network(network).name(refused)
    } catch (error) {
      if (!(error instanceof InboardError)) throw error
      await (await engine.containers.get(refused)).remove()
      return `${error.code}: ${error.message}`
    }
    const container = await engine.containers.get(refused)
    await container.rename(`inboard-bench-${network}-${containers.length}`)
    containers.push(container)
  }
  return 'not refused'
}
