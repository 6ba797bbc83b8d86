import type { Digest } from '../../content/digest.js'
import type { StepKind } from '../host.js'
import { asArray, asDigest, asNumber, asObject, asText, invalidCache, parseJson } from './values.js'

/** A layer that steps have come to, on top of another one. */
export interface CachedLayer {
  readonly diffId: Digest
  /** The layer below, an earlier one of the list; -1: none. */
  readonly parent: number
  /** Which of the manifest's blobs it is; -1: none, as it is of an image that the build is built from. */
  readonly blob: number
}

/** What a step has come to. */
export interface CachedStep {
  /** What it is found under. */
  readonly keys: readonly string[]
  /** Its topmost layer; -1: it has none. */
  readonly layer: number
  readonly kind: StepKind
  readonly description: string
  /** ms */
  readonly createdAtMs: number
}

/** What builds elsewhere can take from a build: which steps were done, and which layers they have come to. */
export interface CacheDocument {
  readonly layers: readonly CachedLayer[]
  readonly steps: readonly CachedStep[]
}

/** Documents come from strangers. */
const limits = {
  layers: 10_000,
  steps: 10_000,
  keys: 8,
  depth: 127,
  descriptionLength: 64 * 1024,
  createdAtMs: 8.64e15,
} as const

/** The longest document. */
export const maxCacheBytes = 8 * 1024 * 1024

const kinds: ReadonlySet<string> = new Set<StepKind>(['run', 'copy', 'add', 'workdir'])
const version = 1

/** What a cache of its own has. */
export function writeCacheDocument({ layers, steps }: CacheDocument): Buffer {
  return Buffer.from(JSON.stringify({ version, layers, steps: steps.map(writeStep) }))
}

/**
 * Reads what {@link writeCacheDocument} has written.
 *
 * @throws {InvalidOptionError} `INVALID_ARCHIVE`
 */
export function parseCacheDocument(bytes: Uint8Array): CacheDocument {
  const document = versioned(parseJson(bytes, maxCacheBytes))
  const depths: number[] = []
  const layers = asArray(document.layers, 'layers', limits.layers).map((item, at) => {
    const layer = asObject(item, `layers[${at}]`)
    const parent = asNumber(layer.parent, `layers[${at}].parent`, -1, at - 1)
    depths.push((depths[parent] ?? 0) + 1)
    if ((depths[at] as number) > limits.depth) throw invalidCache(`layers[${at}] is on more than ${limits.depth - 1}`)
    const blob = asNumber(layer.blob, `layers[${at}].blob`, -1, limits.layers - 1)
    return { diffId: asDigest(layer.diffId, `layers[${at}].diffId`), parent, blob }
  })
  return { layers, steps: parseSteps(document.steps, layers.length) }
}

/** What an image's configuration says of the steps that have made its layers, each on top of the one before. */
export function inlineCache(steps: readonly CachedStep[]): object {
  return { version, steps: steps.map(writeStep) }
}

/**
 * Reads what {@link inlineCache} has made of the steps of an image.
 *
 * @param diffIds of the image's layers, bottom first
 * @throws {InvalidOptionError} `INVALID_ARCHIVE`
 */
export function parseInlineCache(value: unknown, diffIds: readonly Digest[]): CacheDocument {
  const document = versioned(value)
  const layers = diffIds.map((diffId, at) => ({ diffId, parent: at - 1, blob: at }))
  return { layers, steps: parseSteps(document.steps, layers.length) }
}

/** The layers of a step's files, bottom first: their numbers. */
export function chainTo(layers: readonly CachedLayer[], top: number): number[] {
  const chain: number[] = []
  for (let at = top; at >= 0; at = (layers[at] as CachedLayer).parent) chain.unshift(at)
  return chain
}

function writeStep({ keys, layer, kind, description, createdAtMs }: CachedStep): object {
  return { keys, layer, kind, description: description.slice(0, limits.descriptionLength), created: createdAtMs }
}

function versioned(value: unknown): Readonly<Record<string, unknown>> {
  const document = asObject(value, 'the document')
  if (document.version === version) return document
  throw invalidCache(`version ${String(document.version).slice(0, 50)} is not known here`)
}

function parseSteps(value: unknown, layers: number): CachedStep[] {
  return asArray(value, 'steps', limits.steps).map((item, at) => {
    const what = `steps[${at}]`
    const step = asObject(item, what)
    const kind = asText(step.kind, `${what}.kind`, 10)
    if (!kinds.has(kind)) throw invalidCache(`${what}.kind is none`)
    return {
      keys: asArray(step.keys, `${what}.keys`, limits.keys).map((key) => asDigest(key, `${what}.keys`)),
      layer: asNumber(step.layer, `${what}.layer`, -1, layers - 1),
      kind: kind as StepKind,
      description: asText(step.description, `${what}.description`, limits.descriptionLength),
      createdAtMs: asNumber(step.created, `${what}.created`, 0, limits.createdAtMs),
    }
  })
}
