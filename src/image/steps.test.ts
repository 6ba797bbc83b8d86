import { rmSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { dockerArchive, stream, tar } from '../../test/support/archives.js'
import { type TestStore, testStore } from '../../test/support/image-store.js'
import { failpoints } from '../errors/failpoint.js'
import { openBuildStepStore } from '../store/build-steps.js'
import { openImageRecords } from '../store/images.js'
import type { ImageSteps, NewStep, StepLayer } from './steps.js'
import type { ImageLayer } from './types.js'

let store: TestStore
let steps: ImageSteps
beforeEach(async () => {
  store = await testStore()
  steps = store.images.steps
})
afterEach(async () => {
  failpoints.clear()
  await store.images.settled()
  store[Symbol.dispose]()
})

const [lower, upper, other] = await Promise.all([
  tar({ 'etc/': '', 'etc/lower': 'lower' }),
  tar({ 'etc/upper': 'upper!' }),
  tar({ 'etc/other': 'other file' }),
])
const load = async (name: string, layers: readonly Buffer[]) => {
  await store.images.load(stream(await tar(dockerArchive({ layers }, [name]))))
  return store.images.get(name)
}
const stepLayer = ({ diffId, chainId, blob, mediaType = '' }: ImageLayer, size: number): StepLayer => ({
  diffId,
  chainId,
  blob: blob as typeof diffId,
  mediaType,
  size,
})

/** Records a step of a build over the layer `lower` that has made the topmost layer of these. */
async function record(build: string, keys: readonly string[], layers: readonly Buffer[], step: Partial<NewStep> = {}) {
  const name = `made-${keys[0]}`
  const image = await load(name, layers)
  const below = image.layers.slice(0, -1)
  const layer = stepLayer(image.layers.at(-1) as ImageLayer, (layers.at(-1) as Buffer).length)
  const made = await steps.making(async () =>
    steps.record(build, { keys, kind: 'run', description: 'RUN make', platform: 'linux/amd64', below, layer, ...step }),
  )
  await store.images.remove(name)
  return made
}

const chainOf = ({ layers }: { readonly layers: readonly ImageLayer[] }) => layers.map(({ chainId }) => chainId)
const fileOf = (chain: readonly string[], path: string) =>
  store.snapshots.readFile([...chain].reverse(), undefined, path)
const settledRemains = async () => {
  await store.images.settled()
  await store.images.sweep()
  return store.remains().filter((path) => !path.startsWith('host-images'))
}

describe('a step that was recorded', () => {
  it('is found under each of its keys, with its layers and its time, by whoever opens the root', async () => {
    const made = await record('one', ['content', 'quick'], [lower, upper], { createdAtMs: 1234 })
    const elsewhere = (await store.reopen()).steps
    for (const found of [steps.find('one', ['content']), elsewhere.find('two', ['quick'])]) {
      expect(found).toEqual({ ...made, isFound: true })
      expect(found?.createdAtMs).toBe(1234)
    }
    expect(steps.find('one', ['another'])).toBeUndefined()
  })

  it('is found under a key that it was looked for with, once it was found under another', async () => {
    await record('one', ['content'], [lower, upper])
    expect(steps.find('two', ['quick'])).toBeUndefined()
    expect(steps.find('two', ['quick', 'content'])).toBeDefined()
    expect(steps.find('two', ['quick'])).toBeDefined()
  })

  it('keeps its files when no image has them, and no build uses them, until it is removed', async () => {
    const made = await record('one', ['key'], [lower, upper])
    await steps.release('one')
    expect(await settledRemains()).toHaveLength(4)
    expect(fileOf(chainOf(made), '/etc/upper')).toBe('upper!')
    const [line] = steps.list()
    expect(await steps.remove([line?.id as string, 'unknown'])).toEqual({ removed: [line?.id], size: 6 + 5 })
    expect(await settledRemains()).toEqual([])
  })

  it('is told with how often and when it was found, and what it is of', async () => {
    const image = await load('seen', [lower, upper])
    await record('one', ['key'], [lower, upper])
    await record('one', ['another'], [lower, other])
    steps.find('two', ['key'])
    await steps.release('one')
    await steps.release('two')
    const [key, another] = steps.list().sort((a, b) => b.uses - a.uses)
    expect(key).toMatchObject({ kind: 'run', description: 'RUN make', uses: 1, shared: true, in_use: false })
    expect(key?.chain).toEqual(chainOf(image))
    expect(another).toMatchObject({ uses: 0, shared: false })
  })

  it('counts as none when a file of its layers is gone', async () => {
    const { layers } = await record('one', ['key'], [lower, upper])
    rmSync(join(store.root, 'content/sha256', layers[0]?.blob?.slice(7) as string))
    expect(steps.find('two', ['key'])).toBeUndefined()
  })

  it('takes the place of the one before under all keys that are its own', async () => {
    await record('one', ['content', 'quick'], [lower, upper])
    const anew = await record('one', ['content', 'quick'], [lower, other])
    expect(chainOf(steps.find('two', ['quick']) ?? { layers: [] })).toEqual(chainOf(anew))
    expect(steps.list()).toHaveLength(1)
    await steps.release('one')
    await steps.release('two')
    expect(await settledRemains()).toHaveLength(4)
  })

  it('that has changed nothing has the layers that it began with', async () => {
    const { layers } = await load('base', [lower])
    await record('one', ['key'], [lower, upper], { below: layers, layer: undefined })
    expect(chainOf(steps.find('one', ['key']) ?? { layers: [] })).toEqual(chainOf({ layers }))
    expect(steps.list()[0]?.size).toBe(0)
  })

  it('is recorded with the blob that its layer has now, when a push has replaced the one that the build knows', async () => {
    const base = await load('base', [lower])
    const [layer] = base.layers as [ImageLayer]
    const blob = (await load('compressed', [upper])).layers[0]?.blob as string
    const push = { image: base.id, references: [], remoteLayers: [] }
    const replaced = { diff_id: layer.diffId, from: layer.blob as string, blob, media_type: 'x' }
    expect(openImageRecords(store.database).recordPush({ ...push, blobs: [replaced] })).toBe(true)
    await store.images.settled()
    expect(store.remains()).not.toContain(`content/sha256/${layer.blob?.slice(7)}`)
    const step = { keys: ['key'], kind: 'run', description: '', platform: 'linux/amd64', layer: undefined }
    await steps.making(async () => steps.record('one', { ...step, below: base.layers }))
    expect(steps.find('one', ['key'])?.layers[0]?.blob).toBe(blob)
  })

  it('leaves nothing when recording it fails', async () => {
    failpoints.set('steps.record', () => {
      throw new Error('here')
    })
    await expect(record('one', ['key'], [lower, upper])).rejects.toThrow('here')
    await store.images.remove('made-key')
    await steps.release('one')
    expect(await settledRemains()).toEqual([])
    expect(steps.list()).toEqual([])
  })
})

describe('the image of a filesystem', () => {
  it('is the same for the same layers and platform, and nobody sees it', async () => {
    const { layers } = await load('base', [lower])
    const id = await steps.hidden('one', layers, 'linux/amd64')
    expect(await steps.hidden('two', layers, 'linux/amd64')).toBe(id)
    expect(await steps.hidden('one', layers, 'linux/arm64')).not.toBe(id)
    expect(await steps.hidden('one', [], 'linux/amd64')).not.toBe(id)
    expect(store.images.list()).toHaveLength(1)
    expect(() => store.images.get(id)).toThrow(expect.objectContaining({ code: 'IMAGE_NOT_FOUND' }))
    expect(store.images.resolve(id)).toMatchObject({ architecture: 'amd64', config: {}, chain: chainOf({ layers }) })
  })

  it('goes with the build that it was made for', async () => {
    await steps.hidden('one', [], 'linux/amd64')
    await steps.release('one')
    expect(store.database.prepare('SELECT * FROM images').all()).toEqual([])
    expect(await settledRemains()).toEqual([])
  })

  it('is refused when a layer of it is gone', async () => {
    const { layers } = await load('base', [lower])
    await store.images.remove('base')
    await expect(steps.hidden('one', layers, 'linux/amd64')).rejects.toMatchObject({ code: 'CONTENT_NOT_FOUND' })
    await steps.release('one')
    expect(await settledRemains()).toEqual([])
  })
})

describe('while a build is under way', () => {
  it('what it has found stays, whoever removes it', async () => {
    await record('one', ['key'], [lower, upper])
    await steps.release('one')
    const found = steps.find('two', ['key'])
    expect(steps.list()[0]?.in_use).toBe(true)
    expect(await steps.remove(steps.list().map(({ id }) => id))).toMatchObject({ size: 0 })
    expect(fileOf(chainOf(found ?? { layers: [] }), '/etc/upper')).toBe('upper!')
    await steps.release('two')
    expect(await settledRemains()).toEqual([])
  })

  it('so does the image that it is built from', async () => {
    const { id, layers } = await load('base', [lower])
    expect(steps.keep('one', id)).toBe(true)
    await store.images.remove('base')
    expect(store.images.list()).toEqual([])
    expect(await steps.hidden('one', layers, 'linux/amd64')).toMatch(/^sha256:/)
    expect(steps.builds()).toEqual(['one'])
    await steps.release('one')
    expect(steps.builds()).toEqual([])
    expect(await settledRemains()).toEqual([])
    expect(steps.keep('one', id)).toBe(false)
  })
})

describe('a step that several want at once', () => {
  const gate = () => {
    let [resolve, reject] = [() => {}, (_: Error) => {}]
    const promise = new Promise<void>((onDone, onFailed) => {
      ;[resolve, reject] = [onDone, onFailed]
    })
    return { promise, resolve, reject }
  }

  it('is done by one of them', async () => {
    const [elsewhere, { promise, resolve }] = [(await store.reopen()).steps, gate()]
    let made = 0
    const make = async () => {
      made++
      await promise
      return record('one', ['key'], [lower, upper])
    }
    const all = [steps.once('one', ['key'], { make }), elsewhere.once('two', ['key'], { make })]
    resolve()
    const found = await Promise.all(all)
    expect(made).toBe(1)
    expect(found.map(({ isFound }) => isFound).sort()).toEqual([false, true])
    expect(chainOf(found[0] as never)).toEqual(chainOf(found[1] as never))
  })

  it('is done by the next when it fails, or is given up', async () => {
    const [elsewhere, { promise, reject }] = [(await store.reopen()).steps, gate()]
    const first = steps.once('one', ['key'], { make: () => promise as never })
    const second = elsewhere.once('two', ['key'], { make: () => record('two', ['key'], [lower, upper]) })
    reject(new Error('given up'))
    await expect(first).rejects.toThrow('given up')
    expect(await second).toMatchObject({ isFound: false })
  })

  it('is not waited for any longer than is wanted', async () => {
    const [stop, { promise, resolve }] = [new AbortController(), gate()]
    const first = steps.once('one', ['key'], { make: () => promise.then(() => record('one', ['key'], [lower, upper])) })
    const second = steps.once('two', ['key'], { make: () => record('two', ['key'], [lower]), signal: stop.signal })
    stop.abort(new Error('enough'))
    await expect(second).rejects.toThrow('enough')
    resolve()
    await first
  })
})

describe('after a power cut', () => {
  const powerCut = () => {
    for (const table of ['images', 'snapshots'])
      store.database.prepare(`UPDATE ${table} SET unsynced = 'the boot before/1'`).run()
  }
  const recover = async () => {
    await store.images.settled()
    powerCut()
    const images = await store.reopen()
    await images.recover()
    return images.steps
  }

  it('a step whose files are whole is found', async () => {
    const made = await record('one', ['key'], [lower, upper])
    const after = await recover()
    expect(after.find('two', ['key'])).toEqual({ ...made, isFound: true })
    expect(fileOf(chainOf(made), '/etc/upper')).toBe('upper!')
  })

  it('a step with a torn blob is forgotten, with those above it, and those below it are found', async () => {
    const { layers } = await record('one', ['middle'], [lower, upper])
    await record('one', ['top'], [lower, upper, other])
    await record('one', ['beside'], [lower, other])
    await steps.release('one')
    await store.images.settled()
    truncateSync(join(store.root, 'content/sha256', layers[1]?.blob?.slice(7) as string), 1)
    const after = await recover()
    expect(after.list().map(({ chain }) => chain.length)).toEqual([2])
    expect(after.find('two', ['middle'])).toBeUndefined()
    expect(after.find('two', ['top'])).toBeUndefined()
    expect(after.find('two', ['beside'])).toBeDefined()
  })
})

it('knows when an image with the same content was built first, until nobody has built it for long', () => {
  const times = openBuildStepStore(store.database)
  expect(times.imageTime('content', 1000)).toBe(1000)
  expect(times.imageTime('content', 2000)).toBe(1000)
  steps.forgetImageTimes(2000)
  expect(steps.imageTime('content')).toBe(1000)
  steps.forgetImageTimes(Date.now() + 1)
  expect(times.imageTime('content', 4000)).toBe(4000)
})
