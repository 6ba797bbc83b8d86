import { layerTooLarge } from './layer-errors.js'
import { defaultLimits, type TarLimits } from './tar-entry.js'

/** Compares what comes out of a decompressor with what went in: a bomb makes gigabytes of zeros from a megabyte. */
export class Expansion {
  readonly #maxRatio: number
  readonly #floorBytes: number
  #compressed = 0
  #expanded = 0

  constructor({ maxRatio = defaultLimits.maxRatio, ratioFloorBytes = defaultLimits.ratioFloorBytes }: TarLimits) {
    this.#maxRatio = maxRatio
    this.#floorBytes = ratioFloorBytes
  }

  /** Counts what goes into the decompressor. */
  async *compressed(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
    for await (const chunk of source) {
      this.#compressed += chunk.length
      yield chunk
    }
  }

  /** Counts what comes out of it. @throws LayerError LAYER_TOO_LARGE */
  async *expanded(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void, undefined> {
    for await (const chunk of source) {
      this.#expanded += chunk.length
      this.#verify()
      yield chunk
    }
  }

  #verify(): void {
    if (this.#expanded <= this.#floorBytes || this.#expanded <= this.#compressed * this.#maxRatio) return
    throw layerTooLarge(
      `The archive expands to more than ${this.#maxRatio} times its compressed size, which only a decompression bomb does; layerLimits.maxRatio allows more.`,
      { compressedBytes: this.#compressed, expandedBytes: this.#expanded, maxRatio: this.#maxRatio },
    )
  }
}
