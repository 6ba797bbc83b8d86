import type { ContainerGraphDriver } from '../container/inspect.js'
import type { ContainerRecord } from '../store/containers.js'
import type { Stages } from './assemble.js'

/** Where a container's files are. */
export function graphDriver(
  { images, snapshots, paths }: Pick<Stages, 'images' | 'snapshots' | 'paths'>,
  { id, image }: Pick<ContainerRecord, 'id' | 'image'>,
): ContainerGraphDriver {
  const rootfs = snapshots.rootfs(images.resolve(image).chain, `${paths.containers}/${id}`)
  if (rootfs.kind !== 'overlay') return { Name: snapshots.name, Data: null }
  return {
    Name: snapshots.name,
    Data: {
      LowerDir: rootfs.lowerdirs.map((layer) => `${rootfs.directory}/${layer}`).join(':'),
      MergedDir: rootfs.target,
      UpperDir: rootfs.upper,
      WorkDir: rootfs.work,
    },
  }
}
