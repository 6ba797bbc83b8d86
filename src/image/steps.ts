import { randomBytes } from 'node:crypto'
import type { Content } from '../content/content.js'
import { type Digest, digestOf } from '../content/digest.js'
import { failpoint } from '../errors/failpoint.js'
import { NotFoundError } from '../errors/index.js'
import type { Repository } from '../registry/types.js'
import { type BuildStepLine, type BuildStepRow, openBuildStepStore } from '../store/build-steps.js'
import type { Database } from '../store/database.js'
import type { LayerRow, NewSnapshot } from '../store/images.js'
import type { Collection } from './collection.js'
import { parsePlatform, platformObject } from './documents/platform.js'
import { verifyDepth } from './layers.js'
import type { ImageContext } from './load.js'
import { type CacheLayout, saveLayers } from './step-layout.js'
import { type DescribeCache, type FetchOptions, fetchLayers, pushLayers } from './step-transfer.js'
import type { ImageLayer } from './types.js'

/** A layer that a step has made: its blob and its snapshot are in place. */
export interface StepLayer {
  readonly diffId: Digest
  readonly chainId: string
  readonly blob: Digest
  readonly mediaType: string
  /** Bytes of its files. */
  readonly size: number
}

/** What a step has come to. */
export interface RecordedStep {
  /** All layers of its files, bottom first. */
  readonly layers: readonly ImageLayer[]
  /** When it was done, in ms. */
  readonly createdAtMs: number
}

export interface FoundStep extends RecordedStep {
  /** It was done before, or by somebody else. */
  readonly isFound: boolean
}

/** A step as caches tell it. */
export interface ToldStep {
  /** All that it is found under. */
  readonly keys: readonly string[]
  readonly kind: string
  readonly description: string
  /** ms */
  readonly createdAtMs: number
}

export interface PushTarget {
  readonly repository: Repository
  readonly tag: string
  readonly describe: DescribeCache
  readonly signal?: AbortSignal | undefined
}

export interface StepWork {
  make(): Promise<RecordedStep>
  readonly signal?: AbortSignal | undefined
}

export interface NewStep {
  /** What it is found under. */
  readonly keys: readonly string[]
  readonly kind: string
  readonly description: string
  /** `linux/arm64/v8` */
  readonly platform: string
  /** The files that it began with. */
  readonly below: readonly ImageLayer[]
  /** Undefined: it has changed nothing. */
  readonly layer: StepLayer | undefined
  /** ms; now by default. */
  readonly createdAtMs?: number | undefined
}

/**
 * Records of what steps of builds have come to. The files of a step are an image that nobody sees, whose ID its layers and its
 * platform decide: containers of steps are made of it, and it is kept, mended and collected as images are. What a build has
 * found or made stays as long as the build is under way.
 */
export interface ImageSteps {
  /** What was recorded under one of the keys, if all of it is still here. It stays for the build, and will be found by all of the keys. */
  find(build: string, keys: readonly string[]): FoundStep | undefined
  /**
   * The image that nobody sees with these files; it stays for the build.
   *
   * @returns its ID
   * @throws {NotFoundError} `CONTENT_NOT_FOUND` when one of the layers is gone
   */
  hidden(build: string, layers: readonly ImageLayer[], platform: string, signal?: AbortSignal): Promise<string>
  /** Whether all of these layers are here. */
  has(layers: readonly ImageLayer[]): boolean
  /** Makes layers that are somewhere else ones that are here; they stay for the build. @throws as {@link fetchLayers} */
  fetch(build: string, layers: readonly ImageLayer[], platform: string, options: FetchOptions): Promise<void>
  /** Brings layers and a document about them to a registry. @throws as {@link pushLayers} */
  push(layers: readonly ImageLayer[], target: PushTarget): Promise<Digest>
  /** Writes them to a directory of the host. */
  save(layers: readonly ImageLayer[], directory: string, layout: CacheLayout, signal?: AbortSignal): Promise<Digest>
  /** What is told of a step, for caches elsewhere; it is not used by that. */
  recorded(keys: readonly string[]): ToldStep | undefined
  /** Keeps an image for the build, whoever removes it; false when there is none. */
  keep(build: string, image: string): boolean
  /** Runs what makes layers, and records them, with collectors kept away. */
  making<Result>(body: (content: Content) => Promise<Result>, signal?: AbortSignal): Promise<Result>
  /** Finds a step, or has it done: of all who want it at once, in whatever process, one does it. */
  once(build: string, keys: readonly string[], work: StepWork): Promise<FoundStep>
  /** Records a step, in one transaction; within {@link making}. It stays for the build. @throws {LayerError} `TOO_MANY_LAYERS` */
  record(build: string, step: NewStep): RecordedStep
  /**
   * The build is over: what it has left gets to the disk, and what nobody needs goes.
   *
   * @param isAbandoned nobody has ended it: its process was killed. Default false.
   */
  release(build: string, isAbandoned?: boolean): Promise<void>
  /** Builds that something is kept for. */
  builds(): string[]
  /** When an image with the same content was built first, in ms: at `now`, if none was. */
  imageTime(key: string, now?: number): number
  /** Forgets those times that no build has asked for since a moment, in ms. */
  forgetImageTimes(before: number): void
  /** All steps, those used last first. */
  list(): BuildStepLine[]
  /** Removes steps, and the layers that nothing else needs. */
  remove(ids: readonly string[]): Promise<RemovedSteps>
}

export interface RemovedSteps {
  /** Those that were there. */
  readonly removed: readonly string[]
  /** Bytes of the files of the layers that go. */
  readonly size: number
}

export function openImageSteps(context: ImageContext, collection: Collection, database: Database): ImageSteps {
  const { content, records, snapshots, disk } = context
  const { transaction } = database
  const store = openBuildStepStore(database)

  const isHere = ({ chain_id, blob }: LayerRow) =>
    snapshots.has(chain_id) && (blob === null || content.has(blob as Digest))

  /** A layer's blob may have been replaced by another one meanwhile: of a push. */
  const present = (layer: ImageLayer): LayerRow => {
    const row = toRow(layer)
    const others = records.layerBlobs(layer.diffId).map((other) => ({ ...row, ...other }))
    const found = (row.blob === null ? [...others, row] : [row, ...others]).find(isHere)
    if (found) return found
    throw new NotFoundError(`The layer ${layer.diffId} is gone: it was removed while a build needed it.`, {
      code: 'CONTENT_NOT_FOUND',
      details: { digest: layer.diffId, chainId: layer.chainId },
    })
  }

  const put = (
    layers: readonly LayerRow[],
    made: readonly NewSnapshot[],
    platform: string,
    recorded: (id: string) => void,
  ) => {
    verifyDepth(layers.length)
    const document = hiddenDocument(layers, platform)
    const id = digestOf(document)
    const sizeOf = (chainId: string) =>
      (made.find(({ chain_id }) => chain_id === chainId) ?? records.snapshot(chainId))?.size ?? 0
    const image = {
      id,
      config: document.toString('utf8'),
      manifest: null,
      size: layers.reduce((sum, { chain_id }) => sum + sizeOf(chain_id), 0),
      created_at: '',
      layers,
      snapshots: made,
      references: [],
      isHidden: true,
    }
    records.putAll([image], { mark: disk.mark(), recorded: () => recorded(id) })
    return id
  }

  const toStep = (row: BuildStepRow): RecordedStep | undefined => {
    const layers = records.layers(row.image)
    return layers.every(isHere) ? { layers: layers.map(toLayer), createdAtMs: row.created_at } : undefined
  }

  const findRow = (keys: readonly string[]): BuildStepRow | undefined => {
    for (const key of keys) {
      const row = store.find(key)
      if (row) return row
    }
    return undefined
  }

  const find = (build: string, keys: readonly string[]): FoundStep | undefined => {
    if (!findRow(keys)) return undefined
    return transaction(() => {
      // Looked for once more: nobody can remove it now.
      const row = findRow(keys)
      const step = row && toStep(row)
      if (!row || !step) return undefined
      store.pin(build, row.image)
      store.use(row.id, Date.now(), keys)
      return { ...step, isFound: true }
    })
  }

  return {
    find,
    once: (build, keys, { make, signal }) =>
      content.claims.once(`step-${digestOf(Buffer.from(keys[0] as string)).slice('sha256:'.length)}`, {
        find: () => find(build, keys),
        make: async () => ({ ...(await make()), isFound: false }),
        signal,
      }),
    hidden: (build, layers, platform, signal) =>
      making(async () => {
        const id = digestOf(hiddenDocument(layers.map(toRow), platform))
        const isWhole = records.getUsed(id) !== undefined && records.layers(id).every(isHere)
        if (!isWhole) return put(layers.map(present), [], platform, () => store.pin(build, id))
        store.pin(build, id)
        return id
      }, signal),
    has: (layers) => layers.every((layer) => isHere(toRow(layer))),
    fetch: (build, layers, platform, options) =>
      making(async () => {
        const stored = await fetchLayers(context, layers, options)
        failpoint('exchange.fetched')
        const made = stored.map(({ snapshot, isMade }) => ({ ...snapshot, isMade }))
        const rows = stored.map(({ row }) => row)
        put(rows, made, platform, (id) => store.pin(build, id))
      }, options.signal),
    push: (layers, { repository, tag, describe, signal }) =>
      making(() => pushLayers(context, layers.map(present), repository, tag, describe, signal), signal),
    save: (layers, directory, layout, signal) =>
      making(() => saveLayers(context, layers.map(present), directory, layout, signal), signal),
    recorded(keys) {
      const row = findRow(keys)
      if (!row) return undefined
      const { kind, description, created_at: createdAtMs } = row
      return { keys: store.keysOf(row.id), kind, description, createdAtMs }
    },
    keep: (build, image) =>
      transaction(() => {
        const isThere = records.getUsed(image) !== undefined
        if (isThere) store.pin(build, image)
        return isThere
      }),
    making,
    record(build, step) {
      const { below, layer, keys, kind, description, createdAtMs = Date.now() } = step
      const rows = [...below.map(present), ...(layer ? [toRow(layer)] : [])]
      const made = layer ? [madeSnapshot(layer, below.at(-1)?.chainId)] : []
      failpoint('steps.record')
      put(rows, made, step.platform, (image) => {
        store.pin(build, image)
        store.put({ ...newRow(image, createdAtMs), kind, description, size: layer?.size ?? 0 }, keys)
      })
      return { layers: rows.map(toLayer), createdAtMs }
    },
    async release(build, isAbandoned = false) {
      failpoint('steps.release')
      // Who was killed may have left what no mark tells of yet: a claim.
      if (isAbandoned) await collection.change(async () => store.unpin(build))
      else store.unpin(build)
      disk.syncLater()
      // What cannot be removed now is found by the next.
      await collection.sweep().catch(() => {})
    },
    builds: store.pinning,
    imageTime: (key, now = Date.now()) => store.imageTime(key, now),
    list: store.list,
    forgetImageTimes: store.forgetImageTimes,
    remove: (ids) =>
      collection.change(async () =>
        transaction(() => {
          const before = records.unusedSize()
          const removed = ids.filter(store.remove)
          failpoint('steps.remove')
          records.deleteUnused()
          return { removed, size: records.unusedSize() - before }
        }),
      ),
  }

  function making<Result>(body: (content: Content) => Promise<Result>, signal?: AbortSignal): Promise<Result> {
    const held = async () => {
      using _ = snapshots.hold()
      return await body(content)
    }
    return collection.change(held, signal, { isSwept: false })
  }
}

function newRow(image: string, createdAtMs: number) {
  return {
    id: randomBytes(16).toString('hex'),
    image,
    created_at: createdAtMs,
    used_at: Date.now(),
    uses: 0,
  }
}

function madeSnapshot({ chainId, diffId, size }: StepLayer, parent: string | undefined): NewSnapshot {
  return { chain_id: chainId, parent: parent ?? null, diff_id: diffId, size, isMade: true }
}

function toRow({ diffId, chainId, blob, mediaType }: ImageLayer | StepLayer): LayerRow {
  return { diff_id: diffId, chain_id: chainId, blob: blob ?? null, media_type: mediaType ?? null }
}

function toLayer({ diff_id, chain_id, blob, media_type }: LayerRow): ImageLayer {
  return {
    diffId: diff_id as Digest,
    chainId: chain_id,
    blob: (blob ?? undefined) as Digest | undefined,
    mediaType: media_type ?? undefined,
  }
}

/** Nothing but what decides which files there are, and who can run them. */
function hiddenDocument(layers: readonly LayerRow[], platform: string): Buffer {
  const rootfs = { type: 'layers', diff_ids: layers.map(({ diff_id }) => diff_id) }
  return Buffer.from(JSON.stringify({ ...platformObject(parsePlatform(platform)), config: {}, rootfs }))
}
