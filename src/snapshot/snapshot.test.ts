import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { temporaryDirectory } from '../host/fixture.js'
import { native } from '../host/index.js'
import { type Member, symlink } from '../layer/fixture.js'
import { chainIds } from '../layer/index.js'
import { commitLayers } from './fixture.js'
import { type DriverName, type OverlayRootfs, openSnapshots } from './index.js'
import { layerName } from './layer-name.js'
import { MergedTree } from './merged-tree.js'

/** The time of the layers' files. */
const old = 1_700_000_000

const directory = (name: string, rest: Partial<Member> = {}): Member => ({
  name,
  kind: 'directory',
  mode: 0o755,
  ...rest,
})

/** Runs a script in the mounted root, in a mount namespace of its own. */
function inRootfs(rootfs: OverlayRootfs, script: string): string {
  for (const path of [rootfs.upper, rootfs.work, rootfs.target]) mkdirSync(path, { recursive: true })
  const options = `lowerdir=${rootfs.lowerdirs.join(':')},upperdir=${rootfs.upper},workdir=${rootfs.work}`
  const mount = `cd ${rootfs.directory} && mount -t overlay overlay -o ${options} ${rootfs.target} && cd ${rootfs.target}`
  return execFileSync('unshare', ['-m', 'sh', '-ec', `${mount}\n${script}`], { encoding: 'utf8' })
}

const listing = "find . -mindepth 1 -printf '%P %y %m %U:%G %l\\n' | sort"

describe.each(['overlay', 'vfs'] as DriverName[])('%s', (driver) => {
  const open = (path = temporaryDirectory()) => openSnapshots(join(path, 'snapshots'), { driver })

  test('a layer is there when it is committed, not before', async () => {
    const snapshots = await open()
    const [chainId = ''] = chainIds([`sha256:${'0'.repeat(64)}`])
    const layer = await snapshots.prepareLayer(chainId)
    const before = snapshots.has(chainId)
    await layer.commit()
    expect([before, snapshots.has(chainId)]).toEqual([false, true])
  })

  test('a discarded layer leaves nothing', async () => {
    const snapshots = await open()
    const layer = await snapshots.prepareLayer(`sha256:${'0'.repeat(64)}`)
    writeFileSync(join(layer.path, 'f'), '')
    await layer.discard()
    expect(readdirSync(snapshots.directory)).toEqual(['driver'])
  })

  test('of two that commit the same layer both succeed', async () => {
    const snapshots = await open()
    const chainId = `sha256:${'0'.repeat(64)}`
    const layers = await Promise.all([1, 2].map(() => snapshots.prepareLayer(chainId)))
    for (const layer of layers) writeFileSync(join(layer.path, 'f'), '')
    for (const layer of layers) await layer.commit()
    expect(readdirSync(snapshots.directory).sort()).toEqual(['driver', layerName(chainId)].sort())
  })

  test('files of an image are read as its processes would see them', async () => {
    const snapshots = await open()
    const chain = await commitLayers(snapshots, [
      [directory('etc'), { name: 'etc/passwd', content: 'old' }, { name: 'etc/group', content: 'group' }],
      [
        directory('etc'),
        symlink('etc/passwd', '/usr/./lib/../lib/passwd'),
        directory('usr/lib'),
        { name: 'usr/lib/passwd', content: 'new' },
        { name: 'etc/.wh.group' },
      ],
    ])
    expect(
      ['/etc/passwd', 'etc/passwd', '/etc/group', '/none', '/etc'].map((path) =>
        snapshots.readFile(chain, undefined, path),
      ),
    ).toEqual(['new', 'new', undefined, undefined, undefined])
  })

  test('hostile files are not read', async () => {
    const snapshots = await open()
    const chain = await commitLayers(snapshots, [
      [
        symlink('up', '../../../../../../../../etc/hostname'),
        symlink('abs', '/etc/hostname'),
        symlink('self', 'self'),
        symlink('magic', '/proc/self/root/etc/hostname'),
        { name: 'fifo', kind: 'fifo' },
        { name: 'zero', kind: 'character', major: 1, minor: 5 },
        { name: 'big', content: 'x'.repeat(1000) },
      ],
    ])
    expect(
      ['up', 'abs', 'self', 'magic', 'fifo', 'zero', 'big/x'].map((path) => snapshots.readFile(chain, undefined, path)),
    ).toEqual(Array(7).fill(undefined))
    expect(() => snapshots.readFile(chain, undefined, 'big', 999)).toThrow(
      expect.objectContaining({ code: 'LAYER_TOO_LARGE' }),
    )
  })

  test('sweep removes what is not kept and what the dead left, but not what is in the making', async () => {
    const snapshots = await open()
    const chain = await commitLayers(snapshots, [[{ name: 'a' }], [{ name: 'b' }]])
    await snapshots.prepareInit(chain)
    const making = await snapshots.prepareLayer(`sha256:${'1'.repeat(64)}`)
    const dead = join(snapshots.directory, 'tmp-dead')
    mkdirSync(join(dead, 'layer'), { recursive: true })
    writeFileSync(join(dead, 'lock'), '')
    expect(await snapshots.sweep(() => new Set([chain[1] as string]))).toBe(true)
    expect([
      snapshots.has(chain[0] as string),
      snapshots.has(chain[1] as string),
      existsSync(making.path),
      existsSync(dead),
    ]).toEqual([false, true, true, false])
    await making.discard()
    expect(readdirSync(snapshots.directory).filter((name) => name.includes('-'))).toEqual([])
  })

  test('nothing is swept while somebody holds', async () => {
    const snapshots = await open()
    const [chainId = ''] = await commitLayers(snapshots, [[{ name: 'a' }]])
    const held = snapshots.hold()
    const whileHeld = await snapshots.sweep(() => new Set())
    held[Symbol.dispose]()
    expect([whileHeld, snapshots.has(chainId), await snapshots.sweep(() => new Set()), snapshots.has(chainId)]).toEqual(
      [false, true, true, false],
    )
  })

  test('a removed layer is gone, and removing it again is success', async () => {
    const snapshots = await open()
    const chain = await commitLayers(snapshots, [[{ name: 'a' }]])
    await snapshots.prepareInit(chain)
    await snapshots.remove(chain[0] as string)
    await snapshots.remove(chain[0] as string)
    expect(readdirSync(snapshots.directory).sort()).toEqual(['driver'])
  })

  test('the directory keeps its driver', () => {
    const path = temporaryDirectory()
    open(path)
    const other = driver === 'overlay' ? 'vfs' : 'overlay'
    expect(openSnapshots(join(path, 'snapshots')).name).toBe(driver)
    expect(() => openSnapshots(join(path, 'snapshots'), { driver: other })).toThrow(
      expect.objectContaining({ code: 'INVALID_OPTION' }),
    )
  })
})

describe('choosing', () => {
  test('the probe decides for a new directory', () => {
    const snapshots = openSnapshots(temporaryDirectory(), { probe: () => false })
    expect(snapshots.name).toBe('vfs')
  })

  test('a filesystem that holds whiteouts gets overlay without a probe of the caller', () => {
    expect(openSnapshots(temporaryDirectory()).name).toBe('overlay')
  })

  test('a chain id that is none is refused', () => {
    const snapshots = openSnapshots(temporaryDirectory())
    expect(() => snapshots.has('../../etc')).toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }))
  })
})

const layered: readonly (readonly Member[])[] = [
  [
    directory('etc', { mode: 0o750, uid: 3, gid: 4 }),
    { name: 'etc/hosts', content: 'image' },
    { name: 'etc/keep', content: 'x' },
    directory('dev'),
    directory('dev/shm', { mode: 0o1777 }),
    directory('opaque'),
    { name: 'opaque/old' },
    directory('gone'),
    { name: 'gone/old' },
    { name: 'file', content: '1' },
    directory('swap'),
    { name: 'swap/old' },
    directory('again'),
    { name: 'again/old' },
    { name: 'hard' },
    { name: 'link', kind: 'hardlink', linkname: 'hard' },
  ],
  [
    directory('opaque'),
    { name: 'opaque/new' },
    { name: 'opaque/.wh..wh..opq' },
    { name: '.wh.gone' },
    { name: 'file', content: '2', mode: 0o4755, uid: 300_000 },
    { name: 'swap', content: 'now a file' },
    { name: '.wh.again' },
    directory('again'),
    { name: 'again/new' },
    { name: '.wh.link' },
    { name: '.wh.never-there' },
  ],
]

const merged = [
  '.dockerenv f 755 0:0 ',
  'again d 755 0:0 ',
  'again/new f 644 0:0 ',
  'dev d 755 0:0 ',
  'dev/console f 755 0:0 ',
  'dev/pts d 755 0:0 ',
  'dev/shm d 1777 0:0 ',
  'etc d 750 3:4 ',
  'etc/hostname f 755 0:0 ',
  'etc/hosts f 755 0:0 ',
  'etc/keep f 644 0:0 ',
  'etc/mtab l 777 0:0 /proc/mounts',
  'etc/resolv.conf f 755 0:0 ',
  'file f 4755 300000:0 ',
  'hard f 644 0:0 ',
  'opaque d 755 0:0 ',
  'opaque/new f 644 0:0 ',
  'proc d 755 0:0 ',
  'swap f 644 0:0 ',
  'sys d 755 0:0 ',
]

describe('what a container sees', () => {
  test('of an overlay that is really mounted', async () => {
    const path = temporaryDirectory()
    const snapshots = openSnapshots(join(path, 'snapshots'), { driver: 'overlay' })
    const chain = await commitLayers(snapshots, layered)
    await snapshots.prepareInit(chain)
    const rootfs = snapshots.rootfs(chain, join(path, 'container')) as OverlayRootfs
    expect(
      inRootfs(rootfs, listing)
        .trim()
        .split('\n')
        .map((line) => line.trimEnd()),
    ).toEqual(merged.map((line) => line.trimEnd()))
    expect(inRootfs(rootfs, 'stat -c %Y etc').trim()).toBe(String(old))
  })

  test('of a copy', async () => {
    const path = temporaryDirectory()
    const snapshots = openSnapshots(join(path, 'snapshots'), { driver: 'vfs' })
    const chain = await commitLayers(snapshots, layered)
    await snapshots.prepareContainer(chain, join(path, 'container'))
    await snapshots.prepareContainer(chain, join(path, 'container'))
    const rootfs = snapshots.rootfs(chain, join(path, 'container'))
    const found = execFileSync('sh', ['-ec', listing], { cwd: join(path, 'container', 'rootfs'), encoding: 'utf8' })
    expect(rootfs).toEqual({ kind: 'directory', path: join(path, 'container', 'rootfs') })
    expect(
      found
        .trim()
        .split('\n')
        .map((line) => line.trimEnd()),
    ).toEqual(merged.map((line) => line.trimEnd()))
    expect(statSync(join(path, 'container/rootfs/etc')).mtimeMs).toBe(old * 1000)
  })

  test('of an image without layers', async () => {
    const path = temporaryDirectory()
    const snapshots = openSnapshots(join(path, 'snapshots'), { driver: 'overlay' })
    await snapshots.prepareInit([])
    expect(
      inRootfs(snapshots.rootfs([], join(path, 'c')) as OverlayRootfs, 'ls -A')
        .trim()
        .split('\n')
        .sort(),
    ).toEqual(['.dockerenv', 'dev', 'etc', 'proc', 'sys'])
  })

  test('of an image whose /etc is a symlink', async () => {
    const path = temporaryDirectory()
    const snapshots = openSnapshots(join(path, 'snapshots'), { driver: 'overlay' })
    const chain = await commitLayers(snapshots, [
      [
        directory('usr/etc', { mode: 0o711 }),
        { name: 'usr/etc/passwd', content: 'p' },
        symlink('etc', 'usr/etc'),
        symlink('usr/etc/resolv.conf', '../../run/none'),
      ],
    ])
    await snapshots.prepareInit(chain)
    const found = inRootfs(
      snapshots.rootfs(chain, join(path, 'c')) as OverlayRootfs,
      'readlink etc; ls -A etc/; stat -c %a usr/etc',
    )
    expect(found.trim().split('\n')).toEqual(['usr/etc', 'hostname', 'hosts', 'mtab', 'passwd', 'resolv.conf', '711'])
  })

  test('of a container, whose own files come first', async () => {
    const path = temporaryDirectory()
    const snapshots = openSnapshots(join(path, 'snapshots'), { driver: 'overlay' })
    const chain = await commitLayers(snapshots, [
      [directory('etc'), { name: 'etc/passwd', content: 'image' }, { name: 'etc/group', content: 'g' }],
    ])
    await snapshots.prepareInit(chain)
    inRootfs(snapshots.rootfs(chain, join(path, 'c')) as OverlayRootfs, 'echo own > etc/passwd; rm etc/group')
    expect(['etc/passwd', 'etc/group'].map((name) => snapshots.readFile(chain, join(path, 'c'), name))).toEqual([
      'own\n',
      undefined,
    ])
  })

  test('127 layers fit in one page of mount options', async () => {
    const path = temporaryDirectory()
    const snapshots = openSnapshots(join(path, 'snapshots'), { driver: 'overlay' })
    const chain = await commitLayers(
      snapshots,
      Array.from({ length: 127 }, (_, index) => [{ name: `f${index}` }]),
    )
    await snapshots.prepareInit(chain)
    expect(inRootfs(snapshots.rootfs(chain, join(path, 'c')) as OverlayRootfs, 'ls | grep -c ^f').trim()).toBe('127')
  })
})

describe('a lookup agrees with the kernel', () => {
  test('about every path of layers that hide, replace and link', async () => {
    const path = temporaryDirectory()
    const snapshots = openSnapshots(join(path, 'snapshots'), { driver: 'overlay' })
    const links = [
      symlink('a', 'again'),
      symlink('b', '/a/../a/new'),
      symlink('c', '../../../opaque'),
      symlink('d', 'd'),
      symlink('e', 'file/x'),
      symlink('f', 'c/.'),
    ]
    const chain = await commitLayers(snapshots, [...layered, links])
    const paths = [
      '',
      'a',
      'b',
      'c',
      'd',
      'e',
      'f',
      'a/new',
      'a/old',
      'c/new',
      'c/old',
      'gone',
      'gone/old',
      'swap',
      'swap/old',
      'file',
      'file/..',
      'link',
      'hard',
      '../../file',
      'never-there',
      'opaque/./new',
    ]
    const tree = new MergedTree(native(), snapshots.layers(chain))
    const ours = paths.map((name) => tree.lookup(name)?.path ?? '-')
    tree.close()
    await snapshots.prepareInit(chain)
    const rootfs = snapshots.rootfs(chain, join(path, 'c')) as OverlayRootfs
    const script = `mkdir bin; cp $(which busybox) bin/; for p in ${paths.map((name) => `'/${name}'`).join(' ')}; do if chroot . /bin/busybox stat -L "$p" >/dev/null 2>&1; then chroot . /bin/busybox realpath "$p"; else echo -; fi; done`
    const kernels = inRootfs(rootfs, script)
      .trim()
      .split('\n')
      .map((line) => (line === '-' ? line : line.slice(1)))
    expect(ours).toEqual(kernels)
  })
})

test('what a process was making is kept while it lives, and swept when it was killed', async () => {
  const path = temporaryDirectory()
  const snapshots = openSnapshots(path)
  mkdirSync(join(path, 'tmp-victim/layer'), { recursive: true })
  const child = spawn(
    'flock',
    ['-x', '--no-fork', join(path, 'tmp-victim/lock'), 'sh', '-c', 'echo locked; exec sleep 60'],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  await once(child.stdout, 'data')
  await snapshots.sweep(() => new Set())
  const whileAlive = existsSync(join(path, 'tmp-victim'))
  child.kill('SIGKILL')
  await once(child, 'exit')
  await snapshots.sweep(() => new Set())
  expect([whileAlive, existsSync(join(path, 'tmp-victim'))]).toEqual([true, false])
})
