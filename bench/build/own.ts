import { fileURLToPath } from 'node:url'
import type { Engine } from 'inboard'
import { imageArchive } from '../../test/support/images.js'
import { openEngine } from '../inboard.js'
import { execute, type Workspace } from '../workspace.js'
import type { Builder, Built } from './builder.js'
import { baseImages } from './peers.js'

const freshProgram = fileURLToPath(new URL('fresh.mjs', import.meta.url))

/** In this process, and in one that is started for each build: the times of that are from the call, when the engine is open. */
export async function ownBuilders(workspace: Workspace): Promise<{ own: Builder; fresh: Builder }> {
  const engine = await openEngine(workspace)
  for (const image of baseImages) await engine.images.load(imageArchive(image))
  const prune = () => engine.images.prune()
  const own = { name: 'inboard engine.build()', build: buildWith(engine), prune }
  const fresh = { name: 'the same, the first of a process', build: inFreshProcess(engine), prune }
  return { own, fresh }
}

const buildWith =
  (engine: Engine): Builder['build'] =>
  async (context, isUncached) => {
    const began = performance.now()
    let firstStepMs = Number.NaN
    const building = engine.build(context).tag('bench').noCache(isUncached)
    for await (const event of building) {
      const isFirst = Number.isNaN(firstStepMs) && event.kind === 'step' && !event.step.name.includes('FROM')
      if (isFirst) firstStepMs = performance.now() - began
    }
    await building
    return { firstStepMs, ms: performance.now() - began }
  }

const inFreshProcess =
  ({ root, runRoot }: Engine): Builder['build'] =>
  async (context, isUncached) => {
    const args = [freshProgram, root, runRoot, context, isUncached ? 'uncached' : 'cached']
    const { stdout } = await execute(process.execPath, args)
    return JSON.parse(stdout) as Built
  }
