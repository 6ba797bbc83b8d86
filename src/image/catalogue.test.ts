import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { dockerArchive, Layout, named, stream, tar } from '../../test/support/archives.js'
import { type TestStore, testStore } from '../../test/support/image-store.js'
import { quickest } from '../../test/support/quickest.js'

let store: TestStore
let id: string
const load = async (tags: readonly string[], config: object = {}) => {
  const layer = await tar({ file: 'x' })
  const [image] = await store.images.load(stream(await tar(dockerArchive({ layers: [layer], config }, tags))))
  return image?.id as string
}

beforeEach(async () => {
  store = await testStore()
  id = await load(['redis:7', 'redis', 'localhost:5000/me/redis:x'])
})
afterEach(() => store[Symbol.dispose]())

describe('resolve', () => {
  it.each([
    'redis',
    'redis:latest',
    'redis:7',
    'docker.io/redis',
    'index.docker.io/library/redis:7',
    'localhost:5000/me/redis:x',
  ])('finds an image as %s', (name) => {
    expect(store.images.resolve(name).id).toBe(id)
  })

  it('finds an image by its ID and by prefixes of it', () => {
    const prefixes = [id, id.slice(7), id.slice(0, 19), id.slice(7, 19), id.slice(7, 8)]
    expect(prefixes.map((prefix) => store.images.resolve(prefix).id)).toEqual(prefixes.map(() => id))
  })

  it('prefers a name to a prefix of an ID', async () => {
    const other = await load([`${id.slice(7, 12)}:latest`], { Cmd: ['x'] })
    expect(store.images.resolve(id.slice(7, 12)).id).toBe(other)
    expect(store.images.resolve(id.slice(0, 12)).id).toBe(id)
  })

  it('refuses a prefix that several images have', async () => {
    const ids = await Promise.all(Array.from({ length: 17 }, (_, at) => load([`n${at}:1`], { Cmd: [`${at}`] })))
    const first = ids.map((one) => one[7] as string)
    const ambiguous = first.find((digit, at) => first.indexOf(digit) !== at) as string
    expect(() => store.images.resolve(ambiguous)).toThrow(
      expect.objectContaining({ name: 'ConflictError', code: 'AMBIGUOUS_ID' }),
    )
  })

  it.each([
    ['nope', 'No such image: nope:latest'],
    ['redis:8', 'No such image: redis:8'],
    ['docker.io/me/nope', 'No such image: me/nope:latest'],
    ['sha256:'.padEnd(71, '0'), `No such image: ${'sha256:'.padEnd(71, '0')}`],
    ['0'.repeat(64), `No such image: ${'0'.repeat(64)}`],
  ])('does not find %s', (name, message) => {
    expect(() => store.images.resolve(name)).toThrow(
      expect.objectContaining({ name: 'NotFoundError', code: 'IMAGE_NOT_FOUND', message }),
    )
  })

  it('refuses what is neither a name nor an ID', () => {
    expect(() => store.images.resolve('Redis')).toThrow(expect.objectContaining({ code: 'INVALID_REFERENCE' }))
    expect(() => store.images.resolve('')).toThrow(expect.objectContaining({ code: 'INVALID_REFERENCE' }))
  })

  it('finds an image by the digest of its manifest, in its repositories only', async () => {
    const layout = new Layout()
    const manifest = layout.image({ layers: [await tar({ file: 'y' })] })
    const archive = await tar(layout.index(named(manifest, 'me/app:1')))
    const [image] = await store.images.load(stream(archive))
    expect(store.images.resolve(`me/app@${manifest.digest}`).id).toBe(image?.id)
    expect(store.images.resolve(`me/app:whatever@${manifest.digest}`).id).toBe(image?.id)
    expect(() => store.images.resolve(`me/ap@${manifest.digest}`)).toThrow(
      expect.objectContaining({ code: 'IMAGE_NOT_FOUND' }),
    )
  })

  it('tells the names that an image has now, as Docker shows them', () => {
    expect(store.images.get(id).references).toEqual(['redis:7', 'redis:latest', 'localhost:5000/me/redis:x'])
    store.images.tag('redis', 'mine')
    expect(store.images.get('mine').references).toContain('mine:latest')
  })

  it('hands out frozen records', () => {
    expect(Object.isFrozen(store.images.resolve(id).config)).toBe(true)
    expect(Object.isFrozen(store.images.resolve(id).layers[0])).toBe(true)
  })

  it('is quick enough for every start', async () => {
    expect(await quickest(1000, () => store.images.resolve('redis:7'))).toBeLessThan(0.5)
  })
})
