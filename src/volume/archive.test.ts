import { execFileSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { PassThrough, Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { describe, expect, onTestFinished, test } from 'vitest'
import { closing, openDescriptors, temporaryDirectory } from '../host/fixture.js'
import { native, O_DIRECTORY, O_RDONLY } from '../host/index.js'
import { archive, describeTree, hardlink, symlink } from '../layer/fixture.js'
import { exportTree, importTree } from './archive.js'
import { makeTree } from './copy-fixture.js'

const long = 'n'.repeat(200)
const acl = '0200000001000600ffffffff02000400e803000004000400ffffffff10000600ffffffff20000400ffffffff'
const capability = '0x0100000200200000000000000000000000000000'

/** One of everything that a volume can have, and what would be something else in a layer. */
const everything = `
  mkdir -p usr/bin etc/empty ${long}/${long}; echo program >usr/bin/su; chmod 4755 usr/bin/su; ln usr/bin/su usr/bin/same; ln usr/bin/su zz
  setfattr -n security.capability -v ${capability} usr/bin/su
  echo 1 >etc/passwd; setfattr -n user.comment -v "0x00ff80" etc/passwd; chown 3000000:70000 etc/passwd; chmod 0 etc/passwd
  setfattr -n user.overlay.opaque -v y etc
  chmod 1777 etc/empty; chown 999:999 .; chmod 2750 .
  ln -s ../../nowhere usr/link; ln -s /${long} ${long}/link; ln usr/link usr/link2; touch -hd '2001-02-03 04:05:06.789012345 UTC' usr/link
  mkfifo fifo; mknod null c 1 3; mknod zero c 0 0; mknod big b 259 1048575; chmod 640 big; echo x >${long}/${long}/deep
  truncate -s 300M sparse; echo start | dd of=sparse conv=notrunc status=none; echo middle | dd of=sparse bs=1 seek=200000000 conv=notrunc status=none
  truncate -s 5M hollow; head -c 3000000 /dev/urandom >solid
  touch "$(printf 'not-utf8-\\377\\300')" "$(printf 'new\\nline')" 'ünï—€' .wh. .wh.usr .wh..wh..opq .wh..wh.plnk; mkdir "$(printf 'd\\222')"; echo in >"$(printf 'd\\222/f')"
  touch -d '1960-01-01 00:00:00.5 UTC' etc/passwd; touch -d '2100-01-01 UTC' hollow
  setfattr -n system.posix_acl_access -v 0x${acl} solid; setfattr -n system.posix_acl_default -v 0x${acl} etc/empty
  touch -d '2020-01-01 00:00:00.123456789 UTC' usr/bin/su etc usr .`

const empty = () => temporaryDirectory()
const root = (directory: string) => ({ directory })
const exported = (directory: string, options = {}) => buffer(exportTree(root(directory), options))

/** The tree with its root. */
const describeWhole = (directory: string) => {
  const { mode, uid, gid, mtimeMs } = statSync(directory)
  return [`. ${mode.toString(8)} ${uid}:${gid} ${mtimeMs}`, ...describeTree(directory)]
}

describe('what is exported', () => {
  test('is imported as the same in everything, its root as well, and exports to the same bytes again', async () => {
    const tree = makeTree(empty(), everything)
    const bytes = await exported(tree)
    const copy = empty()
    await importTree(root(copy), bytes)
    expect(describeWhole(copy)).toEqual(describeWhole(tree))
    expect((await exported(copy)).equals(bytes)).toBe(true)
    expect(execFileSync('cmp', [join(tree, 'sparse'), join(copy, 'sparse')], { encoding: 'utf8' })).toBe('')
    expect(statSync(join(copy, 'sparse')).blocks).toBeLessThan(1000)
    expect(bytes.length).toBeLessThan(4_000_000)
  })

  test('is for GNU tar what it is for us', async () => {
    const tree = makeTree(empty(), everything)
    const copy = empty()
    const input = await exported(tree)
    const flags = ['--xattrs', '--xattrs-include=*', '--numeric-owner', '--warning=no-timestamp', '-xpf', '-']
    execFileSync('tar', [...flags, '-C', copy], { input })
    expect(describeWhole(copy)).toEqual(describeWhole(tree))
  })

  test('is listed by GNU tar with owners, devices, links and times', async () => {
    const tree = makeTree(
      empty(),
      `mkdir d; echo hello >d/f; ln d/f g; mknod null c 1 3; ln -s d/f s; chown 7:8 d/f; touch -hd '2020-01-02 03:04:05 UTC' d/f null s d .`,
    )
    const list = execFileSync('tar', ['--numeric-owner', '--utc', '-tvf', '-'], { input: await exported(tree) })
    expect(list.toString().trim().replaceAll(/ +/g, ' ').split('\n')).toEqual([
      'drwx------ 0/0 0 2020-01-02 03:04 ./',
      'drwxr-xr-x 0/0 0 2020-01-02 03:04 d/',
      '-rw-r--r-- 7/8 6 2020-01-02 03:04 d/f',
      'hrw-r--r-- 7/8 0 2020-01-02 03:04 g link to d/f',
      'crw-r--r-- 0/0 1,3 2020-01-02 03:04 null',
      'lrwxrwxrwx 0/0 0 2020-01-02 03:04 s -> d/f',
    ])
  })

  test('is a directory of the volume, and goes into another', async () => {
    const tree = makeTree(
      empty(),
      'mkdir -p a/b other; echo in >a/b/f; chmod 700 a/b; ln -s /a/b link; ln a/b/f a/outer',
    )
    const copy = makeTree(empty(), 'mkdir -p x/y; ln -s ../x/y x/to')
    await importTree(root(copy), exportTree(root(tree), { path: '/link' }), { path: 'x/to' })
    expect(describeTree(join(copy, 'x/y'))).toEqual(
      describeTree(join(tree, 'a/b')).map((line) => line.replace('x2', 'x1')),
    )
    expect(statSync(join(copy, 'x/y')).mode).toBe(0o40700)
    expect(readdirSync(copy)).toEqual(['x'])
  })

  test('of a mount point is what is mounted there, and nothing that is mounted below', async () => {
    const mounted = empty()
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'none', mounted])
    onTestFinished(() => void execFileSync('umount', ['-R', mounted]))
    makeTree(mounted, 'mkdir sub; echo up >f; mount -t tmpfs -o size=1m none sub; echo x >sub/x')
    const list = execFileSync('tar', ['-tf', '-'], { input: await exported(mounted), encoding: 'utf8' })
    expect(list.trim().split('\n')).toEqual(['./', 'f'])
  })

  test('is reached by a descriptor as well as by a path', async () => {
    const tree = makeTree(empty(), 'echo x >f')
    const fd = closing(native().openat2(-100, tree, O_RDONLY | O_DIRECTORY, 0, 0))
    expect((await buffer(exportTree({ directory: fd }))).equals(await exported(tree))).toBe(true)
  })

  test('has zeros where a file became shorter meanwhile, and nothing of what has grown or gone', async () => {
    const tree = makeTree(empty(), 'head -c 50000000 /dev/zero | tr "\\0" x >a; echo gone >gone; echo last >z')
    const stream = exportTree(root(tree))
    const chunks = stream[Symbol.asyncIterator]()
    const first = (await chunks.next()).value
    truncateSync(join(tree, 'a'), 20_000_000)
    rmSync(join(tree, 'gone'))
    const rest: Buffer[] = []
    for await (const chunk of chunks) rest.push(chunk)
    const copy = empty()
    await importTree(root(copy), Buffer.concat([first, ...rest]))
    expect(readdirSync(copy).sort()).toEqual(['a', 'z'])
    expect(statSync(join(copy, 'a')).size).toBe(50_000_000)
    expect(readFileSync(join(copy, 'z'), 'utf8')).toBe('last\n')
  })

  test.each([
    ['nowhere', 'ENOENT'],
    ['file', 'ENOTDIR'],
    ['loop', 'ELOOP'],
  ])('cannot be %s: %s', async (path, errno) => {
    const tree = makeTree(empty(), 'echo x >file; ln -s loop loop')
    await expect(exported(tree, { path })).rejects.toMatchObject({ code: 'SYSCALL_FAILED', details: { errno } })
    await expect(importTree(root(tree), archive(), { path })).rejects.toMatchObject({ details: { errno } })
  })
})

describe('an import', () => {
  const plain = archive({ name: 'd/f', content: 'content' })

  test.each([
    ['gzip', 'gzip -c'],
    ['zstd', 'zstd -c'],
    ['xz', 'xz -c'],
    ['nothing', 'cat'],
  ])('finds out that %s compressed it', async (_, command) => {
    const target = empty()
    const bytes = execFileSync('sh', ['-c', command], { input: plain })
    expect(await importTree(root(target), bytes)).toEqual({ entries: 1, size: 7 })
    expect(readFileSync(join(target, 'd/f'), 'utf8')).toBe('content')
  })

  test('reads a file, a stream or what is iterated', async () => {
    const directory = empty()
    writeFileSync(join(directory, 'a.tar'), plain)
    async function* halves() {
      yield plain.subarray(0, 700)
      yield plain.subarray(700)
    }
    for (const source of [join(directory, 'a.tar'), Readable.from([plain]), halves()]) {
      const target = empty()
      await importTree(root(target), source)
      expect(readFileSync(join(target, 'd/f'), 'utf8')).toBe('content')
    }
  })

  test('reads what GNU tar writes in each of its formats', async () => {
    const tree = makeTree(empty(), everything.replaceAll(long, 'n'))
    for (const format of ['gnu', 'posix']) {
      const target = empty()
      const flags = format === 'posix' ? ['--xattrs', '--xattrs-include=*'] : []
      const bytes = execFileSync('tar', ['-cS', `--format=${format}`, ...flags, '-C', tree, '.'], {
        maxBuffer: 2 ** 30,
      })
      await importTree(root(target), bytes)
      const without = (lines: string[]) =>
        format === 'posix' ? lines : lines.map((line) => line.replace(/\.\d{9} \[.*?\]/, '').replace(/ 100\d+/, ''))
      expect(without(describeTree(target))).toEqual(without(describeTree(tree)))
    }
  })

  test('goes over what is there as tar does: directories are merged, files replaced, links not followed', async () => {
    const there =
      'mkdir -p d/kept full empty; echo old >d/f; echo x >full/x; echo t >target; ln -s target s; ln -s d l; echo f >was-file'
    const tree = makeTree(
      empty(),
      'mkdir d was-file l; echo new >d/f; chmod 711 d; echo now >s; echo now >empty; echo in >was-file/in; echo in >l/in',
    )
    const bytes = await exported(tree)
    const [ours, tars] = [makeTree(empty(), there), makeTree(empty(), there)]
    await importTree(root(ours), bytes)
    execFileSync('tar', ['--numeric-owner', '-xpf', '-', '-C', tars], { input: bytes })
    const timeless = (directory: string) => describeTree(directory).map((line) => line.replace(/ \d+\.\d{9} /, ' '))
    expect(timeless(ours)).toEqual(timeless(tars))
    expect(readFileSync(join(ours, 'target'), 'utf8')).toBe('t\n')
  })

  test('never replaces a directory that has something in it by a file', async () => {
    const target = makeTree(empty(), 'mkdir full; echo x >full/x')
    const failed = importTree(root(target), archive({ name: 'a' }, { name: 'full', content: 'f' }, { name: 'z' }))
    await expect(failed).rejects.toMatchObject({
      code: 'LAYER_INVALID',
      message: 'cannot overwrite directory "/full" with non-directory "/"',
    })
    // What came before stays.
    expect(readdirSync(target).sort()).toEqual(['a', 'full'])
  })

  test('takes what a layer could not have: a terabyte of holes, a thousandfold compression', async () => {
    const target = empty()
    const tree = makeTree(empty(), 'truncate -s 2T huge; head -c 100000000 /dev/zero >zeros')
    const bytes = execFileSync('gzip', ['-c'], { input: await exported(tree), maxBuffer: 2 ** 30 })
    await importTree(root(target), bytes, { limits: { ratioFloorBytes: 0 } })
    expect(statSync(join(target, 'huge')).size).toBe(2 ** 41)
    expect(statSync(join(target, 'zeros')).size).toBe(100_000_000)
  })

  test('has the limits that it is given', async () => {
    const tree = makeTree(empty(), 'head -c 100000 /dev/zero >zeros')
    const failed = importTree(root(empty()), await exported(tree), { limits: { maxBytes: 1000 } })
    await expect(failed).rejects.toMatchObject({ code: 'LAYER_TOO_LARGE' })
  })

  test.each([
    ['is cut off', plain.subarray(0, 700), 'LAYER_INVALID'],
    ['is none', Buffer.from('nothing of the kind'.repeat(100)), 'LAYER_INVALID'],
    ['is bzip2', Buffer.from('BZh91AY&SY'.repeat(100)), 'LAYER_INVALID'],
    ['climbs', archive({ name: '../x' }), 'LAYER_ESCAPES'],
    ['climbs from inside', archive({ name: 'a/../../x' }), 'LAYER_ESCAPES'],
    ['links to what is above', archive(hardlink('x', '../outside/canary')), 'LAYER_ESCAPES'],
    ['replaces the root', archive(symlink('.', '/etc')), 'LAYER_INVALID'],
  ])('of an archive that %s is refused', async (_, bytes, code) => {
    const base = makeTree(empty(), 'mkdir outside volume; echo alive >outside/canary')
    const before = describeTree(join(base, 'outside'))
    await expect(importTree(root(join(base, 'volume')), bytes)).rejects.toMatchObject({ code })
    expect(describeTree(join(base, 'outside'))).toEqual(before)
    expect(readdirSync(base).sort()).toEqual(['outside', 'volume'])
  })
})

describe('streams', () => {
  const big = () => makeTree(empty(), 'for i in 1 2 3 4; do head -c 30000000 /dev/zero | tr "\\0" $i >$i; done')

  test('an export that nobody reads does not go on', async () => {
    const stream = exportTree(root(big()))
    await new Promise((resolve) => stream.once('readable', resolve))
    expect(stream.readableLength).toBeLessThan(1_000_000)
    stream.destroy()
  })

  test('an export that is left gives all descriptors back', async () => {
    const tree = big()
    await exported(tree)
    const before = openDescriptors()
    const stream = exportTree(root(tree))
    for await (const _ of stream) break
    if (!stream.closed) await new Promise((resolve) => stream.once('close', resolve))
    expect(openDescriptors()).toBe(before)
  })

  test.each(['before', 'in the middle'])('an export that is aborted %s ends with the reason', async (when) => {
    const abort = new AbortController()
    if (when === 'before') abort.abort(new Error('enough'))
    const stream = exportTree(root(big()), { signal: abort.signal })
    const read = (async () => {
      for await (const _ of stream) abort.abort(new Error('enough'))
    })()
    await expect(read).rejects.toThrow('enough')
    expect(stream.destroyed).toBe(true)
  })

  test('an import that is aborted ends with the reason, leaves its source, and what it had written', async () => {
    const source = new PassThrough()
    const target = empty()
    const abort = new AbortController()
    const imported = importTree(root(target), source, { signal: abort.signal })
    const tree = makeTree(empty(), 'echo first >a; head -c 3000000 /dev/zero >b')
    source.write((await exported(tree)).subarray(0, 1_000_000))
    while (!existsSync(join(target, 'b'))) await new Promise((resolve) => setImmediate(resolve))
    abort.abort(new Error('enough'))
    await expect(imported).rejects.toThrow('enough')
    expect(source.destroyed).toBe(true)
    expect(readFileSync(join(target, 'a'), 'utf8')).toBe('first\n')
  })

  test('a source that fails is the failure of the import', async () => {
    const source = exportTree(root(big()))
    const imported = importTree(root(empty()), source)
    source.once('data', () => source.destroy(new Error('the disk is gone')))
    await expect(imported).rejects.toThrow('the disk is gone')
  })

  test('an import that fails tears down the export that feeds it', async () => {
    const target = makeTree(empty(), 'mkdir 2; echo x >2/x')
    const source = exportTree(root(big()))
    await expect(importTree(root(target), source)).rejects.toMatchObject({ code: 'LAYER_INVALID' })
    if (!source.closed) await new Promise((resolve) => source.once('close', resolve))
    expect(source.destroyed).toBe(true)
  })

  test('a disk that is full is told, by name', async () => {
    const small = empty()
    mkdirSync(join(small, 'm'))
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'none', join(small, 'm')])
    onTestFinished(() => void execFileSync('umount', [join(small, 'm')]))
    await expect(importTree(root(join(small, 'm')), exportTree(root(big())))).rejects.toMatchObject({
      code: 'SYSCALL_FAILED',
      details: { errno: 'ENOSPC', entry: '1' },
    })
  })
})
