import { encode, WireMessage } from './wire.js'

/** Of the protocol that files are sent by. @see https://github.com/tonistiigi/fsutil/blob/master/types/wire.proto */
export const packetTypes = { stat: 0, request: 1, data: 2, finished: 3, error: 4 } as const

export interface FilePacket {
  readonly type: number
  /** Of `stat`; undefined: there are no more. */
  readonly stat: FileStat | undefined
  /** Of `request` and `data`: which file, by its number among all that were told of. */
  readonly id: number
  readonly data: Buffer
}

/** What a file is. */
export interface FileStat {
  /** Relative, with slashes. */
  readonly path: string
  readonly kind: 'file' | 'directory' | 'symlink' | 'link' | 'other'
  /** The lower twelve bits, as POSIX has them. */
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly size: number
  /** Nanoseconds since 1970. */
  readonly modifiedNs: bigint
  /** Of a symlink, or the path of another file that it is the same as. */
  readonly target: string
}

export function encodePacket(type: number, id = 0): Buffer {
  return encode([
    [1, type],
    [3, id],
  ])
}

/** @throws {WireError} */
export function decodePacket(bytes: Buffer): FilePacket {
  const message = new WireMessage(bytes)
  const stat = message.bytes(2)
  return {
    type: message.number(1),
    stat: stat && decodeStat(stat),
    id: message.number(3),
    data: message.bytes(4) ?? Buffer.alloc(0),
  }
}

/** Bits of Go's `os.FileMode`. */
const goModes = {
  directory: 2 ** 31,
  symlink: 2 ** 27,
  /** Devices, pipes, sockets, what is irregular. */
  special: 2 ** 26 + 2 ** 25 + 2 ** 24 + 2 ** 21 + 2 ** 19,
  setuid: 2 ** 23,
  setgid: 2 ** 22,
  sticky: 2 ** 20,
} as const

function decodeStat(bytes: Buffer): FileStat {
  const message = new WireMessage(bytes)
  const mode = message.number(2)
  const target = message.text(7)
  return {
    path: message.text(1),
    kind: kindOf(mode, target),
    mode: permissionsOf(mode),
    uid: message.number(3),
    gid: message.number(4),
    size: message.number(5),
    modifiedNs: message.integer(6),
    target,
  }
}

const has = (mode: number, bits: number) => (mode & bits) !== 0

function kindOf(mode: number, target: string): FileStat['kind'] {
  if (has(mode, goModes.directory)) return 'directory'
  if (has(mode, goModes.symlink)) return 'symlink'
  if (has(mode, goModes.special)) return 'other'
  return target === '' ? 'file' : 'link'
}

function permissionsOf(mode: number): number {
  const special = [goModes.setuid, goModes.setgid, goModes.sticky].map((bit) => (has(mode, bit) ? 1 : 0))
  return (mode & 0o777) | (special.reduce<number>((sum, bit) => sum * 2 + bit, 0) << 9)
}
