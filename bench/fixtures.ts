import { parseArgs } from 'node:util'
import { imageArchive } from '../test/support/images.js'
import { measureCrowd } from './fixtures/crowd.js'
import { measureOwnersEnd } from './fixtures/owner.js'
import { compareDatabase } from './fixtures/postgres.js'
import { compareRedis } from './fixtures/redis.js'
import { openEngine } from './inboard.js'
import { printMachine } from './machine.js'
import { Workspace } from './workspace.js'

/**
 * `npm run bench -- fixtures [--runs 40] [--cold-runs 7] [--clones 100] [--kills 40] [--only redis,postgres,crowd,kill] [--no-peer]`:
 * what tests wait for: services that answer, fresh databases, the end of a run that was killed; beside testcontainers with Docker.
 */
export async function fixtures(args: readonly string[]): Promise<void> {
  const options = {
    runs: { type: 'string', default: '40' },
    'cold-runs': { type: 'string', default: '7' },
    clones: { type: 'string', default: '100' },
    kills: { type: 'string', default: '40' },
    only: { type: 'string', default: 'redis,postgres,crowd,kill' },
    'no-peer': { type: 'boolean', default: false },
  } as const
  const { values } = parseArgs({ args: [...args], options })
  const only = new Set(values.only.split(','))
  const [runs, coldRuns] = [Number(values.runs), Number(values['cold-runs'])]
  const hasPeer = !values['no-peer']
  await using workspace = await Workspace.open()
  printMachine()
  const engine = await openEngine(workspace)
  for (const image of ['redis', 'postgres'] as const) await engine.images.load(imageArchive(image))
  const network = await engine.networks.create('fixtures')
  workspace.defer(() => network.remove())
  if (only.has('redis')) await compareRedis(workspace, engine, { runs, peerRuns: hasPeer ? coldRuns : 0 })
  if (only.has('postgres')) await compareDatabase(workspace, engine, { coldRuns, runs, hasPeer })
  if (only.has('crowd')) await measureCrowd(engine, Number(values.clones))
  if (only.has('kill')) await measureOwnersEnd(engine, Number(values.kills))
}
