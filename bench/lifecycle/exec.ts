import type { Engine } from 'inboard'
import { inboardExec } from '../inboard.js'
import { backToBack, type Measured } from '../measure.js'
import { openDockerExec } from '../peers/docker.js'
import { median, printTable, printTarget, quantile } from '../statistics.js'
import type { Workspace } from '../workspace.js'

/** `true` as one more process of a container that sleeps. */
export async function compareExec(workspace: Workspace, engine: Engine, runs: number, slowRuns: number): Promise<void> {
  const own = await inboardExec(engine, workspace)
  const docker = await openDockerExec(workspace)
  if ('skipped' in docker) console.log(`skipped docker exec: ${docker.skipped}`)
  const measured = await backToBack([own, ...('skipped' in docker ? [] : [docker])], runs, slowRuns)
  console.log('\nexec of true')
  printTimes(measured)
  const figures = measured.map(({ times }) => median(times.map(({ removed }) => removed)))
  const [ours = Number.NaN, theirs = Number.NaN] = figures
  printTarget('exec of true', ours, 5, ' ms')
  printTarget('exec of true, inboard / docker exec', ours / theirs, 0.1)
}

/** Medians and spreads of what was measured. */
export function printTimes(measured: readonly Measured[]): void {
  const rows = measured.map(({ peer, times }) => {
    const removed = times.map((time) => time.removed)
    return [peer.name, String(removed.length), ...[median(removed), quantile(removed, 0.99)].map((ms) => ms.toFixed(2))]
  })
  printTable(['', 'runs', 'median ms', 'p99 ms'], rows)
}
