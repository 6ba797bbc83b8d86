import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { release } from 'node:os'
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
export async function canOverlay(directory: string): Promise<boolean> {
  return !unfit.has(native().statfs(directory).type) && kernelHasOverlay() && (await holdsOverlayMarks(directory))
}

function kernelHasOverlay(): boolean {
  if (/\toverlay$/m.test(readFileSync('/proc/filesystems', 'utf8'))) return true
  return existsSync(`/lib/modules/${release()}/kernel/fs/overlayfs`)
}

async function holdsOverlayMarks(directory: string): Promise<boolean> {
  const path = `${directory}/tmp-probe-${randomBytes(4).toString('hex')}`
  mkdirSync(path)
  try {
    native().setxattrAt(AT_FDCWD, path, 'trusted.overlay.opaque', Buffer.from('y'))
    native().mknodat(AT_FDCWD, `${path}/whiteout`, S_IFCHR, 0, 0)
    return true
  } catch (error) {
    if (['ENOTSUP', 'EOPNOTSUPP', 'EPERM', 'EINVAL'].includes((error as { code: string }).code)) return false
    throw error
  } finally {
    await native().removeTree(path)
  }
}
