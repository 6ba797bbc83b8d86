import { mkdirSync, readFileSync, readlinkSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { closing, failureOf, openDescriptors, temporaryDirectory } from './fixture.js'
import { AT_FDCWD, native, O_DIRECTORY } from './index.js'

function openSample(): { path: string; directory: number } {
  const path = temporaryDirectory()
  mkdirSync(join(path, 'inside'))
  writeFileSync(join(path, 'canary'), 'alive')
  return { path, directory: closing(native().openat2(AT_FDCWD, join(path, 'inside'), O_DIRECTORY, 0, 0)) }
}

const make = (directory: number, name: string, content = 'dead') =>
  native().makeFile(directory, name, Buffer.from(content), 0o644, 0, 0, [1, 2], [3, 4])

describe('makeFile', () => {
  it('makes a file with content, owner, mode and times, whatever the umask', () => {
    const { path, directory } = openSample()
    const before = process.umask(0o077)
    try {
      native().makeFile(directory, 'f', Buffer.from('hello'), 0o6755, 7, 4_000_000_000, [-5, 6], [1_700_000_000, 9])
    } finally {
      process.umask(before)
    }
    expect(native().statAt(directory, 'f')).toMatchObject({
      mode: 0o106755,
      uid: 7,
      gid: 4_000_000_000,
      atime: [-5, 6],
      mtime: [1_700_000_000, 9],
    })
    expect(readFileSync(join(path, 'inside/f'), 'utf8')).toBe('hello')
  })

  it('makes an empty file, and one of megabytes', () => {
    const { directory } = openSample()
    make(directory, 'empty', '')
    make(directory, 'big', 'x'.repeat(5_000_000))
    expect([native().statAt(directory, 'empty')?.size, native().statAt(directory, 'big')?.size]).toEqual([0, 5_000_000])
  })

  it('takes names that are not UTF-8', () => {
    const { directory } = openSample()
    make(directory, 'latin-\udce9')
    expect(native().readDirectory(directory)[0]?.name).toBe('latin-\udce9')
  })

  it('never touches what is there, nor follows a symlink that is', () => {
    const { path, directory } = openSample()
    symlinkSync('../canary', join(path, 'inside/link'))
    symlinkSync('../new', join(path, 'inside/dangling'))
    writeFileSync(join(path, 'inside/file'), 'mine')
    const codes = ['link', 'dangling', 'file'].map((name) => failureOf(() => make(directory, name)).code)
    expect(codes).toEqual(['EEXIST', 'EEXIST', 'EEXIST'])
    expect(readFileSync(join(path, 'inside/file'), 'utf8')).toBe('mine')
    expect(readlinkSync(join(path, 'inside/dangling'))).toBe('../new')
  })

  it.each(['../canary', '../new', '/tmp/inboard-escaped', '/proc/self/cwd/inboard-escaped'])(
    'refuses the name %s, which leads out',
    (name) => {
      const { path, directory } = openSample()
      expect(failureOf(() => make(directory, name)).code).toBe('EXDEV')
      expect(readFileSync(join(path, 'canary'), 'utf8')).toBe('alive')
    },
  )

  it('refuses a path through a symlink', () => {
    const { path, directory } = openSample()
    symlinkSync('.', join(path, 'inside/here'))
    expect(failureOf(() => make(directory, 'here/f'))).toMatchObject({ code: 'ELOOP', syscall: 'openat2' })
  })

  it('leaves no descriptor open, whether it succeeds or fails', () => {
    const { directory } = openSample()
    const before = openDescriptors()
    make(directory, 'f')
    failureOf(() => make(directory, 'f'))
    failureOf(() => native().makeFile(directory, 'g', Buffer.from('x'), 0o644, 0, 0, [0, -7], [0, -7]))
    failureOf(() => native().makeFile(directory, 'h', 'text' as unknown as Buffer, 0o644, 0, 0, [0, 0], [0, 0]))
    expect(openDescriptors()).toBe(before)
  })
})
