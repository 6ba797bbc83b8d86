import { align, type Message } from './messages.js'

const headerLength = 16
const attributeHeaderLength = 4
const NLA_TYPE_MASK = 0x3fff

/** Where the body of each message begins, once they are encoded one behind the other. */
export function bodyPlaces(messages: readonly Message[]): number[] {
  let at = 0
  return messages.map(({ body }) => {
    const place = at + headerLength
    at = align(place + body.length)
    return place
  })
}

/** A way to an attribute's payload: what is skipped, then the attribute that is entered, and so on. */
export type AttributePath = readonly { readonly skip: number; readonly type: number }[]

/** Where in a body the payload of an attribute is; it must be there. */
export function attributePlace(body: Uint8Array, path: AttributePath): number {
  const view = Buffer.from(body.buffer, body.byteOffset, body.byteLength)
  return path.reduce((start, { skip, type }) => payloadPlace(view, start + skip, type), 0)
}

function payloadPlace(view: Buffer, start: number, type: number): number {
  for (let at = start; at + attributeHeaderLength <= view.length; at += align(view.readUInt16LE(at)))
    if ((view.readUInt16LE(at + 2) & NLA_TYPE_MASK) === type) return at + attributeHeaderLength
  throw new RangeError(`no attribute ${type}`)
}
