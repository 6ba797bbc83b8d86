import { afterEach, beforeEach, expect, it } from 'vitest'
import { configDocument, type Entries, Layout, named, stream, tar } from '../../test/support/archives.js'
import { type TestStore, testStore } from '../../test/support/image-store.js'

let store: TestStore
beforeEach(async () => {
  store = await testStore()
})
afterEach(() => store[Symbol.dispose]())

const load = async (entries: Entries) => store.images.load(stream(await tar(entries)))
const failureOf = (entries: Entries): Promise<Error> =>
  load(entries).then(
    () => new Error('it was loaded'),
    (error) => error,
  )
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there.
const obeyed = /[\u0000-\u001f\u007f-\u009f\u202a-\u202e]/
const empty = configDocument({ layers: [] })
const manifestOf = (...images: object[]) => JSON.stringify(images)

it('images without number that share a document are refused before memory runs out', async () => {
  const config = configDocument({ layers: [], document: { comment: 'x'.repeat(2 << 20) } })
  const before = process.memoryUsage().rss
  const error = await failureOf({ config, 'manifest.json': manifestOf(...Array(5000).fill({ Config: 'config' })) })
  expect(error.message).toMatch(/documents of the archive are longer than the 67108864 bytes/)
  expect(process.memoryUsage().rss - before).toBeLessThan(400 << 20)
})

it('very many small images are refused as well', async () => {
  const started = performance.now()
  const many = `[${Array(200_000).fill('{"Config":"c"}').join(',')}]`
  const error = await failureOf({ c: empty, 'manifest.json': many })
  expect(error.message).toMatch(/too many images/)
  expect(performance.now() - started).toBeLessThan(10_000)
})

it('an index that names one image very often is read in no time', async () => {
  const layout = new Layout()
  const blob = layout.image({ layers: [await tar({ a: 'x' })] })
  const elsewhere = { platform: { os: 'linux', architecture: 'unheard' } }
  const here = { platform: { os: 'linux', architecture: 'amd64' } }
  const started = performance.now()
  const others = Array(13_000).fill(named(blob, 'a:1', elsewhere))
  await store.images.load(stream(await tar(layout.index(...others, named(blob, 'a:1', here)))))
  expect(performance.now() - started).toBeLessThan(5000)
})

it.each(['sha256:0123', 'docker.io/library/sha256', 'index.docker.io/sha256:latest'])(
  'an archive cannot give an image the name %s, which would read as an ID',
  async (tag) => {
    const refusal = /refusing to create an ambiguous tag using digest algorithm as name/
    expect(
      (await failureOf({ c: empty, 'manifest.json': manifestOf({ Config: 'c', RepoTags: [tag] }) })).message,
    ).toMatch(refusal)
    const layout = new Layout()
    expect((await failureOf(layout.index(named(layout.image({ layers: [] }), tag)))).message).toMatch(refusal)
    expect(store.images.list()).toEqual([])
  },
)

const evil = '\u001b]0;owned\u0007\u009b31m\u202e'

it.each<[string, object]>([
  ['a port', { config: { ExposedPorts: { [evil]: 1 } } }],
  ['a label', { config: { Labels: { [evil]: evil }, Env: evil } }],
  ['an operating system', { document: { os: evil } }],
  ['a diff id', { document: { rootfs: { type: 'layers', diff_ids: [evil] } } }],
])('what an error says of %s is obeyed by no terminal', async (_, parts) => {
  const config = configDocument({ layers: [], ...parts })
  const { message } = await failureOf({ config, 'manifest.json': manifestOf({ Config: 'config' }) })
  expect(message).not.toMatch(obeyed)
  expect(message).not.toBe('it was loaded')
})

it.each<[string, object]>([
  ['tag', { Config: 'c', RepoTags: [`${evil}A:1`] }],
  ['very long tag', { Config: 'c', RepoTags: ['A'.repeat(1 << 20)] }],
  ['configuration', { Config: evil }],
  ['layer', { Config: 'c', Layers: [evil] }],
])('what an error says of a %s is bounded, and obeyed by no terminal', async (_, image) => {
  const { message } = await failureOf({ c: empty, 'manifest.json': manifestOf(image) })
  expect(message).not.toMatch(obeyed)
  expect(message.length).toBeLessThan(1000)
})

it('names of properties that objects have anyway are names like any other', async () => {
  const names = ['__proto__', 'constructor', 'toString', 'hasOwnProperty']
  const map = (value: string) => `{${names.map((name) => `"${name}":${value}`).join(',')}}`
  const config = `{"os":"linux","architecture":"amd64","__proto__":{"x":1},"config":{"Labels":${map('"v"')},"ExposedPorts":${map('{}')},"Volumes":${map('{}')}},"rootfs":{"type":"layers"}}`
  await load({ c: config, 'manifest.json': manifestOf({ Config: 'c', RepoTags: ['a:__proto__', 'constructor:1'] }) })
  const { Config } = store.images.inspect('a:__proto__')
  for (const part of [Config.Labels, Config.ExposedPorts, Config.Volumes])
    expect(Object.keys(part ?? {})).toEqual(names)
  expect(store.images.list({ filters: { label: '__proto__=v' } })).toHaveLength(1)
  expect(({} as { x?: unknown }).x).toBeUndefined()
  expect(store.images.get('constructor:1').references).toHaveLength(2)
})
