import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { describe, expect, it, test } from 'vitest'
import { openDescriptors, temporaryDirectory } from '../../host/fixture.js'
import { archive, describeTree, patched, symlink } from '../../layer/fixture.js'
import type { BuildContext } from './build-context.js'
import { closing, keyOf, makeFiles, namesOf } from './fixture.js'
import { openStream, type UnpackedOptions } from './stream-context.js'

const tarOf = (directory: string, ...options: string[]) =>
  execFileSync('tar', ['-c', ...options, '-C', directory, '.'], { maxBuffer: 1 << 26 })

async function* piecesOf(bytes: Buffer) {
  // One buffer for all: what a reader keeps it copies.
  const piece = Buffer.alloc(7777)
  for (let at = 0; at < bytes.length; at += piece.length) yield piece.subarray(0, bytes.copy(piece, 0, at))
}

/** The same archive twice: in memory where that can be, and unpacked at once, as a compressed one is. */
async function openBoth(tar: Buffer, options: UnpackedOptions = {}) {
  const temporary = temporaryDirectory('/dev/shm')
  const open = (bytes: Buffer) => openStream(piecesOf(bytes), { ...options, temporaryDirectory: temporary })
  const context = closing(await open(tar))
  const isInMemory = readdirSync(temporary).length === 0
  return { context, unpacked: closing(await open(gzipSync(tar))), isInMemory, temporary }
}

/** All that is told of the files. */
async function told(context: BuildContext) {
  const files = (await Promise.all((await context.expand(['.'])).map((source) => context.files(source)))).flat()
  return files.map(({ name, entry }) => {
    const { path, kind, mode, uid, gid, size, target, major, minor, mtime } = entry
    const content = kind === 'file' ? context.head(entry, 100).toString('latin1') : ''
    return { name, path, kind, mode, uid, gid, size, target, major, minor, content, ...(kind === 'file' && { mtime }) }
  })
}

async function expectSame(tar: Buffer, options?: UnpackedOptions) {
  const { context, unpacked, isInMemory } = await openBoth(tar, options)
  expect(await told(context)).toEqual(await told(unpacked))
  expect(await keyOf(context)).toBe(await keyOf(unpacked))
  const [one, other] = await Promise.all([context.place(), unpacked.place()])
  const tree = ({ root }: { root: number }) => describeTree(`/proc/self/fd/${root}/.`)
  expect(tree(one)).toEqual(tree(other))
  return isInMemory
}

/** A tree of everything that build contexts usually have. */
function usualTree(): string {
  const directory = makeFiles({ Dockerfile: 'FROM scratch', 'a/b/c': 'deep', 'a/empty': '', big: 'x'.repeat(300_000) })
  symlinkSync('../nowhere', join(directory, 'a/link'))
  symlinkSync('Dockerfile', join(directory, 'ünï \n\u{1F600}'))
  writeFileSync(Buffer.concat([Buffer.from(`${directory}/a/`), Buffer.from([0xff, 0xfe])]), 'of no encoding')
  mkdirSync(join(directory, 'hollow'), { mode: 0o1777 })
  chownSync(join(directory, 'a/b/c'), 1234, 5678)
  chmodSync(join(directory, 'a/b/c'), 0o4751)
  utimesSync(join(directory, 'a/empty'), -1.5, -1.5)
  return directory
}

describe('an archive in memory', () => {
  it.each(['gnu', 'pax', 'ustar'])('is what extraction makes of it: %s', async (format) => {
    const directory = usualTree()
    if (format === 'ustar') utimesSync(join(directory, 'a/empty'), 5, 5)
    expect(await expectSame(tarOf(directory, `--format=${format}`))).toBe(true)
  })

  it('has directories that no entry names, as extraction makes them', async () => {
    const tar = execFileSync('tar', ['-c', '--no-recursion', '-C', usualTree(), 'a/b/c', 'Dockerfile', 'a'])
    expect(await expectSame(tar)).toBe(true)
  })

  it('is written to the disk once, when its files are copied, and gone with the context', async () => {
    const before = openDescriptors()
    const { context, unpacked, temporary } = await openBoth(tarOf(usualTree()))
    await unpacked.close()
    expect(await namesOf(context, ['a/b'])).toEqual(['', 'c'])
    expect(readdirSync(temporary)).toEqual([])
    const [one, other] = await Promise.all([context.place(), context.place()])
    expect(other.root).toBe(one.root)
    expect(readFileSync(`/proc/self/fd/${one.root}/Dockerfile`, 'utf8')).toBe('FROM scratch')
    expect(readdirSync(temporary)).toHaveLength(1)
    await context.close()
    expect(readdirSync(temporary)).toEqual([])
    expect(openDescriptors()).toBe(before)
  })

  it('hides the Dockerfile where its ignore file says so', async () => {
    const tar = tarOf(makeFiles({ Dockerfile: '', a: '', '.dockerignore': 'Dockerfile' }))
    const { context, isInMemory } = await openBoth(tar)
    expect(await namesOf(context, ['.'])).toEqual(['', '.dockerignore', 'a'])
    expect(isInMemory).toBe(true)
  })
})

describe('what is for extraction to say', () => {
  const withHardlink = () => {
    const directory = makeFiles({ a: 'twice' })
    linkSync(join(directory, 'a'), join(directory, 'b'))
    return tarOf(directory)
  }
  const withSpecial = (...command: [string, ...string[]]) => {
    const directory = mkdtempSync(join(temporaryDirectory('/dev/shm'), 'd'))
    execFileSync(command[0], command.slice(1), { cwd: directory })
    return tarOf(directory, '--xattrs', '--sparse')
  }
  it.each([
    ['a hard link', withHardlink],
    ['a fifo', () => withSpecial('mkfifo', 'pipe')],
    ['a device', () => withSpecial('mknod', 'null', 'c', '1', '3')],
    ['a hole', () => withSpecial('truncate', '-s', '1M', 'hole')],
    ['an attribute', () => withSpecial('sh', '-c', 'touch f && setfattr -n user.a -v b f')],
    ['a file twice', () => archive({ name: 'a', content: 'first' }, { name: 'a', content: 'second' })],
    ['a file, then a directory', () => archive({ name: 'a' }, { name: 'a', kind: 'directory' })],
    ['an empty directory, then a file', () => archive({ name: 'a', kind: 'directory' }, { name: 'a' })],
    ['something behind a symlink', () => archive({ name: 'd/x' }, symlink('a', 'd'), { name: 'd/../a', content: 'y' })],
    ['a file in a symlink', () => archive({ name: 'd/x' }, symlink('a', 'd'), { name: 'a/b' })],
    ['more than is kept in memory', () => tarOf(makeFiles({ a: 'x'.repeat(5_000_000) }))],
  ])('%s', async (_, make) => {
    expect(await expectSame(make())).toBe(false)
  })

  it.each([
    ['a file in a file', archive({ name: 'a' }, { name: 'a/b' })],
    ['a name that is too long', archive({ name: 'n'.repeat(256) })],
    ['a name that climbs out', archive({ name: '../out' })],
    ['a root that is a file', archive({ name: '.' })],
    ['an entry that is cut off', archive({ name: 'a', content: 'content' }).subarray(0, 515)],
  ])('%s is refused in its words', async (_, tar) => {
    const open = (bytes: Buffer) =>
      openStream(piecesOf(bytes)).then(
        () => 'opened',
        ({ code, message }) => `${code}: ${message}`,
      )
    const refused = await open(tar)
    expect(refused).toMatch(/^[A-Z_]+: /)
    expect(refused).toBe(await open(gzipSync(tar)))
  })
})

test('archives with bytes that are changed are refused, or are what extraction makes of them', async () => {
  const good = tarOf(makeFiles({ 'a/b': 'content', c: 'x'.repeat(2000) }))
  let state = Number(process.env.INBOARD_FUZZ_SEED ?? 1)
  const random = (below: number) => {
    state = (state * 1103515245 + 12345) % 2147483648
    return state % below
  }
  const outcome = async (bytes: Buffer) => {
    try {
      const context = closing(await openStream(piecesOf(bytes)))
      return await told(context)
    } catch (error) {
      return (error as { code?: string }).code
    }
  }
  for (let round = 0; round < 150; round++) {
    const tar = Buffer.from(good)
    for (let change = 0; change <= random(3); change++) {
      const at = 512 * (1 + random(tar.length / 512 - 1))
      // With a checksum that is right.
      patched(tar.subarray(at, at + 512), random(512), Buffer.of(random(256))).copy(tar, at)
    }
    expect(await outcome(tar), `seed ${process.env.INBOARD_FUZZ_SEED ?? 1}, round ${round}`).toEqual(
      await outcome(gzipSync(tar)),
    )
  }
})
