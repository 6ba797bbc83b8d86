import { closeSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { type OpenRoot, openRoot } from '../../src/engine/opening.js'
import { normalizeEngineOptions } from '../../src/engine/options.js'
import type { RunStages } from '../../src/engine/run-actions.js'
import type { EngineOptions } from '../../src/index.js'
import { leaksOf } from './engine.js'
import { imageArchive } from './images.js'
import { settled } from './settled.js'

/** A root with what an engine has of it, for tests of what no method of the engine does by itself. */
export interface TestRoot extends AsyncDisposable {
  readonly directory: string
  readonly root: OpenRoot
  readonly stages: RunStages
  /** What is left on the host that belongs to this root. */
  leaks(): Promise<string[]>
}

/** Opens a root below /tmp with busybox; disposing it removes all of it. */
export async function testRoot(options: EngineOptions = {}): Promise<TestRoot> {
  const directory = await mkdtemp('/tmp/ib-')
  const roots = { root: join(directory, 'root'), runRoot: join(directory, 'run'), ...options }
  const root = await openRoot(normalizeEngineOptions(roots, {}))
  await root.stages.images.load(imageArchive('busybox'))
  return {
    directory,
    root,
    stages: { ...root.stages, pull: root.pull },
    leaks: () => settled(() => leaksOf(directory)),
    async [Symbol.asyncDispose]() {
      await closeRoot(root)
      await rm(directory, { recursive: true, force: true })
    },
  }
}

async function closeRoot({ closing, context, stages, registries, database, inUse }: OpenRoot): Promise<void> {
  const lives = [...context.live.values()]
  closing.abort(new Error('the test is over'))
  await Promise.all(lives.map((live) => (context.finishing.has(live.id) ? live.gone() : live.session.close())))
  await Promise.all(context.unfinished.values())
  await stages.volumes.close()
  await stages.images.settled()
  await registries.close()
  await stages.owner.leave()
  stages.cgroups.remove()
  await stages.networking.leave()
  stages.networking.host.close()
  closeSync(inUse)
  stages.outbox.close()
  database.close()
}
