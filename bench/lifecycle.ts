import { parseArgs } from 'node:util'
import { openEngine } from './inboard.js'
import { compareCopies } from './lifecycle/copy.js'
import { compareExec } from './lifecycle/exec.js'
import { measureFollow } from './lifecycle/follow.js'
import { measureIdle } from './lifecycle/idle.js'
import { measureLists } from './lifecycle/lists.js'
import { compareLogs } from './lifecycle/logs.js'
import { compareStop } from './lifecycle/stop.js'
import { printMachine } from './machine.js'
import { Workspace } from './workspace.js'

/**
 * `npm run bench -- lifecycle [--runs 200] [--slow-runs 40] [--rounds 5] [--count 1000] [--only exec,stop,logs,copy,follow,idle,lists]`:
 * what is done to containers that run, beside Docker.
 */
export async function lifecycle(args: readonly string[]): Promise<void> {
  const options = {
    runs: { type: 'string', default: '200' },
    'slow-runs': { type: 'string', default: '40' },
    rounds: { type: 'string', default: '5' },
    count: { type: 'string', default: '1000' },
    only: { type: 'string', default: 'exec,stop,logs,copy,follow,idle,lists' },
  } as const
  const { values } = parseArgs({ args: [...args], options })
  const only = new Set(values.only.split(','))
  const [runs, slowRuns, rounds] = [Number(values.runs), Number(values['slow-runs']), Number(values.rounds)]
  await using workspace = await Workspace.open()
  printMachine()
  const engine = await openEngine(workspace)
  if (only.has('exec')) await compareExec(workspace, engine, runs, slowRuns)
  if (only.has('stop')) await compareStop(workspace, engine, runs, slowRuns)
  if (only.has('logs')) await compareLogs(workspace, engine, rounds)
  if (only.has('copy')) await compareCopies(workspace, engine, rounds)
  if (only.has('follow')) await measureFollow(engine, runs)
  if (only.has('idle')) await measureIdle(workspace, engine)
  if (only.has('lists')) await measureLists(engine, Number(values.count), rounds)
}
