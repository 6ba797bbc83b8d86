import type { CacheFromInput } from '../../engine/build-options.js'
import type { Engine } from '../../engine/engine.js'

/**
 * Images whose steps the classic builder takes: those that are here. What was built here is in the build cache anyway; of what came
 * from a registry, that is asked for the steps.
 */
export async function classicCacheSources(
  engine: Engine,
  sources: readonly CacheFromInput[] = [],
): Promise<readonly CacheFromInput[]> {
  const pulled = await Promise.all(sources.map((source) => typeof source !== 'string' || wasPulled(engine, source)))
  return sources.filter((_, at) => pulled[at])
}

async function wasPulled(engine: Engine, name: string): Promise<boolean> {
  try {
    return (await (await engine.images.get(name)).inspect()).RepoDigests.length > 0
  } catch {
    // It is not here, or is no name: the classic builder goes on without it.
    return false
  }
}
