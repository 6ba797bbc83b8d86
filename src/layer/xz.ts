import { ReadableStream } from 'node:stream/web'
import { invalidLayer, layerTooLarge } from './layer-errors.js'

/** The one decoder that the package has at a time; whoever waits for it must not be inside the package, which forgets to leave. */
let decoder: Promise<void> = Promise.resolve()

/**
 * All streams of an xz file, decompressed by xz-embedded in WebAssembly: dictionaries up to 64 MiB (`xz -9`), LZMA2 without other
 * filters, checks by CRC.
 * @see https://tukaani.org/xz/xz-file-format.txt
 */
export async function* unxz(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void, undefined> {
  const before = decoder
  let leave!: () => void
  decoder = new Promise((resolve) => {
    leave = resolve
  })
  await before
  try {
    yield* decode(source)
  } finally {
    leave()
  }
}

async function* decode(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void, undefined> {
  const loaded = await import('xz-decompress')
  // Some loaders show a CommonJS module as itself, Node's own as the default.
  const { XzReadableStream } = loaded.default ?? loaded
  const input = new Input(source)
  const reader = new XzReadableStream(input.stream).getReader()
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      if (value.length > 0) yield Buffer.from(value.buffer, value.byteOffset, value.byteLength)
    }
  } catch (error) {
    throw input.failure === undefined ? xzFailed(error as Error) : input.failure.error
  } finally {
    await reader.cancel().catch(() => {})
  }
}

/** A source for the decoder, which tells the source's own failure from that of its data. */
class Input {
  readonly stream: ReadableStream<Uint8Array>
  failure: { readonly error: unknown } | undefined

  constructor(source: AsyncIterable<Buffer>) {
    const chunks = source[Symbol.asyncIterator]()
    this.stream = new ReadableStream(
      {
        pull: async (controller) => {
          try {
            const next = await chunks.next()
            if (next.done === true) controller.close()
            else controller.enqueue(next.value)
          } catch (error) {
            this.failure = { error }
            throw error
          }
        },
        cancel: async () => {
          await chunks.return?.()
        },
      },
      { highWaterMark: 0 },
    )
  }
}

/** The numbers are those of xz-embedded's `enum xz_ret`. */
function xzFailed({ message }: Error): Error {
  const code = Number(/error code (\d+)/.exec(message)?.[1])
  if (code === 4)
    return layerTooLarge(
      "The archive's xz data needs a dictionary of more than 64 MiB: recompress it with gzip or zstd.",
    )
  const why =
    code === 6
      ? 'uses a filter or check that is not supported: recompress it with gzip or zstd'
      : 'is corrupt or truncated'
  return invalidLayer(`The archive's xz data ${why}.`)
}
