import { existsSync } from 'node:fs'
import { statfs } from 'node:fs/promises'
import { dirname } from 'node:path'
import { readTextFile } from '../host/index.js'
import { canOverlay } from '../snapshot/probe.js'
import { failure, fine, type HostCheck, warning } from './doctor-check.js'

/** The directory itself, or where it would be made. */
function nearest(path: string): string {
  return existsSync(path) || path === '/' ? path : nearest(dirname(path))
}

/** Whether layers can be joined by the kernel on the filesystem that the root is on. */
export async function checkStorage(root: string): Promise<HostCheck> {
  const directory = nearest(root)
  if (canOverlay(directory)) return fine('storage', `overlay works at ${directory}`)
  const hasModule = /\toverlay$/m.test(readTextFile('/proc/filesystems') ?? '')
  return warning(
    'storage',
    hasModule ? `the filesystem of ${directory} cannot hold overlays` : 'the kernel has no overlay filesystem',
    'layers are copied instead (driver vfs): every container takes as much room and time as its image is large',
    hasModule ? 'export INBOARD_ROOT=/path/on/ext4-xfs-or-btrfs' : 'modprobe overlay',
  )
}

const mebibyte = 1024 * 1024
const leastBytes = 200 * mebibyte
const enoughBytes = 2048 * mebibyte
const enoughFiles = 50_000

export async function checkDiskSpace(root: string): Promise<HostCheck> {
  const directory = nearest(root)
  const { bavail, bsize, files, ffree } = await statfs(directory)
  return judgeDiskSpace({ directory, bytes: bavail * bsize, files: files === 0 ? undefined : ffree })
}

/** @param files how many more there may be; undefined: as many as there is room for */
export function judgeDiskSpace({
  directory,
  bytes,
  files,
}: {
  readonly directory: string
  readonly bytes: number
  readonly files: number | undefined
}): HostCheck {
  const finding = `${Math.floor(bytes / mebibyte)} MiB${files === undefined ? '' : ` and ${files} files`} free at ${directory}`
  const remedy = 'npx inboard system prune --all'
  if (bytes < leastBytes || files === 0) return failure('disk-space', finding, 'no image fits there', remedy)
  if (bytes < enoughBytes || (files ?? enoughFiles) < enoughFiles)
    return warning('disk-space', finding, 'a few images fill it', remedy)
  return fine('disk-space', finding)
}

const TMPFS_MAGIC = 0x01021994

export async function checkRunRoot(runRoot: string): Promise<HostCheck> {
  const directory = nearest(runRoot)
  if ((await statfs(directory)).type === TMPFS_MAGIC) return fine('run-root', `${directory} is on a tmpfs`)
  return warning(
    'run-root',
    `${directory} is on a disk`,
    'each start writes a dozen small files there: it takes longer than on a tmpfs',
    'export INBOARD_RUN_ROOT=/dev/shm/inboard (or mount -t tmpfs -o mode=755 tmpfs /run)',
  )
}
