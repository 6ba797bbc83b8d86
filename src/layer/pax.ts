import { invalidLayer } from './layer-errors.js'
import { encodeName } from './names.js'

/** One record of an extended header; order matters to the sparse formats. */
export interface PaxRecord {
  readonly key: string
  readonly value: Buffer
}

/**
 * The records of an extended header: `length key=value\n`, the length in decimal and counting itself.
 * @see https://pubs.opengroup.org/onlinepubs/9799919799/utilities/pax.html
 */
export function parsePax(data: Buffer): PaxRecord[] {
  const records: PaxRecord[] = []
  for (let at = 0; at < data.length; ) {
    const space = data.indexOf(0x20, at)
    const digits = space < 0 || space - at > 10 ? '' : data.toString('latin1', at, space)
    const end = at + Number(digits)
    const equals = data.indexOf(0x3d, space)
    const wellFormed = /^[1-9]\d*$/.test(digits) && end <= data.length && data[end - 1] === 0x0a
    if (!wellFormed || equals < space + 2 || equals >= end - 1)
      throw invalidLayer('The archive has a malformed extended header.')
    records.push({ key: data.toString('utf8', space + 1, equals), value: data.subarray(equals + 1, end - 1) })
    at = end
  }
  return records
}

export function formatPax(records: readonly (readonly [key: string, value: string | Buffer])[]): Buffer {
  return Buffer.concat(records.map(([key, value]) => formatRecord(key, value)))
}

function formatRecord(key: string, value: string | Buffer): Buffer {
  const body = Buffer.concat([
    Buffer.from(` ${key}=`, 'utf8'),
    typeof value === 'string' ? encodeName(value) : value,
    Buffer.from('\n'),
  ])
  let length = body.length + 1
  while (String(length).length + body.length !== length) length = String(length).length + body.length
  return Buffer.concat([Buffer.from(String(length)), body])
}
