import type { Digest } from '../../content/digest.js'
import type { Time } from '../../host/native.js'
import { packLayer } from '../../layer/index.js'
import { parseReference } from '../../reference/reference.js'
import type { ImageRunConfig } from '../../spec/options.js'
import { hostFailed } from '../archive/source.js'
import { parseConfig } from '../documents/config.js'
import { layerTar } from '../documents/media-types.js'
import { hostPlatform } from '../documents/platform.js'
import { LayerLoader } from '../layers.js'
import type { ImageContext } from '../load.js'
import { recordImages } from '../record.js'
import type { LoadedImage } from '../types.js'
import { baseFiles, type Gathered, gather } from './gather.js'
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
  if (records.idOfTag(request.reference) !== id) records.tag(request.reference, id)
  return { id: id as Digest, references: [parseReference(request.reference).familiar()] }
}

/** Makes an image of the host's programs. To be called within a change, see `collection.ts`. */
export async function makeHostImage(
  context: ImageContext,
  memory: HostImageMemory,
  request: HostImageRequest,
  signal: AbortSignal | undefined,
): Promise<LoadedImage> {
  try {
    const gathered = gather(request, await storeBaseFiles(context), context.native)
    const blob = await context.content.ingestMade(async (path) => {
      const { diffId, size } = await packLayer(gathered.entries, path, { signal })
      return { digest: diffId as Digest, size }
    })
    const document = hostDocument(request, gathered, blob.digest)
    const config = parseConfig(document, 'configuration')
    const loader = new LayerLoader(context, signal, () => {})
    const layers = await loader.load(config.diffIds, [{ mediaType: layerTar, ingest: async () => blob }])
    const ready = { document, config, manifest: undefined, layers, references: [request.reference] }
    const [image] = (await recordImages([ready], context)) as [LoadedImage]
    memory.remember(request, image.id, gathered.observations)
    return image
  } catch (error) {
    signal?.throwIfAborted()
    throw hostFailed(error)
  }
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

async function* only(bytes: Buffer): AsyncGenerator<Buffer, void, undefined> {
  yield bytes
}

/** The same files make the same document: its time is that of the newest file. */
function hostDocument(request: HostImageRequest, { config, newest }: Gathered, diffId: string): Buffer {
  const { os, architecture, variant } = hostPlatform()
  const created = rfc3339(newest)
  return Buffer.from(
    JSON.stringify({
      created,
      architecture,
      ...(variant !== '' && { variant }),
      os,
      config: config satisfies ImageRunConfig,
      rootfs: { type: 'layers', diff_ids: [diffId] },
      history: [{ created, created_by: `inboard fromHost ${request.executables.join(' ')}` }],
    }),
  )
}

function rfc3339([seconds, nanoseconds]: Time): string {
  const fraction = nanoseconds === 0 ? '' : `.${String(nanoseconds).padStart(9, '0').replace(/0+$/, '')}`
  return new Date(seconds * 1000).toISOString().replace('.000Z', `${fraction}Z`)
}
