import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { dockerArchive, stream, tar } from '../../test/support/archives.js'
import { type TestStore, testStore } from '../../test/support/image-store.js'
import type { ContainerConfig } from '../spec/options.js'
import { openContainers, type Phase } from '../store/containers.js'

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
const use = (image: string, phase: Phase) =>
  openContainers(store.database).insert({
    id: containerId,
    name: 'user',
    image,
    reference: 'app',
    createdAtMs: 0,
    phase,
    attempt: 0,
    bootId: undefined,
    config: {} as ContainerConfig,
    outcome: undefined,
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
      details: { image: id, container: containerId, containerName: 'user' },
    })
    expect(store.images.get('app').id).toBe(id)
  })

  it('takes only the names of what a stopped container uses, and those by force', async () => {
    const id = await load(['app'])
    use(id, 'exited')
    await expect(store.images.remove(id)).rejects.toMatchObject(
      inUse(
        `conflict: unable to delete ${id.slice(7, 19)} (must be forced) - image is being used by stopped container c0ffee000000`,
      ),
    )
    expect(await store.images.remove(id, { force: true })).toEqual([{ untagged: 'app:latest' }])
    expect(store.images.get(id).chain.every((chainId) => store.snapshots.has(chainId))).toBe(true)
    openContainers(store.database).delete(containerId)
    expect(await store.images.remove(id)).toContainEqual({ deleted: id })
    expect(store.remains()).toEqual([])
  })

  it('says which image does not exist', async () => {
    await expect(store.images.remove('nope')).rejects.toMatchObject({
      code: 'IMAGE_NOT_FOUND',
      message: 'No such image: nope:latest',
    })
  })
})
