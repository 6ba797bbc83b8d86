declare module 'unbzip2-stream/lib/bzip2.js' {
  /** Reads as many bits; with `null` on to the next byte. */
  type Bits = (count: number | null) => number
  const bzip2: {
    /** The size of the blocks that follow, in units of 100,000 bytes. */
    header(bits: Bits): number
    /** Decompresses a block; the stream's CRC so far, null at the stream's end. */
    decompress(
      bits: Bits,
      write: (byte: number) => void,
      buffer: Int32Array,
      size: number,
      crc: number | null,
    ): number | null
  }
  export default bzip2
}

declare module 'unbzip2-stream/lib/bit_iterator.js' {
  export default function bitIterator(next: () => Uint8Array): {
    (count: number | null): number
    /** Bytes that it has begun with. */
    readonly bytesRead: number
  }
}
