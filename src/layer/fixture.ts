import { closeSync, mkdirSync, openSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import { temporaryDirectory } from '../host/fixture.js'
import { DT_DIR, native, O_DIRECTORY, O_RDONLY, S_IFLNK, S_IFMT, S_IFREG, type Stat } from '../host/index.js'
import { extractLayer } from './extract.js'
import type { LayerFormat } from './extractor.js'
import { formatPax } from './pax.js'
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

export const symlink = (name: string, linkname: string): Member => ({ name, kind: 'symlink', linkname })
export const hardlink = (name: string, linkname: string): Member => ({ name, kind: 'hardlink', linkname })

/** An extended header: 'x' for the next entry, 'g' for all that follow. */
export function paxHeader(records: readonly (readonly [string, string | Buffer])[], type = 'x'): Buffer {
  return extension(type, formatPax(records))
}

/** An entry of a type that precedes another: 'x', 'g', 'L', 'K'. */
export function extension(type: string, data: Buffer): Buffer {
  const header = tarHeader({ kind: 'file', name: 'extension', mode: 0o644, size: data.length })
  return Buffer.concat([patched(header, 156, type), data, tarPadding(data.length)])
}

/**
 * Extracts a hostile archive beside a directory `outside`, with a file whose content, mode or links a breakout would change.
 * `files` are the names that came to be inside.
 */
export async function attack(members: readonly (Member | Buffer)[], format: LayerFormat = 'overlay') {
  const base = temporaryDirectory()
  const target = join(base, 'root')
  const outside = join(base, 'outside')
  mkdirSync(target)
  mkdirSync(outside)
  writeFileSync(join(outside, 'canary'), 'alive', { mode: 0o600 })
  const before = describeTree(outside)
  const outcome = await extractLayer(bytesOf(archive(...members)), target, { format }).then(
    () => 'extracted',
    (error) => error.code as string,
  )
  expect(describeTree(outside)).toEqual(before)
  expect(readdirSync(base).sort()).toEqual(['outside', 'root'])
  return { outcome, outside, target, files: describeTree(target).map((line) => line.split(' ')[0] as string) }
}

export function bytesOf(...chunks: readonly Uint8Array[]): AsyncIterable<Uint8Array> {
  return (async function* () {
    yield* chunks
  })()
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
