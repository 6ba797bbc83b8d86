import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { gunzipSync, inflateRawSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { stream } from '../../test/support/archives.js'
import { gzip } from './push-gzip.js'

async function compressed(bytes: Buffer, blockBytes = 65_536): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of gzip(stream(bytes, blockBytes))) chunks.push(chunk)
  return Buffer.concat(chunks)
}

const text = Buffer.from(Array.from({ length: 50_000 }, (_, at) => `line ${at % 977}\n`).join(''))

describe('gzip', () => {
  it.each([
    ['nothing', Buffer.alloc(0)],
    ['one byte', Buffer.from('x')],
    ['text', text],
    ['zeros', Buffer.alloc(1_000_000)],
    ['noise', randomBytes(300_000)],
    ['just a block', text.subarray(0, 65_536)],
  ])('is read by others as one member: %s', async (_, bytes) => {
    const result = await compressed(bytes)
    expect(gunzipSync(result).equals(bytes)).toBe(true)
    expect(execFileSync('gzip', ['-dc'], { input: result, maxBuffer: 1 << 24 }).equals(bytes)).toBe(true)
    // Between header and trailer there is a single stream, for readers that stop after the first member.
    expect(inflateRawSync(result.subarray(10, -8)).equals(bytes)).toBe(true)
  })

  it('gives the same bytes again', async () => {
    expect((await compressed(text)).equals(await compressed(Buffer.from(text)))).toBe(true)
  })

  it('looks back over the borders of blocks', async () => {
    const block = randomBytes(16_384)
    const result = await compressed(Buffer.concat(Array(20).fill(block)), block.length)
    expect(result.length).toBeLessThan(block.length * 1.2)
  })

  it('fails with its source', async () => {
    async function* failing() {
      yield text
      throw new Error('disk gone')
    }
    const consume = async () => {
      for await (const _ of gzip(failing()));
    }
    await expect(consume()).rejects.toThrow('disk gone')
  })
})
