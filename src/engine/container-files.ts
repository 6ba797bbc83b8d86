import type { ContainerFiles } from '../container/context.js'
import type { ContainerRecord } from '../store/containers.js'
import type { Stages } from './assemble.js'
import { containerSize } from './container-size.js'

/** A container's files, beside those of its image. */
export function containerFiles({ images, snapshots, paths }: Stages, record: ContainerRecord): ContainerFiles {
  const { chain } = images.resolve(record.image)
  const directory = `${paths.containers}/${record.id}`
  return {
    size: ({ signal }) => containerSize({ images, snapshots, paths }, record, signal),
    changes: (options) => snapshots.changes(chain, directory, options),
    packChanges: (file, options) => snapshots.packChanges(chain, directory, file, options),
    packRoot: (options) => snapshots.packRoot(chain, directory, options),
  }
}
