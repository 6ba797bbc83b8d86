import { ApiError } from '../failures.js'
import type { ClientSession } from '../sessions/client-session.js'
import { archiveOf } from '../sessions/file-archive.js'
import { type SyncedFile, syncFiles } from '../sessions/file-sync.js'
import type { BuildSource } from './build-source.js'

const maxTextBytes = 16 * 1024 * 1024

/**
 * A build whose files a client has: its Dockerfile, which has a directory of its own, and what no ignore file leaves out.
 *
 * @throws {GrpcError}; {ApiError} 500 when there is no such Dockerfile
 */
export async function sessionSource(session: ClientSession, file: string, signal: AbortSignal): Promise<BuildSource> {
  const own = `${file}.dockerignore`
  const texts = await readTexts(session, 'dockerfile', [file, own], signal)
  const dockerfile = texts.get(file)
  if (dockerfile === undefined) throw new ApiError(500, `Cannot locate specified Dockerfile: ${file}`)
  const common = '.dockerignore'
  const ignore = texts.get(own) ?? (await readTexts(session, 'context', [common], signal)).get(common)
  const excludes = ignore === undefined ? [] : patternsOf(ignore.toString())
  const files = syncFiles(session, { directory: 'context', excludes }, signal)
  // That of the Dockerfile counts instead of the common one.
  return { context: archiveOf(texts.has(own) ? without(files, common) : files), options: { dockerfile } }
}

async function readTexts(
  session: ClientSession,
  directory: string,
  paths: readonly string[],
  signal: AbortSignal,
): Promise<ReadonlyMap<string, Buffer>> {
  const texts = new Map<string, Buffer>()
  for await (const file of syncFiles(session, { directory, paths }, signal)) {
    if (file.kind !== 'file' || !paths.includes(file.path)) continue
    if (file.size > maxTextBytes) throw new ApiError(400, `${file.path} has more than ${maxTextBytes} bytes`)
    const chunks: Buffer[] = []
    for await (const chunk of file.content()) chunks.push(chunk)
    texts.set(file.path, Buffer.concat(chunks))
  }
  return texts
}

async function* without(files: AsyncIterable<SyncedFile>, path: string): AsyncGenerator<SyncedFile, void, undefined> {
  for await (const file of files) if (file.path !== path) yield file
}

/** Lines of an ignore file as clients take them: the engine looks at the file once more. */
function patternsOf(text: string): string[] {
  const lines = text.replace(/^\ufeff/, '').split('\n')
  return lines.flatMap((line) => {
    const pattern = line.trim()
    if (pattern === '' || line.startsWith('#')) return []
    const isException = pattern.startsWith('!')
    const path = (isException ? pattern.slice(1).trim() : pattern).replace(/^\/+/, '')
    return path === '' ? [] : [isException ? `!${path}` : path]
  })
}
