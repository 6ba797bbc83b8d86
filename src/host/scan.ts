import { fstatSync } from 'node:fs'
import type { Time } from './native.js'

/** Where things are in a record of `Native.scanDirectory` (native/addon/scan.cc), in words of 32 bits. */
const at = {
  inode: 0,
  size: 2,
  mtime: 4,
  ctime: 6,
  mtimeNanoseconds: 8,
  ctimeNanoseconds: 9,
  deviceMajor: 10,
  deviceMinor: 11,
  mode: 12,
  uid: 13,
  gid: 14,
  rdevMajor: 15,
  rdevMinor: 16,
  nameLength: 18,
  targetLength: 19,
  name: 20,
} as const

const wordBytes = 4
/** Records begin at multiples of this. */
const alignment = 8

/** Inode, size, times of data and status, device and mode: what tells that a file is still the same. */
export const fingerprintWords = 13

/**
 * A name of a directory, and what it was when the directory was scanned: read from the scan's bytes when it is asked for. There
 * may be very many: each is as little as it can be.
 */
export class ScannedEntry {
  /** When it is ASCII; of other names there are only {@link nameBytes}. */
  readonly name: string | undefined
  readonly #words: Uint32Array
  readonly #at: number

  constructor(name: string, words: Uint32Array, position: number) {
    this.name = isAscii(name) ? name : undefined
    this.#words = words
    this.#at = position
  }

  get mode(): number {
    return this.#word(at.mode)
  }

  get uid(): number {
    return this.#word(at.uid)
  }

  get gid(): number {
    return this.#word(at.gid)
  }

  get size(): number {
    return this.#word(at.size) + this.#word(at.size + 1) * 2 ** 32
  }

  get rdevMajor(): number {
    return this.#word(at.rdevMajor)
  }

  get rdevMinor(): number {
    return this.#word(at.rdevMinor)
  }

  get mtime(): Time {
    return [this.#seconds(at.mtime), this.#word(at.mtimeNanoseconds)]
  }

  get ctime(): Time {
    return [this.#seconds(at.ctime), this.#word(at.ctimeNanoseconds)]
  }

  get nameBytes(): Buffer {
    return this.#bytes(0, this.#word(at.nameLength))
  }

  /** Of a symlink; empty for anything else. */
  get targetBytes(): Buffer {
    return this.#bytes(this.#word(at.nameLength), this.#word(at.targetLength))
  }

  /** Writes {@link fingerprintWords} words. */
  copyFingerprint(to: Uint32Array, position: number): void {
    for (let word = 0; word < fingerprintWords; word++) to[position + word] = this.#word(word)
  }

  hasFingerprint(of: Uint32Array, position: number): boolean {
    for (let word = 0; word < fingerprintWords; word++) if (of[position + word] !== this.#word(word)) return false
    return true
  }

  /** Whether two scans found the same file unchanged. */
  isSame(other: ScannedEntry): boolean {
    return this.hasFingerprint(other.#words, other.#at)
  }

  #word(index: number): number {
    return this.#words[this.#at + index] as number
  }

  /** Signed: there are times before 1970. */
  #seconds(index: number): number {
    return this.#word(index) + (this.#word(index + 1) | 0) * 2 ** 32
  }

  #bytes(from: number, length: number): Buffer {
    const { buffer, byteOffset } = this.#words
    return Buffer.from(buffer, byteOffset + (this.#at + at.name) * wordBytes + from, length)
  }
}

/** The entries of a `Native.scanDirectory`, in the kernel's order. */
export function unpackScan(scan: Uint8Array): ScannedEntry[] {
  const bytes = Buffer.from(scan.buffer, scan.byteOffset, scan.byteLength)
  const words = new Uint32Array(scan.buffer, scan.byteOffset, scan.byteLength / wordBytes)
  const entries: ScannedEntry[] = []
  for (let position = 0; position < words.length; ) {
    const nameLength = words[position + at.nameLength] as number
    const from = (position + at.name) * wordBytes
    entries.push(new ScannedEntry(bytes.toString('latin1', from, from + nameLength), words, position))
    const end = from + nameLength + (words[position + at.targetLength] as number)
    position = aligned(end) / wordBytes
  }
  return entries
}

function isAscii(text: string): boolean {
  for (let index = 0; index < text.length; index++) if (text.charCodeAt(index) > 0x7f) return false
  return true
}

/** A file as a scan has it, that is on no disk. */
export interface ScanRecord {
  readonly name: Buffer
  /** Of a symlink; empty for anything else. */
  readonly target: Buffer
  readonly inode: number
  /** Type and permission bits. */
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly size: number
  readonly mtime: Time
}

/** The opposite of {@link unpackScan}. */
export function packScan(records: readonly ScanRecord[]): Uint8Array {
  const lengths = records.map(({ name, target }) => aligned(at.name * wordBytes + name.length + target.length))
  const bytes = Buffer.alloc(lengths.reduce((sum, length) => sum + length, 0))
  let position = 0
  for (const [index, record] of records.entries()) {
    const { name, target } = record
    const words = new Uint32Array(bytes.buffer, bytes.byteOffset + position, at.name)
    words.set(fingerprintOfRecord(record))
    words[at.uid] = record.uid
    words[at.gid] = record.gid
    words[at.nameLength] = name.length
    words[at.targetLength] = target.length
    name.copy(bytes, position + at.name * wordBytes)
    target.copy(bytes, position + at.name * wordBytes + name.length)
    position += lengths[index] as number
  }
  return bytes
}

/** The fingerprint that its entry of a scan has. */
export function fingerprintOfRecord({ inode, size, mtime: [seconds, nanoseconds], mode }: ScanRecord): Uint32Array {
  const words = new Uint32Array(fingerprintWords)
  writeLong(words, at.inode, BigInt(inode))
  writeLong(words, at.size, BigInt(size))
  writeLong(words, at.mtime, BigInt(seconds))
  words[at.mtimeNanoseconds] = nanoseconds
  words[at.mode] = mode
  return words
}

const aligned = (bytes: number) => Math.ceil(bytes / alignment) * alignment

/** The fingerprint of an open file. */
export function fingerprintOf(fd: number): Uint32Array {
  const { ino, size, mtimeNs, ctimeNs, dev, mode } = fstatSync(fd, { bigint: true })
  const words = new Uint32Array(fingerprintWords)
  writeLong(words, at.inode, ino)
  writeLong(words, at.size, size)
  writeTime(words, mtimeNs, at.mtime, at.mtimeNanoseconds)
  writeTime(words, ctimeNs, at.ctime, at.ctimeNanoseconds)
  // makedev(3).
  words[at.deviceMajor] = Number(((dev >> 8n) & 0xfffn) | ((dev >> 32n) & 0xfffff000n))
  words[at.deviceMinor] = Number((dev & 0xffn) | ((dev >> 12n) & 0xffffff00n))
  words[at.mode] = Number(mode)
  return words
}

/** Rounds down, as times before 1970 need it. */
function writeTime(words: Uint32Array, time: bigint, seconds: number, nanoseconds: number): void {
  const fraction = ((time % billion) + billion) % billion
  writeLong(words, seconds, (time - fraction) / billion)
  words[nanoseconds] = Number(fraction)
}

function writeLong(words: Uint32Array, index: number, value: bigint): void {
  words[index] = Number(value & 0xffffffffn)
  words[index + 1] = Number((value >> 32n) & 0xffffffffn)
}

const billion = 1_000_000_000n
