import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import type { Engine } from 'inboard'
import { longestBlockMs } from './event-loop.js'
import { inboardExec, inboardRun, openEngine, outputOfTrue } from './inboard.js'
import { printMachine } from './machine.js'
import { backToBack, isolated, type Measured } from './measure.js'
import { openDockerCli, openDockerSocket } from './peers/docker.js'
import { openFloor } from './peers/floor.js'
import { openRuntime } from './peers/oci.js'
import type { OpenPeer, Peer, Times } from './peers/peer.js'
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

/** `npm run bench -- start [--runs 200] [--slow-runs 200] [--peers-only]`: how long one container takes, beside the peers. */
export async function start(args: readonly string[]): Promise<void> {
  const options = {
    runs: { type: 'string', default: '200' },
    'slow-runs': { type: 'string', default: '200' },
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

function timesOf(key: string, measured: readonly Measured[], peers: ReadonlyMap<string, Peer>): readonly Times[] {
  return measured.find(({ peer }) => peer === peers.get(key))?.times ?? []
}

const medianOf = (times: readonly Times[], what: keyof Times) => median(times.map((time) => time[what]))

function printMeasured(title: string, measured: readonly Measured[], peers: ReadonlyMap<string, Peer>): void {
  console.log(`\n${title}; milliseconds from the call to the result, and until all is removed; ratios of the latter`)
  const bases = ['floor', 'crun', 'docker'].map((key) => medianOf(timesOf(key, measured, peers), 'removed'))
  const rows = measured.map(({ peer, times }) => {
    const columns = (['answered', 'removed'] as const).map((what) => times.map((time) => time[what]))
    const figures = columns.flatMap((column) =>
      [median(column), quantile(column, 0.99)].map((figure) => figure.toFixed(2)),
    )
    const ratios = bases.map((base) => ratio(medianOf(times, 'removed'), base))
    return [peer.name, String(times.length), ...figures, ...ratios]
  })
  printTable(['', 'runs', 'result', 'p99', 'removed', 'p99', '× floor', '× crun', '× docker'], rows)
}

function ratio(figure: number, base: number): string {
  return Number.isNaN(base) ? '-' : (figure / base).toFixed(3)
}

/** The floor, crun and docker answer when all is removed; inboard answers first, so both its times are compared. */
function printRatios(title: string, measured: readonly Measured[], peers: ReadonlyMap<string, Peer>): void {
  const own = timesOf('none', measured, peers)
  const limits = { floor: 1.5, 'docker run': 0.05, 'crun run': 1 }
  for (const what of ['answered', 'removed'] as const) {
    for (const [name, limit] of Object.entries(limits)) {
      const base = medianOf(timesOf(name.split(' ')[0] ?? '', measured, peers), 'removed')
      printTarget(`run on none (${what}) / ${name}, ${title}`, medianOf(own, what) / base, limit)
    }
  }
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
  const blocks: number[] = []
  const idle: number[] = []
  for (let count = 0; count < runs; count++) {
    idle.push(await longestBlockMs(() => delay(5)))
    blocks.push(await longestBlockMs(() => outputOfTrue(engine, 'none')))
  }
  const figures = [blocks, idle].map(
    (times) => `median ${median(times).toFixed(2)}, p99 ${quantile(times, 0.99).toFixed(2)} ms`,
  )
  console.log(`longest block of the event loop during a run: ${figures[0]} (during 5 ms of idling: ${figures[1]})`)
  printTarget('longest block of the event loop during a run, median', median(blocks), 1, ' ms')
}
