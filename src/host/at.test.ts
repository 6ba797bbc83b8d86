import {
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { closing, failureOf, temporaryDirectory } from './fixture.js'
import * as host from './index.js'

const { native, AT_FDCWD, O_DIRECTORY, O_PATH, O_RDONLY, RESOLVE_IN_ROOT, RESOLVE_NO_MAGICLINKS } = host

function openTemporary(parent?: string): { path: string; directory: number } {
  const path = temporaryDirectory(parent)
  return { path, directory: closing(native().openat2(AT_FDCWD, path, O_DIRECTORY, 0, 0)) }
}

describe('openat2', () => {
  it('opens close-on-exec', () => {
    const { directory } = openTemporary()
    expect(readFileSync(`/proc/self/fdinfo/${directory}`, 'utf8')).toMatch(/^flags:\s+02\d{6}$/m)
  })

  it('resolves absolute symlinks and .. inside the root when asked to', () => {
    const { path, directory } = openTemporary()
    writeFileSync(join(path, 'passwd'), 'inside')
    symlinkSync('/../../passwd', join(path, 'link'))
    const file = closing(native().openat2(directory, 'link', O_RDONLY, 0, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS))
    expect(readFileSync(file, 'utf8')).toBe('inside')
  })

  it('refuses magic links when asked to', () => {
    const error = failureOf(() => native().openat2(AT_FDCWD, '/proc/self/root', O_PATH, 0, RESOLVE_NO_MAGICLINKS))
    expect(error.code).toBe('ELOOP')
  })

  it('creates with the given mode', () => {
    const { directory } = openTemporary()
    closing(native().openat2(directory, 'f', host.O_CREAT | host.O_EXCL | host.O_WRONLY, 0o640, 0))
    expect(native().statAt(directory, 'f')?.mode).toBe(host.S_IFREG | 0o640)
  })

  it("reports failures as Node's own file system does", () => {
    const error = failureOf(() => native().openat2(AT_FDCWD, '/nonexistent/x', O_RDONLY, 0, 0))
    expect(error).toBeInstanceOf(Error)
    expect(error.message).toBe("ENOENT: no such file or directory, openat2 '/nonexistent/x'")
    expect(error).toMatchObject({ code: 'ENOENT', errno: 2, syscall: 'openat2', path: '/nonexistent/x' })
  })

  it('refuses a name with a NUL, which no system call could see the end of', () => {
    expect(failureOf(() => native().openat2(AT_FDCWD, 'a\0b', O_RDONLY, 0, 0)).code).toBe('EINVAL')
  })

  it('throws a TypeError, and no more, for arguments of a wrong type', () => {
    const call = native().openat2 as (...args: unknown[]) => unknown
    expect(failureOf(() => call('x', 1, {}))).toBeInstanceOf(TypeError)
    expect(failureOf(() => call())).toBeInstanceOf(TypeError)
  })
})

describe('names of a directory', () => {
  it('makes directories, device nodes, symlinks and hardlinks', () => {
    const { path, directory } = openTemporary()
    native().mkdirat(directory, 'd', 0o700)
    native().mknodat(directory, 'null', host.S_IFCHR | 0o600, 1, 3)
    native().symlinkat('/target', directory, 's')
    native().linkat(directory, 's', directory, 'hard')
    expect(native().statAt(directory, 'd')?.mode).toBe(host.S_IFDIR | 0o700)
    expect(native().statAt(directory, 'null')).toMatchObject({ mode: host.S_IFCHR | 0o600, major: 1, minor: 3 })
    expect(native().readlinkAt(directory, 's')).toBe('/target')
    expect(readlinkSync(join(path, 'hard'))).toBe('/target')
    expect(native().statAt(directory, 'hard')).toMatchObject({ nlink: 2 })
  })

  it('makes device numbers that need more than 8 bits', () => {
    const { directory } = openTemporary()
    native().mknodat(directory, 'big', host.S_IFBLK | 0o600, 4095, 1_048_575)
    expect(native().statAt(directory, 'big')).toMatchObject({ major: 4095, minor: 1_048_575 })
  })

  it('removes files and directories', () => {
    const { path, directory } = openTemporary()
    native().mkdirat(directory, 'd', 0o700)
    native().symlinkat('x', directory, 's')
    expect(failureOf(() => native().unlinkat(directory, 'd', false)).code).toBe('EISDIR')
    native().unlinkat(directory, 's', false)
    native().unlinkat(directory, 'd', true)
    expect(readdirSync(path)).toEqual([])
  })

  it('renames, and refuses to replace when asked to', () => {
    const { path, directory } = openTemporary()
    writeFileSync(join(path, 'a'), 'a')
    writeFileSync(join(path, 'b'), 'b')
    const replace = () => native().renameat2(directory, 'a', directory, 'b', host.RENAME_NOREPLACE)
    expect(failureOf(replace)).toMatchObject({ code: 'EEXIST', syscall: 'renameat2' })
    native().renameat2(directory, 'a', directory, 'b', host.RENAME_EXCHANGE)
    expect(readFileSync(join(path, 'a'), 'utf8')).toBe('b')
  })

  it.each([
    ['mkdirat', () => native().mkdirat(AT_FDCWD, '/proc', 0o755), 'EEXIST'],
    ['mknodat', () => native().mknodat(AT_FDCWD, '/proc', host.S_IFIFO, 0, 0), 'EEXIST'],
    ['symlinkat', () => native().symlinkat('x', AT_FDCWD, '/proc'), 'EEXIST'],
    ['linkat', () => native().linkat(AT_FDCWD, '/proc/version', AT_FDCWD, '/tmp/inboard-nothing'), 'EXDEV'],
    ['unlinkat', () => native().unlinkat(AT_FDCWD, '/nonexistent', false), 'ENOENT'],
    ['readlinkat', () => native().readlinkAt(AT_FDCWD, '/proc'), 'EINVAL'],
    ['lseek', () => native().readDirectory(999_999), 'EBADF'],
  ])('reports a failing %s', (syscall, action, code) => {
    expect(failureOf(action)).toMatchObject({ syscall, code })
  })

  it('reads symlinks as long as the kernel allows', () => {
    const { directory } = openTemporary()
    const target = 'x'.repeat(4095)
    native().symlinkat(target, directory, 's')
    expect(native().readlinkAt(directory, 's')).toBe(target)
  })
})

describe('readDirectory', () => {
  it('lists names with their types, again from the start at each call', () => {
    const { path, directory } = openTemporary()
    mkdirSync(join(path, 'd'))
    writeFileSync(join(path, 'f'), '')
    symlinkSync('x', join(path, 's'))
    const list = () =>
      native()
        .readDirectory(directory)
        .sort((a, b) => (a.name < b.name ? -1 : 1))
    const expected = [
      { name: 'd', type: host.DT_DIR },
      { name: 'f', type: host.DT_REG },
      { name: 's', type: host.DT_LNK },
    ]
    expect(list()).toEqual(expected)
    expect(list()).toEqual(expected)
  })

  it('lists thousands of names', () => {
    const { path, directory } = openTemporary('/dev/shm')
    for (let i = 0; i < 3000; i++) closeSync(openSync(join(path, `name-${i}`), 'w'))
    expect(
      new Set(
        native()
          .readDirectory(directory)
          .map(({ name }) => name),
      ).size,
    ).toBe(3000)
  })

  it('refuses what is no directory', () => {
    const file = closing(openSync('/proc/version', 'r'))
    expect(failureOf(() => native().readDirectory(file)).code).toBe('ENOTDIR')
  })
})

describe('names that are not UTF-8', () => {
  const cases: [string, number[]][] = [
    ['a byte of latin1', [0x61, 0xe9, 0x62]],
    ['a truncated sequence', [0xe2, 0x82]],
    ['an overlong slash', [0xc0, 0xaf]],
    ['an encoded surrogate', [0xed, 0xb2, 0x80]],
    ['a point above U+10FFFF', [0xf4, 0x90, 0x80, 0x80]],
    ['all bytes that cannot stand alone', Array.from({ length: 128 }, (_, i) => 0x80 + i)],
    ['well-formed text of two, three and four bytes', [...Buffer.from('é€😀')]],
  ]

  it.each(cases)('survive being listed and opened: %s', (_, bytes) => {
    const { path, directory } = openTemporary()
    const raw = Buffer.concat([Buffer.from(`${path}/`), Buffer.from(bytes)])
    writeFileSync(raw, 'content')
    const [entry] = native().readDirectory(directory)
    const name = entry?.name ?? ''
    expect(readFileSync(closing(native().openat2(directory, name, O_RDONLY, 0, 0)), 'utf8')).toBe('content')
    native().unlinkat(directory, name, false)
    expect(readdirSync(path)).toEqual([])
  })

  it('become lone surrogates byte by byte, and well-formed text stays what it is', () => {
    const { path, directory } = openTemporary()
    writeFileSync(Buffer.concat([Buffer.from(`${path}/é`), Buffer.from([0x80, 0xff])]), '')
    expect(native().readDirectory(directory)[0]?.name).toBe('é\udc80\udcff')
  })

  it('keep their bytes in errors and symlink targets', () => {
    const { directory } = openTemporary()
    native().symlinkat('\udc80x', directory, '\udcfe')
    expect(native().readlinkAt(directory, '\udcfe')).toBe('\udc80x')
    expect(failureOf(() => native().openat2(directory, 'no\udcfe', O_RDONLY, 0, 0)).path).toBe('no\udcfe')
  })

  it('refuse other lone surrogates, which stand for no bytes', () => {
    for (const name of ['\ud800', '\udc00', '\udfff', 'x\udbff']) {
      expect(failureOf(() => native().statAt(AT_FDCWD, name)).code).toBe('EILSEQ')
    }
  })

  it('survive whatever their length', () => {
    const { directory } = openTemporary()
    const target = `${'é\udcff'.repeat(1000)}z`
    native().symlinkat(target, directory, 's')
    expect(native().readlinkAt(directory, 's')).toBe(target)
  })
})
