import type { BlobDescriptor } from '../content/content.js'
import type { Digest } from '../content/digest.js'
import { parseReference } from '../reference/reference.js'
import type { Repository } from '../registry/types.js'
import type { ImageRecords, RemoteLayerRow } from '../store/images.js'
import type { LayerProgress, LayerStatus } from './progress.js'

/** Tells what happens to one blob. */
export type Report = (status: LayerStatus, detail?: Pick<LayerProgress, 'current' | 'total' | 'from'>) => void

/** A blob that a repository is to have. */
export interface Outgoing {
  readonly blob: BlobDescriptor
  /** Of a layer; the registry may have it in other repositories. */
  readonly diffId?: string
  /** The blob's bytes from an offset on. */
  read(offset: number): AsyncIterable<Uint8Array>
  readonly report: Report
}

/** What a registry has of a blob already, and which of its repositories it was given from. */
interface Found {
  readonly status: 'exists' | 'mounted'
  readonly from?: string
}

/** A registry may be slow to say no: sending the blob is what remains. */
const maxMounts = 3

/** Brings blobs to a repository, each once; what the registry has somewhere already is not sent. */
export class BlobSender {
  readonly #repository: Repository
  readonly #records: Pick<ImageRecords, 'remoteLayers'>
  readonly #domain: string
  /** Blobs that are there, and those on their way. */
  readonly #sent = new Map<Digest, Promise<void>>()

  constructor(repository: Repository, records: Pick<ImageRecords, 'remoteLayers'>) {
    this.#repository = repository
    this.#records = records
    this.#domain = parseReference(repository.name).domain
  }

  /** The blobs that this registry was seen to have for a layer, those of the repository itself first. */
  known(diffId: string): RemoteLayerRow[] {
    const here = this.#records
      .remoteLayers(diffId)
      .filter(({ repository }) => parseReference(repository).domain === this.#domain)
    const isOwn = ({ repository }: RemoteLayerRow) => repository === this.#repository.name
    return [...here.filter(isOwn), ...here.filter((row) => !isOwn(row))]
  }

  /** Whether the repository has the blob, or was given it from another one of its registry. */
  async find({ blob, diffId, report }: Omit<Outgoing, 'read'>, signal: AbortSignal | undefined): Promise<boolean> {
    if (this.#sent.has(blob.digest)) return true
    const found = await this.#look(blob.digest, diffId, signal)
    if (!found) return false
    this.#sent.set(blob.digest, Promise.resolve())
    report(found.status, found)
    return true
  }

  async send(outgoing: Outgoing, signal: AbortSignal | undefined): Promise<void> {
    const { digest } = outgoing.blob
    const before = this.#sent.get(digest)
    if (before) {
      await before
      return outgoing.report('exists')
    }
    const sending = this.#send(outgoing, signal)
    this.#sent.set(digest, sending)
    await sending
  }

  async #send({ blob, diffId, read, report }: Outgoing, signal: AbortSignal | undefined): Promise<void> {
    const found = await this.#look(blob.digest, diffId, signal)
    if (found) return report(found.status, found)
    report('uploading', { current: 0, total: blob.size })
    const onProgress = (current: number) => report('uploading', { current, total: blob.size })
    await this.#repository.uploadBlob(blob, read, { signal, onProgress })
    report('done')
  }

  async #look(digest: Digest, diffId: string | undefined, signal: AbortSignal | undefined): Promise<Found | undefined> {
    if (await this.#repository.hasBlob(digest, { signal })) return { status: 'exists' }
    const rows = diffId === undefined ? [] : this.known(diffId)
    const others = rows.filter((row) => row.digest === digest && row.repository !== this.#repository.name)
    for (const { repository } of others.slice(0, maxMounts)) {
      const { path } = parseReference(repository)
      if (await this.#repository.mountBlob(digest, path, { signal })) return { status: 'mounted', from: path }
    }
    return undefined
  }
}
