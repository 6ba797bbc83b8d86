import { closeSync, mkdtempSync, openSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { DT_DIR, native, O_DIRECTORY, O_RDONLY, S_IFLNK, S_IFMT, S_IFREG, type Stat } from '../host/index.js'
import { type TarEntryInit, tarEnd, tarHeader, tarPadding } from './tar-writer.js'

/** For tests: an archive entry with its content. */
export type Member = Partial<TarEntryInit> & { readonly name: string; readonly content?: string | Buffer }

/** The blocks of one entry, without the end marker. */
export function member({ content = '', ...init }: Member): Buffer {
  const payload = Buffer.from(content)
  const entry: TarEntryInit = { kind: 'file', mode: 0o644, mtime: [1_700_000_000, 0], size: payload.length, ...init }
  return Buffer.concat([tarHeader(entry), payload, tarPadding(payload.length)])
}

export function archive(...members: readonly (Member | Buffer)[]): Buffer {
  return Buffer.concat([...members.map((one) => (Buffer.isBuffer(one) ? one : member(one))), tarEnd])
}

/** Overwrites a field of a header block and mends the checksum. */
export function patched(block: Buffer, at: number, field: string | Buffer): Buffer {
  const copy = Buffer.from(block)
  Buffer.from(field as string, 'latin1').copy(copy, at)
  copy.write('        ', 148, 'latin1')
  const sum = copy.subarray(0, 512).reduce((total, byte) => total + byte, 0)
  copy.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
  return copy
}

export function bytesOf(...chunks: readonly Uint8Array[]): AsyncIterable<Uint8Array> {
  return (async function* () {
    yield* chunks
  })()
}

/** A directory that goes when the test ends. */
export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'inboard-layer-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

/** A tree as one line for each entry: type and mode, owner, size, device, time, extended attributes, target. */
export function describeTree(root: string): string[] {
  const fd = openSync(root, 'r')
  try {
    return describeDirectory(fd, '').sort()
  } finally {
    closeSync(fd)
  }
}

function describeDirectory(directory: number, prefix: string): string[] {
  const lines: string[] = []
  for (const { name, type } of native().readDirectory(directory)) {
    lines.push(`${prefix}${name} ${describe(directory, name)}`)
    if (type !== DT_DIR) continue
    const fd = native().openat2(directory, name, O_RDONLY | O_DIRECTORY, 0, 0)
    lines.push(...describeDirectory(fd, `${prefix}${name}/`))
    closeSync(fd)
  }
  return lines
}

function describe(directory: number, name: string): string {
  const addon = native()
  const { mode, uid, gid, size, nlink, major, minor, mtime } = addon.statAt(directory, name) as Stat
  const numbers = (mode & S_IFMT) === S_IFREG ? `${size} x${nlink}` : `${major}:${minor}`
  const hex = (attribute: string) => Buffer.from(addon.getxattrAt(directory, name, attribute) ?? []).toString('hex')
  const xattrs = addon.listxattrAt(directory, name).map((attribute) => `${attribute}=${hex(attribute)}`)
  const target = (mode & S_IFMT) === S_IFLNK ? ` -> ${addon.readlinkAt(directory, name)}` : ''
  const time = `${mtime[0]}.${String(mtime[1]).padStart(9, '0')}`
  return `${mode.toString(8)} ${uid}:${gid} ${numbers} ${time} [${xattrs.sort().join(' ')}]${target}`
}
