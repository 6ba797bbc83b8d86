import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import {
  type CacheBlob,
  type CacheDocument,
  type CachedStep,
  chainTo,
  inlineCacheField,
  maxCacheBytes,
  parseCacheDocument,
  parseCacheIndex,
  parseCacheManifest,
  parseInlineCache,
} from '../build/cache/index.js'
import type { BlobDescriptor } from '../content/content.js'
import { type Digest, digestOf } from '../content/digest.js'
import { DigestMismatchError, InvalidOptionError, NotFoundError } from '../errors/index.js'
import {
  blobPath,
  type ImageLayer,
  type LayerOrigin,
  parseConfig,
  parseImagePlatform,
  resolveManifest,
} from '../image/index.js'
import { chainIds } from '../layer/index.js'
import { parseReference, withDefaultTag } from '../reference/reference.js'
import type { Registries, Repository } from '../registry/types.js'
import type { BuildCredentials } from './build-credentials.js'
import type { CacheFromInput } from './build-options.js'

/** A step that a cache elsewhere knows of. */
export interface ImportedStep extends Omit<CachedStep, 'layer'> {
  /** Bottom first; they need not be here. */
  readonly layers: readonly ImageLayer[]
  /** Those that only images have: without them here, nothing can be done with the step. */
  readonly base: readonly ImageLayer[]
}

/** What caches elsewhere know of: in this build only, as nobody has seen that their keys are right. */
export interface ImportedCaches {
  find(keys: readonly string[]): ImportedStep | undefined
  /** Where a layer is to be had. */
  originOf(layer: ImageLayer): LayerOrigin | undefined
}

export interface ImportRequest {
  readonly sources: readonly CacheFromInput[]
  /** Of the build: an image's name may stand for one for each. */
  readonly platforms: readonly string[]
  registries(): Promise<Registries>
  readonly credentials: BuildCredentials
  /** What cannot be had is no failure. */
  warn(message: string): void
  readonly signal: AbortSignal
}

/** A cache that was read. */
interface Cache {
  readonly document: CacheDocument
  readonly blobs: readonly CacheBlob[]
  originOf(blob: CacheBlob): LayerOrigin
}

const maxIndexBytes = 4 * 1024 * 1024

export async function importCaches(request: ImportRequest): Promise<ImportedCaches> {
  const { sources, warn, signal } = request
  const read = async (source: CacheFromInput): Promise<Cache[]> => {
    try {
      return await readCaches(source, request)
    } catch (error) {
      signal.throwIfAborted()
      warn(`the cache of ${nameOf(source)} is not used: ${(error as Error).message}`)
      return []
    }
  }
  return new Imported((await Promise.all(sources.map(read))).flat())
}

function nameOf(source: CacheFromInput): string {
  if (typeof source === 'string') return source
  return source.type === 'local' ? source.src : source.ref
}

class Imported implements ImportedCaches {
  readonly #steps = new Map<string, { readonly cache: Cache; readonly step: CachedStep }>()
  readonly #layers = new Map<Cache, readonly ImageLayer[]>()
  readonly #origins = new Map<string, LayerOrigin>()

  constructor(caches: readonly Cache[]) {
    for (const cache of caches) this.#add(cache)
  }

  find(keys: readonly string[]): ImportedStep | undefined {
    for (const key of keys) {
      const found = this.#steps.get(key)
      if (found) return this.#stepOf(found.cache, found.step)
    }
    return undefined
  }

  #stepOf(cache: Cache, { layer: top, ...step }: CachedStep): ImportedStep {
    const all = this.#layers.get(cache) ?? layersOf(cache)
    this.#layers.set(cache, all)
    const layers = chainTo(cache.document.layers, top).map((at) => all[at] as ImageLayer)
    return { ...step, layers, base: layers.filter(({ blob }) => blob === undefined) }
  }

  originOf({ diffId, blob }: ImageLayer): LayerOrigin | undefined {
    return this.#origins.get(`${diffId} ${blob}`)
  }

  #add(cache: Cache): void {
    const { document, blobs, originOf } = cache
    // Of several caches the first counts.
    for (const step of document.steps)
      for (const key of step.keys) if (!this.#steps.has(key)) this.#steps.set(key, { cache, step })
    for (const { diffId, blob: at } of document.layers) {
      const blob = blobs[at]
      if (blob) this.#origins.set(`${diffId} ${blob.digest}`, originOf(blob))
    }
  }
}

/** Each is on top of an earlier one. */
function layersOf({ document, blobs }: Cache): ImageLayer[] {
  const layers: ImageLayer[] = []
  for (const { diffId, parent, blob: at } of document.layers) {
    const below = layers[parent]
    const chainId = chainIds(below ? [below.chainId, diffId] : [diffId]).at(-1) as string
    layers.push({ diffId, chainId, blob: blobs[at]?.digest, mediaType: blobs[at]?.mediaType })
  }
  return layers
}

async function readCaches(source: CacheFromInput, request: ImportRequest): Promise<Cache[]> {
  if (typeof source !== 'string' && source.type === 'local') return [await readLocal(source.src)]
  const reference = parseReference(typeof source === 'string' ? source : source.ref)
  const repository = (await request.registries()).repository(reference, await request.credentials(reference))
  const { signal } = request
  const tag = reference.digest ?? (withDefaultTag(reference).tag as string)
  const { bytes } = await repository.manifest(tag, { signal })
  const manifest = parseCacheManifest(bytes)
  if (!manifest) return readInline(repository, reference, request)
  const document = parseCacheDocument(await readBlob(repository, manifest.config, signal))
  return [{ document, blobs: manifest.layers, originOf: (blob) => ({ ...blob, from: repository }) }]
}

/** What an image says of the steps of its making, for each of the build's platforms. */
async function readInline(
  repository: Repository,
  reference: ReturnType<typeof parseReference>,
  { platforms, signal }: ImportRequest,
): Promise<Cache[]> {
  const caches: Cache[] = []
  for (const platform of platforms) {
    const wanted = { repository, reference, platform: parseImagePlatform(platform), signal, onProgress: () => {} }
    const { manifest } = await resolveManifest(wanted)
    const bytes = await readBlob(repository, manifest.config, signal)
    const { diffIds } = parseConfig(bytes, manifest.config.digest)
    const field = (JSON.parse(bytes.toString('utf8')) as Record<string, unknown>)[inlineCacheField]
    if (field === undefined || diffIds.length !== manifest.layers.length) continue
    const document = parseInlineCache(field, diffIds)
    caches.push({ document, blobs: manifest.layers, originOf: (blob) => ({ ...blobOnly(blob), from: repository }) })
  }
  if (caches.length > 0) return caches
  throw new NotFoundError('the image says nothing of its making: build it with cacheTo inline', {
    code: 'CONTENT_NOT_FOUND',
    details: { reference: reference.familiar() },
  })
}

function blobOnly({ digest, size, mediaType }: CacheBlob): CacheBlob {
  return { digest, size, mediaType }
}

async function readLocal(directory: string): Promise<Cache> {
  const pathOf = (digest: Digest) => blobPath(directory, digest)
  const index = parseCacheIndex(await readBounded(join(directory, 'index.json'), maxIndexBytes))
  const manifest = parseCacheManifest(verified(await readBounded(pathOf(index.digest), maxIndexBytes), index))
  if (!manifest) throw new InvalidOptionError('it is no cache', { code: 'INVALID_ARCHIVE', details: { directory } })
  const document = verified(await readBounded(pathOf(manifest.config.digest), maxCacheBytes), manifest.config)
  return {
    document: parseCacheDocument(document),
    blobs: manifest.layers,
    originOf: (blob) => ({ ...blob, from: pathOf(blob.digest) }),
  }
}

/** All blobs that the cache in a directory consists of, as far as it can be read. */
export async function blobsOfLayout(directory: string): Promise<readonly Digest[]> {
  try {
    const index = parseCacheIndex(await readBounded(join(directory, 'index.json'), maxIndexBytes))
    const manifest = parseCacheManifest(await readBounded(blobPath(directory, index.digest), maxIndexBytes))
    const blobs = manifest ? [manifest.config, ...manifest.layers] : []
    return [index.digest, ...blobs.map(({ digest }) => digest)]
  } catch {
    return []
  }
}

async function readBounded(path: string, maxBytes: number): Promise<Buffer> {
  await using handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK)
  const stat = await handle.stat()
  if (stat.isFile() && stat.size <= maxBytes) return await handle.readFile()
  throw new InvalidOptionError(`${path} is no file of at most ${maxBytes} bytes`, {
    code: 'INVALID_ARCHIVE',
    details: { path, maxBytes },
  })
}

async function readBlob(repository: Repository, blob: BlobDescriptor, signal: AbortSignal): Promise<Buffer> {
  if (blob.size > maxCacheBytes)
    throw new InvalidOptionError(`${blob.digest} has ${blob.size} bytes; ${maxCacheBytes} are allowed`, {
      code: 'INVALID_ARCHIVE',
      details: { digest: blob.digest, size: blob.size },
    })
  const chunks: Uint8Array[] = []
  // Never more than announced.
  for await (const chunk of repository.blob(blob, { signal })) chunks.push(chunk)
  return verified(Buffer.concat(chunks), blob)
}

function verified(bytes: Buffer, { digest, size }: BlobDescriptor): Buffer {
  const actual = digestOf(bytes)
  if (actual === digest && bytes.length === size) return bytes
  throw new DigestMismatchError(`${digest} came with ${bytes.length} bytes and the digest ${actual}`, {
    code: 'DIGEST_MISMATCH',
    details: { expected: digest, actual, expectedSize: size, actualSize: bytes.length },
  })
}
