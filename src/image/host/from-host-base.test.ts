import { execFileSync } from 'node:child_process'
import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { dockerArchive, stream, tar } from '../../../test/support/archives.js'
import { type TestStore, testStore } from '../../../test/support/image-store.js'
import { busyboxForm } from '../../../test/support/images.js'
import type { FromHostOptions } from './options.js'

let store: TestStore
let directory: string
beforeEach(async () => {
  store = await testStore()
  directory = mkdtempSync('/tmp/ib-host-')
})
afterEach(() => {
  store[Symbol.dispose]()
  rmSync(directory, { recursive: true, force: true })
})

const write = (path: string, text = '') => {
  mkdirSync(join(directory, path, '..'), { recursive: true })
  writeFileSync(join(directory, path), text)
}

/** The directory of the image's topmost layer. */
const topLayer = async (options: FromHostOptions) => {
  const { id } = await store.images.fromHost(options)
  return store.topLayer(id)
}
const filesBelow = (root: string) =>
  readdirSync(root, { recursive: true, encoding: 'utf8', withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length))
    .sort()
const busybox = () =>
  store.images.import(busyboxForm('rootfs'), { reference: 'busybox', changes: ['CMD ["sh"]', 'ENV A=1 PATH=/bin'] })

describe('patterns', () => {
  it('bring what they match, directories with all that is in them, to the same place', async () => {
    for (const path of ['lib/a.py', 'lib/.hidden.py', 'lib/b.txt', 'lib/sub/c.py', 'data/deep/d']) write(path, path)
    const files = [`${directory}/lib/*.py`, `${directory}/lib/**/c.*`, `${directory}/dat?/**`]
    const root = await topLayer({ executables: ['/bin/busybox'], files })
    expect(filesBelow(join(root, directory))).toEqual(['/data/deep/d', '/lib/.hidden.py', '/lib/a.py', '/lib/sub/c.py'])
  })

  it('bring symlinks with what they lead to, and leave sockets and pipes', async () => {
    write('v/lib.so.1', 'library')
    mkdirSync(join(directory, 'l'))
    symlinkSync('../v/lib.so.1', join(directory, 'l/lib.so'))
    symlinkSync('/nowhere', join(directory, 'l/broken'))
    execFileSync('mkfifo', [join(directory, 'l/pipe')])
    const root = await topLayer({ executables: ['/bin/busybox'], files: [`${directory}/l/*`] })
    expect(filesBelow(join(root, directory))).toEqual(['/l/broken', '/l/lib.so', '/v/lib.so.1'])
  })

  it('notice a file that comes to match', async () => {
    write('one.conf')
    const options = { executables: ['/bin/busybox'], files: [`${directory}/*.conf`] }
    const first = await store.images.fromHost(options)
    expect(await store.images.fromHost(options)).toEqual(first)
    write('two.conf')
    expect(filesBelow(join(await topLayer(options), directory))).toEqual(['/one.conf', '/two.conf'])
  })

  it.each(['nope/*', '*.nope'])('fail when nothing matches %s, and leave nothing', async (pattern) => {
    await expect(
      store.images.fromHost({ executables: ['/bin/sh'], files: [`${directory}/${pattern}`] }),
    ).rejects.toMatchObject({
      code: 'FILE_NOT_FOUND',
      message: `no file of this host matches ${directory}/${pattern}`,
    })
    expect(store.remains()).toEqual([])
  })
})

describe('from', () => {
  it('adds one layer to a base, with only what is asked for', async () => {
    const base = await busybox()
    write('app/main', 'hello')
    const root = await topLayer({
      from: 'busybox',
      files: { '/srv/main': join(directory, 'app/main') },
      reference: 'app',
    })
    const [image, below] = [store.images.get('app'), store.images.get(base.id)]
    expect(filesBelow(root)).toEqual(['/srv/main'])
    expect(image.layers.slice(0, -1)).toEqual(below.layers)
    expect(image.history).toEqual([
      ...below.history,
      expect.objectContaining({ created_by: 'inboard fromHost /srv/main' }),
    ])
    expect(image.size).toBe(below.size + 5)
  })

  it('inherits the configuration, and replaces what it is given', async () => {
    await busybox()
    const config = { Env: ['B=2', 'A=3'], WorkingDir: '/srv', Labels: { a: 'b' } }
    await store.images.fromHost({ from: 'busybox', executables: ['/bin/busybox'], config, reference: 'app' })
    expect(store.images.get('app').config).toEqual({
      Cmd: ['sh'],
      WorkingDir: '/srv',
      Labels: { a: 'b' },
      Env: ['PATH=/bin', 'B=2', 'A=3'],
    })
  })

  it('finds programs of other places by PATH, and drops a command that was not meant for a new entrypoint', async () => {
    await busybox()
    write('tool', '#!/bin/busybox\n')
    execFileSync('chmod', ['+x', join(directory, 'tool')])
    const config = { Entrypoint: [join(directory, 'tool')] }
    await store.images.fromHost({ from: 'busybox', executables: [join(directory, 'tool')], config, reference: 'app' })
    expect(store.images.get('app').config).toEqual({ ...config, Env: [`PATH=/bin:${directory}`, 'A=1'] })
  })

  it('gives programs what they need where the base keeps its directories otherwise', async () => {
    // Nothing is merged here: /bin and /lib64 are directories.
    const entries = {
      'bin/': '',
      'bin/own': 'own',
      'lib64/': '',
      'lib64/own': 'own',
      'usr/lib/': '',
      lib: { type: 'symlink', linkname: 'usr/lib' },
    } as const
    await store.images.import(stream(await tar(entries)), { reference: 'unmerged' })
    const { id } = await store.images.fromHost({ from: 'unmerged', executables: ['/bin/sh'], reference: 'app' })
    const layers = store.snapshots.layers(store.images.get(id).chain)
    const mounts = mkdtempSync('/tmp/ib-merged-')
    const script = `mount -t overlay overlay -o lowerdir=${layers.join(':')} ${mounts} && chroot ${mounts} /bin/sh -c 'echo works; cd /bin; echo own >/dev/null; echo *; read own </lib64/own; echo $own'`
    const shown = execFileSync('unshare', ['--mount', 'sh', '-c', script.replace(' >/dev/null', '')], {
      encoding: 'utf8',
    })
    rmSync(mounts, { recursive: true })
    expect(shown).toBe('works\nown\nown sh\nown\n')
  })

  it('leaves the directories of the base as they are', async () => {
    const entries = {
      'data/': { mode: 0o1770, uid: 7, gid: 8 },
      'data/old': 'old',
      place: { type: 'symlink', linkname: 'data' },
    } as const
    await store.images.import(stream(await tar(entries)), { reference: 'base' })
    write('tree/new', 'new')
    const root = await topLayer({
      from: 'base',
      files: [
        { source: join(directory, 'tree'), target: '/place' },
        { source: join(directory, 'tree/new'), target: '/place/sub/new' },
      ],
    })
    expect(filesBelow(root)).toEqual(['/data/new', '/data/sub/new'])
    const { mode, uid, gid } = statSync(join(root, 'data'))
    expect({ mode: mode & 0o7777, uid, gid }).toEqual({ mode: 0o1770, uid: 7, gid: 8 })
  })

  it('makes the same image of the same base and files, and another of another base', async () => {
    using other = await testStore()
    const options = { from: 'base', files: { '/x': join(directory, 'x') } }
    write('x', 'x')
    const rootfs = await tar({ 'etc/name': 'one' })
    const archive = await tar(dockerArchive({ layers: [rootfs] }, ['base']))
    await store.images.load(stream(archive))
    await other.images.load(stream(archive))
    const first = await store.images.fromHost(options)
    expect(await other.images.fromHost(options)).toEqual(first)
    expect(await store.images.fromHost(options)).toEqual(first)
    await store.images.load(stream(await tar(dockerArchive({ layers: [await tar({ 'etc/name': 'two' })] }, ['base']))))
    expect((await store.images.fromHost(options)).id).not.toBe(first.id)
  })

  it('never leaves the image by a symlink of the base', async () => {
    const entries = { out: { type: 'symlink', linkname: '../../../../../../tmp' } } as const
    await store.images.import(stream(await tar(entries)), { reference: 'hostile' })
    write('x', 'x')
    const root = await topLayer({ from: 'hostile', files: { '/out/ib-escaped': join(directory, 'x') } })
    expect(readFileSync(join(root, 'tmp/ib-escaped'), 'utf8')).toBe('x')
    expect(lstatSync('/tmp/ib-escaped', { throwIfNoEntry: false })).toBeUndefined()
  })

  it.each([
    ['a base that is not there', { from: 'nope' }, 'IMAGE_NOT_FOUND'],
    ['a base of another processor', { from: 'foreign' }, 'INVALID_OPTION'],
    [
      'a file in place of a directory of the base',
      { from: 'foreign2', files: { '/etc': '/etc/passwd' } },
      'INVALID_OPTION',
    ],
    ['a loop of symlinks', { from: 'foreign2', files: { '/loop/x': '/etc/passwd' } }, 'INVALID_OPTION'],
  ] as const)('refuses %s', async (_, options, code) => {
    const rootfs = await tar({ 'etc/': '', loop: { type: 'symlink', linkname: 'loop' } })
    await store.images.import(stream(rootfs), { reference: 'foreign', platform: 'linux/s390x' })
    await store.images.import(stream(rootfs), { reference: 'foreign2' })
    const remains = store.remains()
    await expect(store.images.fromHost({ files: { '/x': '/etc/passwd' }, ...options })).rejects.toMatchObject({ code })
    expect(store.remains()).toEqual(remains)
  })

  it('keeps a link of the base that leads to a directory', async () => {
    const entries = { 'usr/lib/': '', 'usr/bin/': '', lib64: { type: 'symlink', linkname: 'usr/lib' } } as const
    await store.images.import(stream(await tar(entries)), { reference: 'base' })
    const root = await topLayer({ from: 'base', executables: ['/bin/sh'] })
    expect(lstatSync(join(root, 'lib64'), { throwIfNoEntry: false })).toBeUndefined()
    expect(readlinkSync(join(root, 'bin'))).toBe('usr/bin')
    expect(lstatSync(join(root, 'usr/lib/ld-linux-x86-64.so.2')).isSymbolicLink()).toBe(true)
  })
})
