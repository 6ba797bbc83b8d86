import { createHash } from 'node:crypto'
import { open, utimes } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { DigestMismatchError } from '../../errors/index.js'
import { contextInvalid } from './context-errors.js'
import { type ContextLimits, withDefaults } from './context-limits.js'
import type { OpenDownload } from './downloads.js'
import { inPrivateDirectory } from './temporary.js'

export interface AddUrlOptions {
  readonly download: OpenDownload
  /** `sha256:...`, as of `ADD --checksum`. */
  readonly checksum?: string | undefined
  /** A directory of the engine's own, in which one is made for the file. Default: the system's. */
  readonly temporaryDirectory?: string | undefined
  readonly limits?: ContextLimits | undefined
  readonly signal?: AbortSignal | undefined
}

/** A file that ADD has downloaded. Nobody else can read it. */
export interface AddedFile {
  /** What it is called in a directory. */
  readonly name: string
  readonly path: string
  readonly digest: `sha256:${string}`
  readonly size: number
  /** What the server says it was changed; 1970 when it does not. */
  readonly mtimeMs: number
  remove(): Promise<void>
}

/**
 * Downloads a source of ADD as Docker does: with its name in the URL, or that of `Content-Disposition`, the mode 600, and the time
 * of `Last-Modified`. It is never extracted.
 *
 * @throws {DigestMismatchError} for another content than `checksum`; {ContextError} CONTEXT_INVALID; what `download` throws
 */
export async function addUrl(url: string, options: AddUrlOptions): Promise<AddedFile> {
  const { checksum, signal } = options
  if (checksum !== undefined && !/^sha256:[0-9a-f]{64}$/.test(checksum))
    throw contextInvalid(`invalid checksum ${JSON.stringify(checksum)}: it must be sha256:<64 hex digits>`)
  const { maxDownloadBytes } = withDefaults(options.limits)
  const { headers, body, close } = await options.download(url, { maxBytes: maxDownloadBytes, signal })
  try {
    const name = fileName(url, headers['content-disposition'])
    return await inPrivateDirectory(options.temporaryDirectory, async (directory) => {
      const path = join(directory.path, 'file')
      const { digest, size } = await save(body, path)
      if (checksum !== undefined && digest !== checksum) throw mismatch(checksum, digest)
      const mtimeMs = modifiedAt(headers['last-modified'])
      await utimes(path, mtimeMs / 1000, mtimeMs / 1000)
      return { name, path, digest, size, mtimeMs, remove: () => directory.remove() }
    })
  } finally {
    await close()
  }
}

async function save(body: AsyncIterable<Uint8Array>, path: string) {
  const hash = createHash('sha256')
  const file = await open(path, 'wx', 0o600)
  let size = 0
  try {
    for await (const chunk of body) {
      hash.update(chunk)
      await file.writeFile(chunk)
      size += chunk.length
    }
  } finally {
    await file.close()
  }
  return { digest: `sha256:${hash.digest('hex')}` as const, size }
}

/** @throws {ContextError} CONTEXT_INVALID when there is none */
export function fileName(url: string, disposition: string | undefined): string {
  const inPath = nameInUrl(url)
  const name = inPath === '' ? basename(dispositionName(disposition)) : inPath
  if (name === '' || name === '.' || name === '..' || name.includes('\0'))
    throw contextInvalid(`cannot determine filename for source ${url.replace(/[?#].*$/, '')}`)
  return name
}

/** The last element of its path; '' when it ends with a slash. */
export function nameInUrl(url: string): string {
  const path = new URL(url).pathname
  return path.endsWith('/') ? '' : basename(decoded(path))
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path)
  } catch {
    return path
  }
}

/** A name that ends with a slash is none. */
function dispositionName(disposition = ''): string {
  const [, quoted, bare] = /;\s*filename=(?:"((?:[^"\\]|\\.)*)"|([^\s;]+))/i.exec(disposition) ?? []
  const name = quoted?.replace(/\\(.)/g, '$1') ?? bare ?? ''
  return name.endsWith('/') ? '' : name
}

function modifiedAt(header: string | undefined): number {
  const at = header === undefined ? Number.NaN : Date.parse(header)
  return Number.isNaN(at) ? 0 : at
}

function mismatch(expected: string, actual: string): DigestMismatchError {
  return new DigestMismatchError(`digest mismatch ${actual}: ${expected}`, {
    code: 'DIGEST_MISMATCH',
    details: { expected, actual },
  })
}
