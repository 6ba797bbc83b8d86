import { readSync } from 'node:fs'
import type { InvalidOptionError } from '../../errors/index.js'
import { invalidOption } from '../image-errors.js'

/** What the dynamic linker reads from a program or shared library, and what tells which linker can load it. */
export interface Elf {
  readonly bits: 32 | 64
  readonly isLittleEndian: boolean
  /** e_machine. */
  readonly machine: number
  /** PT_INTERP: the dynamic linker; undefined for static programs and for libraries. */
  readonly interpreter: string | undefined
  /** DT_NEEDED, in order. */
  readonly needed: readonly string[]
  /** DT_RPATH, still with `$ORIGIN`. */
  readonly rpath: readonly string[]
  /** DT_RUNPATH, still with `$ORIGIN`. */
  readonly runpath: readonly string[]
  readonly soname: string | undefined
  /** DF_1_NODEFLIB: neither the cache nor the default directories are searched for what it needs. */
  readonly ignoresDefaults: boolean
  /**
   * Whether the table of dynamic strings, which has the names of imported symbols and versions, has this one. Reads it
   * from the descriptor, which has to be open still.
   */
  hasDynamicString(text: string): boolean
}

const PT_LOAD = 1
const PT_DYNAMIC = 2
const PT_INTERP = 3
const DT_NULL = 0
const DT_NEEDED = 1
const DT_STRTAB = 5
const DT_STRSZ = 10
const DT_SONAME = 14
const DT_RPATH = 15
const DT_RUNPATH = 29
const DT_FLAGS_1 = 0x6ffffffb
const DF_1_NODEFLIB = 0x800

/** Far above what any linker makes. */
const maxProgramHeaders = 1024
const maxDynamicBytes = 256 * 1024
const maxNeeded = 1024
const maxStringBytes = 4096
const maxStringTableBytes = 32 * 1024 * 1024

/**
 * Reads an ELF file by its program headers alone, as the kernel and the dynamic linker do: a file without sections is
 * as good as any.
 *
 * @returns undefined for a file that is not ELF
 * @throws {InvalidOptionError} `INVALID_OPTION` for an ELF file that is malformed
 * @see elf(5)
 */
export function readElf(descriptor: number, path: string): Elf | undefined {
  const ident = readAt(descriptor, 0, 64)
  if (ident.length < 20 || ident.readUInt32BE(0) !== 0x7f454c46) return undefined
  return new ElfReader(descriptor, path, ident).read()
}

interface Segment {
  readonly type: number
  readonly offset: number
  readonly address: number
  readonly size: number
}

class ElfReader {
  readonly #descriptor: number
  readonly #path: string
  readonly #header: Buffer
  readonly #bits: 32 | 64
  readonly #isLittleEndian: boolean
  #strings = { offset: 0, size: 0 }

  constructor(descriptor: number, path: string, header: Buffer) {
    this.#descriptor = descriptor
    this.#path = path
    this.#header = header
    const [kind, order] = [header[4], header[5]]
    if ((kind !== 1 && kind !== 2) || (order !== 1 && order !== 2))
      throw this.#malformed('its class or byte order is unknown')
    this.#bits = kind === 1 ? 32 : 64
    this.#isLittleEndian = order === 1
    if (header.length < (this.#bits === 32 ? 52 : 64)) throw this.#malformed('it is truncated')
  }

  read(): Elf {
    const segments = this.#segments()
    const interpreter = segments.find(({ type }) => type === PT_INTERP)
    const dynamic = segments.find(({ type }) => type === PT_DYNAMIC)
    const tags = dynamic ? this.#dynamic(dynamic) : []
    this.#strings = this.#stringTable(tags, segments)
    const strings = (tag: number) => tags.filter(([key]) => key === tag).map(([, at]) => this.#string(at))
    const paths = (tag: number) => strings(tag).flatMap((text) => text.split(':').filter((part) => part !== ''))
    if (tags.filter(([key]) => key === DT_NEEDED).length > maxNeeded)
      throw this.#malformed('it needs too many libraries')
    return {
      bits: this.#bits,
      isLittleEndian: this.#isLittleEndian,
      machine: this.#number(this.#header, 18, 2),
      interpreter: interpreter && this.#text(interpreter.offset, Math.min(interpreter.size, maxStringBytes)),
      needed: strings(DT_NEEDED),
      rpath: paths(DT_RPATH),
      runpath: paths(DT_RUNPATH),
      soname: strings(DT_SONAME)[0],
      ignoresDefaults: tags.some(([key, value]) => key === DT_FLAGS_1 && (value & DF_1_NODEFLIB) !== 0),
      hasDynamicString: (text) => this.#hasString(text),
    }
  }

  #segments(): Segment[] {
    const wide = this.#bits === 64
    const header = this.#header
    const at = wide ? this.#number(header, 32, 8) : this.#number(header, 28, 4)
    const entrySize = this.#number(header, wide ? 54 : 42, 2)
    const count = this.#number(header, wide ? 56 : 44, 2)
    if (count === 0) return []
    if (count > maxProgramHeaders || entrySize < (wide ? 56 : 32))
      throw this.#malformed('its program headers are malformed')
    const table = this.#bytes(at, count * entrySize)
    return Array.from({ length: count }, (_, index) => this.#segment(table.subarray(index * entrySize)))
  }

  #segment(entry: Buffer): Segment {
    const type = this.#number(entry, 0, 4)
    return this.#bits === 64
      ? {
          type,
          offset: this.#number(entry, 8, 8),
          address: this.#number(entry, 16, 8),
          size: this.#number(entry, 32, 8),
        }
      : {
          type,
          offset: this.#number(entry, 4, 4),
          address: this.#number(entry, 8, 4),
          size: this.#number(entry, 16, 4),
        }
  }

  #dynamic({ offset, size }: Segment): [tag: number, value: number][] {
    if (size > maxDynamicBytes) throw this.#malformed('its dynamic section is too long')
    const table = this.#bytes(offset, size)
    const word = this.#bits / 8
    const tags: [number, number][] = []
    for (let at = 0; at + 2 * word <= table.length; at += 2 * word) {
      const tag = this.#number(table, at, word)
      if (tag === DT_NULL) break
      tags.push([tag, this.#number(table, at + word, word)])
    }
    return tags
  }

  #stringTable(tags: readonly [number, number][], segments: readonly Segment[]): { offset: number; size: number } {
    const find = (tag: number) => tags.find(([key]) => key === tag)?.[1]
    const address = find(DT_STRTAB)
    if (address === undefined) return { offset: 0, size: 0 }
    const segment = segments.find(
      (one) => one.type === PT_LOAD && address >= one.address && address < one.address + one.size,
    )
    if (!segment) throw this.#malformed('its dynamic strings are not in any segment')
    return { offset: segment.offset + (address - segment.address), size: find(DT_STRSZ) ?? 0 }
  }

  #string(at: number): string {
    const { offset, size } = this.#strings
    if (at >= size) throw this.#malformed('a name is outside of its strings')
    return this.#text(offset + at, Math.min(size - at, maxStringBytes))
  }

  /** Up to the first NUL. */
  #text(offset: number, length: number): string {
    const bytes = readAt(this.#descriptor, offset, length)
    const end = bytes.indexOf(0)
    if (end < 0) throw this.#malformed('a name does not end')
    return bytes.toString('utf8', 0, end)
  }

  #hasString(text: string): boolean {
    const { offset, size } = this.#strings
    return readAt(this.#descriptor, offset, Math.min(size, maxStringTableBytes)).includes(`\0${text}\0`)
  }

  #bytes(offset: number, length: number): Buffer {
    const bytes = readAt(this.#descriptor, offset, length)
    if (bytes.length < length) throw this.#malformed('it is truncated')
    return bytes
  }

  #number(bytes: Buffer, at: number, size: number): number {
    if (size <= 4) return this.#isLittleEndian ? bytes.readUIntLE(at, size) : bytes.readUIntBE(at, size)
    const value = this.#isLittleEndian ? bytes.readBigUInt64LE(at) : bytes.readBigUInt64BE(at)
    // Processor-specific tags and addresses may be huge; nothing that is followed is.
    return value > BigInt(Number.MAX_SAFE_INTEGER) ? Number.MAX_SAFE_INTEGER : Number(value)
  }

  #malformed(why: string): InvalidOptionError {
    return invalidOption(`${this.#path} is a malformed ELF file: ${why}`, { path: this.#path })
  }
}

/** Fewer bytes only at the end of the file. */
function readAt(descriptor: number, offset: number, length: number): Buffer {
  if (!Number.isSafeInteger(offset + length)) return Buffer.alloc(0)
  const bytes = Buffer.allocUnsafe(length)
  let done = 0
  for (let read = -1; read !== 0 && done < length; done += read) {
    read = readSync(descriptor, bytes, done, length - done, offset + done)
  }
  return bytes.subarray(0, done)
}
