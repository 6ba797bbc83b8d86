import type { BuildContext, ContextEntry, SourceFile } from '../context/index.js'
import type { Filesystem } from '../filesystem.js'
import type { KeyPart } from '../key.js'
import type { StepContext } from '../steps/step.js'

/** Files of a context. */
export interface MountFiles {
  readonly context: BuildContext
  /** The file or directory itself, then what is in it; names are relative to it. */
  readonly files: readonly SourceFile[]
}

/** Where the files of a mount are from: a path of a context, a stage or an image. */
export interface MountSource {
  /** Of a stage or an image. */
  readonly filesystem: Filesystem | undefined
  /** Undefined when files must be read to know. */
  readonly quickKey: KeyPart
  /** What the files are. @throws what a path throws that is not there */
  contentKey(): Promise<KeyPart>
  /** What the path leads to. @throws likewise */
  entry(): Promise<ContextEntry>
  /** All below it; listed once. @throws likewise */
  files(): Promise<MountFiles>
}

/** @param from a stage's name or number, an image or a named context; undefined: the main context */
export async function mountSource(
  from: string | undefined,
  path: string,
  { source: sourceOf }: StepContext,
): Promise<MountSource> {
  const source = await sourceOf(from)
  const { filesystem } = source
  const quickKey = filesystem && { filesystem: filesystem.key, path }
  let listed: Promise<MountFiles> | undefined
  const entry = async () => (await source.files()).stat(path)
  const list = async (): Promise<MountFiles> => {
    const context = await source.files()
    return { context, files: await context.files({ entry: await entry(), name: '' }) }
  }
  const files = () => {
    listed ??= list()
    return listed
  }
  const contentKey = async (): Promise<KeyPart> => {
    // To read all of an image costs more than what it could save.
    if (quickKey && isRoot(path)) return quickKey
    const { context, files: found } = await files()
    return { content: await context.checksum(found) }
  }
  return { filesystem, quickKey, contentKey, entry, files }
}

const isRoot = (path: string) => /^[./]*$/.test(path) && !path.includes('..')
