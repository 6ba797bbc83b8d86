import { createHash } from 'node:crypto'
import { type Digest, finishDigest } from '../content/digest.js'
import { failpoint } from '../errors/failpoint.js'
import { DigestMismatchError, type InboardError, LayerError, NotFoundError } from '../errors/index.js'
import type { TarLimits } from '../layer/index.js'
import type { LayerRow } from '../store/images.js'
import type { LayerSource } from './archive/image-source.js'
import { blobBytes, blobOf } from './blob-bytes.js'
import { syncFilesystem } from './disk.js'
import { LayerLoader } from './layers.js'
import type { ImageContext } from './load.js'
import { ofBoot } from './marks.js'

/** What has been taken once is not refused now. */
const unlimited: Required<TarLimits> = {
  maxEntries: Number.POSITIVE_INFINITY,
  maxBytes: Number.POSITIVE_INFINITY,
  maxFileBytes: Number.POSITIVE_INFINITY,
  maxRatio: Number.POSITIVE_INFINITY,
  ratioFloorBytes: Number.POSITIVE_INFINITY,
}

/** Whether something was recorded in another boot, and is not known to have reached the disk. */
export function isMendingNeeded({ records }: Pick<ImageContext, 'records'>, bootId: string): boolean {
  return records.marks().some((mark) => !ofBoot(mark, bootId))
}

/**
 * Makes whole what the end of another boot may have torn. Loads and pulls answer before their images are on the disk, so
 * after a power cut there may be records of files that are empty, cut off or missing: exactly of those that are marked. A
 * blob says by its digest whether it is whole; a tree of files cannot, so the trees are made once more from the blobs. An
 * image whose blobs are not whole is removed with its names: it can be had again. If containers need it they keep it, and
 * cannot start.
 *
 * To be called within a change, see `collection.ts`, and before anything uses the images. Every process does that when it
 * opens the root: one mends, the others wait. One that is killed leaves the marks, and whoever comes next begins anew.
 */
export async function mendImages(context: ImageContext, bootId: string): Promise<void> {
  await context.content.claims.once('mend', {
    find: () => (isMendingNeeded(context, bootId) ? undefined : true),
    async make() {
      await mend(context, bootId)
      return true
    },
  })
}

async function mend(context: ImageContext, bootId: string): Promise<void> {
  const { records, snapshots, root, native } = context
  const marks = records.marks().filter((mark) => !ofBoot(mark, bootId))
  const marked = records.marked(marks)
  for (const chainId of marked.snapshots) {
    failpoint('mend.snapshot')
    await snapshots.remove(chainId)
  }
  const mending = new Mending(context)
  for (const id of marked.images) {
    if (await mending.mend(id)) continue
    failpoint('mend.discard')
    records.discard(id)
  }
  failpoint('mend.sync')
  await syncFilesystem(root, native)
  failpoint('mend.clear')
  records.clearMarks(marks)
}

class Mending {
  readonly #context: ImageContext
  readonly #loader: LayerLoader
  /** Blobs that were looked at, and may be others' as well. */
  readonly #verified = new Map<Digest, Promise<void>>()

  constructor(context: ImageContext) {
    this.#context = context
    this.#loader = new LayerLoader({ ...context, layerLimits: unlimited }, undefined, () => {})
  }

  /** Whether the image is whole now. */
  async mend(id: string): Promise<boolean> {
    const { records } = this.#context
    const { manifest = null } = records.getUsed(id) ?? {}
    const layers = records.layers(id)
    try {
      if (manifest !== null) await this.#verify(manifest as Digest)
      const diffIds = layers.map(({ diff_id }) => diff_id)
      await this.#loader.load(
        diffIds,
        layers.map((layer) => this.#source(layer)),
      )
      return true
    } catch (error) {
      if (isTorn(error)) return false
      throw error
    }
  }

  #source(layer: LayerRow): LayerSource {
    return {
      mediaType: layer.media_type ?? undefined,
      ingest: async () => {
        const digest = blobOf(layer)
        await this.#verify(digest)
        return { digest, size: this.#context.content.size(digest) }
      },
    }
  }

  #verify(digest: Digest): Promise<void> {
    const verified = this.#verified.get(digest) ?? this.#verifyOnce(digest)
    this.#verified.set(digest, verified)
    return verified
  }

  async #verifyOnce(digest: Digest): Promise<void> {
    const { content } = this.#context
    const hash = createHash('sha256')
    for await (const chunk of blobBytes(content, digest)) hash.update(chunk)
    const actual = finishDigest(hash)
    if (actual === digest) return
    // Nobody may take it for whole any more.
    content.remove(digest)
    throw new DigestMismatchError(`the blob ${digest} has the digest ${actual}: it was not on the disk`, {
      code: 'DIGEST_MISMATCH',
      details: { what: 'digest', expected: digest, actual },
    })
  }
}

/** That there is no room, say, is no image's fault: then the root is opened another time. */
function isTorn(error: unknown): boolean {
  if (error instanceof DigestMismatchError || error instanceof NotFoundError || error instanceof LayerError) return true
  const { code, details } = error as Partial<InboardError>
  return (details?.errno ?? code) === 'EIO'
}
