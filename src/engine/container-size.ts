import type { ContainerSize } from '../container/context.js'
import { native } from '../host/index.js'
import type { ContainerRecord } from '../store/containers.js'
import type { Stages } from './assemble.js'
import { changedBytes } from './changed-bytes.js'

/** Walks through a container's files, off the event loop. */
export async function containerSize(
  { images, snapshots, paths }: Pick<Stages, 'images' | 'snapshots' | 'paths'>,
  { id, image }: Pick<ContainerRecord, 'id' | 'image'>,
  signal: AbortSignal | undefined,
): Promise<ContainerSize> {
  signal?.throwIfAborted()
  const { size, chain } = images.resolve(image)
  const directory = `${paths.containers}/${id}`
  const rootfs = snapshots.rootfs(chain, directory)
  const sizeRw =
    rootfs.kind === 'overlay'
      ? await native().treeSize(rootfs.upper)
      : await changedBytes(rootfs.path, await snapshots.changes(chain, directory, { signal }))
  return { sizeRw, sizeRootFs: size + sizeRw }
}
