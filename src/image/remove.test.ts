import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { dockerArchive, stream, tar } from '../../test/support/archives.js'
import { childOf } from '../../test/support/image-family.js'
import { type TestStore, testStore } from '../../test/support/image-store.js'
import type { ContainerConfig } from '../spec/options.js'
import { openContainers, type Phase } from '../store/containers.js'
import { openImageRecords } from '../store/images.js'

let store: TestStore
beforeEach(async () => {
  store = await testStore()
})
afterEach(() => store[Symbol.dispose]())

const load = async (tags: readonly string[], files: Record<string, string> = { file: 'x' }) => {
  const base = await tar({ base: 'shared' })
  const layers = [base, await tar(files)]
  const [image] = await store.images.load(stream(await tar(dockerArchive({ layers }, tags))))
  return image?.id as string
}

const containerId = 'c0ffee'.padEnd(64, '0')
const use = (image: string, phase: Phase, id = containerId) =>
  openContainers(store.database).insert({
    id,
    name: id.slice(0, 12),
    image,
    reference: 'app',
    createdAtMs: 0,
    phase,
    attempt: 0,
    bootId: undefined,
    config: {} as ContainerConfig,
    mounts: [],
    isPrepared: true,
    outcome: undefined,
    isStopped: false,
  })
const inUse = (message: string) => ({ name: 'ConflictError', code: 'IMAGE_IN_USE', message })

describe('remove', () => {
  it('takes one of several names and leaves the image', async () => {
    const id = await load(['app:1', 'app:2'])
    expect(await store.images.remove('app:1')).toEqual([{ untagged: 'app:1' }])
    expect(store.images.get(id).references).toEqual(['app:2'])
  })

  it('takes the image with its last name, layers top first, and all that is on the disk', async () => {
    const id = await load(['app'])
    const { chain } = store.images.get('app')
    expect(await store.images.remove('app')).toEqual([
      { untagged: 'app:latest' },
      { deleted: id },
      ...chain.map((deleted) => ({ deleted })),
    ])
    expect(store.remains()).toEqual([])
    expect(() => store.images.get(id)).toThrow(expect.objectContaining({ code: 'IMAGE_NOT_FOUND' }))
  })

  it('keeps the layers that another image has', async () => {
    await load(['one'])
    await load(['two'], { other: 'y' })
    const [top, shared] = store.images.get('one').chain
    expect(store.images.get('two').chain[1]).toBe(shared)
    expect(await store.images.remove('one')).toContainEqual({ deleted: top })
    expect(store.snapshots.has(shared as string)).toBe(true)
    expect(store.snapshots.has(top as string)).toBe(false)
    expect(store.snapshots.readFile(store.images.get('two').chain, undefined, '/base')).toBe('shared')
  })

  it('takes all names of one repository along when the ID is given, but of several only by force', async () => {
    const id = await load(['app:1', 'other:1'])
    const short = id.slice(7, 19)
    await expect(store.images.remove(id)).rejects.toMatchObject(
      inUse(`conflict: unable to delete ${short} (must be forced) - image is referenced in multiple repositories`),
    )
    expect(await store.images.remove(short, { force: true })).toEqual(
      expect.arrayContaining([{ untagged: 'app:1' }, { untagged: 'other:1' }, { deleted: id }]),
    )
    expect(store.remains()).toEqual([])
  })

  it('does not take what a running container uses, even by force', async () => {
    const id = await load(['app'])
    use(id, 'started')
    const short = id.slice(7, 19)
    await expect(store.images.remove('app')).rejects.toMatchObject(
      inUse(
        `conflict: unable to remove repository reference "app" (must force) - container c0ffee000000 is using its referenced image ${short}`,
      ),
    )
    await expect(store.images.remove(short, { force: true })).rejects.toMatchObject({
      ...inUse(
        `conflict: unable to delete ${short} (cannot be forced) - image is being used by running container c0ffee000000`,
      ),
      details: { image: id, container: containerId, containerName: 'c0ffee000000', containers: [containerId] },
    })
    expect(store.images.get('app').id).toBe(id)
  })

  it('names all containers that use an image, and the first of them in the message', async () => {
    const id = await load(['app'])
    const another = 'd0'.padEnd(64, '0')
    use(id, 'exited')
    use(id, 'created', another)
    const short = id.slice(7, 19)
    await expect(store.images.remove(id)).rejects.toMatchObject({
      ...inUse(
        `conflict: unable to delete ${short} (must be forced) - image is being used by stopped container c0ffee000000`,
      ),
      details: { containers: [containerId, another] },
    })
  })

  it('takes a name of a used image alone while it has others, and its last one by force only', async () => {
    const id = await load(['app:1', 'app:2'])
    use(id, 'started')
    expect(await store.images.remove('app:1')).toEqual([{ untagged: 'app:1' }])
    await expect(store.images.remove('app:2')).rejects.toMatchObject({ code: 'IMAGE_IN_USE' })
    expect(await store.images.remove('app:2', { force: true })).toEqual([{ untagged: 'app:2' }])
    expect(store.images.get(id).references).toEqual([])
  })

  it('leaves to stopped containers, by force, what they need of an image that is no more', async () => {
    const id = await load(['app'])
    const { chain } = store.images.get(id)
    use(id, 'exited')
    expect(await store.images.remove(id, { force: true })).toEqual([{ untagged: 'app:latest' }, { deleted: id }])
    expect(() => store.images.get(id)).toThrow(expect.objectContaining({ code: 'IMAGE_NOT_FOUND' }))
    expect(() => store.images.resolve(id.slice(7, 19))).toThrow(expect.objectContaining({ code: 'IMAGE_NOT_FOUND' }))
    expect(store.images.list({ all: true })).toEqual([])
    const reopened = await store.reopen()
    await reopened.sweep()
    expect(reopened.resolve(id).chain).toEqual(chain)
    expect(chain.every((chainId) => store.snapshots.has(chainId))).toBe(true)
    openContainers(store.database).delete(containerId)
    await reopened.sweep()
    expect(store.remains()).toEqual([])
  })

  it('is undone for an image that only its containers have when it is loaded again', async () => {
    const id = await load(['app'])
    use(id, 'exited')
    await store.images.remove('app', { force: true })
    await load(['again'])
    expect(store.images.get('again')).toMatchObject({ id, references: ['again:latest'] })
    openContainers(store.database).delete(containerId)
    await store.images.sweep()
    expect(store.images.get(id).chain.every((chainId) => store.snapshots.has(chainId))).toBe(true)
  })

  it('takes names by digest along with the last tag of their repository', async () => {
    const id = await load(['me/app:1', 'other:1'])
    const digest = `sha256:${'ab'.repeat(32)}`
    const records = openImageRecords(store.database)
    records.tag(`docker.io/me/app@${digest}`, id)
    records.tag(`docker.io/library/other@${digest}`, id)
    expect(await store.images.remove('me/app:1')).toEqual([{ untagged: 'me/app:1' }, { untagged: `me/app@${digest}` }])
    expect(await store.images.remove(id)).toEqual(
      expect.arrayContaining([{ untagged: 'other:1' }, { untagged: `other@${digest}` }, { deleted: id }]),
    )
  })

  it('says which image does not exist', async () => {
    await expect(store.images.remove('nope')).rejects.toMatchObject({
      code: 'IMAGE_NOT_FOUND',
      message: 'No such image: nope:latest',
    })
  })
})

describe('remove, of images that were committed one from the other', () => {
  const hasChildren = (id: string) => ({
    name: 'ConflictError',
    code: 'IMAGE_HAS_CHILDREN',
    message: `conflict: unable to delete ${id.slice(7, 19)} (cannot be forced) - image has dependent child images`,
  })

  it('refuses a parent by its ID, also by force, and takes its names alone', async () => {
    const parent = await load(['base:1', 'base:2'])
    await childOf(store, parent, ['app'])
    await expect(store.images.remove(parent)).rejects.toMatchObject(hasChildren(parent))
    await expect(store.images.remove(parent, { force: true })).rejects.toMatchObject(hasChildren(parent))
    expect(await store.images.remove('base:1')).toEqual([{ untagged: 'base:1' }])
    expect(await store.images.remove('base:2', { force: true })).toEqual([{ untagged: 'base:2' }])
    await expect(store.images.remove(parent)).rejects.toMatchObject(hasChildren(parent))
  })

  it('takes the parents along that nothing else needs, each with its layers', async () => {
    const base = await load(['base'])
    const middle = await childOf(store, base, [])
    const child = await childOf(store, middle, ['app'])
    const [top] = store.images.get(child).chain
    const [middleTop] = store.images.get(middle).chain
    await store.images.remove('base')
    const deleted = await store.images.remove('app')
    expect(deleted.slice(0, 5)).toEqual([
      { untagged: 'app:latest' },
      { deleted: child },
      { deleted: top },
      { deleted: middle },
      { deleted: middleTop },
    ])
    expect(deleted[5]).toEqual({ deleted: base })
    expect(store.remains()).toEqual([])
  })

  it('stops at a parent with a name, a container or another child', async () => {
    const base = await load(['base'])
    const middle = await childOf(store, base, [])
    const child = await childOf(store, middle, ['app'])
    use(middle, 'exited')
    expect(await store.images.remove(child)).not.toContainEqual({ deleted: middle })
    openContainers(store.database).delete(containerId)
    const sibling = await childOf(store, middle, [])
    await childOf(store, middle, ['third'])
    expect(await store.images.remove(sibling)).not.toContainEqual({ deleted: middle })
    expect(await store.images.remove('third')).toContainEqual({ deleted: middle })
    expect(store.images.get('base').id).toBe(base)
  })

  it('keeps the parents when it is told to', async () => {
    const base = await load([])
    await childOf(store, base, ['app'])
    expect(await store.images.remove('app', { noPrune: true })).not.toContainEqual({ deleted: base })
    expect(store.images.get(base).id).toBe(base)
  })

  it('forgets a removed parent once its children and containers are gone', async () => {
    const base = await load(['base'])
    use(base, 'exited')
    await store.images.remove('base', { force: true })
    const child = await childOf(store, base, ['app'])
    openContainers(store.database).delete(containerId)
    await store.images.sweep()
    expect(store.images.history('app')).toEqual([])
    expect(await store.images.remove('app')).toContainEqual({ deleted: child })
    expect(store.remains()).toEqual([])
  })
})
