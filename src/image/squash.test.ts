import { readFileSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { dockerArchive, type Entries, stream, tar } from '../../test/support/archives.js'
import { type TestStore, testStore } from '../../test/support/image-store.js'
import { readTar } from '../../test/support/read-tar.js'
import type { ImageLayer } from './types.js'

const later = new Date(1_000_000_000_000)

/** What the image is built on, then three layers of a build. */
const base: Entries = {
  'kept/': '',
  'kept/file': 'base',
  'gone/': '',
  'gone/file': 'base',
  'again/': '',
  'again/old': 'base',
  'emptied/': '',
  'emptied/a': 'base',
  'emptied/b': 'base',
  'was-file': 'base',
  'was-directory/': '',
  'was-directory/file': 'base',
  replaced: 'base',
  'only-base': 'base',
}
const builds: readonly Entries[] = [
  {
    'kept/new': 'one',
    '.wh.gone': '',
    '.wh.again': '',
    temporary: 'one',
    replaced: { content: 'same', mtime: later },
    linked: 'one',
    link: { type: 'link', linkname: 'linked' },
    symlink: { type: 'symlink', linkname: '/etc' },
  },
  {
    'again/': '',
    'again/new': 'two',
    '.wh.temporary': '',
    'emptied/': { mode: 0o700 },
    'emptied/.wh..wh..opq': '',
    'emptied/c': 'two',
    '.wh.was-file': '',
    'was-file/': '',
    'was-file/inside': 'two',
    'was-directory': 'a file',
    'made/': '',
    'made/deep/': '',
    'made/deep/file': 'two',
  },
  {
    'made/.wh.deep': '',
    'made/other': { content: 'three', uid: 1000, gid: 1000, mode: 0o4755 },
    'emptied/.wh.c': '',
    gone: 'a file now',
    twice: 'three',
  },
]

describe.each(['overlay', 'vfs'] as const)('squashing, with %s', (driver) => {
  let store: TestStore
  let layers: readonly ImageLayer[]
  beforeEach(async () => {
    store = await testStore(driver)
    const parts = await Promise.all([base, ...builds].map((entries) => tar(entries)))
    const [image] = await store.images.load(stream(await tar(dockerArchive({ layers: parts }))))
    layers = store.images.get(image?.id as string).layers
  })
  afterEach(() => store[Symbol.dispose]())

  const squash = async (squashAbove: number) => {
    const document = (diffIds: readonly string[]) =>
      Buffer.from(JSON.stringify({ os: 'linux', rootfs: { type: 'layers', diff_ids: diffIds } }))
    const { id } = await store.images.recordBuilt({ layers, squashAbove, document, references: ['squashed'] })
    return store.images.get(id).layers
  }
  const filesOf = (of: readonly ImageLayer[]) => store.images.withFiles([{ layers: of }], (bytes) => readTar(bytes))

  it.each([0, 1, 2])('keeps %i layers, and makes one of the others that shows the same files', async (kept) => {
    const squashed = await squash(kept)
    expect(squashed).toHaveLength(kept + 1)
    expect(squashed.slice(0, kept)).toEqual(layers.slice(0, kept))
    expect(await filesOf(squashed)).toEqual(await filesOf(layers))
  })

  it('leaves what is one layer already as it is', async () => {
    expect(await squash(3)).toEqual(layers)
    expect(await squash(4)).toEqual(layers)
  })

  it('has nothing in it of what came and went', async () => {
    const [, own] = await squash(1)
    const names = (await readTar(readFileSync(`${store.root}/content/sha256/${own?.blob?.slice(7)}`))).map(
      ({ name }) => name,
    )
    expect(names).not.toContain('temporary')
    expect(names).not.toContain('.wh.temporary')
    expect(names).not.toContain('only-base')
  })

  it('makes the same layer each time', async () => {
    expect(await squash(1)).toEqual(await squash(1))
  })

  it('makes no layer of changes that come to nothing', async () => {
    const parts = await Promise.all([base, { brief: '1' }, { '.wh.brief': '' }].map((entries) => tar(entries)))
    const [image] = await store.images.load(stream(await tar(dockerArchive({ layers: parts }, ['other:1']))))
    layers = store.images.get(image?.id as string).layers
    expect(await squash(1)).toEqual(layers.slice(0, 1))
  })

  it('refuses when the files of a layer are gone', async () => {
    await store.snapshots.remove(layers.at(-1)?.chainId as string)
    await expect(squash(1)).rejects.toMatchObject({ code: 'CONTENT_NOT_FOUND' })
  })
})

it('tells a change of a file that has the size and the time of the one below', async () => {
  using store = await testStore('overlay')
  const parts = await Promise.all([{ a: 'old' }, { a: 'new' }, { b: '' }].map((entries) => tar(entries)))
  const [image] = await store.images.load(stream(await tar(dockerArchive({ layers: parts }))))
  const { layers } = store.images.get(image?.id as string)
  const document = (diffIds: readonly string[]) =>
    Buffer.from(JSON.stringify({ os: 'linux', rootfs: { type: 'layers', diff_ids: diffIds } }))
  const { id } = await store.images.recordBuilt({ layers, squashAbove: 1, document, references: [] })
  expect(store.fileOf(id, '/a')).toBe('new')
})
