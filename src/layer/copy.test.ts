import { execFileSync } from 'node:child_process'
import {
  closeSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { openDescriptors, temporaryDirectory } from '../host/fixture.js'
import { AT_FDCWD, native, O_DIRECTORY, O_RDONLY, S_IFBLK, S_IFCHR, S_IFIFO, S_IFSOCK } from '../host/index.js'
import { describeTree } from './fixture.js'
import { copyTree, copyTreeHere, smallExtent, type TreeSource } from './index.js'

/** An empty directory to copy to. */
function emptyDirectory(parent?: string): string {
  const path = join(temporaryDirectory(parent), 'to')
  mkdirSync(path)
  return path
}

const overlay = (...layers: string[]): TreeSource => ({ layers, format: 'overlay' })
const whiteout = (path: string) => native().mknodat(AT_FDCWD, path, S_IFCHR, 0, 0)
const makeOpaque = (path: string) => native().setxattrAt(AT_FDCWD, path, 'trusted.overlay.opaque', Buffer.from('y'))
const namesIn = (path: string) => describeTree(path).map((line) => line.split(' ')[0])

/** Two layers, top first, with what overlay layers can have. */
function sampleLayers(): string[] {
  const base = temporaryDirectory()
  const [top, bottom] = [join(base, 'top'), join(base, 'bottom')]
  for (const path of ['both', 'opaque', 'below', 'gone', 'file-now'])
    mkdirSync(join(bottom, path), { recursive: true, mode: 0o711 })
  for (const path of ['kept', 'both/kept', 'both/replaced', 'both/gone', 'opaque/hidden', 'below/one', 'gone/file'])
    writeFileSync(join(bottom, path), `bottom ${path}`)
  for (const path of ['both', 'opaque', 'only']) mkdirSync(join(top, path), { recursive: true, mode: 0o750 })
  for (const path of ['both/replaced', 'opaque/shown', 'only/file', 'file-now'])
    writeFileSync(join(top, path), `top ${path}`)
  for (const path of ['both/gone', 'gone']) whiteout(join(top, path))
  makeOpaque(join(top, 'opaque'))
  native().setxattrAt(AT_FDCWD, join(top, 'opaque'), 'trusted.other', Buffer.from('kept'))
  native().chownAt(AT_FDCWD, top, 7, 8)
  utimesSync(top, 1_600_000_000.5, 1_500_000_000.25)
  return [top, bottom]
}

/** Makes directories in each other, and a file in the last. */
function deepen(path: string, levels: number): void {
  const fds = [native().openat2(AT_FDCWD, path, O_RDONLY | O_DIRECTORY, 0, 0)]
  for (let fd = fds[0] as number; levels-- > 0; fds.push(fd)) {
    if (native().statAt(fd, 'd') === undefined) native().mkdirat(fd, 'd', 0o755)
    fd = native().openat2(fd, 'd', O_RDONLY | O_DIRECTORY, 0, 0)
  }
  native().makeFile(fds.at(-1) as number, 'end', Buffer.of(), 0o644, 0, 0, [0, 0], [0, 0])
  for (const fd of fds) closeSync(fd)
}

/** As the kernel shows them: the lines of `describeTree`. */
function mergedByKernel(layers: readonly string[]): string[] {
  const target = emptyDirectory()
  const [merged, copy] = [join(target, 'merged'), join(target, 'copy')]
  mkdirSync(merged)
  const script = 'mount -t overlay overlay -o "lowerdir=$1" "$2"; cp -a "$2" "$3"'
  execFileSync('unshare', ['-m', 'sh', '-ec', script, 'sh', layers.join(':'), merged, copy])
  return describeTree(copy)
}

describe('a copy of layers', () => {
  it('has what the kernel shows of them', async () => {
    const layers = sampleLayers()
    const [to, here] = [emptyDirectory(), emptyDirectory()]
    await copyTree(overlay(...layers), to)
    copyTreeHere(overlay(...layers), here)
    expect(describeTree(to)).toEqual(mergedByKernel(layers))
    expect(describeTree(here)).toEqual(describeTree(to))
    expect(namesIn(to)).toContain('opaque/shown')
    expect(namesIn(to)).not.toContain('opaque/hidden')
    expect(native().listxattrAt(AT_FDCWD, join(to, 'opaque'))).toEqual(['trusted.other'])
    expect(statSync(to)).toMatchObject({ uid: 7, gid: 8, mtimeMs: 1_500_000_000_250 })
  })

  it('may begin at a directory of theirs', () => {
    const to = emptyDirectory()
    copyTreeHere({ ...overlay(...sampleLayers()), path: 'both' }, to)
    expect(namesIn(to)).toEqual(['kept', 'replaced'])
    expect(readFileSync(join(to, 'replaced'), 'utf8')).toBe('top both/replaced')
    expect(statSync(to).mode & 0o7777).toBe(0o750)
  })

  it('never begins outside of a layer', () => {
    const [top = '', bottom = ''] = sampleLayers()
    symlinkSync(bottom, join(top, 'out'))
    const to = emptyDirectory()
    for (const path of ['out', 'out/both', '../bottom'])
      expect(() => copyTreeHere({ ...overlay(top), path }, to)).toThrow(/ELOOP|EXDEV|ENOTDIR/)
    expect(namesIn(to)).toEqual([])
  })

  it('fails when a layer is not there, instead of having less', () => {
    const [top = ''] = sampleLayers()
    expect(() => copyTreeHere(overlay(top, `${top}-missing`), emptyDirectory())).toThrow(/ENOENT/)
  })

  it('leaves no descriptor open, whatever happens', () => {
    const layers = sampleLayers()
    const before = openDescriptors()
    copyTreeHere(overlay(...layers), emptyDirectory())
    const occupied = emptyDirectory()
    mkdirSync(join(occupied, 'both'))
    expect(() => copyTreeHere(overlay(...layers), occupied)).toThrow(/EEXIST/)
    expect(smallExtent(overlay(...layers))?.entries).toBe(11)
    expect(openDescriptors()).toBe(before)
  })
})

describe('a copy of a tree', () => {
  it('has devices, fifos, sockets, symlinks, owners, modes, times and attributes', () => {
    const from = temporaryDirectory()
    const addon = native()
    for (const [name, type] of Object.entries({ block: S_IFBLK, character: S_IFCHR, fifo: S_IFIFO, socket: S_IFSOCK }))
      addon.mknodat(AT_FDCWD, join(from, name), type | 0o640, name === 'fifo' || name === 'socket' ? 0 : 1, 3)
    whiteout(join(from, 'no-whiteout-here'))
    symlinkSync('/etc/../nowhere', join(from, 'symlink'))
    addon.chownAt(AT_FDCWD, join(from, 'symlink'), 5, 6)
    addon.utimesAt(AT_FDCWD, join(from, 'symlink'), [5, 1], [6, 2])
    mkdirSync(join(from, 'directory/empty'), { recursive: true })
    writeFileSync(join(from, 'directory/setuid'), 'program')
    addon.chownAt(AT_FDCWD, join(from, 'directory/setuid'), 1000, 4_000_000_000)
    addon.chmodAt(AT_FDCWD, join(from, 'directory/setuid'), 0o6711)
    const capability = Buffer.from('0100000202040000000000000000000000000000', 'hex')
    addon.setxattrAt(AT_FDCWD, join(from, 'directory/setuid'), 'security.capability', capability)
    const acl = Buffer.from('0200000001000700ffffffff04000500ffffffff20000500ffffffff', 'hex')
    addon.setxattrAt(AT_FDCWD, join(from, 'directory'), 'system.posix_acl_default', acl)
    addon.setxattrAt(AT_FDCWD, join(from, 'directory'), 'trusted.overlay.opaque', Buffer.from('y'))
    addon.chmodAt(AT_FDCWD, join(from, 'directory'), 0o3770)
    addon.utimesAt(AT_FDCWD, join(from, 'directory'), [-5, 3], [1_700_000_000, 123_456_789])
    const to = emptyDirectory()
    copyTreeHere(from, to)
    expect(describeTree(to)).toEqual(describeTree(from))
    expect(describeTree(to)).toHaveLength(9)
    expect(addon.listxattrAt(AT_FDCWD, join(to, 'directory'))).toContain('system.posix_acl_default')
  })

  it('keeps hard links, also over directories', () => {
    const from = temporaryDirectory()
    mkdirSync(join(from, 'a/deep'), { recursive: true })
    mkdirSync(join(from, 'b'))
    writeFileSync(join(from, 'a/deep/one'), 'linked')
    linkSync(join(from, 'a/deep/one'), join(from, 'b/two'))
    linkSync(join(from, 'a/deep/one'), join(from, 'three'))
    symlinkSync('nowhere', join(from, 'symlink'))
    linkSync(join(from, 'symlink'), join(from, 'b/symlink'))
    const to = emptyDirectory()
    expect(copyTreeHere(from, to).size).toBe(6)
    const inodes = ['a/deep/one', 'b/two', 'three'].map((name) => statSync(join(to, name)).ino)
    expect(new Set(inodes).size).toBe(1)
    expect(describeTree(to)).toEqual(describeTree(from))
    const inodeOf = (name: string) => native().statAt(AT_FDCWD, join(to, name))?.ino
    expect(inodeOf('symlink')).toBe(inodeOf('b/symlink'))
  })

  it('keeps holes, in the middle and at the end', () => {
    const from = temporaryDirectory()
    const fd = openSync(join(from, 'sparse'), 'w')
    for (const at of [0, 1 << 24, 1 << 26]) writeSync(fd, `data at ${at}`, at)
    closeSync(fd)
    execFileSync('truncate', ['-s', '1G', join(from, 'sparse')])
    execFileSync('truncate', ['-s', '3M', join(from, 'hole')])
    const to = emptyDirectory()
    expect(copyTreeHere(from, to).size).toBeLessThan(1 << 20)
    execFileSync('cmp', [join(from, 'sparse'), join(to, 'sparse')])
    expect(statSync(join(to, 'sparse'))).toMatchObject({ size: 2 ** 30, blocks: statSync(join(from, 'sparse')).blocks })
    expect(statSync(join(to, 'hole'))).toMatchObject({ size: 3 << 20, blocks: 0 })
  })

  it('may be as deep as a path can be long, and no deeper', async () => {
    const base = temporaryDirectory('/dev/shm')
    onTestFinished(() => native().removeTree(join(base, 'trees')))
    const [from, to, next] = ['from', 'to', 'next'].map((name) => join(base, 'trees', name)) as [string, string, string]
    for (const path of [from, to, next]) mkdirSync(path, { recursive: true })
    deepen(from, 2000)
    await copyTree(from, to)
    expect(execFileSync('find', ['.', '-name', 'end', '-printf', '%d'], { cwd: to, encoding: 'utf8' })).toBe('2001')
    deepen(from, 2100)
    await expect(copyTree(from, next)).rejects.toMatchObject({ code: 'LAYER_INVALID' })
  })

  it('stops in the middle when it is told to', async () => {
    const from = temporaryDirectory('/dev/shm')
    for (let n = 0; n < 2000; n++) writeFileSync(join(from, `file-${n}`), '')
    const stop = new AbortController()
    const to = emptyDirectory('/dev/shm')
    const copied = copyTree(from, to, { signal: stop.signal })
    stop.abort(new Error('enough'))
    await expect(copied).rejects.toThrow('enough')
    expect(namesIn(to).length).toBeLessThan(2000)
  })
})

describe('smallExtent', () => {
  it('counts a tree of up to 64 files and 1 MiB, hidden ones not, and gives up on a larger one', () => {
    const [top = '', bottom = ''] = sampleLayers()
    expect(smallExtent({ ...overlay(top, bottom), path: 'opaque' })).toEqual({ entries: 1, bytes: 16 })
    expect(smallExtent({ ...overlay(top), path: 'only' })).toEqual({ entries: 1, bytes: 13 })
    writeFileSync(join(top, 'only/large'), Buffer.alloc(1024 * 1024))
    expect(smallExtent({ ...overlay(top), path: 'only' })).toBeUndefined()
    for (let n = 0; n < 64; n++) mkdirSync(join(bottom, `below/${n}`))
    expect(smallExtent({ ...overlay(bottom), path: 'below' })).toBeUndefined()
  })
})
