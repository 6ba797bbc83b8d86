import { InvalidOptionError } from '../errors/index.js'
import { quoted } from '../errors/printable.js'
import { encodeName } from './names.js'
import { formatPax } from './pax.js'
import { blockSize, type EntryKind, type Time } from './tar-entry.js'

/** An entry to be written; what is left out is empty, 0 or root. */
export interface TarEntryInit {
  readonly kind: EntryKind
  /** Relative, without a leading slash; directories get their trailing slash here. */
  readonly name: string
  readonly linkname?: string
  readonly mode: number
  readonly uid?: number
  readonly gid?: number
  /** The payload's length in bytes; only files have one. */
  readonly size?: number
  readonly mtime?: Time
  readonly major?: number
  readonly minor?: number
  readonly xattrs?: ReadonlyMap<string, Uint8Array>
  /** More records of the extended header. */
  readonly records?: readonly (readonly [key: string, value: string])[]
}

export interface TarWriterOptions {
  /** Write nanoseconds of the modification time as a PAX record; otherwise times are whole seconds. Default true. */
  readonly subsecond?: boolean
}

const typeflags: Readonly<Record<EntryKind, string>> = {
  file: '0',
  hardlink: '1',
  symlink: '2',
  character: '3',
  block: '4',
  directory: '5',
  fifo: '6',
}

const maxOctal = { id: 0o7777777, size: 0o77777777777, time: 0o77777777777 }

/**
 * The header blocks of an entry: ustar, preceded by a PAX header only when ustar cannot hold a value. The same entry
 * always gives the same bytes. The payload follows, then {@link tarPadding}.
 */
export function tarHeader(entry: TarEntryInit, options: TarWriterOptions = {}): Buffer {
  const name = encodeName(entry.kind === 'directory' && !entry.name.endsWith('/') ? `${entry.name}/` : entry.name)
  const linkname = encodeName(entry.linkname ?? '')
  if (name.includes(0) || linkname.includes(0) || name.length === 0) {
    throw new InvalidOptionError(`The name ${quoted(entry.name)} cannot stand in a tar archive.`, {
      code: 'INVALID_NAME',
    })
  }
  const records = paxRecords(entry, name, linkname, options)
  const header = ustarHeader(entry, name, linkname)
  if (records.length === 0) return header
  const data = formatPax(records)
  const extension = ustarHeader(
    { kind: 'file', name: 'PaxHeader', mode: 0o644, size: data.length },
    Buffer.from('PaxHeader'),
    Buffer.alloc(0),
    'x',
  )
  return Buffer.concat([extension, data, tarPadding(data.length), header])
}

/** The zeros after a payload of `size` bytes. */
export function tarPadding(size: number): Buffer {
  return zeros.subarray(0, (blockSize - (size % blockSize)) % blockSize)
}

/** The end-of-archive marker. */
export const tarEnd = Buffer.alloc(2 * blockSize)

const zeros = Buffer.alloc(blockSize)

function paxRecords(
  entry: TarEntryInit,
  name: Buffer,
  linkname: Buffer,
  options: TarWriterOptions,
): [string, string | Buffer][] {
  const records: [string, string | Buffer][] = []
  const [seconds, nanoseconds] = entry.mtime ?? [0, 0]
  if (splitUstar(name) === undefined) records.push(['path', name])
  if (linkname.length > 100) records.push(['linkpath', linkname])
  if ((entry.size ?? 0) > maxOctal.size) records.push(['size', String(entry.size)])
  if ((entry.uid ?? 0) > maxOctal.id) records.push(['uid', String(entry.uid)])
  if ((entry.gid ?? 0) > maxOctal.id) records.push(['gid', String(entry.gid)])
  const precise = options.subsecond !== false && nanoseconds !== 0
  if (precise || seconds < 0 || seconds > maxOctal.time)
    records.push(['mtime', formatTime(seconds, precise ? nanoseconds : 0)])
  const xattrs = [...(entry.xattrs ?? [])].sort(([a], [b]) => (a < b ? -1 : 1))
  for (const [key, value] of xattrs) records.push([`SCHILY.xattr.${key}`, Buffer.from(value)])
  for (const [key, value] of entry.records ?? []) records.push([key, value])
  return records
}

function ustarHeader(entry: TarEntryInit, name: Buffer, linkname: Buffer, typeflag = typeflags[entry.kind]): Buffer {
  const block = Buffer.alloc(blockSize)
  const { prefix, rest } = splitUstar(name) ?? { prefix: zeros.subarray(0, 0), rest: name.subarray(0, 100) }
  const [seconds] = entry.mtime ?? [0, 0]
  const isDevice = entry.kind === 'character' || entry.kind === 'block'
  rest.copy(block, 0)
  octal(block, 100, 8, entry.mode & 0o7777)
  octal(block, 108, 8, entry.uid ?? 0, maxOctal.id)
  octal(block, 116, 8, entry.gid ?? 0, maxOctal.id)
  octal(block, 124, 12, entry.size ?? 0, maxOctal.size)
  octal(block, 136, 12, Math.max(seconds, 0), maxOctal.time)
  block.write(`        ${typeflag}`, 148, 'latin1')
  linkname.copy(block, 157, 0, 100)
  block.write('ustar\x0000', 257, 'latin1')
  octal(block, 329, 8, isDevice ? (entry.major ?? 0) : 0)
  octal(block, 337, 8, isDevice ? (entry.minor ?? 0) : 0)
  prefix.copy(block, 345)
  let checksum = 0
  for (let at = 0; at < blockSize; at++) checksum += block[at] as number
  block.write(`${checksum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
  return block
}

/** A name divided at a slash so that ustar's two fields hold it; undefined when none fits. */
function splitUstar(name: Buffer): { prefix: Buffer; rest: Buffer } | undefined {
  if (name.length <= 100) return { prefix: zeros.subarray(0, 0), rest: name }
  if (name.length > 256) return undefined
  // The trailing slash of a directory belongs to the rest.
  const slash = name.indexOf(0x2f, name.length - 101)
  if (slash <= 0 || slash > 155 || slash === name.length - 1) return undefined
  return { prefix: name.subarray(0, slash), rest: name.subarray(slash + 1) }
}

/** A value beyond `max` stands in a PAX record; the field then holds 0. */
function octal(block: Buffer, at: number, length: number, value: number, max = Number.POSITIVE_INFINITY): void {
  block.write(`${(value > max ? 0 : value).toString(8).padStart(length - 1, '0')}\0`, at, 'latin1')
}

function formatTime(seconds: number, nanoseconds: number): string {
  const negative = seconds < 0
  const whole = negative && nanoseconds > 0 ? -seconds - 1 : Math.abs(seconds)
  const fraction = negative && nanoseconds > 0 ? 1e9 - nanoseconds : nanoseconds
  const digits = fraction === 0 ? '' : `.${String(fraction).padStart(9, '0').replace(/0+$/, '')}`
  return `${negative ? '-' : ''}${whole}${digits}`
}
