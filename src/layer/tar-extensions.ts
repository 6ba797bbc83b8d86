import { invalidLayer } from './layer-errors.js'
import { decodeName, encodeName } from './names.js'
import type { PaxRecord } from './pax.js'
import { decimal } from './sparse.js'
import { type EntryKind, maxNameBytes, type TarEntry } from './tar-entry.js'
import { parseTime, type RawHeader } from './tar-header.js'

/** What preceding extended headers say about the next entry. */
export interface Extensions {
  readonly records: readonly PaxRecord[]
  readonly longName?: string
  readonly longLink?: string
}

export const noExtensions: Extensions = { records: [] }

/** The header overlaid with its extensions, and the number of bytes it has in the archive. */
export function resolveEntry(header: RawHeader, extensions: Extensions): { entry: TarEntry; storedBytes: number } {
  const pax = new Map(extensions.records.filter(({ value }) => value.length > 0).map(({ key, value }) => [key, value]))
  const text = (key: string) => {
    const value = pax.get(key)
    return value === undefined ? undefined : decodeName(value)
  }
  const integer = (key: string, fallback: number) => {
    const value = text(key)
    return value === undefined ? fallback : decimal(value)
  }
  const name = extensions.longName ?? text('GNU.sparse.name') ?? text('path') ?? header.name
  const linkname = extensions.longLink ?? text('linkpath') ?? header.linkname
  const kind = kindOf(header.type, name)
  const size = integer('size', header.size)
  const realSize = integer('GNU.sparse.realsize', integer('GNU.sparse.size', size))
  const mtime = text('mtime')
  const atime = text('atime')
  verifyName(name)
  verifyName(linkname)
  // A link or directory has no payload whatever its size says: the reading of Go's archive/tar, hence Docker's.
  const storedBytes = kind === 'file' ? size : 0
  const entry: TarEntry = {
    kind,
    name,
    linkname: kind === 'symlink' || kind === 'hardlink' ? linkname : '',
    mode: header.mode & 0o7777,
    uid: integer('uid', header.uid),
    gid: integer('gid', header.gid),
    size: kind === 'file' ? realSize : 0,
    mtime: mtime === undefined ? [header.mtime, 0] : parseTime(mtime),
    ...(atime !== undefined
      ? { atime: parseTime(atime) }
      : header.atime !== undefined
        ? { atime: [header.atime, 0] }
        : {}),
    major: header.major,
    minor: header.minor,
    xattrs: readXattrs(pax),
  }
  return { entry, storedBytes }
}

const kinds: Readonly<Record<string, EntryKind>> = {
  '0': 'file',
  '7': 'file',
  S: 'file',
  '1': 'hardlink',
  '2': 'symlink',
  '3': 'character',
  '4': 'block',
  '5': 'directory',
  '6': 'fifo',
}

function kindOf(type: string, name: string): EntryKind {
  // Before POSIX a directory was told by its trailing slash.
  if (type === '\0') return name.endsWith('/') ? 'directory' : 'file'
  const kind = kinds[type]
  if (kind === undefined)
    throw invalidLayer(`The archive has an entry of unknown type ${JSON.stringify(type)}.`, { type, entry: name })
  return kind
}

function verifyName(name: string): void {
  if (name.length * 3 > maxNameBytes && encodeName(name).length > maxNameBytes) {
    throw invalidLayer(`The archive has a name longer than ${maxNameBytes} bytes.`, { entry: name.slice(0, 200) })
  }
  if (name.includes('\0'))
    throw invalidLayer('The archive has a name that holds a NUL byte.', { entry: name.slice(0, 200) })
}

const schily = 'SCHILY.xattr.'
const libarchive = 'LIBARCHIVE.xattr.'
const noXattrs: ReadonlyMap<string, Buffer> = new Map()

/** bsdtar writes both forms of each attribute: the raw one (SCHILY) wins. Values are copied out of the header's buffer. */
function readXattrs(pax: ReadonlyMap<string, Buffer>): ReadonlyMap<string, Buffer> {
  if (pax.size === 0) return noXattrs
  const xattrs = new Map<string, Buffer>()
  for (const [key, value] of pax) {
    if (key.startsWith(libarchive)) xattrs.set(percentDecode(key.slice(libarchive.length)), decodeBase64(value))
  }
  for (const [key, value] of pax) if (key.startsWith(schily)) xattrs.set(key.slice(schily.length), Buffer.from(value))
  return xattrs
}

function percentDecode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw invalidLayer('The archive has an extended attribute with a malformed name.', { name: text.slice(0, 200) })
  }
}

function decodeBase64(value: Buffer): Buffer {
  const text = value.toString('latin1')
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(text))
    throw invalidLayer('The archive has an extended attribute that is not base64.')
  return Buffer.from(text, 'base64')
}
