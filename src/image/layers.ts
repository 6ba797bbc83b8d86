import { createHash } from 'node:crypto'
import { setMaxListeners } from 'node:events'
import type { Content } from '../content/content.js'
import { finishDigest } from '../content/digest.js'
import { Gate } from '../content/gate.js'
import { failpoint } from '../errors/failpoint.js'
import { DigestMismatchError, LayerError } from '../errors/index.js'
import { chainIds, decompressLayer, extractLayer, type TarLimits } from '../layer/index.js'
import type { SnapshotDriver } from '../snapshot/driver.js'
import type { ImageRecords, LayerRow, SnapshotRow } from '../store/images.js'
import { traced } from '../tracing/index.js'
import type { LayerBlob, LayerSource } from './archive/image-source.js'
import { Arrival } from './arrival.js'
import { blobBytes } from './blob-bytes.js'
import type { LayerProgress, LayerStatus, OnProgress } from './progress.js'

export interface LayerStore {
  readonly content: Content
  readonly snapshots: SnapshotDriver
  readonly records: ImageRecords
  /** Bounds on every layer. */
  readonly layerLimits?: TarLimits | undefined
}

/** A layer whose blob and files are in place. */
export interface StoredLayer {
  readonly row: LayerRow
  readonly snapshot: SnapshotRow
  /** Whether its files were made just now. */
  readonly isMade: boolean
}

interface LayerIdentity {
  readonly chainId: string
  readonly diffId: string
  readonly parent: string | undefined
}

/** A layer on its way through the loader. */
interface Task {
  readonly identity: LayerIdentity
  readonly source: LayerSource
  readonly below: Promise<StoredLayer> | undefined
  readonly signal: AbortSignal
  report(status: LayerStatus, bytes?: Pick<LayerProgress, 'current' | 'total'>): void
}

/** What Docker and overlayfs can stack: names of that many lower directories fit into one mount. */
const maxLayers = 127

/** As many as there are workers on a small machine; more would only be directories that wait. */
const maxExtractions = 3

/**
 * Stores layers for one load or pull: each chain id once, however many images, pulls and processes want it.
 *
 * A layer's blob goes to a file, and its extraction reads that file while it grows, in another thread: no byte passes through
 * this one twice. The network never waits for a worker, whose place a layer takes only once there is something to read; one
 * that finds all workers at work goes on arriving, and may be whole by its turn.
 */
export class LayerLoader {
  readonly #store: LayerStore
  readonly #signal: AbortSignal | undefined
  readonly #onProgress: OnProgress
  readonly #made = new Map<string, SnapshotRow>()
  /** Diff ids, and blobs that were seen to be theirs. */
  readonly #verified = new Set<string>()
  readonly #extractions = new Gate(maxExtractions)

  constructor(store: LayerStore, signal: AbortSignal | undefined, onProgress: OnProgress) {
    this.#store = store
    this.#signal = signal
    this.#onProgress = onProgress
  }

  /**
   * Makes blobs and snapshots of an image's layers, several at once where the driver allows. When one fails the others
   * are stopped, and nothing that is not whole is left.
   *
   * @throws {DigestMismatchError} when a layer's content has not the diff id that the configuration gives
   * @throws {LayerError} `TOO_MANY_LAYERS`
   */
  async load(diffIds: readonly string[], sources: readonly LayerSource[]): Promise<StoredLayer[]> {
    verifyDepth(diffIds.length)
    const failed = new AbortController()
    const signal = AbortSignal.any([failed.signal, ...(this.#signal ? [this.#signal] : [])])
    // Every layer listens.
    setMaxListeners(0, signal)
    const chain = chainIds(diffIds)
    const layers: Promise<StoredLayer>[] = []
    for (const [at, source] of sources.entries()) {
      const identity = { chainId: chain[at] as string, diffId: diffIds[at] as string, parent: chain[at - 1] }
      const name = source.name ?? identity.diffId
      const report: Task['report'] = (status, bytes) =>
        this.#onProgress({ kind: 'layer', layer: name, status, ...bytes })
      const layer = this.#layer({ identity, source, below: layers[at - 1], signal, report })
      layer.catch((error) => failed.abort(error))
      layers.push(layer)
    }
    await Promise.allSettled(layers)
    this.#signal?.throwIfAborted()
    if (failed.signal.aborted) throw failed.signal.reason
    return Promise.all(layers)
  }

  async #layer(task: Task): Promise<StoredLayer> {
    const { identity, source, signal, report } = task
    const { chainId, diffId } = identity
    signal.throwIfAborted()
    report('waiting')
    let made: LayerBlob | undefined
    const snapshot = await this.#store.content.claims.once(`chain-${chainId.slice('sha256:'.length)}`, {
      find: (note) => this.#find(identity, note),
      make: async (note) => {
        const layer = await this.#make(task)
        made = layer.blob
        failpoint('layer.note')
        note(`${layer.snapshot.size} ${layer.blob.digest}`)
        this.#verified.add(`${diffId} ${layer.blob.digest}`)
        return layer.snapshot
      },
      signal,
    })
    this.#made.set(chainId, snapshot)
    const blob = made ?? (await this.#verify(await source.ingest({ signal }), diffId, signal))
    if (made) report('done', { current: made.size, total: made.size })
    else report('exists')
    const mediaType = blob.mediaType ?? source.mediaType ?? null
    const row = { diff_id: diffId, chain_id: chainId, blob: blob.digest, media_type: mediaType }
    return { row, snapshot, isMade: made !== undefined }
  }

  /** What a record tells, this loader has made, or another that is still at work has noted. */
  #find({ chainId, diffId, parent }: LayerIdentity, note: string | undefined): SnapshotRow | undefined {
    const { records, snapshots } = this.#store
    const [size, blob] = note?.split(' ') ?? []
    if (blob !== undefined) this.#verified.add(`${diffId} ${blob}`)
    const noted = { chain_id: chainId, parent: parent ?? null, diff_id: diffId, size: Number(size) }
    const found = this.#made.get(chainId) ?? records.snapshot(chainId) ?? (note === undefined ? undefined : noted)
    return found && snapshots.has(chainId) ? found : undefined
  }

  /** Files that were here already were made of another blob: whether this one is the same layer, nobody has seen. */
  async #verify(blob: LayerBlob, diffId: string, signal: AbortSignal): Promise<LayerBlob> {
    const { content, records, layerLimits = {} } = this.#store
    const { digest } = blob
    const isKnown = () => records.layerBlobs(diffId).some((other) => other.blob === digest)
    if (digest === null || digest === diffId || this.#verified.has(`${diffId} ${digest}`) || isKnown()) return blob
    const hash = createHash('sha256')
    for await (const chunk of decompressLayer(blobBytes(content, digest), layerLimits)) {
      signal.throwIfAborted()
      hash.update(chunk)
    }
    const actual = finishDigest(hash)
    if (actual === diffId) return blob
    throw new DigestMismatchError(`The layer ${digest} has the diff id ${actual}, but ${diffId} was announced.`, {
      code: 'DIGEST_MISMATCH',
      details: { what: 'diffId', expected: diffId, actual },
    })
  }

  async #make(task: Task): Promise<{ blob: LayerBlob; snapshot: SnapshotRow }> {
    const stop = new AbortController()
    const signal = AbortSignal.any([stop.signal, task.signal])
    const arrival = new Arrival(task.source, this.#store.content, signal)
    try {
      await arrival.begun
      // A copying driver starts from the layer below.
      if (this.#store.snapshots.name === 'vfs') await task.below
      const snapshot = await this.#extractions.run(() => this.#extraction(task, arrival, signal), signal)
      return { blob: await arrival.blob, snapshot }
    } catch (error) {
      // Bytes that cannot be read may have been damaged on their way: then that is what has to be said.
      if (isUnreadable(error)) await arrival.blob
      arrival.throwFailure()
      throw error
    } finally {
      stop.abort(stopped)
      await arrival.blob.catch(() => {})
    }
  }

  #extraction(task: Task, arrival: Arrival, signal: AbortSignal): Promise<SnapshotRow> {
    const { source, identity } = task
    const layer = { layer: source.name ?? identity.diffId, diffId: identity.diffId }
    return traced(
      'inboard:layer.extract',
      () => layer,
      async (message) => {
        const snapshot = await this.#extract(task, arrival, signal)
        if (message) message.sizeBytes = snapshot.size
        return snapshot
      },
    )
  }

  async #extract({ identity, report }: Task, arrival: Arrival, signal: AbortSignal): Promise<SnapshotRow> {
    const { snapshots, layerLimits: limits } = this.#store
    const { chainId, diffId, parent } = identity
    let isOver = false
    arrival.blob.then(({ size: total }) => isOver || report('extracting', { total })).catch(() => {})
    const prepared = await snapshots.prepareLayer(chainId, parent, { signal })
    try {
      const { format, path } = prepared
      const { size } = await extractLayer(arrival.file(), path, { format, diffId, signal, limits })
      // Nothing is published before the blob is known to be what was announced.
      await arrival.blob
      failpoint('layer.commit')
      await prepared.commit()
      return { chain_id: chainId, parent: parent ?? null, diff_id: diffId, size }
    } finally {
      isOver = true
      await prepared.discard()
    }
  }
}

/** @throws {LayerError} `TOO_MANY_LAYERS`, with Docker's words */
export function verifyDepth(layers: number): void {
  if (layers <= maxLayers) return
  throw new LayerError(`max depth exceeded: ${layers} layers, ${maxLayers} are allowed`, {
    code: 'TOO_MANY_LAYERS',
    details: { layers, maxLayers },
  })
}

const stopped = new Error('The layer is not needed any more.')

function isUnreadable(error: unknown): boolean {
  const { code } = error as { code?: unknown }
  return code === 'LAYER_INVALID' || code === 'LAYER_ESCAPES' || code === 'DIGEST_MISMATCH'
}
