import type { Engine } from 'inboard'
import { inboardPeer } from '../inboard.js'
import { backToBack, type Measured } from '../measure.js'
import { openDockerCliWith } from '../peers/docker.js'
import type { OpenPeer, Peer, Times } from '../peers/peer.js'
import { openPodmanWith } from '../peers/podman.js'
import { median, printTable, printTarget, quantile } from '../statistics.js'
import type { Workspace } from '../workspace.js'

const count = 20
const names = Array.from({ length: count }, (_, at) => `volume-${at}`)
const volumes = names.map((name) => `${name}:/volumes/${name}`)

/** A run of the same program with no volume, and with twenty that are there. */
interface Pair {
  readonly name: string
  readonly without: Peer
  readonly with: Peer
}

/** What twenty volumes add to a container's start and to its removal, beside Docker's and podman's. */
export async function compareMounts(
  workspace: Workspace,
  engine: Engine,
  runs: number,
  slowRuns: number,
): Promise<void> {
  for (const name of names) await engine.volumes.create(name)
  const pairs = [inboardPair(engine), ...(await peerPairs(workspace))]
  const peers = pairs.flatMap((pair) => [pair.without, pair.with])
  const measured = await backToBack(peers, runs, slowRuns)
  printMeasured(measured)
  for (const pair of pairs) printDifference(pair, measured)
}

function inboardPair(engine: Engine): Pair {
  const run = (given: readonly string[]) => async () => {
    const { exitCode } = await engine
      .run('busybox', ['true'])
      .network('none')
      .volume(...given)
      .rm()
      .output()
    if (exitCode !== 0) throw new Error(`true ended with ${exitCode}`)
  }
  return {
    name: 'inboard',
    without: inboardPeer(engine, 'inboard run().rm().output()', run([])),
    with: inboardPeer(engine, `inboard with ${count} volumes`, run(volumes)),
  }
}

async function peerPairs(workspace: Workspace): Promise<Pair[]> {
  const options = volumes.flatMap((volume) => ['--volume', volume])
  const openers: Readonly<Record<string, (options: readonly string[]) => OpenPeer>> = {
    docker: (given) => openDockerCliWith(['--network', 'none', ...given]),
    podman: openPodmanWith,
  }
  const pairs: Pair[] = []
  for (const [name, open] of Object.entries(openers)) {
    const [without, withVolumes] = [await open([])(workspace), await open(options)(workspace)]
    if ('skipped' in without) console.log(`skipped ${name}: ${without.skipped}`)
    else if (!('skipped' in withVolumes))
      pairs.push({ name, without, with: { ...withVolumes, name: `${name} with ${count} volumes` } })
  }
  return pairs
}

function printMeasured(measured: readonly Measured[]): void {
  console.log('\nback to back, in turns of ten; milliseconds from the call to the result, and until all is removed')
  const rows = measured.map(({ peer, times }) => {
    const columns = (['answered', 'removed'] as const).map((what) => times.map((time) => time[what]))
    const figures = columns.flatMap((column) => [median(column), quantile(column, 0.99)])
    return [peer.name.slice(0, 48), String(times.length), ...figures.map((figure) => figure.toFixed(2))]
  })
  printTable(['', 'runs', 'result', 'p99', 'removed', 'p99'], rows)
}

/** The peers answer when all is removed; only inboard has a time for each. */
function printDifference(pair: Pair, measured: readonly Measured[]): void {
  const medianOf = (peer: Peer, what: keyof Times) =>
    median((measured.find((entry) => entry.peer === peer)?.times ?? []).map((time) => time[what]))
  const difference = (what: keyof Times) => medianOf(pair.with, what) - medianOf(pair.without, what)
  if (pair.name !== 'inboard') console.log(`${pair.name}, ${count} volumes cost ${difference('removed').toFixed(2)} ms`)
  else
    for (const what of ['answered', 'removed'] as const)
      printTarget(`${count} volumes minus none (${what})`, difference(what), 1, ' ms')
}
