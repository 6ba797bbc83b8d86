import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { dockerArchive, Layout, named, stream, tar } from '../../test/support/archives.js'
import { childOf } from '../../test/support/image-family.js'
import { type TestStore, testStore } from '../../test/support/image-store.js'
import type { ContainerConfig } from '../spec/options.js'
import { openContainers } from '../store/containers.js'
import { openImageRecords } from '../store/images.js'
import type { ListImagesOptions } from './list.js'

let store: TestStore
beforeEach(async () => {
  store = await testStore()
})
afterEach(() => store[Symbol.dispose]())

interface Image {
  readonly config?: object
  readonly created?: string
  readonly files?: Record<string, string>
}

const load = async (tags: readonly string[], { config = {}, created, files = { file: 'x' } }: Image = {}) => {
  const layers = [await tar({ base: 'shared' }), await tar(files)]
  const document = created === undefined ? {} : { created }
  const archive = await tar(dockerArchive({ layers, config: { ...config, Env: tags }, document }, tags))
  const [image] = await store.images.load(stream(archive))
  return image?.id as string
}
const listed = (options?: ListImagesOptions) => store.images.list(options).map((image) => image.id)
const filtered = (filters: ListImagesOptions['filters'] & {}) => listed({ filters })

describe('list', () => {
  it('tells of each image what docker images tells', async () => {
    const id = await load(['redis:7', 'redis'], {
      config: { Labels: { tier: 'db' } },
      files: { big: 'x'.repeat(1000) },
    })
    expect(store.images.list()).toEqual([
      {
        id,
        parentId: undefined,
        repoTags: ['redis:7', 'redis:latest'],
        repoDigests: [],
        createdAt: new Date('2024-01-01T00:00:00Z'),
        size: 1006,
        sharedSize: 0,
        containers: 0,
        labels: { tier: 'db' },
      },
    ])
  })

  it('counts the bytes of layers that other images have too, and the containers', async () => {
    const one = await load(['one'])
    await load(['two'], { files: { other: 'yy' } })
    openContainers(store.database).insert({
      id: 'c'.padEnd(64, '0'),
      name: 'user',
      image: one,
      reference: 'one',
      createdAtMs: 0,
      phase: 'created',
      attempt: 0,
      bootId: undefined,
      config: {} as ContainerConfig,
      mounts: [],
      isPrepared: true,
      outcome: undefined,
      isStopped: false,
    })
    expect(store.images.list({ filters: { reference: 'one' } })).toMatchObject([
      { size: 7, sharedSize: 6, containers: 1 },
    ])
    expect(store.images.list({ filters: { reference: 'two' } })).toMatchObject([
      { size: 8, sharedSize: 6, containers: 0 },
    ])
  })

  it('puts the newest first, to the nanosecond', async () => {
    const created = ['2024-01-01T00:00:00Z', '2024-01-01T00:00:00.000000001Z', '2024-01-01T01:00:00+01:00']
    const [whole, later] = await Promise.all(created.map((at, index) => load([`n:${index}`], { created: at })))
    expect(listed()[0]).toBe(later)
    expect(filtered({ before: 'n:1' })).toHaveLength(2)
    expect(filtered({ since: whole as string })).toEqual([later])
  })

  it('hides images that others were committed from, unless asked', async () => {
    const parent = await load([])
    const child = await childOf(store, parent, ['app:1'])
    expect(listed()).toEqual([child])
    expect(listed({ all: true })).toEqual([child, parent])
    expect(store.images.list()).toMatchObject([{ parentId: parent, sharedSize: 0 }])
    openImageRecords(store.database).tag('docker.io/library/base:1', parent)
    expect(listed().sort()).toEqual([child, parent].sort())
  })

  it('shows names by digest', async () => {
    const layout = new Layout()
    const manifest = layout.image({ layers: [await tar({ file: 'y' })] })
    await store.images.load(stream(await tar(layout.index(named(manifest, 'me/app:1')))))
    const { id } = store.images.get('me/app:1')
    openImageRecords(store.database).tag(`docker.io/me/app@${manifest.digest}`, id)
    const digest = `me/app@${manifest.digest}`
    expect(store.images.list()).toMatchObject([{ repoTags: ['me/app:1'], repoDigests: [digest] }])
    expect(filtered({ reference: 'me/app@sha256:*' })).toEqual([id])
    await store.images.remove('me/app:1', { force: true })
    expect(store.images.list()).toEqual([])
  })
})

describe('the filters of list', () => {
  // As a real Docker answers.
  it.each([
    ['h5/one', ['h5/one:1', 'h5/one:2']],
    ['h5/one:1', ['h5/one:1']],
    [
      ['h5/*:1', 'h5x'],
      ['h5/one:1', 'h5x:latest'],
    ],
    ['h5*', ['h5x:latest']],
    ['*/one', ['h5/one:1', 'h5/one:2']],
    ['docker.io/h5/one', undefined],
    ['docker.io/library/h5x', undefined],
    ['h5/o[mn]e:[1-9]', ['h5/one:1', 'h5/one:2']],
    ['h5/o[^m]e:2', ['h5/one:2']],
    ['h5/o\\ne:2', ['h5/one:2']],
    ['h5/{one}', undefined],
    ['', undefined],
  ])('reference %s shows the names that match', async (reference, tags) => {
    await load(['h5/one:1', 'h5/one:2', 'h5x'])
    expect(store.images.list({ filters: { reference } }).map(({ repoTags }) => repoTags)).toEqual(tags ? [tags] : [])
  })

  it('refuses a malformed pattern', () => {
    expect(() => filtered({ reference: '[a' })).toThrow(
      expect.objectContaining({ code: 'INVALID_OPTION', message: expect.stringContaining('syntax error in pattern') }),
    )
  })

  it('takes labels with a value and without, all of them', async () => {
    const id = await load(['app'], { config: { Labels: { a: 'b', c: '' } } })
    await load(['other'])
    expect(filtered({ label: 'a' })).toEqual([id])
    expect(filtered({ label: ['a=b', 'c='] })).toEqual([id])
    expect(filtered({ label: 'a=' })).toEqual([])
    expect(filtered({ label: ['a', 'toString'] })).toEqual([])
  })

  it('tells dangling images from others: those without a tag and without children', async () => {
    const parent = await load([])
    const child = await childOf(store, parent, ['app:1'])
    const nameless = await load([], { config: { Cmd: ['x'] } })
    expect(filtered({ dangling: true })).toEqual([nameless])
    expect(listed({ all: true, filters: { dangling: true } })).toEqual([nameless])
    expect(filtered({ dangling: false })).toEqual([child])
    expect(filtered({ dangling: true, reference: 'app' })).toEqual([])
  })

  it('takes images made before, since and until', async () => {
    const years = [2020, 2021, 2022]
    const made = await Promise.all(years.map((year) => load([`y:${year}`], { created: `${year}-01-01T00:00:00Z` })))
    const undated = await load(['undated'], { created: '' })
    const [oldest, middle, newest] = made as [string, string, string]
    expect(filtered({ before: 'y:2021' })).toEqual([oldest])
    expect(filtered({ before: ['y:2022', middle] })).toEqual([oldest])
    expect(filtered({ since: 'y:2020' })).toEqual([newest, middle])
    expect(filtered({ since: ['y:2020', 'y:2021'], before: 'y:2022' })).toEqual([])
    expect(filtered({ until: '2021-06-01' })).toEqual([middle, oldest])
    expect(filtered({ until: '10m' })).toEqual([newest, middle, oldest])
    expect(listed().at(-1)).toBe(undated)
    expect(filtered({ before: undated, since: 'undated' })).toHaveLength(4)
  })

  it.each([
    ['nope', 'IMAGE_NOT_FOUND', 'No such image: nope:latest'],
    ['nope:3', 'IMAGE_NOT_FOUND', 'No such image: nope:3'],
    ['deadbeef', 'IMAGE_NOT_FOUND', 'No such image: deadbeef:latest'],
    ['Foo', 'INVALID_REFERENCE', 'invalid reference format: repository name (library/Foo) must be lowercase'],
  ])('fails for the unknown image %s as Docker does', (name, code, message) => {
    expect(() => filtered({ before: name })).toThrow(expect.objectContaining({ code, message }))
    expect(() => filtered({ since: name })).toThrow(expect.objectContaining({ code, message }))
  })
})

it('lists a thousand images in a few dozen milliseconds', async () => {
  const id = await load(['base'])
  const row = openImageRecords(store.database).get(id)
  const layers = openImageRecords(store.database).layers(id)
  const numbers = Array.from({ length: 1000 }, (_, at) => at)
  openImageRecords(store.database).putAll(
    numbers.map((at) => ({
      id: `sha256:${at.toString(16).padStart(64, '0')}`,
      config: row?.config as string,
      manifest: null,
      size: 7,
      created_at: '2024-01-01T00:00:00Z',
      layers,
      snapshots: [],
      references: [`docker.io/me/app:${at}`, `localhost:5000/me/app:${at}`],
    })),
  )
  expect(listed()).toHaveLength(1001)
  const times = Array.from({ length: 5 }, () => {
    const started = performance.now()
    expect(filtered({ reference: 'me/*', label: [], until: '1h' })).toHaveLength(1000)
    return performance.now() - started
  })
  expect(Math.min(...times)).toBeLessThan(150)
})
