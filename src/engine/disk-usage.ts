import { native } from '../host/index.js'
import type { ImageUsage } from '../image/index.js'
import type { Stages } from './assemble.js'
import { changedBytes } from './changed-bytes.js'
import type { ContainerSummary, Containers } from './containers.js'

/** What a root takes on the disk: Docker's `system df`. Sizes are the bytes that files have, not the blocks they take. */
export interface DiskUsage extends ImageUsage {
  /** All containers, newest first. */
  readonly containers: readonly ContainerUsage[]
}

/** A container, and the sizes of its files. */
export interface ContainerUsage extends ContainerSummary {
  /** Bytes of the files that it has made or changed. */
  readonly sizeRw: number
  /** The same together with its image's. */
  readonly sizeRootFs: number
}

/** Walks through the containers' files one after the other, off the event loop. */
export async function diskUsage(
  { images, snapshots, paths }: Pick<Stages, 'images' | 'snapshots' | 'paths'>,
  containers: Containers,
  signal: AbortSignal | undefined,
): Promise<DiskUsage> {
  signal?.throwIfAborted()
  const usages: ContainerUsage[] = []
  for (const container of await containers.list({ all: true })) {
    signal?.throwIfAborted()
    const { size, chain } = images.resolve(container.imageId)
    const directory = `${paths.containers}/${container.id}`
    const rootfs = snapshots.rootfs(chain, directory)
    const sizeRw =
      rootfs.kind === 'overlay'
        ? await native().treeSize(rootfs.upper)
        : await changedBytes(rootfs.path, await snapshots.changes(chain, directory, { signal }))
    usages.push({ ...container, sizeRw, sizeRootFs: size + sizeRw })
  }
  return { ...(await images.usage()), containers: usages }
}
