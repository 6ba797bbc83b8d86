import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { extractPlain, type TarLimits } from '../../layer/index.js'
import { isArchive } from './archive-kind.js'
import type { BuildContext } from './build-context.js'
import { contextInvalid, contextTooLarge } from './context-errors.js'
import { withDefaults } from './context-limits.js'
import { type ContextOptions, openWith } from './directory-context.js'
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
  const stream = source[Symbol.asyncIterator]()
  try {
    const head = await take(stream, headBytes)
    options.signal?.throwIfAborted()
    if (head.length === 0) throw contextInvalid('the build context is empty')
    if (await isArchive(head)) return await openTar(chain(head, stream), options)
    return await openText(await take(stream, maxTextBytes + 1, head), options)
  } finally {
    await stream.return?.()
  }
}

/** An archive. @throws as {@link openStream} */
export function openTar(source: AsyncIterable<Uint8Array>, options: UnpackedOptions = {}): Promise<BuildContext> {
  const { temporaryDirectory, archiveLimits, signal } = options
  return inPrivateDirectory(temporaryDirectory, async (directory) => {
    const limits = { limits: archiveLimits, signal }
    // Docker's client sends some without their end; where they come from tells whether they are whole.
    const rules = { setsRoot: false, toleratesMissingEnd: true }
    await extractPlain(source, { directory: directory.path }, { ...limits, ...rules })
    const dispose = () => directory.remove()
    return openWith(directory.path, options, { ignore: 'hides', owner: undefined, dispose })
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
    const dispose = () => directory.remove()
    return openWith(directory.path, options, { ignore: 'nothing', owner: { uid: 0, gid: 0 }, dispose })
  })
}

/** Up to as many bytes, and those that come with them. */
async function take(stream: AsyncIterator<Uint8Array>, wanted: number, first?: Buffer): Promise<Buffer> {
  const parts: Uint8Array[] = first === undefined ? [] : [first]
  for (let length = first?.length ?? 0; length < wanted; ) {
    const next = await stream.next()
    if (next.done === true) break
    parts.push(next.value)
    length += next.value.length
  }
  return Buffer.concat(parts)
}

async function* chain(
  head: Uint8Array,
  stream: AsyncIterator<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  yield head
  for (let next = await stream.next(); next.done !== true; next = await stream.next()) yield next.value
}
