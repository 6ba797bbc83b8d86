import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gzipSync } from 'node:zlib'
import { describe, expect, onTestFinished, test } from 'vitest'
import { temporaryDirectory } from '../../host/fixture.js'
import { openDownload } from '../../registry/download-url.js'
import { addUrl, fileName } from './add-url.js'
import { isArchive } from './archive-kind.js'
import { closing, makeFiles, namesOf } from './fixture.js'
import { openStream } from './stream-context.js'
import { openUrl } from './url-context.js'

const tarOf = (files: Record<string, string>, ...options: string[]) =>
  execFileSync('tar', ['-c', ...options, '-C', makeFiles(files), '.'], { maxBuffer: 1 << 26 })

async function* piecesOf(bytes: Buffer, size = 1000) {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

const files = { Dockerfile: 'FROM scratch', 'a/b': 'x'.repeat(100_000), '.dockerignore': 'Dockerfile\na' }

describe('a stream', () => {
  test.each([
    ['plain', (tar: Buffer) => tar],
    ['gzip', (tar: Buffer) => gzipSync(tar)],
    ['xz', (tar: Buffer) => execFileSync('xz', ['-c'], { input: tar })],
    ['zstd', (tar: Buffer) => execFileSync('zstd', ['-c'], { input: tar })],
  ])('that is a tar, %s, is a context, of which only the Dockerfile is hidden', async (_, compress) => {
    const temporary = temporaryDirectory('/dev/shm')
    const context = await openStream(piecesOf(compress(tarOf(files))), { temporaryDirectory: temporary })
    expect(await namesOf(context, ['.'])).toEqual(['', '.dockerignore', 'a', 'a/b'])
    expect((await context.readText('Dockerfile')).toString()).toBe('FROM scratch')
    await context.place()
    expect(statSync(`${temporary}/${readdirSync(temporary)[0]}`).mode & 0o777).toBe(0o700)
    await context.close()
    expect(readdirSync(temporary)).toEqual([])
  })

  test("that is a tar without its end, as Docker's client sends some, is a context", async () => {
    const header = tarOf({ Dockerfile: 'FROM scratch\n' }).subarray(512, 1024)
    const context = closing(await openStream(piecesOf(Buffer.concat([header, Buffer.from('FROM scratch\n')]))))
    expect((await context.readText('Dockerfile')).toString()).toBe('FROM scratch\n')
  })

  test('that is no tar is a Dockerfile, alone', async () => {
    const context = closing(await openStream(piecesOf(Buffer.from('FROM scratch\n'))))
    expect(await namesOf(context, ['.'])).toEqual(['', 'Dockerfile'])
    expect((await context.readText('Dockerfile')).toString()).toBe('FROM scratch\n')
  })

  test.each([
    ['is empty', () => Buffer.alloc(0), {}, 'CONTEXT_INVALID'],
    ['is a long text', () => Buffer.alloc(200_000, 'x'), { limits: { maxTextBytes: 100_000 } }, 'CONTEXT_TOO_LARGE'],
    ['is a text for a Dockerfile of a name', () => Buffer.from('FROM x'), { dockerfile: 'other' }, 'CONTEXT_INVALID'],
    ['is a broken archive', () => gzipSync(tarOf({ a: 'x'.repeat(99_999) })).subarray(0, -20), {}, 'LAYER_INVALID'],
    ['has too many files', () => tarOf({ a: '', b: '' }), { archiveLimits: { maxEntries: 2 } }, 'LAYER_TOO_LARGE'],
    ['climbs out', () => tarOf({ a: '' }, '--transform=s,a$,../../out,', '-P'), {}, 'LAYER_ESCAPES'],
  ])('that %s is refused, and leaves nothing', async (_, make, options, code) => {
    const temporary = temporaryDirectory('/dev/shm')
    await expect(openStream(piecesOf(make()), { ...options, temporaryDirectory: temporary })).rejects.toMatchObject({
      code,
    })
    expect(readdirSync(temporary)).toEqual([])
  })

  test.each([
    ['before it is known what it is', () => tarOf({ a: '' })],
    ['with a small archive', () => tarOf({ a: 'x'.repeat(100_000) })],
    ['while it is unpacked', () => gzipSync(tarOf({ a: randomBytes(100_000).toString('hex') }))],
  ])('that does not go on is left when it is aborted, %s', async (_, make) => {
    const head = make()
    const temporary = temporaryDirectory('/dev/shm')
    const abort = new AbortController()
    const endless = async function* () {
      yield head
      abort.abort(new Error('enough'))
      await new Promise(() => {})
    }
    const opened = openStream(endless(), { temporaryDirectory: temporary, signal: abort.signal })
    await expect(opened).rejects.toThrow('enough')
    expect(readdirSync(temporary)).toEqual([])
  })
})

test.each([
  ['a tar', () => tarOf({ a: '' }), true],
  ['a compressed tar', () => gzipSync(tarOf({ a: '' })), true],
  ['the beginning of one', () => gzipSync(tarOf({ a: 'x'.repeat(500_000) })).subarray(0, 400), true],
  ['a compressed text', () => gzipSync('text'), false],
  ['a text', () => Buffer.from('text'), false],
  ['a tar without entries', () => Buffer.alloc(10_240), false],
  ['nothing', () => Buffer.alloc(0), false],
])('%s is an archive for ADD: %#', async (_, make, expected) => {
  expect(await isArchive(make())).toBe(expected)
})

async function serve(answers: Record<string, { headers?: Record<string, string>; body: Buffer | string }>) {
  const server = createServer((request, response) => {
    const answer = answers[request.url ?? '']
    response.writeHead(answer ? (answer.headers?.location ? 302 : 200) : 404, answer?.headers).end(answer?.body)
  }).listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

const download = openDownload

describe('a URL', () => {
  test('of an archive or a Dockerfile is a context, behind redirects', async () => {
    const url = await serve({
      '/c.tgz': { body: gzipSync(tarOf({ a: '' })) },
      '/text': { body: 'FROM x' },
      '/moved': { headers: { location: '/c.tgz' }, body: '' },
    })
    expect(await namesOf(closing(await openUrl(`${url}/moved`, { download })), ['.'])).toEqual(['', 'a'])
    expect(await namesOf(closing(await openUrl(`${url}/text`, { download })), ['.'])).toEqual(['', 'Dockerfile'])
    const limits = { maxDownloadBytes: 10 }
    await expect(openUrl(`${url}/c.tgz`, { download, limits })).rejects.toThrow(/more than the 10 bytes/)
    await expect(openUrl(`${url}/none`, { download })).rejects.toMatchObject({ code: 'CONTEXT_UNAVAILABLE' })
  })

  test('is downloaded for ADD with its name, time and digest', async () => {
    const temporary = temporaryDirectory('/dev/shm')
    const headers = { 'last-modified': 'Wed, 21 Oct 2015 07:28:00 GMT' }
    const url = await serve({ '/d/file.tgz?x=1': { headers, body: 'content' }, '/plain': { body: 'content' } })
    const checksum = 'sha256:ed7002b439e9ac845f22357d822bac1444730fbdb6016d3ec9432297b9ec9f73'
    const added = await addUrl(`${url}/d/file.tgz?x=1`, { download, checksum, temporaryDirectory: temporary })
    expect(added).toMatchObject({ name: 'file.tgz', digest: checksum, size: 7, mtimeMs: Date.UTC(2015, 9, 21, 7, 28) })
    expect(readFileSync(added.path, 'utf8')).toBe('content')
    expect(statSync(added.path)).toMatchObject({ mtimeMs: added.mtimeMs, mode: 0o100600 })
    await added.remove()
    const plain = await addUrl(`${url}/plain`, { download, temporaryDirectory: temporary })
    expect(plain).toMatchObject({ name: 'plain', mtimeMs: 0 })
    await plain.remove()
    const other = `sha256:${'0'.repeat(64)}`
    await expect(
      addUrl(`${url}/plain`, { download, checksum: other, temporaryDirectory: temporary }),
    ).rejects.toMatchObject({ code: 'DIGEST_MISMATCH' })
    expect(readdirSync(temporary)).toEqual([])
  })

  test.each([
    ['http://x/a/b.txt?q#f', undefined, 'b.txt'],
    ['http://x/a%20b', undefined, 'a b'],
    ['http://x/', 'attachment; filename="name.tar"', 'name.tar'],
    ['http://x/d/', 'attachment; filename=../../name', 'name'],
    ['http://x/a', 'attachment; filename=b', 'a'],
    ['http://x/..%2f..%2fetc', undefined, 'etc'],
  ])('%s with %s is called %s', (url, disposition, name) => {
    expect(fileName(url, disposition)).toBe(name)
  })

  test.each([
    ['http://x/', undefined],
    ['http://x', 'attachment'],
    ['http://x/', 'attachment; filename="a/"'],
    ['http://x/%2e%2e%2f..', undefined],
  ])('%s with %s has no name', (url, disposition) => {
    expect(() => fileName(url, disposition)).toThrow(/cannot determine filename/)
  })
})
