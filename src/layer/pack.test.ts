import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { temporaryDirectory } from '../host/fixture.js'
import { chainIds } from './chain-id.js'
import { copyTree } from './copy.js'
import { extractLayer } from './extract.js'
import { describeTree } from './fixture.js'
import type { PackEntry } from './layer-jobs.js'
import { packLayer } from './pack.js'

const mtime = [1_700_000_000, 250_000_000] as const

function sources(directory: string): PackEntry[] {
  writeFileSync(join(directory, 'program'), Buffer.alloc(3_000_000, 'p'))
  writeFileSync(join(directory, 'small'), 'small\n')
  symlinkSync('program', join(directory, 'link'))
  const capability = Buffer.from('0100000200200000000000000000000000000000', 'hex')
  return [
    { kind: 'directory', name: 'usr', mode: 0o755, mtime },
    {
      kind: 'file',
      name: 'usr/program',
      mode: 0o4755,
      mtime,
      source: join(directory, 'link'),
      xattrs: new Map([['security.capability', capability]]),
    },
    { kind: 'file', name: 'usr/small', mode: 0o644, uid: 3_000_000, gid: 7, mtime, source: join(directory, 'small') },
    { kind: 'hardlink', name: 'usr/same', linkname: 'usr/small', mode: 0o644, mtime },
    { kind: 'symlink', name: 'bin', linkname: 'usr', mode: 0o777, mtime },
    { kind: 'file', name: 'empty', mode: 0o600, mtime },
  ]
}

test('packs a tar with the digest and size it reports, and the same bytes each time', async () => {
  const directory = temporaryDirectory()
  const entries = sources(directory)
  const first = await packLayer(entries, join(directory, '1.tar'))
  const second = await packLayer(entries, join(directory, '2.tar'))
  const bytes = readFileSync(join(directory, '1.tar'))
  expect(first).toEqual({ diffId: `sha256:${createHash('sha256').update(bytes).digest('hex')}`, size: bytes.length })
  expect(second).toEqual(first)
})

test('GNU tar and extractLayer make the same tree of it', async () => {
  const directory = temporaryDirectory()
  await packLayer(sources(directory), join(directory, 'layer.tar'))
  for (const name of ['gnu', 'own']) mkdirSync(join(directory, name))
  execFileSync('tar', [
    '--xattrs',
    '--xattrs-include=*',
    '-C',
    join(directory, 'gnu'),
    '-xpf',
    join(directory, 'layer.tar'),
  ])
  await extractLayer(join(directory, 'layer.tar'), join(directory, 'own'), { format: 'overlay' })
  expect(describeTree(join(directory, 'own'))).toEqual(describeTree(join(directory, 'gnu')))
})

test('a missing source is an error that names it, and leaves no file', async () => {
  const directory = temporaryDirectory()
  const packed = packLayer([{ kind: 'file', name: 'f', mode: 0o644, source: '/nonexistent' }], join(directory, 'l.tar'))
  await expect(packed).rejects.toMatchObject({
    code: 'SYSCALL_FAILED',
    details: { errno: 'ENOENT', path: '/nonexistent' },
  })
  expect(existsSync(join(directory, 'l.tar'))).toBe(false)
})

test('a source that is no regular file is refused', async () => {
  const packed = packLayer(
    [{ kind: 'file', name: 'f', mode: 0o644, source: '/dev/zero' }],
    join(temporaryDirectory(), 'l.tar'),
  )
  await expect(packed).rejects.toMatchObject({ code: 'LAYER_INVALID' })
})

test('a file that is there already is left alone', async () => {
  const file = join(temporaryDirectory(), 'l.tar')
  writeFileSync(file, 'mine')
  await expect(packLayer([], file)).rejects.toMatchObject({ details: { errno: 'EEXIST' } })
  expect(readFileSync(file, 'utf8')).toBe('mine')
})

test('an aborted pack leaves no file', async () => {
  const directory = temporaryDirectory()
  const controller = new AbortController()
  const packed = packLayer(Array(50).fill(sources(directory)[1]), join(directory, 'l.tar'), {
    signal: controller.signal,
  })
  setImmediate(() => controller.abort(new Error('enough')))
  await expect(packed).rejects.toThrow('enough')
  expect(existsSync(join(directory, 'l.tar'))).toBe(false)
})

test('a copied tree is the same in everything', async () => {
  const directory = temporaryDirectory()
  for (const name of ['from', 'to']) mkdirSync(join(directory, name))
  execFileSync(
    'sh',
    [
      '-ec',
      `mkdir d; echo 1 > d/a; ln d/a d/b; ln d/a c; ln -s a d/l; mknod n c 0 0; mkfifo f; setfattr -n trusted.overlay.opaque -v y d
    setfattr -n user.x -v y d/a; chmod 6711 c; chown 5:6 d; truncate -s 1M hole; touch -hd '2001-02-03 04:05:06.789 UTC' d/l d`,
    ],
    { cwd: join(directory, 'from') },
  )
  await copyTree(join(directory, 'from'), join(directory, 'to'))
  expect(describeTree(join(directory, 'to'))).toEqual(describeTree(join(directory, 'from')))
})

test('chain ids are those of the image specification', () => {
  const [a, b, c] = ['a', 'b', 'c'].map((digit) => `sha256:${digit.repeat(64)}`) as [string, string, string]
  const hash = (text: string) => `sha256:${createHash('sha256').update(text).digest('hex')}`
  expect(chainIds([a, b, c])).toEqual([a, hash(`${a} ${b}`), hash(`${hash(`${a} ${b}`)} ${c}`)])
})
