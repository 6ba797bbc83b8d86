import { chmodSync, mkdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { closing, failureOf, temporaryDirectory } from './fixture.js'
import { AT_FDCWD, native, O_DIRECTORY, O_PATH, S_IFLNK, S_IFREG, TMPFS_MAGIC } from './index.js'

/** A directory with a file, and a symlink to it. */
function openSample(): { path: string; directory: number } {
  const path = temporaryDirectory()
  writeFileSync(join(path, 'file'), 'content', { mode: 0o644 })
  symlinkSync('file', join(path, 'link'))
  return { path, directory: closing(native().openat2(AT_FDCWD, path, O_DIRECTORY, 0, 0)) }
}

const anchor = (directory: number, name: string) => closing(native().openat2(directory, name, O_PATH, 0, 0))

describe('statAt', () => {
  it('tells what Node tells', () => {
    const { path, directory } = openSample()
    const status = statSync(join(path, 'file'), { bigint: true })
    expect(native().statAt(directory, 'file')).toMatchObject({
      mode: Number(status.mode),
      uid: Number(status.uid),
      gid: Number(status.gid),
      size: 7,
      nlink: 1,
      dev: Number(status.dev),
      ino: Number(status.ino),
      mtime: [Number(status.mtimeNs / 1_000_000_000n), Number(status.mtimeNs % 1_000_000_000n)],
      atime: [Number(status.atimeNs / 1_000_000_000n), Number(status.atimeNs % 1_000_000_000n)],
    })
  })

  it('does not follow symlinks, and takes an empty name for the descriptor itself', () => {
    const { directory } = openSample()
    expect(native().statAt(directory, 'link')?.mode).toBe(S_IFLNK | 0o777)
    expect(native().statAt(anchor(directory, 'file'), '')).toMatchObject({ size: 7 })
  })

  it('is undefined for a name that is not there, and an error for what cannot be asked', () => {
    const { directory } = openSample()
    expect(native().statAt(directory, 'none')).toBeUndefined()
    expect(failureOf(() => native().statAt(directory, 'file/x')).code).toBe('ENOTDIR')
  })
})

describe('owner, mode and times', () => {
  it('change a symlink itself, not its target', () => {
    const { directory } = openSample()
    native().chownAt(directory, 'link', 12, 34)
    native().utimesAt(directory, 'link', [-5, 6], [1_700_000_000, 123_456_789])
    expect(native().statAt(directory, 'link')).toMatchObject({
      uid: 12,
      gid: 34,
      atime: [-5, 6],
      mtime: [1_700_000_000, 123_456_789],
    })
    expect(native().statAt(directory, 'file')).toMatchObject({ uid: 0, gid: 0 })
  })

  it('change the descriptor itself when the name is empty', () => {
    const { directory } = openSample()
    const file = anchor(directory, 'file')
    native().chmodAt(file, '', 0o4755)
    native().chownAt(file, '', 1, 4_000_000_000)
    native().utimesAt(file, '', [1, 2], [3, 4])
    native().chmodAt(directory, '', 0o1711)
    expect(native().statAt(directory, 'file')).toMatchObject({
      uid: 1,
      gid: 4_000_000_000,
      atime: [1, 2],
      mtime: [3, 4],
    })
    expect(native().statAt(directory, '')?.mode).toBe(0o41711)
  })

  it('set modes exactly, set-user-id included', () => {
    const { directory } = openSample()
    native().chmodAt(directory, 'file', 0o6711)
    expect(native().statAt(directory, 'file')?.mode).toBe(S_IFREG | 0o6711)
  })

  it('refuse the mode of a symlink, and leave its target alone', () => {
    const { path, directory } = openSample()
    expect(failureOf(() => native().chmodAt(directory, 'link', 0o777)).code).toBe('ELOOP')
    expect(statSync(join(path, 'file')).mode).toBe(S_IFREG | 0o644)
  })

  it.each([
    ['chownAt', (directory: number) => native().chownAt(directory, 'none', 0, 0)],
    ['chmodAt', (directory: number) => native().chmodAt(directory, 'none', 0)],
    ['utimesAt', (directory: number) => native().utimesAt(directory, 'none', [0, 0], [0, 0])],
  ])('report a missing name: %s', (_, action) => {
    const { directory } = openSample()
    expect(failureOf(() => action(directory))).toMatchObject({ code: 'ENOENT', path: 'none' })
  })
})

describe('extended attributes', () => {
  const value = Uint8Array.from([0, 1, 0xff, 0])

  it('are set, read, listed and removed, as bytes', () => {
    const { directory } = openSample()
    native().setxattrAt(directory, 'file', 'user.one', value)
    native().setxattrAt(directory, 'file', 'user.empty', new Uint8Array())
    expect(native().getxattrAt(directory, 'file', 'user.one')).toEqual(value)
    expect(native().getxattrAt(directory, 'file', 'user.empty')).toEqual(new Uint8Array())
    expect(native().listxattrAt(directory, 'file').sort()).toEqual(['user.empty', 'user.one'])
    native().removexattrAt(directory, 'file', 'user.one')
    expect(native().getxattrAt(directory, 'file', 'user.one')).toBeUndefined()
  })

  it('belong to a symlink itself', () => {
    const { directory } = openSample()
    native().setxattrAt(directory, 'link', 'trusted.x', value)
    expect(native().listxattrAt(directory, 'link')).toEqual(['trusted.x'])
    expect(native().listxattrAt(directory, 'file')).toEqual([])
    expect(failureOf(() => native().setxattrAt(directory, 'link', 'user.x', value)).code).toBe('EPERM')
  })

  it('belong to the descriptor itself when the name is empty', () => {
    const { directory } = openSample()
    native().setxattrAt(directory, '', 'trusted.overlay.opaque', Buffer.from('y'))
    native().setxattrAt(anchor(directory, 'file'), '', 'user.x', value)
    expect(native().getxattrAt(directory, '', 'trusted.overlay.opaque')).toEqual(Uint8Array.from([0x79]))
    expect(native().getxattrAt(directory, 'file', 'user.x')).toEqual(value)
  })

  it('may be larger than a page, and part of a larger buffer', () => {
    const { directory } = openSample()
    const large = new Uint8Array(2000).fill(7)
    native().setxattrAt(directory, 'file', 'user.large', new Uint8Array([0, ...large, 0]).subarray(1, 2001))
    expect(native().getxattrAt(directory, 'file', 'user.large')).toEqual(large)
  })

  it('report what fails', () => {
    const { directory } = openSample()
    expect(failureOf(() => native().removexattrAt(directory, 'file', 'user.none'))).toMatchObject({
      code: 'ENODATA',
      syscall: 'removexattr',
    })
    expect(failureOf(() => native().getxattrAt(directory, 'none', 'user.x')).code).toBe('ENOENT')
    expect(failureOf(() => native().setxattrAt(directory, 'file', 'bogus.x', value)).code).toBe('ENOTSUP')
  })
})

describe('statfs', () => {
  it('tells the filesystem by its magic number', () => {
    expect(native().statfs('/dev/shm')).toMatchObject({ type: TMPFS_MAGIC, blockSize: 4096 })
    expect(native().statfs('/').available).toBeGreaterThan(0)
    expect(failureOf(() => native().statfs('/nonexistent')).code).toBe('ENOENT')
  })
})

it('a directory without permissions can still be given some', () => {
  const { path, directory } = openSample()
  mkdirSync(join(path, 'closed'))
  chmodSync(join(path, 'closed'), 0)
  native().chmodAt(directory, 'closed', 0o750)
  expect(statSync(join(path, 'closed')).mode).toBe(0o40750)
})
