import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { release } from 'node:os'
import { threadId } from 'node:worker_threads'
import { failpoint } from '../errors/failpoint.js'
import { AT_FDCWD, native, OVERLAYFS_SUPER_MAGIC, S_IFCHR } from '../host/index.js'

/** Filesystems that cannot hold an overlay's upper directory, by statfs(2)'s type. */
const unfit = new Set([
  OVERLAYFS_SUPER_MAGIC,
  0x6969, // nfs
  0x65735546, // fuse
  0xf15f, // ecryptfs
  0x61756673, // aufs
  0x01021997, // 9p
  0xff534d42, // cifs
  0xfe534d42, // smb2
  0x4d44, // vfat
  0x2011bab0, // exfat
])

/**
 * Whether overlayfs can be used with a directory, without mounting anything: its filesystem is of a fit kind, holds
 * whiteouts and `trusted.*` attributes, and the kernel has overlayfs.
 */
export function canOverlay(directory: string): boolean {
  return !unfit.has(native().statfs(directory).type) && kernelHasOverlay() && holdsOverlayMarks(directory)
}

function kernelHasOverlay(): boolean {
  if (/\toverlay$/m.test(readFileSync('/proc/filesystems', 'utf8'))) return true
  return existsSync(`/lib/modules/${release()}/kernel/fs/overlayfs`)
}

function holdsOverlayMarks(directory: string): boolean {
  // In one turn of the event loop: who comes after a killed process sweeps it.
  const path = `${directory}/.new-overlay-${threadId}-${process.pid}`
  rmSync(path, { recursive: true, force: true })
  mkdirSync(path)
  try {
    failpoint('root.probe')
    native().setxattrAt(AT_FDCWD, path, 'trusted.overlay.opaque', Buffer.from('y'))
    native().mknodat(AT_FDCWD, `${path}/whiteout`, S_IFCHR, 0, 0)
    return true
  } catch (error) {
    if (['ENOTSUP', 'EOPNOTSUPP', 'EPERM', 'EINVAL'].includes((error as { code: string }).code)) return false
    throw error
  } finally {
    rmSync(path, { recursive: true, force: true })
  }
}
