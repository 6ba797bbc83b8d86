import type { OnBuildEvent, Solution } from '../build/index.js'
import type { FoundStep, ImageLayer, ImageSteps } from '../image/index.js'
import type { Registries } from '../registry/types.js'
import { exportCache, gatherCache, inlineCacheOf } from './build-cache-export.js'
import { type ImportedCaches, importCaches } from './build-cache-import.js'
import type { BuildCredentials } from './build-credentials.js'
import type { CacheFromInput, CacheToInput } from './build-options.js'

/** A result of a build, and how it was come to. */
export type SolvedFiles = Pick<Solution, 'steps' | 'filesystem' | 'platform'>

/** What a build takes from caches elsewhere, and leaves in them. */
export interface CachesElsewhere {
  find(keys: readonly string[]): FoundStep | undefined
  /** Has layers brought here that only a cache has so far. @throws {DigestMismatchError}; {RegistryError} */
  fetch(layers: readonly ImageLayer[], platform: string, signal: AbortSignal): Promise<void>
  /** What the configuration of an image says of the steps of its making. */
  inlineCache(solution: SolvedFiles, epoch: number | undefined): object | undefined
  /** @throws {RegistryError}; {AuthError}; {SyscallError} */
  export(targets: readonly CacheToInput[], solutions: readonly SolvedFiles[], signal: AbortSignal): Promise<void>
}

export interface CachesRequest {
  readonly build: string
  readonly steps: ImageSteps
  readonly sources: readonly CacheFromInput[]
  readonly platforms: readonly string[]
  registries(): Promise<Registries>
  readonly credentials: BuildCredentials
  readonly report: OnBuildEvent
  readonly signal: AbortSignal
}

export async function openCachesElsewhere(request: CachesRequest): Promise<CachesElsewhere> {
  const { build, steps, registries, credentials } = request
  const imported = await importedBy(request)

  const fetch = async (layers: readonly ImageLayer[], platform: string, signal: AbortSignal) => {
    if (!imported || steps.has(layers)) return
    await steps.fetch(build, layers, platform, { originOf: (layer) => imported.originOf(layer), signal })
  }

  const fetchOwn = async (own: readonly ImageLayer[], solutions: readonly SolvedFiles[], signal: AbortSignal) => {
    const wanted = new Set(own.map(({ chainId }) => chainId))
    for (const { steps: solved, platform } of solutions)
      for (const { layers } of solved.map(({ filesystem }) => filesystem))
        if (wanted.has(layers.at(-1)?.chainId ?? '')) await fetch(layers, platform, signal)
  }

  return {
    find(keys) {
      const step = imported?.find(keys)
      return step && steps.has(step.base) ? { ...step, isFound: true } : undefined
    },
    fetch,
    inlineCache: (solution, epoch) => inlineCacheOf({ steps, imported }, solution, epoch),
    async export(targets, solutions, signal) {
      const contents = (mode: 'min' | 'max') => gatherCache({ steps, imported }, solutions, mode)
      const fetchAll = (own: readonly ImageLayer[]) => fetchOwn(own, solutions, signal)
      for (const target of targets)
        await exportCache(target, { steps, contents, fetch: fetchAll, registries, credentials, signal })
    },
  }
}

async function importedBy(request: CachesRequest): Promise<ImportedCaches | undefined> {
  const { sources, report } = request
  if (sources.length === 0) return undefined
  const warn = (message: string) =>
    void report({ kind: 'warning', finding: { rule: 'CacheNotImported', message, lines: { first: 1, last: 1 } } })
  return importCaches({ ...request, warn })
}
