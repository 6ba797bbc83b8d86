import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import type { Engine } from 'inboard'
import { longestBlockMs } from './event-loop.js'
import { inboardExec, inboardRun, openEngine } from './inboard.js'
import { printMachine } from './machine.js'
import { backToBack, isolated, type Measured } from './measure.js'
import { openDockerCli, openDockerSocket } from './peers/docker.js'
import { openFloor } from './peers/floor.js'
import { openRuntime } from './peers/oci.js'
import type { OpenPeer, Peer } from './peers/peer.js'
import { openPodman } from './peers/podman.js'
import { median, printTable, printTarget, quantile } from './statistics.js'
import { execute, Workspace } from './workspace.js'

const opened: Readonly<Record<string, OpenPeer>> = {
  floor: openFloor,
  crun: openRuntime('crun'),
  runc: openRuntime('runc'),
  podman: openPodman,
  docker: openDockerCli,
  dockerSocket: openDockerSocket,
}

/** `npm run bench -- start [--runs 200] [--slow-runs 60] [--peers-only]`: how long one container takes, beside the peers. */
export async function start(args: readonly string[]): Promise<void> {
  const options = {
    runs: { type: 'string', default: '200' },
    'slow-runs': { type: 'string', default: '60' },
    'peers-only': { type: 'boolean', default: false },
  } as const
  const { values } = parseArgs({ args: [...args], options })
  const runs = Number(values.runs)
  const slowRuns = Number(values['slow-runs'])
  await using workspace = await Workspace.open()
  printMachine()
  const engine = values['peers-only'] ? undefined : await openEngine(workspace)
  const peers = await openPeers(workspace)
  if (engine) {
    peers.set('none', inboardRun(engine, 'none'))
    peers.set('host', inboardRun(engine, 'host'))
    peers.set('exec', await inboardExec(engine, workspace))
  }
  const quick = await backToBack([...peers.values()], runs, slowRuns)
  printMeasured(`back to back, in turns of ten`, quick, peers)
  const alone = await isolated([...peers.values()], runs, Math.ceil(slowRuns / 2), 150)
  printMeasured('isolated, one start every 150 ms', alone, peers)
  if (!engine) return
  console.log('')
  printRatios('back to back', quick, peers)
  printRatios('isolated', alone, peers)
  await printFirstCall(engine)
  await printEventLoop(engine, runs)
}

async function openPeers(workspace: Workspace): Promise<Map<string, Peer>> {
  const peers = new Map<string, Peer>()
  for (const [key, open] of Object.entries(opened)) {
    const peer = await open(workspace)
    if ('skipped' in peer) console.log(`skipped ${key}: ${peer.skipped}`)
    else peers.set(key, peer)
  }
  return peers
}

function medianOf(key: string, measured: readonly Measured[], peers: ReadonlyMap<string, Peer>): number {
  return median(measured.find(({ peer }) => peer === peers.get(key))?.times ?? [])
}

function printMeasured(title: string, measured: readonly Measured[], peers: ReadonlyMap<string, Peer>): void {
  console.log(`\n${title}; milliseconds from the call until all is removed`)
  const bases = ['floor', 'crun', 'docker'].map((key) => medianOf(key, measured, peers))
  const rows = measured.map(({ peer, times }) => {
    const figures = [median(times), quantile(times, 0.99)].map((figure) => figure.toFixed(2))
    return [peer.name, String(times.length), ...figures, ...bases.map((base) => ratio(median(times), base))]
  })
  printTable(['', 'runs', 'median', 'p99', '× floor', '× crun', '× docker'], rows)
}

function ratio(figure: number, base: number): string {
  return Number.isNaN(base) ? '-' : (figure / base).toFixed(3)
}

function printRatios(title: string, measured: readonly Measured[], peers: ReadonlyMap<string, Peer>): void {
  const own = medianOf('none', measured, peers)
  printTarget(`run on none / floor, ${title}`, own / medianOf('floor', measured, peers), 1.5)
  printTarget(`run on none / docker run, ${title}`, own / medianOf('docker', measured, peers), 0.05)
  printTarget(`run on none / crun run, ${title}`, own / medianOf('crun', measured, peers), 1)
}

async function printFirstCall(engine: Engine): Promise<void> {
  const program = fileURLToPath(new URL('first-call.mjs', import.meta.url))
  const extra: number[] = []
  for (let count = 0; count < 10; count++) {
    const { stdout } = await execute(process.execPath, [program, engine.root, engine.runRoot])
    const { first, later } = JSON.parse(stdout)
    extra.push(first - median(later))
  }
  printTarget('import, open and first run in a fresh process, over later runs', median(extra), 150, ' ms')
}

async function printEventLoop(engine: Engine, runs: number): Promise<void> {
  const { run } = inboardRun(engine, 'none')
  const blocks: number[] = []
  const idle: number[] = []
  for (let count = 0; count < runs; count++) {
    idle.push(await longestBlockMs(() => delay(5)))
    blocks.push(await longestBlockMs(run))
  }
  const figures = [blocks, idle].map(
    (times) => `median ${median(times).toFixed(2)}, p99 ${quantile(times, 0.99).toFixed(2)} ms`,
  )
  console.log(`longest block of the event loop during a run: ${figures[0]} (during 5 ms of idling: ${figures[1]})`)
  printTarget('longest block of the event loop during a run, median', median(blocks), 1, ' ms')
}
