import { createHash } from 'node:crypto'
import { closeSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { native } from '../host/index.js'
import { type Content, openContent } from './content.js'
import { type Digest, digestOf } from './digest.js'

async function* bytesOf(...chunks: readonly string[]): AsyncGenerator<Buffer> {
  for (const chunk of chunks) yield Buffer.from(chunk)
}

const hello = digestOf('hello')

describe('content', () => {
  let root: string
  let content: Content
  const blobs = () => readdirSync(join(root, 'content/sha256'))
  const aside = () => readdirSync(join(root, 'content/ingest'))

  beforeEach(() => {
    root = mkdtempSync('/tmp/ib-content-')
    content = openContent(root, native(), 'this boot')
  })
  afterEach(() => rmSync(root, { recursive: true, force: true }))

  it('keeps a blob under the digest of its bytes', async () => {
    expect(await content.ingest(bytesOf('hel', 'lo'))).toEqual({ digest: hello, size: 5 })
    expect(hello).toBe(`sha256:${createHash('sha256').update('hello').digest('hex')}`)
    expect(readFileSync(content.path(hello), 'utf8')).toBe('hello')
    expect(content.has(hello)).toBe(true)
    expect(content.size(hello)).toBe(5)
    expect((await content.read(hello, 5)).toString()).toBe('hello')
    expect(aside()).toEqual([])
  })

  it.each([
    ['another digest', { digest: digestOf('other') }],
    ['fewer bytes than announced', { size: 6 }],
    ['more bytes than announced', { size: 4 }],
  ])('refuses %s, and keeps nothing', async (_, expected) => {
    await expect(content.ingest(bytesOf('hello'), { expected })).rejects.toMatchObject({
      name: 'DigestMismatchError',
      code: 'DIGEST_MISMATCH',
    })
    expect([...blobs(), ...aside()]).toEqual([])
  })

  it('stops reading an endless source at its bound', async () => {
    let sent = 0
    async function* endless() {
      for (;;) yield Buffer.alloc(++sent && 1000)
    }
    await expect(content.ingest(endless(), { maxBytes: 5000 })).rejects.toMatchObject({ code: 'INVALID_ARCHIVE' })
    expect(sent).toBe(6)
    expect([...blobs(), ...aside()]).toEqual([])
  })

  it('keeps nothing when its source fails or is aborted', async () => {
    async function* failing() {
      yield Buffer.from('hel')
      throw new Error('cable cut')
    }
    await expect(content.ingest(failing())).rejects.toThrow('cable cut')
    const reason = new Error('enough')
    await expect(content.ingest(bytesOf('hello'), { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
    expect([...blobs(), ...aside()]).toEqual([])
  })

  it('takes the same blob from many writers at once', async () => {
    const results = await Promise.all(Array.from({ length: 20 }, () => content.ingest(bytesOf('hel', 'lo'))))
    expect(new Set(results.map(({ digest }) => digest))).toEqual(new Set([hello]))
    expect(blobs()).toHaveLength(1)
    expect(aside()).toEqual([])
  })

  it('bounds what it reads, and says what is missing', async () => {
    await content.ingest(bytesOf('hello'))
    await expect(content.read(hello, 4)).rejects.toMatchObject({ code: 'INVALID_ARCHIVE' })
    const missing = digestOf('missing') as Digest
    await expect(content.open(missing)).rejects.toMatchObject({ name: 'NotFoundError', code: 'CONTENT_NOT_FOUND' })
    expect(() => content.size(missing)).toThrow(expect.objectContaining({ code: 'CONTENT_NOT_FOUND' }))
  })

  it('publishes a file that another made, under the digest it is told', async () => {
    await content.ingestMade(async (path) => {
      writeFileSync(path, 'hello', { flag: 'wx' })
      return { digest: hello, size: 5 }
    })
    expect((await content.read(hello, 5)).toString()).toBe('hello')
    await expect(
      content.ingestMade(async (path) => {
        writeFileSync(path, 'half')
        throw new Error('no more')
      }),
    ).rejects.toThrow('no more')
    expect(aside()).toEqual([])
  })

  it('sweeps what nobody keeps and what the dead have left, never what is being written', async () => {
    const kept = await content.ingest(bytesOf('kept'))
    await content.ingest(bytesOf('garbage'))
    writeFileSync(join(root, 'content/ingest/dead'), 'half')
    writeFileSync(join(root, 'content/ingest/dead.made'), 'half')
    const living = openSync(join(root, 'content/ingest/living'), 'wx')
    writeFileSync(join(root, 'content/ingest/living.made'), 'half')
    native().flock(living, 'exclusive', false)
    content.sweep((digest) => digest === kept.digest)
    expect(blobs()).toEqual([kept.digest.slice(7)])
    expect(aside().sort()).toEqual(['living', 'living.made'])
    closeSync(living)
  })
})
