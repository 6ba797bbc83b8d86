import type { Engine } from 'inboard'
import { inboardPeer } from '../inboard.js'
import { backToBack, type Measured } from '../measure.js'
import { openDockerCliWith } from '../peers/docker.js'
import type { OpenPeer, Peer, Times } from '../peers/peer.js'
import { openPodmanWith } from '../peers/podman.js'
import { median, printTable, printTarget, quantile } from '../statistics.js'
import type { Workspace } from '../workspace.js'

const count = 20
/** Before anything is counted. */
const warmUp = 20
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
  await compareStarts(engine, runs)
  const pairs = [inboardPair(engine), ...(await peerPairs(workspace))]
  const peers = pairs.flatMap((pair) => [pair.without, pair.with])
  const measured = await backToBack(peers, runs, slowRuns)
  printMeasured(measured)
  for (const pair of pairs) printDifference(pair, measured)
}

/** A start of a container that was made before, in turns of one: until its program runs, and until it has ended. */
async function compareStarts(engine: Engine, runs: number): Promise<void> {
  const make = (given: readonly string[]) =>
    engine
      .run('busybox', ['true'])
      .network('none')
      .volume(...given)
      .create()
  const containers = [await make([]), await make(volumes)]
  const times = containers.map(() => ({ started: [] as number[], ended: [] as number[] }))
  for (let run = 0; run < runs + warmUp; run++)
    for (const [at, container] of containers.entries()) {
      const began = performance.now()
      await container.start()
      const started = performance.now() - began
      await container.wait()
      if (run < warmUp) continue
      times[at]?.started.push(started)
      times[at]?.ended.push(performance.now() - began)
    }
  for (const container of containers) await container.remove()
  console.log(
    `\n${runs} starts of a container that is there, in turns; milliseconds until it runs, and until it has ended`,
  )
  const [without, withVolumes] = times.map(({ started, ended }) => [median(started), median(ended)])
  const shown = (figures: readonly number[] = []) => figures.map((figure) => figure.toFixed(2))
  printTable(
    ['', 'started', 'ended'],
    [
      ['no volume', ...shown(without)],
      [`${count} volumes`, ...shown(withVolumes)],
    ],
  )
  for (const [at, what] of ['started', 'ended'].entries())
    printTarget(
      `a start with ${count} volumes minus none (${what})`,
      (withVolumes?.[at] ?? 0) - (without?.[at] ?? 0),
      1,
      ' ms',
    )
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
  const whats = pair.name === 'inboard' ? (['answered', 'removed'] as const) : (['removed'] as const)
  for (const what of whats)
    console.log(
      `${pair.name}: made, run and removed with ${count} volumes minus none (${what}): ${difference(what).toFixed(2)} ms`,
    )
}
