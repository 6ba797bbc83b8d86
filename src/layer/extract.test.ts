import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { temporaryDirectory } from '../host/fixture.js'
import { AT_FDCWD, native } from '../host/index.js'
import { type ExtractOptions, extractLayer } from './extract.js'
import { archive, attack, bytesOf, describeTree, hardlink, type Member, member, patched, symlink } from './fixture.js'

const seconds = 1_700_000_000

async function extract(
  bytes: Buffer,
  options: Partial<ExtractOptions> = {},
  target = join(temporaryDirectory(), 'root'),
) {
  if (!existsSync(target)) mkdirSync(target)
  const result = await extractLayer(bytesOf(bytes), target, { format: 'overlay', ...options })
  return { target, ...result }
}

const stat = (path: string) => native().statAt(AT_FDCWD, path)
const xattr = (path: string, name: string) =>
  Buffer.from(native().getxattrAt(AT_FDCWD, path, name) ?? []).toString('hex')

describe('an entry has on disk what it has in the archive', () => {
  test('mode with setuid, setgid and sticky, whatever the umask', async () => {
    const before = process.umask(0o077)
    try {
      const { target } = await extract(
        archive({ name: 'd', kind: 'directory', mode: 0o1777 }, { name: 'f', mode: 0o6755, uid: 12 }),
      )
      expect([stat(join(target, 'd'))?.mode, stat(join(target, 'f'))?.mode]).toEqual([0o041777, 0o106755])
    } finally {
      process.umask(before)
    }
  })

  test('owners beyond 262143', async () => {
    const { target } = await extract(
      archive({ name: 'f', uid: 300_000, gid: 4_000_000_000 }, { name: 'l', kind: 'symlink', linkname: 'f', uid: 5 }),
    )
    expect([stat(join(target, 'f'))?.uid, stat(join(target, 'f'))?.gid, stat(join(target, 'l'))?.uid]).toEqual([
      300_000, 4_000_000_000, 5,
    ])
  })

  test('times below a second, of directories too', async () => {
    const mtime = [seconds, 123_456_789] as const
    const { target } = await extract(
      archive(
        { name: 'd', kind: 'directory', mtime },
        { name: 'd/f', mtime },
        { name: 'd/l', kind: 'symlink', linkname: 'x', mtime },
      ),
    )
    expect(['d', 'd/f', 'd/l'].map((name) => stat(join(target, name))?.mtime)).toEqual([mtime, mtime, mtime])
  })

  test('capabilities and user attributes, but none that steers overlayfs or the host', async () => {
    const capability = Buffer.from('0100000200200000000000000000000000000000', 'hex')
    const names = [
      'security.capability',
      'user.a',
      'trusted.overlay.redirect',
      'trusted.x',
      'user.overlay.opaque',
      'security.selinux',
    ]
    const xattrs = new Map(
      names.map((name) => [name, name === 'security.capability' ? capability : Buffer.from('/etc')]),
    )
    const { target } = await extract(archive({ name: 'f', uid: 3, xattrs }))
    expect(native().listxattrAt(AT_FDCWD, join(target, 'f')).sort()).toEqual(['security.capability', 'user.a'])
    expect(xattr(join(target, 'f'), 'security.capability')).toBe(capability.toString('hex'))
  })

  test('a default ACL that later entries do not inherit', async () => {
    const acl = Buffer.from('0200000001000700ffffffff04000700ffffffff20000700ffffffff', 'hex')
    const { target } = await extract(
      archive({ name: 'd', kind: 'directory', xattrs: new Map([['system.posix_acl_default', acl]]) }, { name: 'd/f' }),
    )
    expect([xattr(join(target, 'd'), 'system.posix_acl_default'), stat(join(target, 'd/f'))?.mode]).toEqual([
      acl.toString('hex'),
      0o100644,
    ])
  })

  test('devices and fifos', async () => {
    const { target } = await extract(
      archive(
        { name: 'null', kind: 'character', major: 1, minor: 3, mode: 0o666 },
        { name: 'disk', kind: 'block', major: 259, minor: 70_000 },
        { name: 'fifo', kind: 'fifo' },
      ),
    )
    expect(describeTree(target).map((line) => line.split(' ').slice(0, 4).join(' '))).toEqual([
      'disk 60644 0:0 259:70000',
      'fifo 10644 0:0 0:0',
      'null 20666 0:0 1:3',
    ])
  })

  test('names that are not UTF-8', async () => {
    const { target } = await extract(archive({ name: 'latin-\udce9', content: 'x' }))
    expect(readdirSync(target, { encoding: 'buffer' })[0]?.toString('latin1')).toBe('latin-\xe9')
  })

  test("parents that the archive lacks are root's and 0755", async () => {
    const { target } = await extract(archive({ name: 'a/b/f' }))
    expect(stat(join(target, 'a/b'))).toMatchObject({ mode: 0o040755, uid: 0, gid: 0, mtime: [seconds, 0] })
  })

  test('the root keeps its own attributes, as in Docker', async () => {
    const { target } = await extract(archive({ name: './', kind: 'directory', mode: 0o700, uid: 9 }))
    expect(stat(target)).toMatchObject({ mode: 0o040755, uid: 0 })
  })

  test('a later entry replaces an earlier one, but a directory stays', async () => {
    const { target } = await extract(
      archive(
        { name: 'a', content: '1' },
        { name: 'a', content: '2' },
        { name: 'd', kind: 'directory' },
        { name: 'd/f' },
        { name: 'd', kind: 'directory', mode: 0o700 },
      ),
    )
    expect([
      readFileSync(join(target, 'a'), 'utf8'),
      existsSync(join(target, 'd/f')),
      stat(join(target, 'd'))?.mode,
    ]).toEqual(['2', true, 0o040700])
  })

  test('a file that replaces one of several hard links leaves the others', async () => {
    const { target } = await extract(
      archive({ name: 'a', content: '1' }, { name: 'b', kind: 'hardlink', linkname: 'a' }, { name: 'b', content: '2' }),
    )
    expect([readFileSync(join(target, 'a'), 'utf8'), readFileSync(join(target, 'b'), 'utf8')]).toEqual(['1', '2'])
  })
})

describe('digest, size and compression', () => {
  const bytes = archive({ name: 'a', content: 'x'.repeat(100_000) }, { name: 'b', content: 'y' })
  const diffId = `sha256:${createHash('sha256').update(bytes).digest('hex')}`

  test.each([
    ['plain', bytes],
    ['gzip', gzipSync(bytes)],
    ['gzip of several members', Buffer.concat([gzipSync(bytes.subarray(0, 50_000)), gzipSync(bytes.subarray(50_000))])],
    ['zstd', execFileSync('zstd', ['-c'], { input: bytes })],
    [
      'zstd of several frames with a skippable one between',
      Buffer.concat([
        execFileSync('zstd', ['-19', '--no-check'], { input: bytes.subarray(0, 999) }),
        Buffer.from('502a4d1803000000616263', 'hex'),
        execFileSync('zstd', [], { input: bytes.subarray(999) }),
      ]),
    ],
  ])('%s has the digest of the uncompressed tar', async (_, compressed) => {
    expect(await extract(compressed)).toMatchObject({ diffId, size: 100_001, entries: 2 })
  })

  test('from a file', async () => {
    const file = join(temporaryDirectory(), 'layer')
    writeFileSync(file, gzipSync(bytes))
    expect(await extractLayer(file, temporaryDirectory(), { format: 'overlay' })).toMatchObject({ diffId })
  })

  test('another digest than the image says is refused', async () => {
    await expect(extract(bytes, { diffId: `sha256:${'0'.repeat(64)}` })).rejects.toMatchObject({
      code: 'DIGEST_MISMATCH',
    })
  })

  test.each([
    ['gzip', gzipSync(bytes)],
    ['zstd', execFileSync('zstd', ['-c'], { input: bytes })],
  ])('truncated %s is refused', async (_, compressed) => {
    await expect(extract(compressed.subarray(0, compressed.length - 3))).rejects.toMatchObject({
      code: 'LAYER_INVALID',
    })
  })

  test.each([
    ['gzip', '1f8b0800000000000003ffffffffff'],
    ['zstd', '28b52ffd2401ffffffffffffff'],
    ['zstd that wants a window of 3 TiB', '28b52ffd00ff010000'],
  ])('corrupt %s is refused', async (_, hex) => {
    await expect(extract(Buffer.from(hex, 'hex'))).rejects.toMatchObject({ name: 'LayerError' })
  })

  test.each(['xz', 'bzip2'])('%s is refused with a word about what to do', async (program) => {
    await expect(extract(execFileSync(program, ['-c'], { input: bytes }))).rejects.toThrow(
      /recompress it with gzip or zstd/,
    )
  })
})

describe('whiteouts', () => {
  test('for overlay are 0:0 devices and an attribute', async () => {
    const { target } = await extract(
      archive({ name: 'd', kind: 'directory' }, { name: 'd/.wh..wh..opq' }, { name: '.wh.gone' }),
    )
    expect(stat(join(target, 'gone'))).toMatchObject({ mode: 0o020000, major: 0, minor: 0 })
    expect([xattr(join(target, 'd'), 'trusted.overlay.opaque'), readdirSync(target).sort()]).toEqual([
      '79',
      ['d', 'gone'],
    ])
  })

  test('hide only what is below, wherever they stand', async () => {
    const { target } = await extract(
      archive(
        { name: 'd', kind: 'directory' },
        { name: 'd/f' },
        { name: '.wh.d' },
        { name: 'e' },
        { name: '.wh.e' },
        { name: '.wh.g' },
        { name: 'g', kind: 'directory' },
      ),
    )
    expect(readdirSync(target, { recursive: true }).sort()).toEqual(['d', 'd/f', 'e', 'g'])
    expect([
      xattr(join(target, 'd'), 'trusted.overlay.opaque'),
      xattr(join(target, 'g'), 'trusted.overlay.opaque'),
    ]).toEqual(['79', '79'])
  })

  test('in a merged tree delete what other layers made', async () => {
    const { target } = await extract(
      archive({ name: 'keep' }, { name: 'gone' }, { name: 'd/old/deep' }, { name: 'd/both/old' }),
      { format: 'merged' },
    )
    await extract(
      archive({ name: '.wh.gone' }, { name: 'd/both/new' }, { name: 'd/.wh..wh..opq' }, { name: 'd/new' }),
      { format: 'merged' },
      target,
    )
    expect(readdirSync(target, { recursive: true }).sort()).toEqual(['d', 'd/both', 'd/both/new', 'd/new', 'keep'])
  })

  test('in a merged tree keep what a hard link of the same layer shares', async () => {
    const { target } = await extract(archive({ name: 'a', content: 'x' }), { format: 'merged' })
    await extract(
      archive({ name: 'b', kind: 'hardlink', linkname: 'a' }, { name: '.wh.a' }),
      { format: 'merged' },
      target,
    )
    expect(readdirSync(target)).toEqual(['b'])
  })

  test('in a merged tree a directory that only gained entries keeps its time', async () => {
    const mtime = [seconds - 5, 7] as const
    const { target } = await extract(archive({ name: 'd', kind: 'directory', mtime }), { format: 'merged' })
    await extract(archive({ name: 'd/f' }), { format: 'merged' }, target)
    expect(stat(join(target, 'd'))?.mtime).toEqual(mtime)
  })

  test('aufs metadata is left out', async () => {
    const { target } = await extract(
      archive(
        { name: '.wh..wh.plnk', kind: 'directory' },
        { name: '.wh..wh.plnk/1.2', content: 'x' },
        { name: '.wh..wh.aufs', content: 'y' },
        { name: 'f' },
      ),
    )
    expect(readdirSync(target)).toEqual(['f'])
  })

  test.each(['.wh.', '.wh..', '.wh...', 'd/.wh..'])('%s names nothing and is refused', async (name) => {
    await expect(extract(archive({ name }))).rejects.toMatchObject({ code: 'LAYER_INVALID' })
  })
})

describe('a hostile archive reaches nothing outside', () => {
  test.each(['../outside/canary', 'a/../../outside/canary', './../outside/canary', '..'])(
    'by the name %s: refused',
    async (name) => {
      expect((await attack([{ name, content: 'dead' }])).outcome).toBe('LAYER_ESCAPES')
    },
  )

  test.each(['/abs', '/../abs', '//abs', '/a/../../abs'])(
    'by the absolute name %s: it starts at the root',
    async (name) => {
      expect(await attack([{ name }])).toMatchObject({ outcome: 'extracted', files: ['abs'] })
    },
  )

  test('by a relative symlink and a file through it', async () => {
    expect((await attack([symlink('out', '../outside'), { name: 'out/canary', content: 'dead' }])).outcome).toBe(
      'LAYER_INVALID',
    )
  })

  test('by a symlink that climbs, to a directory that exists inside', async () => {
    const { outcome, files } = await attack([
      { name: 'outside', kind: 'directory' },
      symlink('out', '../../../outside'),
      { name: 'out/canary', content: 'dead' },
    ])
    expect([outcome, files]).toEqual(['extracted', ['out', 'outside', 'outside/canary']])
  })

  test('by an absolute symlink to the real place', async () => {
    const base = temporaryDirectory()
    writeFileSync(join(base, 'canary'), 'alive')
    const { outcome } = await attack([symlink('out', base), { name: 'out/canary', content: 'dead' }])
    expect([outcome, readFileSync(join(base, 'canary'), 'utf8')]).toEqual(['LAYER_INVALID', 'alive'])
  })

  test.each(['/proc/self/root', '/proc/self/cwd', '/proc/self/fd/5'])('by a symlink to %s', async (linkname) => {
    expect(
      (await attack([symlink('out', linkname), { name: 'out/tmp/inboard-escaped', content: 'dead' }])).outcome,
    ).toBe('LAYER_INVALID')
    expect(existsSync('/tmp/inboard-escaped')).toBe(false)
  })

  test('by symlinks that go in circles', async () => {
    expect((await attack([symlink('a', 'b'), symlink('b', 'a'), { name: 'a/f' }])).outcome).toBe('LAYER_INVALID')
  })

  test('by a file over a symlink: the symlink goes', async () => {
    const { outcome, files } = await attack([symlink('f', '../outside/canary'), { name: 'f', content: 'dead' }])
    expect([outcome, files]).toEqual(['extracted', ['f']])
  })

  test('by a directory over a symlink, to change the mode behind it', async () => {
    const { outcome, files } = await attack([
      symlink('d', '../outside'),
      { name: 'd', kind: 'directory', mode: 0o777 },
      { name: 'd/canary', content: 'dead' },
    ])
    expect([outcome, files]).toEqual(['extracted', ['d', 'd/canary']])
  })

  test('by a directory that is replaced by a symlink after it was used', async () => {
    const { outcome } = await attack([
      { name: 'd/x' },
      { name: 'd', kind: 'symlink', linkname: '../outside' },
      { name: 'd/canary', content: 'dead' },
    ])
    expect(outcome).toBe('LAYER_INVALID')
  })

  test.each(['../outside/canary', '/etc/passwd', 'out/canary'])('by a hard link to %s', async (target) => {
    const { outcome } = await attack([
      symlink('out', '../outside'),
      hardlink('stolen', target),
      { name: 'stolen', content: 'dead' },
    ])
    expect(['LAYER_ESCAPES', 'LAYER_INVALID']).toContain(outcome)
  })

  test('by a hard link to a symlink, and a file over it', async () => {
    expect(
      (await attack([symlink('s', '../outside/canary'), hardlink('h', 's'), { name: 'h', content: 'dead' }])).outcome,
    ).toBe('extracted')
  })

  test('by a hard link to a directory', async () => {
    expect((await attack([{ name: 'd', kind: 'directory' }, hardlink('h', 'd')])).outcome).toBe('LAYER_INVALID')
  })

  test('by a hard link to itself', async () => {
    expect((await attack([{ name: 'f' }, hardlink('f', 'f')])).files).toEqual(['f'])
  })

  test.each(['.wh.canary', '.wh..wh..opq'])('by the whiteout %s through a symlink, in a merged tree', async (name) => {
    expect((await attack([symlink('out', '../outside'), { name: `out/${name}` }], 'merged')).outcome).toBe(
      'LAYER_INVALID',
    )
  })

  test('by a whiteout of a symlink, in a merged tree', async () => {
    const base = temporaryDirectory()
    mkdirSync(join(base, 'root'))
    writeFileSync(join(base, 'canary'), 'alive')
    await extract(archive(symlink('out', '..')), { format: 'merged' }, join(base, 'root'))
    await extract(archive({ name: '.wh.out' }), { format: 'merged' }, join(base, 'root'))
    expect(readdirSync(base).sort()).toEqual(['canary', 'root'])
  })

  test.each([
    ['a parent that is a file', [{ name: 'f' }, { name: 'f/g' }]],
    ['a component of 300 characters', [{ name: 'n'.repeat(300) }]],
    ['an owner of -1', [patched(member({ name: 'f' }), 108, Buffer.from([0x80, 0, 0, 0, 255, 255, 255, 255]))]],
    ['a device number that does not exist', [patched(member({ name: 'f', kind: 'block' }), 329, '7777777\0')]],
    ['an empty symlink', [symlink('l', '')]],
    ['the root as a file', [{ name: '.' }]],
  ] as [string, (Member | Buffer)[]][])('%s is refused', async (_, members) => {
    expect((await attack(members)).outcome).toBe('LAYER_INVALID')
  })
})

describe('limits, aborts and failures', () => {
  test('a decompression bomb stops at the limit', async () => {
    const bomb = gzipSync(archive({ name: 'zeros', content: Buffer.alloc(50_000_000) }))
    await expect(extract(bomb, { limits: { maxBytes: 1_000_000 } })).rejects.toMatchObject({ code: 'LAYER_TOO_LARGE' })
  })

  test('an abort ends a job whose source hangs, with its reason', async () => {
    const controller = new AbortController()
    const hangs = (async function* () {
      yield member({ name: 'f', content: 'x' })
      setImmediate(() => controller.abort(new Error('enough')))
      await new Promise(() => {})
    })()
    await expect(
      extractLayer(hangs, temporaryDirectory(), { format: 'overlay', signal: controller.signal }),
    ).rejects.toThrow('enough')
  })

  test('an abort while others are busy is not kept waiting', async () => {
    const controller = new AbortController()
    const busy = Array.from({ length: 8 }, () => {
      const stop = new AbortController()
      const job = extractLayer(
        (async function* () {
          await new Promise(() => {})
        })(),
        temporaryDirectory(),
        { format: 'overlay', signal: stop.signal },
      )
      return { stop, job }
    })
    const waiting = extractLayer(bytesOf(), temporaryDirectory(), { format: 'overlay', signal: controller.signal })
    controller.abort(new Error('no time'))
    await expect(waiting).rejects.toThrow('no time')
    for (const { stop } of busy) stop.abort(new Error('stop'))
    const outcomes = await Promise.allSettled(busy.map(({ job }) => job))
    expect(outcomes.map(({ status }) => status)).toEqual(Array(8).fill('rejected'))
  })

  test('a failing source is the failure', async () => {
    const fails = (async function* () {
      yield member({ name: 'f', content: 'x' })
      throw new Error('connection lost')
    })()
    await expect(extractLayer(fails, temporaryDirectory(), { format: 'overlay' })).rejects.toThrow('connection lost')
  })

  test('a missing target is a SyscallError', async () => {
    await expect(extractLayer(bytesOf(archive()), '/nonexistent/target', { format: 'overlay' })).rejects.toMatchObject({
      code: 'SYSCALL_FAILED',
      details: { errno: 'ENOENT' },
    })
  })

  test('no descriptor is left open by success, failure or abort', async () => {
    const count = () => readdirSync('/proc/self/fd').length
    await extract(archive({ name: 'a/b/c' }))
    const before = count()
    for (let round = 0; round < 20; round++) {
      await extract(archive({ name: 'a/b/c' }, { name: 'd/e' }))
      await extract(archive({ name: 'a/b/c' }, { name: 'a/b/c/d' })).catch(() => {})
      await extract(archive({ name: 'f', content: Buffer.alloc(100_000) }).subarray(0, 5000)).catch(() => {})
    }
    expect(count()).toBeLessThanOrEqual(before + 1)
  })

  test('layers are extracted side by side', async () => {
    const results = await Promise.all(
      Array.from({ length: 6 }, (_, index) =>
        extract(archive({ name: `f${index}`, content: Buffer.alloc(300_000, index) })),
      ),
    )
    expect(results.map(({ target }, index) => statSync(join(target, `f${index}`)).size)).toEqual(Array(6).fill(300_000))
  })
})

describe('GNU tar', () => {
  function makeTree(): string {
    const base = temporaryDirectory()
    execFileSync(
      'sh',
      [
        '-ec',
        `
      mkdir -p tree/dir tree/empty; cd tree
      echo hello > dir/file; chmod 4755 dir/file; ln dir/file dir/hard; ln -s ../dir/file empty/link
      mknod null c 1 3; mkfifo fifo; printf x > "$(printf 'bad-\\351')"; chown 300000:70000 dir
      truncate -s 3M sparse; printf data | dd of=sparse bs=1 seek=1000000 conv=notrunc status=none; printf end | dd of=sparse bs=1 seek=2500000 conv=notrunc status=none
      long=$(printf 'n%.0s' $(seq 200)); mkdir -p $long/$long; echo deep > $long/$long/file
      setfattr -n user.note -v hi dir/file; setcap cap_net_raw+ep fifo 2>/dev/null || true; cp /bin/true ping; setcap cap_net_raw+ep ping
      touch -d '2001-02-03 04:05:06.123456789 UTC' dir empty`,
      ],
      { cwd: base, stdio: ['ignore', 'ignore', 'inherit'] },
    )
    return join(base, 'tree')
  }

  test.each([
    ['pax', ['--format=pax', '--sparse', '--sparse-version=1.0']],
    ['pax', ['--format=pax', '--sparse', '--sparse-version=0.1']],
    ['pax', ['--format=pax', '--sparse', '--sparse-version=0.0']],
  ])('%s archives with %s extract to the same tree', async (_, options) => {
    const tree = makeTree()
    const tar = execFileSync('tar', ['-C', tree, ...options, '--xattrs', '--xattrs-include=*', '-cf', '-', '.'], {
      maxBuffer: 1 << 28,
    })
    const { target } = await extract(tar)
    expect(describeTree(target)).toEqual(describeTree(tree))
    expect(execFileSync('diff', ['-r', '--no-dereference', '-x', 'null', '-x', 'fifo', tree, target]).toString()).toBe(
      '',
    )
    expect(statSync(join(target, 'sparse')).blocks).toBeLessThan(100)
  })

  test.each(['gnu', 'oldgnu', 'ustar', 'v7'])('%s archives extract to the same content', async (format) => {
    const tree = makeTree()
    execFileSync('sh', ['-ec', 'rm -rf n* fifo; chown 1:2 dir'], { cwd: tree })
    const tar = execFileSync(
      'tar',
      ['-C', tree, `--format=${format}`, ...(format.endsWith('gnu') ? ['--sparse'] : []), '-cf', '-', '.'],
      { maxBuffer: 1 << 28, stdio: ['ignore', 'pipe', 'ignore'] },
    )
    const { target } = await extract(tar)
    expect(execFileSync('diff', ['-r', '--no-dereference', tree, target]).toString()).toBe('')
  })
})
