import { randomUUID } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Mount } from '../../dockerfile/index.js'
import { native } from '../../host/index.js'
import type { Copied } from '../files/copied.js'
import type { Filesystem } from '../filesystem.js'
import type { ProcessMount } from '../host.js'
import type { KeyPart } from '../key.js'
import type { StepContext } from '../steps/step.js'
import { copyTo } from './copy.js'
import { isLittle, keepFiles } from './kept-files.js'
import type { MountScope } from './mount-scope.js'
import { type MountSource, mountSource } from './mount-source.js'
import type { ReadyMount, RunMount } from './run-mount.js'

type BindMount = Extract<Mount, { type: 'bind' }>

/** Files of a context, a stage or an image. What a program writes to them, where it may, is seen by nobody else, and is gone with it. */
export async function bindMount(
  { from, source: path, target, readOnly, type }: BindMount,
  context: StepContext,
): Promise<RunMount> {
  const source = await mountSource(from, path, context)
  const keyWith = (what: KeyPart) => ({ type, what, target, readOnly })
  return {
    quickKey: source.quickKey === undefined ? undefined : keyWith(source.quickKey),
    contentKey: async () => keyWith(await source.contentKey()),
    async ready(scope: MountScope): Promise<ReadyMount> {
      if (source.filesystem && readOnly) return { mounts: [await shown(source, target)] }
      const copied = await source.copied()
      if (readOnly && !isLittle(copied))
        return { mounts: [{ kind: 'filesystem', ...(await keepFiles(copied, context)), target }] }
      return { mounts: [{ kind: 'bind', source: await copy(copied, context, scope), target, readOnly }] }
    },
  }
}

/** The files of a stage or an image as they are. */
async function shown({ filesystem, found }: MountSource, target: string): Promise<ProcessMount> {
  // Looked up here, lest what is missing is told as a container that cannot be started.
  const { path } = (await found()).entry
  return { kind: 'filesystem', filesystem: filesystem as Filesystem, path: `/${path}`, target }
}

/**
 * A context is never seen as it is on the host, but as a build has it: without what is excluded, owned by root, as it was when
 * the key was made of it. And nobody else may see what a program writes.
 */
async function copy(copied: Copied, { host, signal }: StepContext, scope: MountScope): Promise<string> {
  // The first may be memory.
  const directory = join(isLittle(copied) ? host.temporary : host.unpacked, `mount-${randomUUID()}`)
  scope.defer(() => native().removeTree(directory))
  await mkdir(directory, { mode: 0o700, recursive: true })
  await copyTo(copied, directory, '/files', signal)
  return join(directory, 'files')
}
