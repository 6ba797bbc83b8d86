import type { CopySource } from '../../dockerfile/index.js'
import { BuildError, ContextError, NotFoundError } from '../../errors/index.js'
import { type PlacedSource, placedKinds } from '../../layer/index.js'
import type { BuildContext, ContextEntry, ContextPlace, Source, SourceFile } from '../context/index.js'
import type { KeyPart } from '../key.js'

/** Files that are to be copied, known by their content. */
export interface Copied {
  /** Where they are: written to the disk now, if they were not yet. */
  placed(): Promise<readonly PlacedSource[]>
  readonly key: KeyPart
  /** Bytes of content, and how many files there are. */
  readonly bytes: number
  readonly entries: number
  /** @throws {ContextError} CONTEXT_CHANGED when they are not any more what the key says */
  verify(): Promise<void>
  /** Removes what was made for them. */
  dispose(): Promise<void>
}

export interface CopyOptions {
  readonly exclude: readonly string[]
  /** `--parents` */
  readonly parents?: boolean
}

/** Files of a context, with the places that they have in it. */
interface Listed {
  readonly kind: 'file' | 'directory'
  placed(context: ContextPlace): PlacedSource
  readonly files: readonly SourceFile[]
}

/** What paths of a context stand for. @throws {BuildError} DOCKERFILE_INVALID, {ContextError} in Docker's words */
export async function copiedOf(context: BuildContext, paths: readonly string[], options: CopyOptions): Promise<Copied> {
  const listed = await inDockersWords(async () =>
    options.parents ? listParents(context, paths, options) : listSources(context, paths, options),
  )
  return fromListed(context, listed)
}

/** Sources that were found already. */
export async function copiedFrom(
  context: BuildContext,
  sources: readonly Source[],
  options: CopyOptions,
): Promise<Copied> {
  return fromListed(context, await Promise.all(sources.map((source) => listSource(context, source, options))))
}

async function fromListed(context: BuildContext, listed: readonly Listed[]): Promise<Copied> {
  const files = listed.flatMap((one) => one.files)
  const shape = listed.map(({ kind, files: { length } }) => [kind, length])
  return {
    async placed() {
      const place = await context.place()
      return listed.map((one) => one.placed(place))
    },
    key: { checksum: await context.checksum(files), shape },
    bytes: files.reduce((sum, { entry }) => sum + entry.size, 0),
    entries: files.length,
    verify: () => context.verifyUnchanged(files),
    dispose: async () => {},
  }
}

/** Files of the Dockerfile itself. */
export function copiedTexts(sources: readonly CopySource[]): Copied {
  const texts = sources.flatMap((source) => (source.kind === 'heredoc' ? [source] : []))
  const placed = texts.map(({ name, content }) => ({ kind: 'text', name, content: Buffer.from(content) }) as const)
  return {
    placed: async () => placed,
    key: texts.map(({ name, content }) => [name, content]),
    bytes: placed.reduce((sum, { content }) => sum + content.length, 0),
    entries: placed.length,
    verify: async () => {},
    dispose: async () => {},
  }
}

async function listParents(
  context: BuildContext,
  paths: readonly string[],
  options: CopyOptions,
): Promise<readonly Listed[]> {
  const lists = await Promise.all(paths.map((path) => context.filesWithParents(path, options)))
  return lists.map(directoryOf)
}

async function listSources(
  context: BuildContext,
  paths: readonly string[],
  options: CopyOptions,
): Promise<readonly Listed[]> {
  const sources = await context.expand(paths, options)
  return Promise.all(sources.map((source) => listSource(context, source, options)))
}

async function listSource(context: BuildContext, source: Source, options: CopyOptions): Promise<Listed> {
  const files = await context.files(source, options)
  if (source.entry.kind === 'directory') return directoryOf(files)
  const { path } = source.entry
  return { kind: 'file', files, placed: (context) => ({ kind: 'file', ...context, path, name: source.name }) }
}

function directoryOf(files: readonly SourceFile[]): Listed {
  const paths = files.map(({ entry }) => entry.path)
  const kinds = Uint8Array.from(files, ({ entry, isParent }) => (isParent ? placedKinds.parent : kindOf(entry)))
  return { kind: 'directory', files, placed: (context) => ({ kind: 'directory', ...context, paths, kinds }) }
}

function kindOf({ kind, isImplied }: ContextEntry): number {
  return isImplied ? placedKinds.implied : placedKinds[kind]
}

/** What is not there is told as BuildKit tells it. */
export async function inDockersWords<Result>(body: () => Promise<Result>): Promise<Result> {
  try {
    return await body()
  } catch (error) {
    if (error instanceof NotFoundError && error.code === 'FILE_NOT_FOUND') {
      const path = `/${String(error.details.path).replace(/^\/+/, '')}`
      throw new BuildError(`failed to compute cache key: ${JSON.stringify(path)}: not found`, {
        code: 'FILE_NOT_FOUND',
        cause: error,
        details: { path },
      })
    }
    if (error instanceof ContextError && error.message === noSource)
      throw new BuildError(noSource, { code: 'DOCKERFILE_INVALID', cause: error })
    throw error
  }
}

const noSource = 'no source files were specified'
