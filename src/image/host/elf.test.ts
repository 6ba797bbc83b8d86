import { execFileSync } from 'node:child_process'
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Elf, readElf } from './elf.js'

let directory: string
beforeEach(() => {
  directory = mkdtempSync('/tmp/ib-elf-')
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

function read(path: string): Elf | undefined {
  const descriptor = openSync(path, 'r')
  try {
    return readElf(descriptor, path)
  } finally {
    closeSync(descriptor)
  }
}

function readBytes(bytes: Buffer): Elf | undefined {
  const path = join(directory, 'file')
  writeFileSync(path, bytes)
  return read(path)
}

const dynamicOf = (path: string) => execFileSync('readelf', ['-dW', path], { encoding: 'utf8' })
const valuesOf = (text: string, tag: string) =>
  [...text.matchAll(new RegExp(`\\(${tag}\\).*\\[(.*)\\]`, 'g'))].map(([, value]) => value)

describe('readElf', () => {
  it.each([process.execPath, '/bin/sh', '/bin/bash', '/usr/bin/git'])('sees in %s what readelf sees', (path) => {
    const dynamic = dynamicOf(path)
    const elf = read(path)
    expect(elf?.needed).toEqual(valuesOf(dynamic, 'NEEDED'))
    expect(elf?.interpreter).toBe('/lib64/ld-linux-x86-64.so.2')
    expect(elf).toMatchObject({ bits: 64, isLittleEndian: true, machine: 62 })
  })

  it.each(['RPATH', 'RUNPATH'])('reads %s', (kind) => {
    const flag = kind === 'RPATH' ? '--disable-new-dtags' : '--enable-new-dtags'
    const path = join(directory, 'a.out')
    writeFileSync(`${path}.c`, 'int main(void) { return 0; }')
    execFileSync('cc', [
      `${path}.c`,
      '-o',
      path,
      `-Wl,${flag}`,
      '-Wl,-rpath,$ORIGIN/../lib:/opt/x',
      '-Wl,-z,nodefaultlib',
    ])
    const elf = read(path)
    expect(elf?.[kind === 'RPATH' ? 'rpath' : 'runpath']).toEqual(['$ORIGIN/../lib', '/opt/x'])
    expect(elf?.ignoresDefaults).toBe(true)
  })

  it('reads a library and its name', () => {
    const path = join(directory, 'lib.so')
    writeFileSync(`${path}.c`, 'int one(void) { return 1; }')
    execFileSync('cc', ['-shared', '-fPIC', `${path}.c`, '-o', path, '-Wl,-soname,libone.so.1'])
    const descriptor = openSync(path, 'r')
    const elf = readElf(descriptor, path)
    expect(elf).toMatchObject({ soname: 'libone.so.1', interpreter: undefined })
    expect([elf?.hasDynamicString('one'), elf?.hasDynamicString('on')]).toEqual([true, false])
    closeSync(descriptor)
  })

  it('reads static programs and those without sections', () => {
    expect(read('/bin/busybox')).toMatchObject({ needed: [], interpreter: undefined })
    const path = join(directory, 'stripped')
    execFileSync('objcopy', ['--strip-all', '/bin/sh', path])
    const bytes = readFileSync(path)
    bytes.writeBigUInt64LE(0n, 40)
    bytes.writeUInt16LE(0, 60)
    expect(readBytes(bytes)?.needed).toEqual(read('/bin/sh')?.needed)
  })

  it('reads 32-bit big-endian files', () => {
    const strings = Buffer.from('\0libc.so.6\0')
    const bytes = Buffer.alloc(52 + 3 * 32 + 32 + 32)
    const dynamicAt = 52 + 3 * 32
    const stringsAt = dynamicAt + 32
    bytes.set([0x7f, 0x45, 0x4c, 0x46, 1, 2, 1])
    bytes.writeUInt16BE(20, 18)
    bytes.writeUInt32BE(52, 28)
    bytes.writeUInt16BE(32, 42)
    bytes.writeUInt16BE(3, 44)
    const segment = (at: number, values: number[]) => {
      for (const [index, value] of values.entries()) bytes.writeUInt32BE(value, 52 + at * 32 + index * 4)
    }
    segment(0, [1, 0, 0x10000, 0, bytes.length, bytes.length, 5, 4096])
    segment(1, [2, dynamicAt, 0x10000 + dynamicAt, 0, 32, 32, 6, 4])
    segment(2, [3, stringsAt + 1, 0, 0, 10, 10, 4, 1])
    const dynamic = [1, 1, 5, 0x10000 + stringsAt, 10, strings.length, 0, 0]
    for (const [index, value] of dynamic.entries()) bytes.writeUInt32BE(value, dynamicAt + index * 4)
    bytes.set(strings, stringsAt)
    expect(readBytes(bytes)).toMatchObject({
      bits: 32,
      isLittleEndian: false,
      machine: 20,
      needed: ['libc.so.6'],
      interpreter: 'libc.so.6',
    })
  })

  it.each([
    ['nothing', ''],
    ['text', 'hello world, this is a text and no program at all'],
    ['a script', '#!/bin/sh\necho hi\n'.repeat(9)],
  ])('knows that %s is not ELF', (_, text) => {
    expect(readBytes(Buffer.from(text))).toBeUndefined()
  })

  it('refuses or reads every truncation of a program, and never fails otherwise', () => {
    const bytes = readFileSync('/bin/sh')
    const lengths = [
      ...Array.from({ length: 200 }, (_, at) => 20 + at * 7),
      ...Array.from({ length: 100 }, (_, at) => at * 1200),
    ]
    const outcomes = lengths.map((length) => outcomeOf(() => readBytes(bytes.subarray(0, length))))
    expect(outcomes.filter((outcome) => outcome !== 'read' && outcome !== 'INVALID_OPTION')).toEqual([])
  })

  it('refuses or reads every damage of the headers, and never fails otherwise', () => {
    const bytes = readFileSync('/bin/sh')
    const damaged = Array.from({ length: 1200 }, (_, at) => {
      const copy = Buffer.from(bytes.subarray(0, 8192))
      copy[at] = (copy[at] as number) ^ 0xff
      return outcomeOf(() => readBytes(copy))
    })
    expect(damaged.filter((outcome) => outcome !== 'read' && outcome !== 'INVALID_OPTION')).toEqual([])
  })
})

function outcomeOf(read: () => unknown): string {
  try {
    read()
    return 'read'
  } catch (error) {
    return String((error as { code?: string }).code ?? error)
  }
}
