import type { Engine } from 'inboard'
import { inboardRun } from '../inboard.js'
import { backToBack, isolated, type Measured } from '../measure.js'
import { openPublishingDockerCli } from '../peers/docker.js'
import { openBridgedFloor } from '../peers/floor.js'
import type { OpenPeer, Peer, Times } from '../peers/peer.js'
import { median, printTable, printTarget, quantile } from '../statistics.js'
import type { Workspace } from '../workspace.js'

const published = '18080:80'
const everyMs = 150

type Name = 'floor' | 'docker' | 'published' | 'bridge' | 'none'

/** A whole container on the bridge: run, `true`, removed; its times beside the floor's, Docker's and those without a network. */
export async function compareRuns(workspace: Workspace, engine: Engine, runs: number, slowRuns: number): Promise<void> {
  const peers = await openPeers(workspace)
  peers.set('published', inboardRun(engine, 'bridge', published))
  peers.set('bridge', inboardRun(engine, 'bridge'))
  peers.set('none', inboardRun(engine, 'none'))
  // The bridge is made with its first container and lasts while one is on it.
  await using _keeper = await keepBridge(engine)
  const quick = await backToBack([...peers.values()], runs, slowRuns)
  printMeasured('back to back, in turns of ten', quick)
  const alone = await isolated([...peers.values()], runs, Math.ceil(slowRuns / 2), everyMs)
  printMeasured(`isolated, one start every ${everyMs} ms`, alone)
  console.log('')
  printRatios('back to back', quick, peers)
  printRatios('isolated', alone, peers)
}

async function openPeers(workspace: Workspace): Promise<Map<Name, Peer>> {
  const opened: Readonly<Record<'floor' | 'docker', OpenPeer>> = {
    floor: openBridgedFloor,
    docker: openPublishingDockerCli,
  }
  const peers = new Map<Name, Peer>()
  for (const [name, open] of Object.entries(opened)) {
    const peer = await open(workspace)
    if ('skipped' in peer) console.log(`skipped ${name}: ${peer.skipped}`)
    else peers.set(name as Name, peer)
  }
  return peers
}

async function keepBridge(engine: Engine): Promise<AsyncDisposable> {
  const container = await engine.run('busybox', ['sleep', '1000000'])
  return { [Symbol.asyncDispose]: () => container.remove({ force: true }) }
}

function printMeasured(title: string, measured: readonly Measured[]): void {
  console.log(`\n${title}; milliseconds from the call to the result, and until all is removed`)
  const rows = measured.map(({ peer, times }) => {
    const columns = (['answered', 'removed'] as const).map((what) => times.map((time) => time[what]))
    const figures = columns.flatMap((column) => [median(column), quantile(column, 0.99)])
    return [peer.name, String(times.length), ...figures.map((figure) => figure.toFixed(2))]
  })
  printTable(['', 'runs', 'result', 'p99', 'removed', 'p99'], rows)
}

/** The floor and docker answer when all is removed; inboard answers first, so both its times are compared. */
function printRatios(title: string, measured: readonly Measured[], peers: ReadonlyMap<Name, Peer>): void {
  const timeOf = (name: Name, what: keyof Times) => medianOf(measured, peers.get(name), what)
  for (const what of ['answered', 'removed'] as const) {
    const own = timeOf('published', what)
    const how = `(${what}), ${title}`
    printTarget(`run on bridge with a port / floor ${how}`, own / timeOf('floor', 'removed'), 1.5)
    printTarget(`run on bridge with a port / docker run --rm -p ${how}`, own / timeOf('docker', 'removed'), 0.04)
    printTarget(`bridge minus none ${how}`, timeOf('bridge', what) - timeOf('none', what), 1.5, ' ms')
    console.log(`the port ${how}: ${(own - timeOf('bridge', what)).toFixed(3)} ms`)
  }
}

function medianOf(measured: readonly Measured[], peer: Peer | undefined, what: keyof Times): number {
  const times = measured.find((entry) => entry.peer === peer)?.times ?? []
  return median(times.map((time) => time[what]))
}
