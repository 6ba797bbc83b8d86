import { parseArgs } from 'node:util'
import { openEngine } from './inboard.js'
import { printMachine } from './machine.js'
import { measureClone } from './volumes/clone.js'
import { compareCopyUp } from './volumes/copyup.js'
import { compareIo } from './volumes/io.js'
import { compareMounts } from './volumes/mounts.js'
import { Workspace } from './workspace.js'

/**
 * `npm run bench -- volumes [--turns 7] [--runs 200] [--slow-runs 40] [--rounds 7] [--only io,mounts,copyup,clone]`: what
 * volumes and binds cost their readers, writers, starts and makers, beside the host's own tools and the peers.
 */
export async function volumes(args: readonly string[]): Promise<void> {
  const options = {
    turns: { type: 'string', default: '7' },
    runs: { type: 'string', default: '200' },
    'slow-runs': { type: 'string', default: '40' },
    rounds: { type: 'string', default: '7' },
    only: { type: 'string', default: 'io,mounts,copyup,clone' },
  } as const
  const { values } = parseArgs({ args: [...args], options })
  const only = new Set(values.only.split(','))
  await using workspace = await Workspace.open()
  printMachine()
  const engine = await openEngine(workspace)
  if (only.has('io')) await compareIo(engine, Number(values.turns))
  if (only.has('mounts')) await compareMounts(workspace, engine, Number(values.runs), Number(values['slow-runs']))
  if (only.has('copyup')) await compareCopyUp(workspace, engine, Number(values.rounds))
  if (only.has('clone')) await measureClone(workspace, engine, Number(values.rounds))
}
