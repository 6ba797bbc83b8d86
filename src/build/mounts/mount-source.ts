import { posix } from 'node:path'
import type { BuildContext, ContextEntry } from '../context/index.js'
import { type Copied, copiedFrom, inDockersWords } from '../files/copied.js'
import type { Filesystem } from '../filesystem.js'
import type { KeyPart } from '../key.js'
import type { StepContext } from '../steps/step.js'

/** Where the files of a mount are from: a path of a context, a stage or an image. */
export interface MountSource {
  /** Of a stage or an image. */
  readonly filesystem: Filesystem | undefined
  /** Undefined when files must be read to know. */
  readonly quickKey: KeyPart
  /** What the files are. @throws {BuildError} FILE_NOT_FOUND, in BuildKit's words; as {@link BuildContext.stat} */
  contentKey(): Promise<KeyPart>
  /** What the path leads to. @throws likewise */
  found(): Promise<{ readonly context: BuildContext; readonly entry: ContextEntry }>
  /** All below it, to be copied; listed once. @throws likewise */
  copied(): Promise<Copied>
}

/** @param from a stage's name or number, an image or a named context; undefined: the main context */
export async function mountSource(
  from: string | undefined,
  written: string,
  { source: sourceOf }: StepContext,
): Promise<MountSource> {
  const source = await sourceOf(from)
  // As BuildKit: above the root there is the root.
  const path = posix.join('/', written)
  const { filesystem } = source
  const quickKey = filesystem && { filesystem: filesystem.key, path }
  const found = async () => {
    const context = await source.files()
    return { context, entry: await inDockersWords(() => context.stat(path)) }
  }
  let listed: Promise<Copied> | undefined
  const list = async () => {
    const { context, entry } = await found()
    // A single file keeps the name that the copy has.
    return copiedFrom(context, [{ entry, name: '' }], { exclude: [] })
  }
  const copied = () => {
    listed ??= list()
    return listed
  }
  // To read all of an image costs more than what it could save.
  const contentKey = async () => (quickKey && path === '/' ? quickKey : (await copied()).key)
  return { filesystem, quickKey, contentKey, found, copied }
}
