import { execFileSync } from 'node:child_process'
import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { stream, tar } from '../../test/support/archives.js'
import { type TestStore, testStore } from '../../test/support/image-store.js'
import { busyboxForm } from '../../test/support/images.js'
import type { ImageProgress } from './progress.js'

describe('import', () => {
  let store: TestStore
  beforeEach(async () => {
    store = await testStore()
  })
  afterEach(() => store[Symbol.dispose]())

  it('makes an image of a root filesystem', async () => {
    const changes = ['CMD ["sh"]', 'ENV A=1 B="two words"', 'EXPOSE 80 53/udp']
    const image = await store.images.import(busyboxForm('rootfs'), { reference: 'mine', changes, message: 'hello' })
    const record = store.images.get('mine')
    expect(image).toEqual({ id: record.id, references: ['mine:latest'] })
    expect(record).toMatchObject({
      os: 'linux',
      comment: 'hello',
      config: { Cmd: ['sh'], Env: ['A=1', 'B=two words'], ExposedPorts: { '80/tcp': {}, '53/udp': {} } },
      history: [{ comment: 'hello' }],
    })
    expect(store.snapshots.readFile(record.chain, undefined, '/etc/passwd')).toMatch(/^root:x:0:0/)
  })

  it('takes compressed streams, and keeps the layer as a plain tar', async () => {
    const rootfs = await tar({ 'etc/name': 'x' })
    const { id } = await store.images.import(stream(gzipSync(rootfs)), { platform: 'linux/arm64/v8' })
    const { layers, references, architecture } = store.images.get(id)
    const xz = await store.images.import(stream(execFileSync('xz', ['-c'], { input: rootfs })))
    expect(store.images.get(xz.id).layers[0]?.diffId).toBe(layers[0]?.diffId)
    expect(layers[0]?.blob).toBe(layers[0]?.diffId)
    expect({ references, architecture }).toEqual({ references: [], architecture: 'arm64' })
  })

  it('counts the bytes that it reads', async () => {
    const bytes = gzipSync(await tar({ 'etc/name': 'x' }))
    const progress: ImageProgress[] = []
    await store.images.import(stream(bytes), { onProgress: (event) => progress.push(event) })
    expect(progress.at(-1)).toEqual({ kind: 'bytes', current: bytes.length })
  })

  it('says where a stream comes from, and takes no more of it than it may', async () => {
    const rootfs = await tar({ 'etc/name': 'x' })
    const { id } = await store.images.import(stream(rootfs), {
      origin: 'https://host/rootfs.tar',
      maxBytes: rootfs.length,
    })
    expect(store.images.get(id)).toMatchObject({ comment: 'Imported from https://host/rootfs.tar' })
    const remains = store.remains()
    const tooLong = store.images.import(stream(gzipSync(rootfs)), { maxBytes: rootfs.length - 1 })
    await expect(tooLong).rejects.toMatchObject({ code: 'INVALID_ARCHIVE' })
    expect(store.remains()).toEqual(remains)
  })

  it.each([
    [
      'a truncated tar',
      async () => stream((await tar({ file: Buffer.alloc(5000) })).subarray(0, 3000)),
      'InvalidOptionError',
    ],
    ['text', async () => stream(Buffer.from('no tar '.repeat(500))), 'InvalidOptionError'],
    ['an escape', async () => stream(await tar({ '../../x': 'y' })), 'LayerError'],
    ['a directory', async () => '/usr', 'InvalidOptionError'],
    ['a missing file', async () => '/nonexistent', 'NotFoundError'],
  ])('leaves nothing of %s', async (_, source, name) => {
    await expect(store.images.import(await source())).rejects.toMatchObject({ name })
    expect(store.remains()).toEqual([])
  })
})
