import type { Native } from '../host/index.js'
import { isErrno } from './layer-errors.js'

/**
 * Whether a layer may set an attribute. `trusted.*` and `user.overlay.*` steer overlayfs (a forged `redirect` or
 * `metacopy` reaches other files of the host); `security.*` but for capabilities belongs to the host's policy.
 */
export function isLayerXattr(name: string): boolean {
  if (name.startsWith('user.')) return !name.startsWith('user.overlay.')
  return name === 'security.capability' || name === 'system.posix_acl_access' || name === 'system.posix_acl_default'
}

/**
 * Whether an attribute belongs to the files of a plain tree: what whoever may write there could set as well. `trusted.*` and
 * most of `security.*` are the host's.
 */
export function isPlainXattr(name: string): boolean {
  return name.startsWith('user.') || isLayerXattr(name)
}

/** A directory gets it last: what is made in it before would inherit it. */
export const defaultAcl = 'system.posix_acl_default'

/** Sets an attribute where the filesystem and the kind of file can have it; elsewhere it is left out, as Docker does. */
export function setXattr(native: Native, directory: number, name: string, attribute: string, value: Uint8Array): void {
  try {
    native.setxattrAt(directory, name, attribute, value)
  } catch (error) {
    const isUnsupported = isErrno(error, 'ENOTSUP', 'EOPNOTSUPP')
    const isUserOfSpecialFile = attribute.startsWith('user.') && isErrno(error, 'EPERM')
    if (!isUnsupported && !isUserOfSpecialFile) throw error
  }
}

/** An attribute with which overlayfs hides what lower layers have in a directory. */
export const opaqueXattr = { name: 'trusted.overlay.opaque', value: Buffer.from('y') }

/** What overlayfs notes in its layers. It takes them out of what it shows, and has no place in a copy. */
export const isOverlayXattr = (name: string): boolean => name.startsWith('trusted.overlay.')
