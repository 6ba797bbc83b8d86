import { createReadStream, existsSync } from 'node:fs'
import { readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { PassThrough, Readable } from 'node:stream'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Container, Snapshot } from '../../src/index.js'
import { tarEnd, tarHeader, tarPadding } from '../../src/layer/index.js'
import { type TestEngine, testEngine } from '../support/engine.js'
import { readTar } from '../support/read-tar.js'

let host: TestEngine
let other: TestEngine
let archive: string
let saved: readonly TarFile[]

interface TarFile {
  readonly name: string
  readonly content: Buffer
}

beforeAll(async () => {
  ;[host, other] = await Promise.all([testEngine(['busybox']), testEngine([])])
  archive = join(host.directory, 'snapshot.tar')
  const original = await host.engine
    .run('busybox', ['sleep', '10000'])
    .name('original')
    .env({ COLOR: 'blue' })
    .volume('data:/data', '/deep')
  await sh(
    original,
    'echo one >/data/file; mkdir -p /data/sub; ln /data/file /data/same; echo root >/root/file; rm /etc/group',
  )
  await sh(original, 'mkdir /deep/a; echo a >/deep/a/file; chown 70:71 /deep; chmod 2750 /deep')
  const first = await original.snapshot()
  const clone = await first.run()
  await sh(clone, 'mv /deep/a /deep/moved; echo b >/deep/b; chmod 1777 /deep')
  const second = await clone.snapshot({ name: 'saved', labels: { stage: 'ci' } })
  await second.save(archive)
  saved = await filesOf(archive)
  for (const one of [original, clone]) await one.remove({ force: true, volumes: true })
  for (const one of [first, second]) await one.remove()
})
afterAll(async () => {
  const left = [...(await host.leaks()), ...(await other.leaks())]
  await Promise.all([host[Symbol.asyncDispose](), other[Symbol.asyncDispose]()])
  expect(left).toEqual([])
})

const code = (expected: string) => expect.objectContaining({ code: expected })

async function sh(container: Container, script: string): Promise<string> {
  const { stdout, stderr, exitCode } = await container.exec(['sh', '-ec', script])
  if (exitCode !== 0) throw new Error(`${exitCode}: ${stdout}${stderr}`)
  return stdout
}

async function filesOf(path: string): Promise<readonly TarFile[]> {
  return (await readTar(await readFile(path))).map(({ name, content }) => ({
    name,
    content: Buffer.from(content, 'latin1'),
  }))
}

/** A tar of these files. */
function tarOf(files: readonly TarFile[]): Buffer {
  const parts = files.flatMap(({ name, content }) => [
    tarHeader({ kind: 'file', name, mode: 0o600, size: content.length }),
    content,
    tarPadding(content.length),
  ])
  return Buffer.concat([...parts, tarEnd])
}

/** The archive with its document changed. */
function withDocument(change: (document: Record<string, unknown>) => unknown): Buffer {
  const [document, ...others] = saved as [TarFile, ...TarFile[]]
  const changed = change(JSON.parse(document.content.toString()))
  return tarOf([{ name: document.name, content: Buffer.from(JSON.stringify(changed)) }, ...others])
}

const load = (bytes: Buffer) => other.engine.snapshots.load(Readable.from([bytes]))

async function verifyLoaded(snapshot: Snapshot): Promise<void> {
  expect(snapshot.name).toBe('saved')
  expect(await snapshot.inspect()).toMatchObject({
    labels: { stage: 'ci' },
    image: 'busybox',
    command: ['sleep', '10000'],
    volumes: [
      { name: expect.any(String), destinations: ['/data'] },
      { name: expect.any(String), destinations: ['/deep'] },
    ],
  })
  const clone = await snapshot.run()
  const look =
    'cat /data/same /root/file /deep/moved/file /deep/b; stat -c "%u:%g %a" /deep; stat -c %h /data/file; ls /deep; ls /etc/group 2>&1 || true; echo $COLOR'
  expect(await sh(clone, look)).toBe(
    'one\nroot\na\nb\n70:71 1777\n2\nb\nmoved\nls: /etc/group: No such file or directory\nblue\n',
  )
  await clone.remove({ force: true })
}

describe('what was saved', () => {
  test('is loaded into another root that has nothing of it', async () => {
    const progress: string[] = []
    const loading = other.engine.snapshots.load(archive)
    for await (const event of loading) progress.push(event.kind)
    await using snapshot = await loading
    expect(progress).toContain('bytes')
    expect(await other.engine.images.list({ all: true })).toEqual([])
    expect(await other.engine.volumes.list()).toEqual([])
    await verifyLoaded(snapshot)
    // It is what it was.
    const again = join(host.directory, 'again.tar')
    await snapshot.save(again)
    expect((await filesOf(again)).map(({ name }) => name)).toEqual(saved.map(({ name }) => name))
  })

  test('goes through streams, with a name of its own where its is taken', async () => {
    await using first = await other.engine.snapshots.load(createReadStream(archive))
    await verifyLoaded(first)
    await using second = await other.engine.snapshots.load(archive)
    expect(second.name).toMatch(/-[0-9a-f]{8}$/)
    await expect(other.engine.snapshots.load(archive, { name: 'saved' })).rejects.toEqual(code('SNAPSHOT_EXISTS'))
    const through = new PassThrough()
    const [{ size }, loaded] = await Promise.all([
      first.save(through),
      other.engine.snapshots.load(through, { name: 'third' }),
    ])
    await using third = loaded
    expect(size).toBe((await stat(archive)).size)
    expect(third.name).toBe('third')
  })

  test('is as Docker loads images, and tars of files, when its pieces are put together', async () => {
    const piecesOf = (part: string) =>
      Buffer.concat(saved.filter(({ name }) => name.startsWith(part)).map(({ content }) => content))
    const [image] = await other.engine.images.load(Readable.from([piecesOf('image/')]))
    await image?.remove()
    expect((await readTar(piecesOf('volumes/1/'))).map(({ name }) => name)).toEqual(['./', 'b', 'moved/', 'moved/file'])
  })

  test('nothing is left of a save or a load that is not wanted any more', async () => {
    await using snapshot = await other.engine.snapshots.load(archive)
    const target = join(other.directory, 'aborted.tar')
    await expect(snapshot.save(target, { signal: AbortSignal.abort(new Error('enough')) })).rejects.toThrow('enough')
    expect(existsSync(target)).toBe(false)
    const stop = new AbortController()
    const bytes = await readFile(archive)
    async function* slowly() {
      for (let at = 0; at < bytes.length; at += 65536) {
        if (at > bytes.length / 2) stop.abort(new Error('enough'))
        yield bytes.subarray(at, at + 65536)
      }
    }
    await expect(other.engine.snapshots.load(slowly(), { signal: stop.signal })).rejects.toThrow('enough')
    await expect(other.engine.snapshots.load(archive, { maxBytes: 10_000 })).rejects.toEqual(code('INVALID_ARCHIVE'))
    expect(await other.engine.snapshots.list()).toHaveLength(1)
  })
})

describe('what is not right', () => {
  const invalid = (bytes: Buffer) => expect(load(bytes)).rejects.toEqual(code('INVALID_ARCHIVE'))

  test('no tar, a tar of something else, and one that is cut off', async () => {
    await expect(load(Buffer.from('x'.repeat(2000)))).rejects.toEqual(code('LAYER_INVALID'))
    await invalid(tarOf([{ name: 'file', content: Buffer.from('x') }]))
    await invalid(tarOf([]))
    const whole = await readFile(archive)
    await expect(load(whole.subarray(0, whole.length - 100_000))).rejects.toEqual(
      expect.objectContaining({ code: expect.stringMatching(/^(?:LAYER_INVALID|INVALID_ARCHIVE)$/) }),
    )
    await expect(other.engine.snapshots.load('/nowhere.tar')).rejects.toEqual(code('FILE_NOT_FOUND'))
    expect(await other.engine.snapshots.list()).toEqual([])
  })

  test('a document that says what cannot be', async () => {
    const point = { volume: 'data', destination: '/data', mode: '', subpath: '', readOnly: false }
    const changes: Record<string, unknown>[] = [
      { version: 2 },
      { name: '../../etc' },
      { name: 1 },
      { createdAt: 'never' },
      { rootfsSize: -1 },
      { options: { memory: '1' } },
      { options: { volume: ['/host'.repeat(3), ''] } },
      { options: null },
      { command: 'sh' },
      { volumes: ['data', 'data'] },
      { mounts: [{ ...point, destination: 'relative' }] },
      { mounts: [{ ...point, volume: 'nobodys' }] },
      { mounts: [{ ...point, subpath: '../..' }] },
      { mounts: [{ ...point, mode: 'rw,exec' }] },
      { labels: ['x'] },
      { networking: { network: 'net', networkAlias: ['two words'] } },
      { excluded: [{ type: 'volume', destination: '/x' }] },
    ]
    for (const change of changes) await invalid(withDocument((document) => ({ ...document, ...change })))
    await invalid(withDocument(() => 'text'))
    await invalid(withDocument((document) => ({ ...document, padding: 'x'.repeat(5 * 1024 * 1024) })))
    expect(await other.engine.snapshots.list()).toEqual([])
  })

  test('parts that are missing, too many, or not what they should be', async () => {
    await invalid(tarOf(saved.filter(({ name }) => !name.startsWith('image/'))))
    await invalid(tarOf([...saved, { name: 'more', content: Buffer.from('x') }]))
    await invalid(
      tarOf(saved.map((file) => ({ ...file, name: file.name.replace(/^image\/00000000$/, 'image/00000001') }))),
    )
    await invalid(
      Buffer.concat([
        tarHeader({ kind: 'symlink', name: 'snapshot.json', linkname: '/etc/passwd', mode: 0o777 }),
        tarEnd,
      ]),
    )
    await expect(load(tarOf(saved.filter(({ name }) => !name.startsWith('volumes/0/'))))).rejects.toEqual(
      code('LAYER_INVALID'),
    )
    expect(await other.engine.snapshots.list()).toEqual([])
  })

  test('a volume whose tar leads out of it, or is larger than it may be', async () => {
    const instead = (content: Buffer) =>
      tarOf(
        saved.flatMap((file) =>
          file.name === 'volumes/0/00000000'
            ? [{ ...file, content }]
            : file.name.startsWith('volumes/0/')
              ? []
              : [file],
        ),
      )
    const canary = join(other.directory, 'canary')
    await writeFile(canary, 'safe')
    const file = (name: string) => [
      tarHeader({ kind: 'file', name, mode: 0o644, size: 4 }),
      Buffer.from('evil'),
      tarPadding(4),
    ]
    const link = tarHeader({ kind: 'symlink', name: 'out', linkname: other.directory, mode: 0o777 })
    for (const hostile of [
      [...file(`${'../'.repeat(12)}${canary.slice(1)}`), tarEnd],
      [link, ...file('out/canary'), tarEnd],
      [tarHeader({ kind: 'hardlink', name: 'same', linkname: `../../../../canary`, mode: 0o644 }), tarEnd],
    ])
      await load(instead(Buffer.concat(hostile))).then(
        (snapshot) => snapshot.remove(),
        (error) => expect(error.code).toMatch(/^LAYER_/),
      )
    expect(await readFile(canary, 'utf8')).toBe('safe')
    const huge = tarHeader({ kind: 'file', name: 'huge', mode: 0o644, size: 2 ** 45 })
    await expect(load(instead(huge))).rejects.toEqual(
      expect.objectContaining({ code: expect.stringMatching(/^LAYER_/) }),
    )
    expect(await other.engine.snapshots.list()).toEqual([])
  })
})
