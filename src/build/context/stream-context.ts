import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { extractPlain, type TarLimits } from '../../layer/index.js'
import { ArchiveFiles } from './archive-files.js'
import { isArchive } from './archive-kind.js'
import type { BuildContext } from './build-context.js'
import { contextInvalid, contextTooLarge } from './context-errors.js'
import { withDefaults } from './context-limits.js'
import { type ContextNature, type ContextOptions, openFrom, openWith } from './directory-context.js'
import { type DirectoryPlace, directoryFiles } from './directory-files.js'
import { SmallArchive } from './small-archive.js'
import { inPrivateDirectory } from './temporary.js'

export interface UnpackedOptions extends Omit<ContextOptions, 'cacheDirectory'> {
  /** A directory of the engine's own, in which one is made and removed with the context. Default: the system's. */
  readonly temporaryDirectory?: string | undefined
  /** Of what an archive may hold. */
  readonly archiveLimits?: TarLimits | undefined
}

/** What is looked at to tell an archive from a Dockerfile. */
const headBytes = 64 * 1024

const defaultDockerfile = 'Dockerfile'

/**
 * The context that a stream is, as for `docker build -`: a tar, plain or compressed, or else a Dockerfile, which then is the only
 * file of its context.
 *
 * @throws {ContextError} CONTEXT_INVALID, CONTEXT_TOO_LARGE; {LayerError} for an archive that is broken, hostile or too large
 */
export async function openStream(
  source: AsyncIterable<Uint8Array>,
  options: UnpackedOptions = {},
): Promise<BuildContext> {
  const { maxTextBytes } = withDefaults(options.limits)
  const stream = abortable(source, options.signal)
  try {
    const head = await take(stream, headBytes)
    if (head.length === 0) throw contextInvalid('the build context is empty')
    if (await isArchive(head)) return await openTar(head, stream, options)
    return await openText(await take(stream, maxTextBytes + 1, head), options)
  } finally {
    // Not awaited: one that hangs would hold back the failure.
    void stream.return()
  }
}

const nature: ContextNature = { ignore: 'hides', owner: undefined }

/** An archive: one that is small and plain is not written to the disk before its files are copied. */
async function openTar(head: Buffer, stream: Stream, options: UnpackedOptions): Promise<BuildContext> {
  const small = new SmallArchive(options.archiveLimits)
  for (let piece: Uint8Array | undefined = head; piece !== undefined; ) {
    if (!small.add(piece)) return openUnpacked(chain(small.pieces, stream), options)
    const next = await stream.next()
    piece = next.done === true ? undefined : next.value
  }
  const tree = small.finish()
  if (tree === undefined) return openUnpacked(chain(small.pieces, stream), options)
  const unpack = () => unpacked(chain(small.pieces), options, async (directory) => directoryFiles(directory))
  return openFrom(new ArchiveFiles(tree, unpack), options, nature)
}

function openUnpacked(source: AsyncIterable<Uint8Array>, options: UnpackedOptions): Promise<BuildContext> {
  return unpacked(source, options, (directory) => openWith(directory, options, nature))
}

/** Runs `use` with a directory of an archive's files, which is removed when that fails. */
function unpacked<Result>(
  source: AsyncIterable<Uint8Array>,
  { temporaryDirectory, archiveLimits, signal }: UnpackedOptions,
  use: (directory: Required<DirectoryPlace>) => Promise<Result>,
): Promise<Result> {
  return inPrivateDirectory(temporaryDirectory, async (directory) => {
    const limits = { limits: archiveLimits, signal }
    // Docker's client sends some without their end; where they come from tells whether they are whole.
    const rules = { setsRoot: false, toleratesMissingEnd: true }
    await extractPlain(source, { directory: directory.path }, { ...limits, ...rules })
    return use({ path: directory.path, dispose: () => directory.remove() })
  })
}

/** A Dockerfile without a context. @throws {ContextError} CONTEXT_INVALID, CONTEXT_TOO_LARGE */
export async function openText(text: Buffer, options: UnpackedOptions = {}): Promise<BuildContext> {
  const { maxTextBytes } = withDefaults(options.limits)
  const { dockerfile = defaultDockerfile } = options
  if (text.length > maxTextBytes) throw contextTooLarge(`The Dockerfile has more than ${maxTextBytes} bytes.`)
  if (dockerfile !== defaultDockerfile)
    throw contextInvalid('ambiguous Dockerfile source: both stdin and flag correspond to Dockerfiles')
  return inPrivateDirectory(options.temporaryDirectory, async (directory) => {
    await writeFile(join(directory.path, defaultDockerfile), text, { mode: 0o644 })
    const place = { path: directory.path, dispose: () => directory.remove() }
    return openWith(place, options, { ignore: 'nothing', owner: { uid: 0, gid: 0 } })
  })
}

/** Up to as many bytes, and those that come with them. */
async function take(stream: Stream, wanted: number, first?: Buffer): Promise<Buffer> {
  const parts: Uint8Array[] = first === undefined ? [] : [first]
  for (let length = first?.length ?? 0; length < wanted; ) {
    const next = await stream.next()
    if (next.done === true) break
    // A copy: the source's memory stays the source's.
    parts.push(Buffer.from(next.value))
    length += next.value.length
  }
  return Buffer.concat(parts)
}

async function* chain(pieces: readonly Uint8Array[], stream?: Stream): AsyncGenerator<Uint8Array, void, undefined> {
  yield* pieces
  if (!stream) return
  for (let next = await stream.next(); next.done !== true; next = await stream.next()) yield next.value
}

/** A source that is left at once when its reader is stopped, whether or not it ever has more. */
interface Stream {
  next(): Promise<IteratorResult<Uint8Array>>
  return(): Promise<void>
}

function abortable(source: AsyncIterable<Uint8Array>, signal: AbortSignal | undefined): Stream {
  const stream = source[Symbol.asyncIterator]()
  return {
    async next() {
      signal?.throwIfAborted()
      let stop!: () => void
      const stopped = new Promise<never>((_, reject) => {
        stop = () => reject(signal?.reason)
      })
      signal?.addEventListener('abort', stop)
      try {
        return await Promise.race([stream.next(), stopped])
      } finally {
        signal?.removeEventListener('abort', stop)
      }
    },
    async return() {
      await Promise.resolve(stream.return?.()).catch(() => {})
    },
  }
}
