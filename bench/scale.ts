import { parseArgs } from 'node:util'
import type { Engine } from 'inboard'
import { openEngine, outputOfTrue } from './inboard.js'
import { printMachine } from './machine.js'
import { parentMemory } from './memory.js'
import { inParallel } from './parallel.js'
import { DockerApi } from './peers/docker-api.js'
import { dockerSocket } from './peers/docker-daemon.js'
import { floorScale, floorThroughput } from './peers/floor-scale.js'
import { median, printTable, printTarget } from './statistics.js'
import { Workspace } from './workspace.js'

/** Containers being started or removed at a time. */
const width = 20
const sleep = ['sleep', '1000000']

/** Many containers that sleep, from the first call to all running and to all gone. */
interface Crowd {
  readonly name: string
  readonly count: number
  readonly startedMs: number
  readonly removedMs: number
  /** Private memory of the process that looks after a container, in KiB: the median and the largest. */
  readonly memoryKiB: readonly [median: number, largest: number]
}

/** `npm run bench -- scale [--count 1000] [--docker-count 100]`: many containers on network none. */
export async function scale(args: readonly string[]): Promise<void> {
  const options = {
    count: { type: 'string', default: '1000' },
    'docker-count': { type: 'string', default: '100' },
    'peers-only': { type: 'boolean', default: false },
  } as const
  const { values } = parseArgs({ args: [...args], options })
  await using workspace = await Workspace.open()
  printMachine()
  const crowds: Crowd[] = []
  const engine = values['peers-only'] ? undefined : await openEngine(workspace)
  if (engine) crowds.push(await inboardCrowd(engine, Number(values.count)))
  const socket = await dockerSocket(workspace)
  if (socket) crowds.push(await dockerCrowd(socket, Number(values['docker-count'])))
  else console.log('skipped docker: dockerd is not installed')
  printCrowds(crowds)
  console.log(await floorScale(workspace, Number(values.count)))
  if (engine) printTarget('private memory of a supervisor', crowds[0]?.memoryKiB[0] ?? Number.NaN, 400, ' KiB')
  await compareThroughput(workspace, engine)
}

async function inboardCrowd(engine: Engine, count: number): Promise<Crowd> {
  const started = performance.now()
  const containers = await inParallel(count, width, () => engine.run('busybox', sleep).network('none'))
  const startedMs = performance.now() - started
  const pids = await Promise.all(containers.map(async (container) => (await container.inspect()).State.Pid))
  const memoryKiB = summarise(pids.map(parentMemory))
  const removing = performance.now()
  await inParallel(count, width, (index) => containers[index]?.remove({ force: true }))
  return { name: 'inboard', count, startedMs, removedMs: performance.now() - removing, memoryKiB }
}

async function dockerCrowd(socket: string, count: number): Promise<Crowd> {
  const docker = new DockerApi(socket)
  const started = performance.now()
  const ids = await inParallel(count, width, async () => {
    const id = await docker.create(sleep, false)
    await docker.post(`/containers/${id}/start`)
    return id
  })
  const startedMs = performance.now() - started
  const pids = await Promise.all(
    ids.map(async (id) => JSON.parse(await docker.get(`/containers/${id}/json`)).State.Pid),
  )
  const memoryKiB = summarise(pids.map(parentMemory))
  const removing = performance.now()
  await inParallel(count, width, (index) => docker.delete(`/containers/${ids[index]}?force=1`))
  const removedMs = performance.now() - removing
  docker.close()
  return { name: 'docker (socket, from Node)', count, startedMs, removedMs, memoryKiB }
}

function summarise(kilobytes: readonly number[]): [number, number] {
  return [median(kilobytes), Math.max(...kilobytes)]
}

function printCrowds(crowds: readonly Crowd[]): void {
  console.log(`\ncontainers that sleep on network none, ${width} started or removed at a time`)
  const rows = crowds.map(({ name, count, startedMs, removedMs, memoryKiB }) => [
    name,
    String(count),
    ...[startedMs, startedMs / count, removedMs, removedMs / count].map((figure) => figure.toFixed(1)),
    ...memoryKiB.map((figure) => figure.toFixed(0)),
  ])
  const titles = ['', 'count', 'all running ms', 'each', 'all removed ms', 'each', 'supervisor or shim KiB', 'largest']
  printTable(titles, rows)
}

/** Runs of `true` a second, 20 at a time. */
async function compareThroughput(workspace: Workspace, engine: Engine | undefined): Promise<void> {
  const runs = 400
  const floor: number[] = []
  const own: number[] = []
  // In turns, so that both meet the same noise.
  for (let turn = 0; turn < 5; turn++) {
    floor.push(await floorThroughput(workspace, runs, width))
    if (!engine) continue
    const start = performance.now()
    await inParallel(runs, width, () => outputOfTrue(engine, 'none'))
    own.push((runs * 1000) / (performance.now() - start))
  }
  console.log(
    `\nruns a second, ${width} at a time: floor ${median(floor).toFixed(0)}, inboard ${median(own).toFixed(0)}`,
  )
  printTarget('throughput, inboard / floor', median(own) / median(floor), 0.8, '', 'atLeast')
}
