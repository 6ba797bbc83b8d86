import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { dockerArchive, stream, tar } from '../../test/support/archives.js'
import { childOf } from '../../test/support/image-family.js'
import { type TestStore, testStore } from '../../test/support/image-store.js'
import type { ContainerConfig } from '../spec/options.js'
import { openContainers } from '../store/containers.js'
import { openImageRecords } from '../store/images.js'

let store: TestStore
beforeEach(async () => {
  store = await testStore()
})
afterEach(() => store[Symbol.dispose]())

const load = async (tags: readonly string[], files: Record<string, string>, labels: object = {}, created?: string) => {
  const layers = [await tar({ base: 'shared' }), await tar(files)]
  const document = created === undefined ? {} : { created }
  const parts = { layers, config: { Labels: labels }, document }
  const [image] = await store.images.load(stream(await tar(dockerArchive(parts, tags))))
  return image?.id as string
}
const use = (image: string) =>
  openContainers(store.database).insert({
    id: 'c0ffee'.padEnd(64, '0'),
    name: 'user',
    image,
    reference: 'app',
    createdAtMs: 0,
    phase: 'exited',
    attempt: 0,
    bootId: undefined,
    config: {} as ContainerConfig,
    mounts: [],
    isPrepared: true,
    outcome: undefined,
    isStopped: false,
  })
const ids = () => store.images.list({ all: true }).map(({ id }) => id)

describe('prune', () => {
  it('takes images without a name, and tells the bytes of the layers that went', async () => {
    const kept = await load(['kept'], { kept: '1' })
    const dangling = await load([], { gone: '0123456789' })
    const [top] = store.images.get(dangling).chain
    expect(await store.images.prune()).toEqual({
      deleted: [{ deleted: dangling }, { deleted: top }],
      spaceReclaimed: 10,
    })
    expect(ids()).toEqual([kept])
  })

  it('takes images that only names by digest are left of', async () => {
    const id = await load([], { x: '1' })
    const name = `me/app@sha256:${'ab'.repeat(32)}`
    openImageRecords(store.database).tag(`docker.io/${name}`, id)
    expect((await store.images.prune()).deleted).toEqual(expect.arrayContaining([{ untagged: name }, { deleted: id }]))
    expect(store.remains()).toEqual([])
  })

  it('keeps what containers use, what other images were committed from, and all that has a name', async () => {
    const used = await load([], { used: '1' })
    use(used)
    const parent = await load([], { parent: '1' })
    const child = await childOf(store, parent, ['child'])
    expect(await store.images.prune()).toEqual({ deleted: [], spaceReclaimed: 0 })
    expect(ids().sort()).toEqual([used, parent, child].sort())
  })

  it('takes all that no container uses when asked, with all their names', async () => {
    const used = await load(['used:1', 'used:2'], { used: '1' })
    use(used)
    const parent = await load(['parent'], { parent: '1' })
    await childOf(store, parent, ['child:1', 'child:2'])
    const { deleted } = await store.images.prune({ all: true })
    expect(deleted).toEqual(
      expect.arrayContaining([
        { untagged: 'child:1' },
        { untagged: 'child:2' },
        { untagged: 'parent:latest' },
        { deleted: parent },
      ]),
    )
    expect(store.images.list()).toMatchObject([{ id: used, repoTags: ['used:1', 'used:2'] }])
  })

  it('takes only images of the age and labels that are asked for', async () => {
    const old = await load(['old'], { a: '1' }, { stage: 'ci' }, '2020-01-01T00:00:00Z')
    const labelled = await load(['labelled'], { b: '1' }, { stage: 'ci', keep: '' })
    const plain = await load(['plain'], { c: '1' })
    await store.images.prune({ all: true, until: '2019-01-01' })
    await store.images.prune({ all: true, label: 'stage=prod' })
    expect(ids()).toHaveLength(3)
    await store.images.prune({ all: true, label: 'stage', withoutLabel: 'keep' })
    expect(ids().sort()).toEqual([labelled, plain].sort())
    expect(ids()).not.toContain(old)
    await store.images.prune({ all: true, until: '24h', withoutLabel: ['other', 'keep'] })
    expect(ids()).toEqual([labelled])
  })

  it('refuses a time that is none', async () => {
    await expect(store.images.prune({ until: 'x' })).rejects.toMatchObject({
      name: 'InvalidOptionError',
      code: 'INVALID_OPTION',
      message: 'failed to parse value as time or duration: "x"',
    })
  })
})
