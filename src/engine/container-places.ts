import type { MountPoint } from '../spec/mount-point.js'
import type { ContainerRecord } from '../store/containers.js'
import { refused } from '../volume/copy-rules.js'

/**
 * Makes sure that a place in a container may be written to, as the container was made, and says it in Docker's words.
 *
 * @param path without symlinks
 * @param isRunning whether its tmpfs are mounted
 */
export function verifyWritable({ mounts, config }: ContainerRecord, path: string, isRunning: boolean): void {
  const point = pointOf(mounts, path)
  if (point === undefined || (point.type === 'tmpfs' && !isRunning)) {
    if (config.readOnly) throw refused('container rootfs is marked read-only')
  } else if (point.readOnly || point.type === 'image') throw refused('mounted volume is marked read-only')
}

/** The mount that a path is in: what is mounted deepest. */
function pointOf(mounts: readonly MountPoint[], path: string): MountPoint | undefined {
  return mounts
    .filter(({ destination }) => `${path}/`.startsWith(`${destination}/`))
    .sort((a, b) => b.destination.length - a.destination.length)[0]
}
