import type { BlobDescriptor, Content } from '../content/content.js'
import { failpoint } from '../errors/failpoint.js'
import { chainIds, extractLayer } from '../layer/index.js'
import type { SnapshotDriver } from '../snapshot/driver.js'
import type { ImageRecords, LayerRow, SnapshotRow } from '../store/images.js'
import type { LayerSource } from './archive/image-source.js'
import { Gate } from './gate.js'
import type { LoadProgress } from './types.js'

export interface LayerStore {
  readonly content: Content
  readonly snapshots: SnapshotDriver
  readonly records: ImageRecords
}

/** A layer whose blob and files are in place. */
export interface StoredLayer {
  readonly row: LayerRow
  readonly snapshot: SnapshotRow
}

interface LayerIdentity {
  readonly chainId: string
  readonly diffId: string
  readonly parent: string | undefined
}

/** More would only wait for the two workers that extract, each with its buffers. */
const maxAtOnce = 3

/** Stores layers for one load: each chain id once, however many images of the archive have it. */
export class LayerLoader {
  readonly #store: LayerStore
  readonly #signal: AbortSignal | undefined
  readonly #onProgress: (progress: LoadProgress) => void
  readonly #made = new Map<string, SnapshotRow>()

  constructor(store: LayerStore, signal: AbortSignal | undefined, onProgress: (progress: LoadProgress) => void) {
    this.#store = store
    this.#signal = signal
    this.#onProgress = onProgress
  }

  /**
   * Makes blobs and snapshots of an image's layers, several at once where the driver allows. When one fails the others
   * are stopped, and nothing that is not whole is left.
   *
   * @throws {DigestMismatchError} when a layer's content has not the diff id that the configuration gives
   */
  async load(diffIds: readonly string[], sources: readonly LayerSource[]): Promise<StoredLayer[]> {
    const failed = new AbortController()
    const signal = AbortSignal.any([failed.signal, ...(this.#signal ? [this.#signal] : [])])
    const gate = new Gate(maxAtOnce)
    const chain = chainIds(diffIds)
    const layers: Promise<StoredLayer>[] = []
    for (const [at, source] of sources.entries()) {
      const identity = { chainId: chain[at] as string, diffId: diffIds[at] as string, parent: chain[at - 1] }
      const below = layers[at - 1]
      const layer = gate.run(() => this.#layer(identity, source, below, signal))
      layer.catch((error) => failed.abort(error))
      layers.push(layer)
    }
    await Promise.allSettled(layers)
    this.#signal?.throwIfAborted()
    if (failed.signal.aborted) throw failed.signal.reason
    return Promise.all(layers)
  }

  async #layer(
    identity: LayerIdentity,
    source: LayerSource,
    below: Promise<StoredLayer> | undefined,
    signal: AbortSignal,
  ): Promise<StoredLayer> {
    signal.throwIfAborted()
    const { chainId, diffId } = identity
    const blob = await source.ingest()
    const known = this.#known(chainId)
    if (known) this.#onProgress({ kind: 'layer', diffId, status: 'exists' })
    // A copying driver starts from the layer below, which got its place at the gate before this one.
    if (!known && this.#store.snapshots.name === 'vfs') await below
    const snapshot = known ?? (await this.#extract(identity, blob, signal))
    this.#made.set(chainId, snapshot)
    const row = { diff_id: diffId, chain_id: chainId, blob: blob.digest, media_type: source.mediaType ?? null }
    return { row, snapshot }
  }

  #known(chainId: string): SnapshotRow | undefined {
    const { records, snapshots } = this.#store
    const made = this.#made.get(chainId) ?? records.snapshot(chainId)
    return made && snapshots.has(chainId) ? made : undefined
  }

  async #extract(identity: LayerIdentity, blob: BlobDescriptor, signal: AbortSignal): Promise<SnapshotRow> {
    const { content, snapshots } = this.#store
    const { chainId, diffId, parent } = identity
    signal.throwIfAborted()
    this.#onProgress({ kind: 'layer', diffId, status: 'extracting' })
    const prepared = await snapshots.prepareLayer(chainId, parent, { signal })
    try {
      const { format, path } = prepared
      const { size } = await extractLayer(content.path(blob.digest), path, { format, diffId, signal })
      failpoint('layer.commit')
      await prepared.commit()
      this.#onProgress({ kind: 'layer', diffId, status: 'extracted' })
      return { chain_id: chainId, parent: parent ?? null, diff_id: diffId, size }
    } finally {
      await prepared.discard()
    }
  }
}
