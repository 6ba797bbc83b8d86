import type { Content } from '../content/content.js'
import type { GrowingSource } from '../layer/index.js'
import type { LayerBlob, LayerSource } from './archive/image-source.js'

/** A layer's blob on its way into the store, whose bytes can be read before it is there. */
export class Arrival {
  /** Settles when the blob is in place and verified, or will not be. */
  readonly blob: Promise<LayerBlob>
  /** Its first bytes can be read. Rejects as {@link blob} does. */
  readonly begun: Promise<void>
  #file: string | GrowingSource | undefined
  #failure: { readonly error: unknown } | undefined

  constructor(source: LayerSource, content: Content, signal: AbortSignal) {
    let begin!: () => void
    const following = new Promise<void>((resolve) => {
      begin = resolve
    })
    const follow = (file: GrowingSource) => {
      this.#file = file
      begin()
    }
    this.blob = source.ingest({ signal, follow }).then((blob) => {
      this.#file = content.path(blob.digest)
      return blob
    })
    this.begun = Promise.race([following, this.blob.then(() => {})])
    // Whoever waits for one of them need not wait for the other.
    this.blob.catch((error) => {
      this.#failure = { error }
    })
    this.begun.catch(() => {})
  }

  /** The path of a whole blob; else the file as it grows. */
  file(): string | GrowingSource {
    if (this.#file === undefined) throw new Error('unreachable: the blob has not begun to arrive')
    return this.#file
  }

  /** Throws what has kept the blob from arriving, if something has. */
  throwFailure(): void {
    if (this.#failure) throw this.#failure.error
  }
}
