import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { decompress } from './compression.js'
import { bytesOf } from './fixture.js'

const data = Buffer.concat([randomBytes(300_000), Buffer.alloc(500_000, 'text ')])
const xz = (...options: string[]) => execFileSync('xz', ['-c', ...options], { input: data, maxBuffer: 1 << 26 })

async function collect(source: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of decompress(source)) chunks.push(chunk)
  return Buffer.concat(chunks)
}

async function expand(bytes: Buffer): Promise<Buffer> {
  const pieces = Array.from({ length: Math.ceil(bytes.length / 70_000) }, (_, at) =>
    bytes.subarray(at * 70_000, (at + 1) * 70_000),
  )
  return collect(bytesOf(...pieces))
}

describe('xz', () => {
  test.each([
    ['the default', () => xz()],
    ['the largest dictionary', () => xz('-9e')],
    ['many blocks', () => xz('-T2', '--block-size=100000')],
    ['no check', () => xz('--check=none')],
    ['CRC32', () => xz('--check=crc32')],
    ['padding behind', () => Buffer.concat([xz(), Buffer.alloc(8)])],
  ])('with %s is decompressed', async (_, make) => {
    expect((await expand(make())).equals(data)).toBe(true)
  })

  test('of several streams is decompressed whole', async () => {
    expect((await expand(Buffer.concat([xz(), Buffer.alloc(4), xz('-1')]))).equals(Buffer.concat([data, data]))).toBe(
      true,
    )
  })

  test.each([
    ['truncated', () => xz().subarray(0, -1)],
    ['without its end', () => xz().subarray(0, 1000)],
    ['followed by rubbish', () => Buffer.concat([xz(), Buffer.from('rubbish!')])],
    ['with a second stream cut short', () => Buffer.concat([xz(), xz().subarray(0, 5000)])],
    ['damaged', () => Buffer.concat([xz().subarray(0, 5000), Buffer.alloc(10, 255), xz().subarray(5010)])],
    ['with a check by SHA-256', () => xz('--check=sha256')],
    ['with another filter', () => xz('--x86', '--lzma2')],
  ])('%s is refused', async (_, make) => {
    await expect(expand(make())).rejects.toMatchObject({ code: 'LAYER_INVALID' })
  })

  test('that wants a dictionary of 128 MiB is refused', async () => {
    await expect(expand(xz('--lzma2=dict=128MiB'))).rejects.toMatchObject({ code: 'LAYER_TOO_LARGE' })
  })

  test('is decompressed after one that was left, one that failed and beside others', async () => {
    for await (const chunk of decompress(bytesOf(xz()))) if (chunk.length > 0) break
    const lost = (async function* () {
      yield xz().subarray(0, 1000)
      throw new Error('connection lost')
    })()
    await expect(collect(lost)).rejects.toThrow('connection lost')
    const lengths = (await Promise.all([1, 2, 3].map(() => expand(xz())))).map(({ length }) => length)
    expect(lengths).toEqual([data.length, data.length, data.length])
  })
})
