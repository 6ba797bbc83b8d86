import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { readTextFile } from '../host/text-file.js'

/** What the kernel runs programs of another kind with. */
export interface BinfmtHandler {
  /** A path, in the filesystem of the program unless it is fixed. */
  readonly interpreter: string
  /** Flag F: it was opened when it was registered, and is found from everywhere. */
  readonly isFixed: boolean
}

const binfmt = '/proc/sys/fs/binfmt_misc'

export function isBinfmtMounted(directory = binfmt): boolean {
  return existsSync(join(directory, 'register'))
}

/** Of ELF: 32 or 64 bits, little or big endian, the machine. */
const machines: Readonly<Record<string, readonly [bits: 1 | 2, order: 1 | 2, machine: number]>> = {
  '386': [1, 1, 3],
  amd64: [2, 1, 62],
  arm: [1, 1, 40],
  arm64: [2, 1, 183],
  loong64: [2, 1, 258],
  mips64le: [2, 1, 8],
  ppc64le: [2, 1, 21],
  riscv64: [2, 1, 243],
  s390x: [2, 2, 22],
}

/** The handler that the kernel has for programs of an architecture (Go's name), whatever it is called. */
export function handlerFor(architecture: string, directory = binfmt): BinfmtHandler | undefined {
  const header = headerOf(architecture)
  if (header === undefined || !isBinfmtMounted(directory) || isOff(directory)) return undefined
  for (const name of readdirSync(directory)) {
    if (name === 'register' || name === 'status') continue
    const handler = parseHandler(readTextFile(join(directory, name)) ?? '', header)
    if (handler) return handler
  }
  return undefined
}

function isOff(directory: string): boolean {
  return readTextFile(join(directory, 'status'))?.trim() === 'disabled'
}

/** As a program's file begins. */
function headerOf(architecture: string): Buffer | undefined {
  const known = machines[architecture]
  if (known === undefined) return undefined
  const [bits, order, machine] = known
  const header = Buffer.from([0x7f, 0x45, 0x4c, 0x46, bits, order, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])
  const executable = 2
  if (order === 1) {
    header.writeUInt16LE(executable, 16)
    header.writeUInt16LE(machine, 18)
  } else {
    header.writeUInt16BE(executable, 16)
    header.writeUInt16BE(machine, 18)
  }
  return header
}

function parseHandler(text: string, header: Buffer): BinfmtHandler | undefined {
  const lines = text.split('\n')
  const field = (name: string) => lines.find((line) => line.startsWith(`${name} `))?.slice(name.length + 1)
  const interpreter = field('interpreter')
  const magic = field('magic')
  if (lines[0] !== 'enabled' || interpreter === undefined || magic === undefined) return undefined
  const bytes = Buffer.from(magic, 'hex')
  const mask = Buffer.from(field('mask') ?? 'ff'.repeat(bytes.length), 'hex')
  const offset = Number(field('offset') ?? 0)
  const differs = (byte: number, at: number) => (((header[offset + at] ?? 0) ^ byte) & (mask[at] ?? 0xff)) !== 0
  if (bytes.some(differs)) return undefined
  return { interpreter, isFixed: (field('flags:') ?? '').includes('F') }
}
