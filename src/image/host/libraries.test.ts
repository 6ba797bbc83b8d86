import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { HostFiles } from './host-files.js'
import { Libraries } from './libraries.js'

const programs = [
  '/bin/sh',
  '/bin/bash',
  '/bin/ls',
  '/usr/bin/git',
  '/usr/bin/python3',
  '/usr/bin/redis-server',
  '/usr/bin/perl',
  process.execPath,
]

/** The real paths that ldd shows. */
function ldd(program: string, files: HostFiles): string[] {
  const text = execFileSync('ldd', [program], { encoding: 'utf8' })
  const paths = [...text.matchAll(/(\/\S+) \(0x/g)].map(([, path]) => files.realpath(path as string) as string)
  return [...new Set(paths)].sort()
}

describe('Libraries', () => {
  let files: HostFiles
  beforeEach(() => {
    files = new HostFiles()
  })
  afterEach(() => files.close())

  it.each(programs.filter((program) => existsSync(program)))('finds for %s what ldd finds', (program) => {
    const real = files.realpath(program) as string
    const elf = files.elf(real)
    const found = new Libraries(files).of(real, elf as NonNullable<typeof elf>)
    const paths = [...new Set(found.map((path) => files.realpath(path) as string))].sort()
    const expected = ldd(program, files)
    expect(paths.filter((path) => !/libgcc_s/.test(path))).toEqual(expected.filter((path) => !/libgcc_s/.test(path)))
    expect(paths).toEqual(expect.arrayContaining(expected))
  })

  it('says which library of which program is missing', () => {
    const elf = files.elf(files.realpath('/bin/sh') as string)
    const broken = { ...elf, needed: ['libabsent.so.9'] } as NonNullable<typeof elf>
    expect(() => new Libraries(files).of('/bin/broken', broken)).toThrow(
      expect.objectContaining({
        code: 'FILE_NOT_FOUND',
        message: '/bin/broken needs the library libabsent.so.9, which is not installed',
      }),
    )
  })
})
