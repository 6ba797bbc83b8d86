import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { decompress } from './compression.js'
import { bytesOf } from './fixture.js'

const data = Buffer.concat([randomBytes(300_000), Buffer.alloc(2_500_000, 'text '), randomBytes(1_000_000)])
const bzip2 = (input: Buffer = data, level = '-9') =>
  execFileSync('bzip2', ['-c', level], { input, maxBuffer: 1 << 26 })

async function expand(bytes: Buffer, pieceBytes = 70_000): Promise<Buffer> {
  const pieces = Array.from({ length: Math.ceil(bytes.length / pieceBytes) }, (_, at) =>
    bytes.subarray(at * pieceBytes, (at + 1) * pieceBytes),
  )
  const chunks: Buffer[] = []
  for await (const chunk of decompress(bytesOf(...pieces))) chunks.push(chunk)
  return Buffer.concat(chunks)
}

test.each(['-1', '-5', '-9'])('bzip2 with %s is decompressed', async (level) => {
  expect((await expand(bzip2(data, level))).equals(data)).toBe(true)
})

test('all streams of a bzip2 file are decompressed, also in tiny pieces, and empty ones', async () => {
  const small = Buffer.from('small')
  const streams = Buffer.concat([bzip2(small), bzip2(Buffer.alloc(0)), bzip2(small)])
  expect((await expand(streams, 1)).toString()).toBe('smallsmall')
})

test('runs of one byte, which a block holds megabytes of, come out whole', async () => {
  const zeros = Buffer.alloc(60_000_000)
  expect((await expand(bzip2(zeros))).equals(zeros)).toBe(true)
})

test.each([
  ['a changed byte', (bytes: Buffer) => bytes.fill(bytes[5000] ? 0 : 1, 5000, 5001)],
  ['a missing end', (bytes: Buffer) => bytes.subarray(0, -5)],
  ['nothing but the beginning', (bytes: Buffer) => bytes.subarray(0, 12)],
  ['something else behind', (bytes: Buffer) => Buffer.concat([bytes, Buffer.from('garbage')])],
])('bzip2 data with %s is refused', async (_, spoil) => {
  await expect(expand(spoil(Buffer.from(bzip2())))).rejects.toMatchObject({
    code: 'LAYER_INVALID',
    message: "The archive's bzip2 data is corrupt or truncated.",
  })
})

test('a bomb is refused before it has come out', async () => {
  const block = bzip2(Buffer.alloc(40_000_000))
  const bomb = bytesOf(...Array.from({ length: 200 }, () => block))
  const expanding = async () => {
    for await (const chunk of decompress(bomb, { ratioFloorBytes: 100_000_000 }))
      expect(chunk.length).toBeGreaterThan(0)
  }
  await expect(expanding()).rejects.toMatchObject({ code: 'LAYER_TOO_LARGE' })
})
