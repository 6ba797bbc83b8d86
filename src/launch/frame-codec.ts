/** How a frame's payload is laid out: little-endian u64 fields, then an optional tail that takes the rest. */
export interface FrameLayout {
  readonly name: string
  readonly code: number
  readonly fields: readonly string[]
  readonly tail: 'str' | 'bytes' | undefined
}

/** Bytes before a frame's payload: u8 type, u8 0, u16 0, u32 payload length. */
export const frameHeaderBytes = 8

interface FrameCodec<F> {
  encodeFrame(frame: F): Buffer
  decodeFrame(type: number, payload: Uint8Array): F
}

const tailOf = (frame: Record<string, unknown>, tail: FrameLayout['tail']): Uint8Array => {
  if (tail === 'bytes') return frame.data as Uint8Array
  return tail === 'str' ? Buffer.from(frame.text as string) : new Uint8Array(0)
}

function encode(layout: FrameLayout, frame: Record<string, unknown>): Buffer {
  const tail = tailOf(frame, layout.tail)
  const payload = layout.fields.length * 8 + tail.length
  const bytes = Buffer.alloc(frameHeaderBytes + payload)
  bytes[0] = layout.code
  bytes.writeUInt32LE(payload, 4)
  let at = frameHeaderBytes
  for (const field of layout.fields) {
    at = bytes.writeBigUInt64LE(BigInt.asUintN(64, BigInt(frame[field] as number | bigint)), at)
  }
  bytes.set(tail, at)
  return bytes
}

function decode({ name, fields, tail }: FrameLayout, payload: Uint8Array): Record<string, unknown> {
  const fixed = fields.length * 8
  if (payload.length < fixed || (tail === undefined && payload.length !== fixed)) {
    throw new RangeError(`a ${name} frame of ${payload.length} bytes is malformed`)
  }
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength)
  const frame: Record<string, unknown> = { type: name }
  for (const [index, field] of fields.entries()) {
    const value = view.getBigUint64(index * 8, true)
    frame[field] = field.endsWith('Ns') ? value : Number(value)
  }
  const rest = payload.subarray(fixed)
  if (tail === 'bytes') frame.data = rest
  if (tail === 'str') frame.text = Buffer.from(rest.buffer, rest.byteOffset, rest.byteLength).toString()
  return frame
}

/** The encoder and decoder of the frames that `layouts` describes. Decoded `bytes` are a view of the payload. */
export function frameCodec<F extends { readonly type: string }>(layouts: readonly FrameLayout[]): FrameCodec<F> {
  const byName = new Map(layouts.map((layout) => [layout.name, layout]))
  const byCode = new Map(layouts.map((layout) => [layout.code, layout]))
  return {
    encodeFrame: (frame) => encode(byName.get(frame.type) as FrameLayout, { ...frame }),
    decodeFrame: (type, payload) => {
      const layout = byCode.get(type)
      if (layout === undefined) throw new RangeError(`unknown frame type ${type}`)
      return decode(layout, payload) as unknown as F
    },
  }
}
