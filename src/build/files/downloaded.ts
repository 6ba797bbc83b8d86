import { closeSync, openSync, readSync } from 'node:fs'
import { basename, dirname } from 'node:path'
import { AT_FDCWD, native, O_DIRECTORY, O_PATH, withDescriptor } from '../../host/index.js'
import type { PlacedSource } from '../../layer/index.js'
import { type AddUrlOptions, addUrl, isArchive, nameInUrl } from '../context/index.js'
import type { KeyPart } from '../key.js'
import { headBytes } from './archives.js'
import type { Copied } from './copied.js'

const owner = { uid: 0, gid: 0 }

/** What is known of a download before it is made: with a checksum, and a name in the URL, all. */
export function quickDownloadKey(url: string, checksum: string | undefined): KeyPart {
  const name = nameInUrl(url)
  return checksum === undefined || name === '' ? undefined : { name, checksum }
}

/** What is behind a URL: a file, or, when that is asked for, what is in the archive that it is. */
export async function downloaded(url: string, options: AddUrlOptions & { readonly unpack: boolean }): Promise<Copied> {
  const file = await addUrl(url, options)
  const { name, path, digest, size, mtimeMs } = file
  const isExtracted = options.unpack && (await isArchiveAt(path))
  const root = native().openat2(AT_FDCWD, dirname(path), O_PATH | O_DIRECTORY, 0, 0)
  const place = { root, resolve: 0, owner, isFixed: true, path: basename(path) }
  const placed: PlacedSource = isExtracted
    ? { kind: 'archive', ...place, owner: undefined, limits: {} }
    : { kind: 'file', ...place, name }
  return {
    placed: async () => [placed],
    key: { name, digest, mtimeMs },
    bytes: size,
    entries: 1,
    verify: async () => {},
    dispose: async () => {
      closeSync(root)
      await file.remove()
    },
  }
}

function isArchiveAt(path: string): Promise<boolean> {
  return isArchive(withDescriptor(openSync(path, 'r'), headOf))
}

/** The first bytes of an open file. */
function headOf(fd: number): Buffer {
  const head = Buffer.alloc(headBytes)
  let length = 0
  for (let read = -1; read !== 0 && length < headBytes; length += read)
    read = readSync(fd, head, length, headBytes - length, length)
  return head.subarray(0, length)
}
