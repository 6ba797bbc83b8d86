import { Readable } from 'node:stream'
import { type Entry as ArchiveEntry, tar as archive } from '../../support/archives.js'

export type Entry = readonly [name: string, entry: ArchiveEntry]

export const directory = (name: string): Entry => [`${name}/`, { mode: 0o755 }]
export const symlink = (name: string, target: string): Entry => [name, { type: 'symlink', linkname: target }]
export const file = (name: string, content: string | Buffer, mode = 0o644): Entry => [name, { content, mode }]

/** A tar of these entries, in this order. */
export async function tar(entries: readonly Entry[]): Promise<Readable> {
  return Readable.from([await archive(Object.fromEntries(entries))])
}
