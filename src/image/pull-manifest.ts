import type { Digest } from '../content/digest.js'
import { DigestMismatchError, InvalidOptionError, NotFoundError, RegistryError } from '../errors/index.js'
import { type Reference, withDefaultTag } from '../reference/reference.js'
import type { FetchedManifest, Repository } from '../registry/types.js'
import { maxConfigBytes } from './documents/config.js'
import { type Descriptor, foreignLayer, type Index, type Manifest, parseManifest } from './documents/manifest.js'
import { foreignTypes } from './documents/media-types.js'
import { formatPlatform, hostPlatform, type Platform } from './documents/platform.js'
import { bestFor } from './documents/selection.js'
import { verifyDepth } from './layers.js'
import type { OnProgress } from './progress.js'

/** A name to be pulled. */
export interface PullRequest {
  readonly repository: Repository
  readonly reference: Reference
  /** Undefined: this host's, or what there is. */
  readonly platform: Platform | undefined
  readonly signal?: AbortSignal | undefined
  readonly onProgress: OnProgress
}

/** What a name means: the manifest for the platform. */
export interface ResolvedManifest {
  /** Of what the name stands for: an index, or the manifest itself. */
  readonly named: Digest
  readonly digest: Digest
  readonly bytes: Buffer
  readonly manifest: Manifest
  /** Whether an index offered a choice of platforms. */
  readonly isChosen: boolean
}

const maxNestedIndexes = 4

/** The tag or digest that the registry is asked for; a digest says more than a tag beside it. */
export function targetOf(reference: Reference): string {
  return reference.digest ?? (withDefaultTag(reference).tag as string)
}

/**
 * Fetches the manifest of a name, through as many indexes as lead to it.
 *
 * @throws {NotFoundError} `PLATFORM_NOT_FOUND`; {RegistryError} `MANIFEST_NOT_FOUND`, `REGISTRY_INVALID`; {LayerError} `TOO_MANY_LAYERS`
 */
export async function resolveManifest(request: PullRequest): Promise<ResolvedManifest> {
  const { repository, reference, signal } = request
  const first = await repository.manifest(targetOf(reference), { signal })
  let fetched = first
  let document = parse(fetched)
  for (let depth = 0; document.kind === 'index'; depth++) {
    if (depth > maxNestedIndexes)
      throw invalidAnswer(`${reference.familiar()} nests indexes more than ${maxNestedIndexes} deep`)
    fetched = await fetchChosen(request, choose(request, document))
    document = parse(fetched)
  }
  const { config, layers } = document
  answered(() => verifyParts(config, layers))
  const { digest, bytes } = fetched
  return { named: first.digest, digest, bytes, manifest: document, isChosen: fetched !== first }
}

function parse({ bytes, mediaType, digest }: FetchedManifest): Manifest | Index {
  return answered(() => parseManifest(bytes, mediaType, digest))
}

function choose({ reference, platform }: PullRequest, { manifests }: Index): Descriptor {
  const wanted = platform ?? hostPlatform()
  const chosen = bestFor(wanted, manifests)
  if (chosen) return chosen
  const offered = manifests.flatMap((manifest) => (manifest.platform ? [formatPlatform(manifest.platform)] : []))
  throw new NotFoundError(`no matching manifest for ${formatPlatform(wanted)} in the manifest list entries`, {
    code: 'PLATFORM_NOT_FOUND',
    details: { reference: reference.familiar(), wanted: formatPlatform(wanted), offered: offered.slice(0, 100) },
  })
}

async function fetchChosen({ repository, signal }: PullRequest, chosen: Descriptor): Promise<FetchedManifest> {
  const fetched = await repository.manifest(chosen.digest, { signal })
  if (fetched.bytes.length === chosen.size) return fetched
  throw new DigestMismatchError(
    `the manifest ${chosen.digest} has ${fetched.bytes.length} bytes, but the index that names it says ${chosen.size}`,
    { code: 'DIGEST_MISMATCH', details: { what: 'size', expected: chosen.size, actual: fetched.bytes.length } },
  )
}

function verifyParts(config: Descriptor, layers: readonly Descriptor[]): void {
  verifyDepth(layers.length)
  if (config.size > maxConfigBytes)
    throw invalidAnswer(`the configuration ${config.digest} has ${config.size} bytes; ${maxConfigBytes} are allowed`)
  const foreign = layers.find(({ mediaType, urls }) => urls.length > 0 || foreignTypes.has(mediaType))
  if (foreign) throw foreignLayer(foreign)
}

export function invalidAnswer(message: string, details: Record<string, unknown> = {}, cause?: unknown): RegistryError {
  return new RegistryError(message, { code: 'REGISTRY_INVALID', cause, details })
}

/** What reads a document that a registry has sent: a document that cannot be is the registry's fault. */
export function answered<Result>(read: () => Result): Result {
  try {
    return read()
  } catch (error) {
    if (!(error instanceof InvalidOptionError)) throw error
    throw invalidAnswer(error.message, { ...error.details }, error)
  }
}
