import type { Digest } from '../../content/digest.js'
import type { Time } from '../../host/native.js'
import { packLayer } from '../../layer/index.js'
import { parseReference } from '../../reference/reference.js'
import type { ImageRunConfig } from '../../spec/options.js'
import type { LayerSource } from '../archive/image-source.js'
import { hostFailed } from '../archive/source.js'
import { parseConfig } from '../documents/config.js'
import { layerTar } from '../documents/media-types.js'
import { hostPlatform } from '../documents/platform.js'
import { tellMade } from '../events.js'
import { invalidOption, noSuchImage } from '../image-errors.js'
import { LayerLoader } from '../layers.js'
import type { ImageContext } from '../load.js'
import { only } from '../only.js'
import { recordImages } from '../record.js'
import type { ImageContent, LoadedImage } from '../types.js'
import { type Base, baseFiles, type Gathered, gather } from './gather.js'
import type { HostImageRequest } from './options.js'
import type { HostImageMemory } from './reuse.js'

/** The image that the same request made before, if nothing has changed since and it is still there. */
export function reuseHostImage(
  { records }: ImageContext,
  memory: HostImageMemory,
  request: HostImageRequest,
): LoadedImage | undefined {
  const id = memory.recall(request)
  if (id === undefined || !records.has(id)) return undefined
  if (records.idOfTag(request.reference) !== id) records.tag(request.reference, id, Date.now())
  return { id: id as Digest, references: [parseReference(request.reference).familiar()] }
}

/**
 * Makes an image of the host's programs, alone or as one more layer of a base. To be called within a change, see
 * `collection.ts`.
 */
export async function makeHostImage(
  context: ImageContext,
  memory: HostImageMemory,
  request: HostImageRequest,
  base: ImageContent | undefined,
  signal: AbortSignal | undefined,
): Promise<LoadedImage> {
  if (base) checkPlatform(base)
  try {
    const gathered = await gatherOver(context, request, base)
    const blob = await packGathered(context, gathered, signal)
    const document = hostDocument(request, gathered, blob.digest, base)
    const config = parseConfig(document, 'configuration')
    const loader = new LayerLoader(context, signal, () => {})
    const sources = [...(base ? presentLayers(context, base) : []), { mediaType: layerTar, ingest: async () => blob }]
    const layers = await loader.load(config.diffIds, sources)
    const references = [request.reference]
    const made = { document, config, manifest: undefined, layers, references, isNamedHere: true }
    const ready = base ? { ...made, parent: base.id } : made
    const tell = (one: LoadedImage) => tellMade(context.tell, one, 'import')
    const [image] = (await recordImages([ready], context, tell)) as [LoadedImage]
    memory.remember(request, image.id, gathered.observations)
    return image
  } catch (error) {
    signal?.throwIfAborted()
    // It was removed while its new layer was made.
    if (base && (error as { code?: string }).code === 'SQLITE_CONSTRAINT_FOREIGNKEY') throw noSuchImage(base.id)
    throw hostFailed(error)
  }
}

function packGathered({ content }: ImageContext, { entries }: Gathered, signal: AbortSignal | undefined) {
  return content.ingestMade(async (path) => {
    const { diffId, size } = await packLayer(entries, path, { signal })
    return { digest: diffId as Digest, size }
  })
}

async function gatherOver(context: ImageContext, request: HostImageRequest, image: ImageContent | undefined) {
  if (!image) return gather(request, await storeBaseFiles(context), context.native)
  using files = context.snapshots.files(image.chain)
  const base: Base = { files, config: image.config }
  return gather(request, {}, context.native, base)
}

/** Layers that are in place: nothing of them is read. */
function presentLayers({ content }: ImageContext, base: ImageContent): LayerSource[] {
  return base.layers.map(({ blob, mediaType, diffId }) => {
    const digest = blob ?? diffId
    return { mediaType, ingest: async () => ({ digest, size: content.size(digest) }) }
  })
}

function checkPlatform({ id, os, architecture }: ImageContent): void {
  const host = hostPlatform()
  if (os === host.os && architecture === host.architecture) return
  throw invalidOption(
    `${id} is for ${os}/${architecture}, but this host's programs are for ${host.os}/${host.architecture}`,
    { image: id, os, architecture },
  )
}

/** As blobs, because a layer is packed of files; nobody records them, so they are collected afterwards. */
async function storeBaseFiles({ content }: ImageContext): Promise<Record<string, string>> {
  const stored: Record<string, string> = {}
  for (const [path, text] of Object.entries(baseFiles)) {
    const { digest } = await content.ingest(only(Buffer.from(text)))
    stored[path] = content.path(digest)
  }
  return stored
}

/** The same files make the same document: its time is that of the newest file. */
function hostDocument(
  { executables, files }: HostImageRequest,
  { config, newest }: Gathered,
  diffId: string,
  base: ImageContent | undefined,
): Buffer {
  const { os, architecture, variant } = base ?? hostPlatform()
  const created = rfc3339(newest)
  const what =
    executables.length > 0 ? executables : files.map((file) => (typeof file === 'string' ? file : file.target))
  return Buffer.from(
    JSON.stringify({
      created,
      architecture,
      ...(variant !== '' && { variant }),
      os,
      config: config satisfies ImageRunConfig,
      rootfs: { type: 'layers', diff_ids: [...(base?.layers.map((layer) => layer.diffId) ?? []), diffId] },
      history: [...(base?.history ?? []), { created, created_by: `inboard fromHost ${what.join(' ')}` }],
    }),
  )
}

function rfc3339([seconds, nanoseconds]: Time): string {
  const fraction = nanoseconds === 0 ? '' : `.${String(nanoseconds).padStart(9, '0').replace(/0+$/, '')}`
  return new Date(seconds * 1000).toISOString().replace('.000Z', `${fraction}Z`)
}
