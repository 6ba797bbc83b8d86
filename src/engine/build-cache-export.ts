import {
  type CacheBlob,
  type CacheDocument,
  type CachedLayer,
  type CachedStep,
  cacheMediaType,
  inlineCache,
  writeCacheDocument,
  writeCacheIndex,
  writeCacheManifest,
} from '../build/cache/index.js'
import type { Filesystem, Solution, SolvedStep, StepKind } from '../build/index.js'
import { digestOf } from '../content/digest.js'
import type { ImageLayer, ImageSteps } from '../image/index.js'
import { parseReference, withDefaultTag } from '../reference/reference.js'
import type { Registries } from '../registry/types.js'
import { blobsOfLayout, type ImportedCaches } from './build-cache-import.js'
import type { BuildCredentials } from './build-credentials.js'
import type { CacheToInput } from './build-options.js'

/** What knows of steps that were done. */
export interface StepSources {
  readonly steps: Pick<ImageSteps, 'recorded'>
  readonly imported: ImportedCaches | undefined
}

const maxKeys = 8

/** What was built, as far as others can take it from a cache. */
export interface CacheContents {
  readonly steps: readonly CachedStep[]
  readonly layers: readonly CachedLayer[]
  /** The layers that have blobs in the cache. */
  readonly own: readonly ImageLayer[]
}

/**
 * Gathers the steps of builds.
 *
 * @param mode `min`: those whose files the results have; `max`: all
 */
export function gatherCache(
  sources: StepSources,
  solutions: readonly Pick<Solution, 'steps' | 'filesystem'>[],
  mode: 'min' | 'max',
): CacheContents {
  const gathering = new Gathering(solutions.flatMap(({ steps }) => steps))
  for (const { steps, filesystem } of solutions)
    for (const step of steps)
      if (mode === 'max' || isBelow(step.filesystem, filesystem)) gathering.add(step, tell(sources, step))
  return gathering
}

function isBelow(lower: Filesystem, upper: Filesystem): boolean {
  const top = lower.layers.at(-1)
  return top === undefined || upper.layers[lower.layers.length - 1]?.chainId === top.chainId
}

type Told = Omit<CachedStep, 'layer'>

/** Undefined: it is on no record any more. */
function tell({ steps, imported }: StepSources, { keys }: SolvedStep): Told | undefined {
  const told = steps.recorded(keys) ?? imported?.find(keys)
  if (!told) return undefined
  const { kind, description, createdAtMs } = told
  // Sorted: what an image says of its making is the same whichever was found first.
  const all = [...new Set([...keys, ...told.keys])].sort().slice(0, maxKeys)
  return { keys: all, kind: kind as StepKind, description, createdAtMs }
}

class Gathering implements CacheContents {
  readonly steps: CachedStep[] = []
  readonly layers: CachedLayer[] = []
  readonly own: ImageLayer[] = []
  readonly #numbers = new Map<string, number>()
  /** Tops of what steps have made: all other layers are those of images. */
  readonly #made: ReadonlySet<string>
  readonly #told = new Set<string>()

  constructor(steps: readonly SolvedStep[]) {
    const made = steps.filter(({ parent, filesystem }) => filesystem.layers.length > parent.layers.length)
    this.#made = new Set(made.map(({ filesystem }) => filesystem.layers.at(-1)?.chainId as string))
  }

  add({ filesystem }: SolvedStep, told: Told | undefined): void {
    const key = told?.keys[0]
    if (!told || key === undefined || this.#told.has(key)) return
    this.#told.add(key)
    let layer = -1
    for (const next of filesystem.layers) layer = this.#layer(next, layer)
    this.steps.push({ ...told, layer })
  }

  #layer(layer: ImageLayer, parent: number): number {
    const known = this.#numbers.get(layer.chainId)
    if (known !== undefined) return known
    const blob = this.#made.has(layer.chainId) ? this.own.push(layer) - 1 : -1
    const number = this.layers.push({ diffId: layer.diffId, parent, blob }) - 1
    this.#numbers.set(layer.chainId, number)
    return number
  }
}

/**
 * What the configuration of an image says of the steps of its making; undefined: there were none.
 *
 * @param epoch seconds since 1970 that all of them are of then: `SOURCE_DATE_EPOCH`
 */
export function inlineCacheOf(
  sources: StepSources,
  solution: Pick<Solution, 'steps' | 'filesystem'>,
  epoch: number | undefined,
): object | undefined {
  const { steps, filesystem } = solution
  const cached = steps
    .filter((step) => isBelow(step.filesystem, filesystem))
    .flatMap((step) => {
      const told = tell(sources, step)
      const time = epoch !== undefined && { createdAtMs: epoch * 1000 }
      return told ? [{ ...told, ...time, layer: step.filesystem.layers.length - 1 }] : []
    })
  return cached.length === 0 ? undefined : inlineCache(cached)
}

export interface ExportCacheRequest {
  readonly steps: ImageSteps
  readonly contents: (mode: 'min' | 'max') => CacheContents
  /** Has layers brought here that only a cache has so far. */
  fetch(layers: readonly ImageLayer[]): Promise<void>
  registries(): Promise<Registries>
  readonly credentials: BuildCredentials
  readonly signal: AbortSignal
}

/** Writes a cache where builds elsewhere find it. An image's own is written with the image. */
export async function exportCache(target: CacheToInput, request: ExportCacheRequest): Promise<void> {
  if (target.type === 'inline') return
  const { steps, signal } = request
  const { own, ...document } = request.contents(target.mode ?? 'min')
  await request.fetch(own)
  const describe = (blobs: readonly CacheBlob[]) => describeCache(document, blobs)
  if (target.type === 'local') {
    await steps.save(own, target.dest, { describe, index: writeCacheIndex, before: blobsOfLayout }, signal)
    return
  }
  const reference = withDefaultTag(parseReference(target.ref))
  const repository = (await request.registries()).repository(reference, await request.credentials(reference))
  await steps.push(own, { repository, tag: reference.tag as string, describe, signal })
}

function describeCache(document: CacheDocument, layers: readonly CacheBlob[]) {
  const config = writeCacheDocument(document)
  const blob = { mediaType: cacheMediaType, digest: digestOf(config), size: config.length }
  return { config, manifest: writeCacheManifest({ config: blob, layers }) }
}
