import { InvalidOptionError, LayerError } from '../errors/index.js'
import { decompress } from '../layer/index.js'
import type { ImageRunConfig } from '../spec/options.js'
import { type ArchiveSource, archiveFailed, hostFailed, isDirectory, sourceBytes } from './archive/source.js'
import { applyChanges } from './changes.js'
import { parseConfig } from './documents/config.js'
import { layerTar } from './documents/media-types.js'
import { hostPlatform, type Platform, parsePlatform } from './documents/platform.js'
import { tellMade } from './events.js'
import { LayerLoader } from './layers.js'
import type { ImageContext } from './load.js'
import type { OnProgress } from './progress.js'
import { recordImages } from './record.js'
import { parseTag } from './tag.js'
import type { LoadedImage } from './types.js'

export interface ImportOptions {
  /** The image's name; none by default. */
  readonly reference?: string
  /** Dockerfile instructions, such as `CMD ["redis-server"]`; see `docker import --change`. */
  readonly changes?: readonly string[]
  /** Stands in the image's history; `Imported from <file or URL>` by default, without the URL's query and credentials. */
  readonly message?: string
  /** `os/architecture[/variant]`; this host's by default. */
  readonly platform?: string
  /** The most bytes that the tar may have when it is not compressed; any number by default. */
  readonly maxBytes?: number
  readonly signal?: AbortSignal
}

/** {@link ImportOptions} as the store takes them. */
export interface ImportRequest extends ImportOptions {
  /** Where a stream comes from. */
  readonly origin?: string
  readonly onProgress?: OnProgress
}

/** Makes an image of a root filesystem's tar. To be called within a change, see `collection.ts`. */
export async function importRootfs(
  context: ImageContext,
  source: ArchiveSource,
  request: ImportRequest,
): Promise<LoadedImage> {
  const { reference, changes = [], message, platform, maxBytes = Number.POSITIVE_INFINITY, origin, signal } = request
  const name = reference === undefined ? undefined : parseTag(reference, 'cannot import digest reference').toString()
  const config = applyChanges({}, changes)
  const target = platform === undefined ? hostPlatform() : parsePlatform(platform)
  if (await isDirectory(source)) throw notATar(source as string)
  try {
    // The tar as it is when decompressed has the diff id as its digest: it is inflated once only.
    const bytes = decompress(sourceBytes(source, { signal, onBytes: counting(request.onProgress) }))
    const blob = await context.content.ingest(bytes, { maxBytes, ...(signal && { signal }) })
    const comment = message ?? `Imported from ${origin ?? (typeof source === 'string' ? source : '-')}`
    const document = importDocument({ config, platform: target, diffId: blob.digest, comment })
    const parsed = parseConfig(document, 'configuration')
    const layer = { mediaType: layerTar, ingest: async () => blob }
    const loader = new LayerLoader(context, signal, () => {})
    const layers = await loader.load(parsed.diffIds, [layer])
    const references = name === undefined ? [] : [name]
    const ready = { document, config: parsed, manifest: undefined, layers, references, isNamedHere: true }
    const [image] = await recordImages([ready], context, (one) => tellMade(context.tell, one, 'import'))
    return image as LoadedImage
  } catch (error) {
    signal?.throwIfAborted()
    const isMalformed = error instanceof LayerError && error.code === 'LAYER_INVALID'
    throw isMalformed ? archiveFailed(error) : hostFailed(error)
  }
}

function counting(onProgress: OnProgress = () => {}): (bytes: number) => void {
  let current = 0
  return (bytes) => {
    current += bytes
    onProgress({ kind: 'bytes', current })
  }
}

function notATar(path: string): InvalidOptionError {
  return new InvalidOptionError(
    `${path} is a directory; import() takes a tar of a root filesystem: tar -C ${path} -c .`,
    {
      code: 'INVALID_ARCHIVE',
      details: { path },
    },
  )
}

function importDocument(parts: {
  config: ImageRunConfig
  platform: Platform
  diffId: string
  comment: string
}): Buffer {
  const { config, platform, diffId, comment } = parts
  const created = new Date().toISOString()
  const { os, architecture, variant } = platform
  return Buffer.from(
    JSON.stringify({
      created,
      architecture,
      ...(variant !== '' && { variant }),
      os,
      comment,
      config,
      rootfs: { type: 'layers', diff_ids: [diffId] },
      history: [{ created, comment }],
    }),
  )
}
