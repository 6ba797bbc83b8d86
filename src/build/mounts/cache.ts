import { chmod, chown } from 'node:fs/promises'
import type { Mount } from '../../dockerfile/index.js'
import { type KeyPart, keyOf } from '../key.js'
import type { StepContext } from '../steps/step.js'
import { copyTo } from './copy.js'
import type { MountScope } from './mount-scope.js'
import { type MountSource, mountSource } from './mount-source.js'
import type { ReadyMount, RunMount } from './run-mount.js'

type CacheMount = Extract<Mount, { type: 'cache' }>

/** A directory that is kept from build to build. What is in it decides nothing of the step's result; what it begins with does. */
export async function cacheMount(mount: CacheMount, context: StepContext): Promise<RunMount> {
  const { type, id, sharing, target, readOnly, from } = mount
  // Without a stage or an image it begins empty: a source alone means nothing.
  const source = from === undefined ? undefined : await mountSource(from, mount.source, context)
  const keyWith = (seed: KeyPart) => ({ type, id, target, readOnly, seed, ...ownerOf(mount) })
  return {
    quickKey: source === undefined || source.quickKey !== undefined ? keyWith(source?.quickKey) : undefined,
    ...(source && { contentKey: async () => keyWith(await source.contentKey()) }),
    lock: () => nameOf(mount, source),
    async ready(scope: MountScope): Promise<ReadyMount> {
      const name = await nameOf(mount, source)
      const { path } = await scope.cache(name, () =>
        context.host.cacheDirectory({
          id: name,
          sharing,
          signal: context.signal,
          fill: (directory) => fill(directory, mount, source, context.signal),
        }),
      )
      return { mounts: [{ kind: 'bind', source: path, target, readOnly }] }
    },
  }
}

/** Caches that begin otherwise are other ones, as in BuildKit. */
async function nameOf(mount: CacheMount, source: MountSource | undefined): Promise<string> {
  const owner = ownerOf(mount)
  if (!source && Object.keys(owner).length === 0) return mount.id
  const seed = source && (await source.contentKey())
  return `${mount.id} ${keyOf({ seed, ...owner }).slice('sha256:'.length, 'sha256:'.length + 16)}`
}

async function fill(
  directory: string,
  { mode = 0o755, uid = 0, gid = 0 }: CacheMount,
  source: MountSource | undefined,
  signal: AbortSignal,
): Promise<void> {
  if (source) await copyTo(await source.copied(), directory, '/', signal)
  await chown(directory, uid, gid)
  await chmod(directory, mode & 0o7777)
}

function ownerOf({ mode, uid, gid }: CacheMount): Readonly<Record<string, number>> {
  return { ...(mode !== undefined && { mode }), ...(uid !== undefined && { uid }), ...(gid !== undefined && { gid }) }
}
