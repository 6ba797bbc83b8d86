import { pack } from 'tar-stream'

export type Entry =
  | { readonly name: string; readonly directory: true; readonly mode?: number }
  | { readonly name: string; readonly symlink: string }
  | { readonly name: string; readonly content: string | Buffer; readonly mode?: number }

export const directory = (name: string, mode = 0o755): Entry => ({ name, directory: true, mode })
export const symlink = (name: string, target: string): Entry => ({ name, symlink: target })
export const file = (name: string, content: string | Buffer, mode = 0o644): Entry => ({ name, content, mode })

/** A tar of these entries, in this order. */
export function tar(entries: readonly Entry[]): AsyncIterable<Uint8Array> {
  const archive = pack()
  for (const entry of entries) {
    if ('directory' in entry) archive.entry({ name: entry.name, type: 'directory', mode: entry.mode ?? 0o755 })
    else if ('symlink' in entry) archive.entry({ name: entry.name, type: 'symlink', linkname: entry.symlink })
    else archive.entry({ name: entry.name, mode: entry.mode ?? 0o644 }, entry.content)
  }
  archive.finalize()
  return archive
}
