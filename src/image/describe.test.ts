import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { dockerArchive, stream, tar } from '../../test/support/archives.js'
import { childOf } from '../../test/support/image-family.js'
import { type TestStore, testStore } from '../../test/support/image-store.js'
import { openImageRecords } from '../store/images.js'

let store: TestStore
beforeEach(async () => {
  store = await testStore()
})
afterEach(() => store[Symbol.dispose]())

const load = async (tags: readonly string[], document: object = {}, config: object = {}) => {
  const layers = [await tar({ base: 'shared' }), await tar({ file: 'x', link: { type: 'symlink', linkname: 'file' } })]
  const [image] = await store.images.load(stream(await tar(dockerArchive({ layers, document, config }, tags))))
  return image?.id as string
}

describe('history', () => {
  const history = [
    { created: '2024-01-01T00:00:00Z', created_by: 'ADD base', comment: 'first' },
    { created: '2024-01-01T00:00:01.5Z', created_by: 'CMD x', empty_layer: true },
    { created_by: 'COPY file' },
  ]

  it('tells the steps, newest first, with the sizes of their layers', async () => {
    const id = await load(['app:1', 'app:2'], { history })
    expect(store.images.history('app:1')).toEqual([
      {
        id,
        createdAt: undefined,
        createdBy: 'COPY file',
        size: expect.any(Number),
        comment: '',
        tags: ['app:1', 'app:2'],
      },
      {
        id: '<missing>',
        createdAt: new Date('2024-01-01T00:00:01.5Z'),
        createdBy: 'CMD x',
        size: 0,
        comment: '',
        tags: [],
      },
      {
        id: '<missing>',
        createdAt: new Date('2024-01-01T00:00:00Z'),
        createdBy: 'ADD base',
        size: 6,
        comment: 'first',
        tags: [],
      },
    ])
  })

  it('adds up to the size of the image', async () => {
    await load(['app'], { history })
    const sum = store.images.history('app').reduce((total, { size }) => total + size, 0)
    expect(sum).toBe(store.images.get('app').size)
  })

  it('gives the steps of parents that are here their IDs and names', async () => {
    const parent = await load(['base'], { history: history.slice(0, 1) })
    const child = await load(['app'], { history })
    store.database.prepare<[string, string], never>('UPDATE images SET parent = ? WHERE id = ?').run(parent, child)
    expect(store.images.history(child).map(({ id, tags }) => [id, ...tags])).toEqual([
      [child, 'app:latest'],
      [parent, 'base:latest'],
      ['<missing>'],
    ])
  })

  it('takes a document with more steps than layers', async () => {
    await load(['app'], { history: [...history, ...history] })
    expect(store.images.history('app').map(({ size }) => size > 0)).toEqual([false, false, false, true, false, true])
  })
})

describe('inspect', () => {
  it("has Docker's fields", async () => {
    const document = {
      author: 'me',
      comment: 'made',
      docker_version: '20.10.24',
      created: '2024-01-01T00:00:00.123456789Z',
      variant: 'v8',
    }
    const config = { Cmd: ['sh'], Env: ['A=b'], Labels: { a: 'b' }, OnBuild: ['RUN x'], Shell: ['/bin/bash', '-c'] }
    const id = await load(['me/app:1'], document, config)
    const digest = `sha256:${'ab'.repeat(32)}`
    openImageRecords(store.database).tag(`docker.io/me/app@${digest}`, id)
    const { layers, chain, size } = store.images.get(id)
    const [upper, lower] = store.snapshots.layers(chain)
    expect(store.images.inspect('me/app:1')).toEqual({
      Id: id,
      RepoTags: ['me/app:1'],
      RepoDigests: [`me/app@${digest}`],
      Parent: '',
      Comment: 'made',
      Created: '2024-01-01T00:00:00.123456789Z',
      DockerVersion: '20.10.24',
      Author: 'me',
      Config: config,
      Architecture: 'amd64',
      Variant: 'v8',
      Os: 'linux',
      Size: size,
      GraphDriver: { Name: 'overlay', Data: { LowerDir: lower, UpperDir: upper } },
      RootFS: { Type: 'layers', Layers: layers.map(({ diffId }) => diffId) },
      Metadata: { LastTagTime: '0001-01-01T00:00:00Z' },
    })
  })

  it('leaves out what the image does not say, and takes the comment of the last step', async () => {
    await load(['app'], { created: undefined, history: [{ comment: 'Imported from -' }] })
    const inspected = store.images.inspect('app')
    expect(inspected).toMatchObject({ Comment: 'Imported from -', DockerVersion: '', Author: '', Config: {} })
    expect(Object.keys(inspected)).not.toEqual(expect.arrayContaining(['Created']))
    expect(Object.keys(inspected)).not.toEqual(expect.arrayContaining(['Variant']))
  })

  it('names the parent', async () => {
    const parent = await load([])
    const child = await childOf(store, parent, ['app'])
    expect(store.images.inspect(child).Parent).toBe(parent)
  })
})

describe('tag', () => {
  it('moves a name, and tells when', async () => {
    const [one, two] = [await load(['one']), await load(['two'], { author: 'x' })]
    const before = Date.now()
    store.images.tag('one', 'moved')
    store.images.tag('two', 'docker.io/library/moved:latest')
    expect(store.images.get(one).references).toEqual(['one:latest'])
    expect(store.images.get(two).references).toEqual(['moved:latest', 'two:latest'])
    expect(Date.parse(store.images.inspect(two).Metadata.LastTagTime)).toBeGreaterThanOrEqual(before)
  })

  it('tells when an imported image was named, but not of a name that came with an image', async () => {
    await store.images.import(stream(await tar({ file: 'x' })), { reference: 'imported' })
    await load(['loaded'])
    const times = ['imported', 'loaded'].map((name) => store.images.inspect(name).Metadata.LastTagTime)
    expect(Date.now() - Date.parse(times[0] as string)).toBeLessThan(60_000)
    expect(times[1]).toBe('0001-01-01T00:00:00Z')
  })

  // As a real Docker answers.
  it.each([
    ['h5/Two', 'invalid reference format: repository name (h5/Two) must be lowercase'],
    ['two:-bad', 'invalid reference format'],
    ['', 'invalid reference format'],
    [`two@sha256:${'0'.repeat(64)}`, 'refusing to create a tag with a digest reference'],
    ['sha256:z', 'refusing to create an ambiguous tag using digest algorithm as name'],
    ['ab'.repeat(32), `invalid repository name (${'ab'.repeat(32)}), cannot specify 64-byte hexadecimal strings`],
  ])('refuses %s', async (reference, message) => {
    const id = await load(['app'])
    expect(() => store.images.tag(id, reference)).toThrow(
      expect.objectContaining({ name: 'InvalidOptionError', code: 'INVALID_REFERENCE', message }),
    )
    expect(store.images.get(id).references).toEqual(['app:latest'])
  })

  it('says which image does not exist', () => {
    expect(() => store.images.tag('nope', 'x')).toThrow(
      expect.objectContaining({ code: 'IMAGE_NOT_FOUND', message: 'No such image: nope:latest' }),
    )
  })
})

describe('usage', () => {
  it('counts layers that images share once, and the bytes of blobs', async () => {
    await load(['one'])
    await load(['two'], { author: 'x' })
    const { size } = store.images.get('one')
    const { layersSize, contentSize, images } = await store.images.usage()
    expect(layersSize).toBe(size)
    expect(images.map((image) => [image.size, image.sharedSize])).toEqual([
      [size, size],
      [size, size],
    ])
    expect(contentSize).toBe(
      (await tar({ base: 'shared' })).length +
        (await tar({ file: 'x', link: { type: 'symlink', linkname: 'file' } })).length,
    )
  })

  it('is nothing when there is nothing', async () => {
    expect(await store.images.usage()).toEqual({ layersSize: 0, contentSize: 0, images: [] })
  })
})
