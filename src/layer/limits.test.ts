import { execFileSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import * as zlib from 'node:zlib'
import { gzipSync } from 'node:zlib'
import { describe, expect, onTestFinished, test } from 'vitest'
import { temporaryDirectory } from '../host/fixture.js'
import { decompress } from './compression.js'
import { extractLayer } from './extract.js'
import { archive, bytesOf, patched, paxHeader } from './fixture.js'
import type { TarLimits } from './tar-entry.js'
import { tarHeader } from './tar-writer.js'

const extract = (bytes: Buffer, limits: TarLimits = {}, target = temporaryDirectory()) =>
  extractLayer(bytesOf(bytes), target, { format: 'overlay', limits })

const zeros = archive({ name: 'zeros', content: Buffer.alloc(20_000_000) })
const zstd = (bytes: Buffer) => execFileSync('zstd', ['-c'], { input: bytes })

describe('a decompression bomb', () => {
  test.each([
    ['gzip', gzipSync(zeros)],
    ['zstd', zstd(zeros)],
  ])('of %s is stopped beyond the ratio', async (_, bomb) => {
    await expect(extract(bomb, { ratioFloorBytes: 1_000_000 })).rejects.toMatchObject({
      code: 'LAYER_TOO_LARGE',
      details: { maxRatio: 500 },
    })
  })

  test('of xz is stopped beyond the ratio', async () => {
    const bomb = decompress(bytesOf(execFileSync('xz', ['-c'], { input: zeros })), { ratioFloorBytes: 1_000_000 })
    const drained = (async () => {
      for await (const chunk of bomb) expect(chunk.length).toBeLessThan(1 << 20)
    })()
    await expect(drained).rejects.toMatchObject({ code: 'LAYER_TOO_LARGE' })
  })

  test.each([
    ['gzip', gzipSync(zeros)],
    ['zstd', zstd(zeros)],
  ])('of %s is a layer as long as it is small, or has no limit', async (_, honest) => {
    expect(await extract(honest)).toMatchObject({ entries: 1 })
    expect(await extract(honest, { ratioFloorBytes: 1, maxRatio: Number.POSITIVE_INFINITY })).toMatchObject({
      entries: 1,
    })
  })

  test.skipIf('createZstdDecompress' in zlib)(
    'of time, tiny zstd blocks with the largest window, is stopped',
    async () => {
      const block = Buffer.from('08000000', 'hex')
      const bomb = Buffer.concat([Buffer.from('28b52ffd0088', 'hex'), Buffer.alloc(4 * 100_000, block)])
      await expect(extract(bomb)).rejects.toMatchObject({
        code: 'LAYER_TOO_LARGE',
        message: expect.stringMatching(/blocks/),
      })
    },
    60_000,
  )

  test('is not what is stored without compression', async () => {
    expect(await extract(zeros, { ratioFloorBytes: 1, maxRatio: 1 })).toMatchObject({ entries: 1 })
  })
})

describe('beyond its limit is refused', () => {
  const sparse = (size: string) =>
    archive(
      paxHeader([
        ['GNU.sparse.size', size],
        ['GNU.sparse.map', '0,1'],
      ]),
      { name: 'f', content: 'x' },
    )

  test.each([
    ['a sparse file of 8 EiB', () => sparse('9007199254740991'), {}],
    ['a sparse file of 2 MB where 1 MB is allowed', () => sparse('2000000'), { maxFileBytes: 1_000_000 }],
    [
      'a file that says it has 2 TiB',
      () => patched(tarHeader({ kind: 'file', name: 'f', mode: 0o644, size: 2 ** 41 }), 0, ''),
      {},
    ],
    ['the second byte', () => archive({ name: 'a', content: 'x' }, { name: 'b', content: 'y' }), { maxBytes: 1 }],
    ['the second entry', () => archive({ name: 'a' }, { name: 'b' }), { maxEntries: 1 }],
    [
      'an extended header without end',
      () => patched(tarHeader({ kind: 'file', name: 'p', mode: 0, size: 2 ** 30 }), 156, 'x'),
      {},
    ],
    [
      'a long name of a gigabyte',
      () => patched(tarHeader({ kind: 'file', name: 'p', mode: 0, size: 2 ** 30 }), 156, 'L'),
      {},
    ],
  ] as [string, () => Buffer, TarLimits][])('%s', async (_, make, limits) => {
    await expect(extract(make(), limits)).rejects.toMatchObject({ code: 'LAYER_TOO_LARGE' })
  })

  test.each([
    ['an attribute of 100 kB', { xattrs: new Map([['user.big', Buffer.alloc(100_000)]]) }],
    [
      'an attribute with a name of 300 characters',
      { xattrs: new Map([[`user.${'n'.repeat(300)}`, Buffer.from('x')]]) },
    ],
    ['a name of 5,000 characters', { name: 'n/'.repeat(2500) }],
  ])('%s', async (_, entry) => {
    await expect(extract(archive({ name: 'f', ...entry }))).rejects.toMatchObject({ code: 'LAYER_INVALID' })
  })
})

describe('a full filesystem', () => {
  function smallFilesystem(options: string): string {
    const target = join(temporaryDirectory(), 'full')
    mkdirSync(target)
    execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'inboard-test', target])
    onTestFinished(() => {
      execFileSync('umount', [target])
    })
    return target
  }

  test.each([
    ['of bytes', 'size=1m', archive({ name: 'big', content: Buffer.alloc(3_000_000, 'x') })],
    ['of inodes', 'nr_inodes=10', archive(...Array.from({ length: 20 }, (_, at) => ({ name: `f${at}` })))],
  ])('%s is said, with what to do', async (_, options, layer) => {
    await expect(extract(layer, {}, smallFilesystem(options))).rejects.toMatchObject({
      code: 'SYSCALL_FAILED',
      message: expect.stringMatching(/no space left on device.*free some space/),
      details: { errno: 'ENOSPC', hint: expect.stringContaining('inodes') },
    })
  })
})
