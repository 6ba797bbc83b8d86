import { frameHeaderBytes } from './frame-codec.js'
import { decodeFrame, type Frame } from './protocol.gen.js'

/** Cuts a byte stream into frames. */
export class FrameReader {
  #rest: Buffer | undefined
  readonly #onFrame: (frame: Frame) => void

  constructor(onFrame: (frame: Frame) => void) {
    this.#onFrame = onFrame
  }

  push(chunk: Buffer): void {
    let bytes = this.#rest ? Buffer.concat([this.#rest, chunk]) : chunk
    while (bytes.length >= frameHeaderBytes) {
      const end = frameHeaderBytes + bytes.readUInt32LE(4)
      if (bytes.length < end) break
      this.#onFrame(decodeFrame(bytes[0] as number, bytes.subarray(frameHeaderBytes, end)))
      bytes = bytes.subarray(end)
    }
    this.#rest = bytes.length > 0 ? bytes : undefined
  }
}
