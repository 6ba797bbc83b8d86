import { parseArgs } from 'node:util'
import { openEngine } from './inboard.js'
import { printMachine } from './machine.js'
import { fillBridge } from './network/crowd.js'
import { measureNames } from './network/names.js'
import { compareRuns } from './network/runs.js'
import { compareThroughput } from './network/throughput.js'
import { Workspace } from './workspace.js'

/**
 * `npm run bench -- network [--runs 200] [--slow-runs 60] [--count 900] [--turns 5] [--only runs,crowd,throughput,names]`:
 * what the bridge costs a container, how many fit on it, and how fast they speak, beside the peers.
 */
export async function network(args: readonly string[]): Promise<void> {
  const options = {
    runs: { type: 'string', default: '200' },
    'slow-runs': { type: 'string', default: '60' },
    count: { type: 'string', default: '900' },
    turns: { type: 'string', default: '5' },
    only: { type: 'string', default: 'runs,crowd,throughput,names' },
  } as const
  const { values } = parseArgs({ args: [...args], options })
  const only = new Set(values.only.split(','))
  await using workspace = await Workspace.open()
  printMachine()
  const engine = await openEngine(workspace)
  if (only.has('runs')) await compareRuns(workspace, engine, Number(values.runs), Number(values['slow-runs']))
  if (only.has('crowd')) await fillBridge(engine, Number(values.count))
  if (only.has('throughput')) await compareThroughput(workspace, engine, Number(values.turns))
  if (only.has('names')) await measureNames(engine)
}
