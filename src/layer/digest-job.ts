import { createHash } from 'node:crypto'
import { closeSync, openSync, readSync } from 'node:fs'
import {
  fingerprintOf,
  fingerprintWords,
  native,
  O_NOFOLLOW,
  O_PATH,
  O_RDONLY,
  S_IFMT,
  S_IFREG,
  withDescriptor,
} from '../host/index.js'
import { ifThere } from './layered-directory.js'
import type { DigestedFiles, DigestFilesRequest } from './plain-jobs.js'
import { isLayerXattr } from './xattrs.js'

const digestWords = 8
const chunkBytes = 256 * 1024

/** `checkpoint` throws when the job is aborted. */
export function digestFilesJob({ root, resolve, paths }: DigestFilesRequest, checkpoint: () => void): DigestedFiles {
  const digests = new Uint32Array(paths.length * digestWords)
  const fingerprints = new Uint32Array(paths.length * fingerprintWords)
  const changed: number[] = []
  const chunk = Buffer.allocUnsafe(chunkBytes)
  for (const [at, path] of paths.entries()) {
    const digested = digestFile({ root, resolve, path, chunk, checkpoint })
    if (digested === undefined) {
      changed.push(at)
      continue
    }
    Buffer.from(digests.buffer).set(digested.digest, at * digestWords * 4)
    fingerprints.set(digested.fingerprint, at * fingerprintWords)
  }
  return { digests, fingerprints, changed }
}

interface One {
  readonly root: number
  readonly resolve: number
  readonly path: string
  readonly chunk: Buffer
  readonly checkpoint: () => void
}

/** Undefined when it is no file, or was changed while it was read. */
function digestFile({ root, resolve, path, chunk, checkpoint }: One) {
  const place = ifThere(() => native().openat2(root, path, O_PATH | O_NOFOLLOW, 0, resolve))
  if (place === undefined) return undefined
  return withDescriptor(place, () => {
    // Opening a device, or a fifo, would do something.
    if (((native().statAt(place, '')?.mode ?? 0) & S_IFMT) !== S_IFREG) return undefined
    const fd = openSync(`/proc/self/fd/${place}`, O_RDONLY)
    try {
      const before = fingerprintOf(fd)
      const digest = digestContent(fd, chunk, checkpoint)
      const fingerprint = fingerprintOf(fd)
      return before.every((word, at) => word === fingerprint[at]) ? { digest, fingerprint } : undefined
    } finally {
      closeSync(fd)
    }
  })
}

/** The content's SHA-256; with capabilities and other attributes that of it and them. */
function digestContent(fd: number, chunk: Buffer, checkpoint: () => void): Buffer {
  const hash = createHash('sha256')
  for (;;) {
    checkpoint()
    const length = readSync(fd, chunk, 0, chunk.length, null)
    if (length === 0) break
    hash.update(chunk.subarray(0, length))
  }
  const content = hash.digest()
  const names = native().listxattrAt(fd, '').filter(isLayerXattr).sort()
  if (names.length === 0) return content
  const both = createHash('sha256').update(content)
  for (const name of names) {
    const value = native().getxattrAt(fd, '', name) ?? Buffer.alloc(0)
    both.update(`${name} ${value.length} `).update(value)
  }
  return both.digest()
}
