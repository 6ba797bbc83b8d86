import { type Digest, digestOf } from '../content/digest.js'
import { failpoint } from '../errors/failpoint.js'
import { DigestMismatchError, NotFoundError } from '../errors/index.js'
import { prepareWorkers } from '../layer/index.js'
import { type Reference, withDefaultTag } from '../reference/reference.js'
import { traced } from '../tracing/index.js'
import { hostFailed } from './archive/source.js'
import { type ImageConfig, parseConfig } from './documents/config.js'
import type { Descriptor } from './documents/manifest.js'
import { formatPlatform, hostPlatform, matchPlatform, normalizePlatform } from './documents/platform.js'
import { LayerLoader } from './layers.js'
import type { ImageContext } from './load.js'
import { only } from './only.js'
import type { OnProgress } from './progress.js'
import { remoteLayer, remoteLayerRows, tracedDownload } from './pull-layers.js'
import {
  answered,
  invalidAnswer,
  type PullRequest,
  type ResolvedManifest,
  resolveManifest,
  targetOf,
} from './pull-manifest.js'
import { recordFetched } from './record.js'

export interface PullOptions {
  /** `os/architecture[/variant]`; by default this host's, or what there is. */
  readonly platform?: string | undefined
  readonly signal?: AbortSignal | undefined
  readonly onProgress?: OnProgress
}

export interface PulledImage {
  readonly id: Digest
  /** Of what the name stands for: an index or a manifest. */
  readonly digest: Digest
  /** Whether the name stood for another image before, or for none. */
  readonly isNew: boolean
}

/**
 * The image that a name has here already, when its registry says that it still means the same. One request, and nothing
 * is written when the name has not changed.
 */
export async function confirmImage(context: ImageContext, request: PullRequest): Promise<PulledImage | undefined> {
  const { repository, reference, signal } = request
  const before = context.records.idOfTag(mainName(reference))
  if (before === undefined) return undefined
  const head = await traced('inboard:image.pull.resolve', tracedRequest(request), async (message) => {
    const head = await repository.manifestHead(targetOf(reference), { signal })
    if (message) message.digest = head?.digest
    return head
  })
  const id = head && context.records.idOfTag(`${reference.name}@${head.digest}`)
  if (head === undefined || id === undefined || !isExactly(context, id, request)) return undefined
  failpoint('pull.names')
  if (!context.records.addNames(id, namesOf(reference, head.digest))) return undefined
  tellFound(request, head.digest)
  return pulled(request, { id: id as Digest, digest: head.digest, isNew: before !== id })
}

/**
 * Fetches what is not here of an image, and records it. To be called within a change, see `collection.ts`.
 *
 * @throws {RegistryError} also `REGISTRY_INVALID` for documents that cannot be an image; {AuthError}; {DigestMismatchError};
 *   {LayerError}; {NotFoundError} `PLATFORM_NOT_FOUND`
 */
export async function pullImage(context: ImageContext, request: PullRequest): Promise<PulledImage> {
  const { reference, signal } = request
  try {
    const resolved = await traced('inboard:image.pull.manifest', tracedRequest(request), async (message) => {
      const resolved = await resolveManifest(request)
      if (message) message.digest = resolved.named
      return resolved
    })
    tellFound(request, resolved.named)
    const id = resolved.manifest.config.digest
    const isNew = context.records.idOfTag(mainName(reference)) !== id
    const known = context.records.get(id)
    // While the configuration comes.
    if (!known) prepareWorkers(resolved.manifest.layers.filter(({ digest }) => !context.content.has(digest)).length)
    const { config: descriptor } = resolved.manifest
    const document = known
      ? Buffer.from(known.config)
      : await traced('inboard:image.pull.config', tracedDownload(request.repository, descriptor), () =>
          fetchConfig(request, descriptor),
        )
    const config = answered(() => parseConfig(document, id))
    verifyImage(request, resolved, config)
    if (!known || !(await recordKnown(context, request, resolved, config, known.manifest === null)))
      await fetchImage(context, request, resolved, document, config)
    return pulled(request, { id, digest: resolved.named, isNew })
  } catch (error) {
    signal?.throwIfAborted()
    throw hostFailed(error)
  }
}

const tracedRequest =
  ({ reference }: PullRequest) =>
  () => ({ reference: withDefaultTag(reference).familiar() })

/** Everything is here but names, and perhaps a manifest: with that of its registry it is pushed as it is there. */
async function recordKnown(
  context: ImageContext,
  { repository, reference, signal }: PullRequest,
  { manifest, named, digest, bytes }: ResolvedManifest,
  { diffIds }: ImageConfig,
  lacksManifest: boolean,
): Promise<boolean> {
  const { records, content, disk } = context
  if (lacksManifest) {
    await content.ingest(only(bytes), { signal })
    await disk.sync()
  }
  failpoint('pull.known')
  if (lacksManifest) records.adoptManifest(manifest.config.digest, digest)
  if (!records.addNames(manifest.config.digest, namesOf(reference, named))) return false
  records.putRemoteLayers(remoteLayerRows(repository.name, manifest.layers, diffIds))
  return true
}

async function fetchImage(
  context: ImageContext,
  { repository, reference, signal, onProgress }: PullRequest,
  { manifest, named, digest, bytes }: ResolvedManifest,
  document: Buffer,
  config: ImageConfig,
): Promise<void> {
  const { diffIds } = config
  const sources = manifest.layers.map((layer, at) =>
    remoteLayer(context, repository, layer, diffIds[at] as string, onProgress),
  )
  const layers = await new LayerLoader(context, signal, onProgress).load(diffIds, sources)
  await context.content.ingest(only(bytes), { signal })
  signal?.throwIfAborted()
  const references = namesOf(reference, named)
  const remoteLayers = remoteLayerRows(repository.name, manifest.layers, diffIds)
  recordFetched([{ document, config, manifest: digest, layers, references, remoteLayers }], context, () => {})
}

async function fetchConfig({ repository, signal }: PullRequest, { digest, size }: Descriptor): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  let received = 0
  for await (const chunk of repository.blob({ digest, size }, { signal })) {
    received += chunk.length
    if (received > size) break
    chunks.push(chunk)
  }
  const document = Buffer.concat(chunks)
  const actual = digestOf(document)
  if (actual === digest && document.length === size) return document
  throw new DigestMismatchError(
    `the configuration ${digest} came with ${received} bytes and the digest ${actual}, but ${size} bytes were announced`,
    { code: 'DIGEST_MISMATCH', details: { expected: digest, actual, expectedSize: size, actualSize: received } },
  )
}

function verifyImage(
  { reference, platform, onProgress }: PullRequest,
  resolved: ResolvedManifest,
  config: ImageConfig,
) {
  const { manifest, isChosen } = resolved
  const [expected, actual] = [config.diffIds.length, manifest.layers.length]
  if (expected !== actual)
    throw invalidAnswer(`invalid manifest, layers length mismatch: expected ${expected}, got ${actual}`, {
      manifest: resolved.digest,
    })
  const wanted = platform ?? hostPlatform()
  if (config.architecture === '' || matchPlatform(wanted, config) > 0) return
  const details = { reference: reference.familiar(), wanted: formatPlatform(wanted), actual: formatPlatform(config) }
  if (platform && !isChosen)
    throw new NotFoundError(
      `image with reference ${details.reference} was found but does not provide the specified platform (${details.wanted})`,
      { code: 'PLATFORM_NOT_FOUND', details },
    )
  onProgress({
    kind: 'warning',
    message: `The requested image's platform (${details.actual}) does not match the detected host platform (${details.wanted})`,
  })
}

/** Whether an image is for the platform itself, not only for one that would do: then no other would be chosen. */
function isExactly({ records }: ImageContext, id: string, { platform }: PullRequest): boolean {
  const row = records.get(id)
  if (row === undefined) return false
  const own = formatPlatform(normalizePlatform(parseConfig(Buffer.from(row.config), id)))
  return own === formatPlatform(platform ?? hostPlatform())
}

/** Normalised: the tag and the digest that it stands for; of a name with a digest, the digest alone. */
function namesOf(reference: Reference, named: Digest): string[] {
  const byDigest = `${reference.name}@${named}`
  return reference.digest === undefined ? [mainName(reference), byDigest] : [byDigest]
}

function mainName(reference: Reference): string {
  if (reference.digest !== undefined) return `${reference.name}@${reference.digest}`
  return withDefaultTag(reference).toString()
}

function tellFound({ reference, onProgress }: PullRequest, digest: Digest): void {
  onProgress({ kind: 'manifest', reference: withDefaultTag(reference).familiar(), repository: reference.path, digest })
}

function pulled({ reference, onProgress }: PullRequest, image: PulledImage): PulledImage {
  const { digest, isNew } = image
  onProgress({ kind: 'image', reference: withDefaultTag(reference).familiar(), digest, isNew })
  return image
}
