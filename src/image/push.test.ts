import { rmSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { dockerArchive, stream, tar } from '../../test/support/archives.js'
import { type TestStore, testStore } from '../../test/support/image-store.js'
import { repositoryOf } from '../../test/support/repositories.js'
import type { Fault } from '../../test/support/scripted-registry/faults.js'
import { ScriptedRegistry } from '../../test/support/scripted-registry.js'
import { parseReference } from '../reference/reference.js'
import type { ImageProgress } from './progress.js'

let store: TestStore
let layer: Buffer
beforeEach(async () => {
  store = await testStore()
  layer = await tar({ text: 'all work and no play\n'.repeat(20_000) })
})
afterEach(() => store[Symbol.dispose]())

const started = (faults: readonly Fault[] = []) => ScriptedRegistry.start({ faults })
/** An image of an archive, with a name in the registry. */
const loaded = async (registry: ScriptedRegistry, path = 'library/app') => {
  const [image] = await store.images.load(stream(await tar(dockerArchive({ layers: [layer] }))))
  store.images.tag('app:1', `${registry.host}/${path}:1`)
  return image?.id as string
}
const push = async (registry: ScriptedRegistry, path = 'library/app') => {
  const events: ImageProgress[] = []
  const reference = parseReference(`${registry.host}/${path}:1`)
  const onProgress = (event: ImageProgress) => void events.push(event)
  const pushed = await store.images.push(repositoryOf(registry, path), reference, { onProgress })
  return { pushed, events, statuses: events.flatMap((event) => (event.kind === 'layer' ? [event.status] : [])) }
}
const blobsOf = (id: string) => store.images.get(id).layers.map(({ blob }) => blob)

describe('push', () => {
  it('asks the registry before it compresses anything', async () => {
    await using registry = await started([{ on: /^HEAD /, effect: { kind: 'status', status: 403 } }])
    const id = await loaded(registry)
    const before = blobsOf(id)
    await expect(push(registry)).rejects.toMatchObject({ name: 'AuthError', code: 'ACCESS_DENIED' })
    expect(blobsOf(id)).toEqual(before)
    expect(store.images.get(id).digests).toEqual([])
  })

  it('keeps what it has compressed when sending fails, and goes on from there', async () => {
    await using broken = await started([{ on: /^P(OST|ATCH|UT) .*uploads/, effect: { kind: 'status', status: 500 } }])
    const id = await loaded(broken)
    const [plain] = blobsOf(id)
    await expect(push(broken)).rejects.toMatchObject({ name: 'RegistryError' })
    const [compressed] = blobsOf(id)
    expect(compressed).not.toBe(plain)
    expect(store.remains()).not.toContain(`content/sha256/${plain?.slice(7)}`)
    await using registry = await started()
    store.images.tag(id, `${registry.host}/library/app:1`)
    const { statuses } = await push(registry)
    expect(statuses).not.toContain('compressing')
    expect(blobsOf(id)).toEqual([compressed])
  })

  it('pushes what it was pulled as, though a layer is here by other bytes', async () => {
    await using registry = await started()
    const image = await registry.addImage('library/pulled', { layers: [{ a: 'a' }, { b: 'b' }], tag: '1' })
    const pulled = parseReference(`${registry.host}/library/pulled:1`)
    const { id, digest } = await store.images.pull(repositoryOf(registry, 'library/pulled'), pulled)
    const [blob] = blobsOf(id)
    rmSync(`${store.root}/content/sha256/${blob?.slice(7)}`)
    store.images.tag(id, `${registry.host}/library/other:1`)
    const { pushed, statuses, events } = await push(registry, 'library/other')
    expect(pushed).toMatchObject([{ digest }])
    expect(events[0]).toEqual({ kind: 'repository', name: `${registry.host}/library/other` })
    expect(events).toContainEqual(expect.objectContaining({ status: 'mounted', from: 'library/pulled' }))
    expect(statuses).not.toContain('uploading')
    expect(image).toBeDefined()
  })

  it('says what is missing when neither this host nor the registry has a layer', async () => {
    await using registry = await started()
    const id = await loaded(registry)
    const [blob] = blobsOf(id)
    rmSync(`${store.root}/content/sha256/${blob?.slice(7)}`)
    await expect(push(registry)).rejects.toMatchObject({ code: 'CONTENT_NOT_FOUND', details: { digest: blob } })
  })

  it('sends an image through a registry that fails now and then', async () => {
    await using registry = await started([
      { on: /^PATCH .*uploads/, times: 1, effect: { kind: 'status', status: 503 } },
      { on: /^PUT .*manifests/, times: 1, effect: { kind: 'status', status: 500 } },
    ])
    await loaded(registry)
    const { pushed } = await push(registry)
    expect(pushed).toHaveLength(1)
    const again = await push(registry)
    expect(again.pushed).toEqual(pushed)
    expect(new Set(again.statuses)).toEqual(new Set(['waiting', 'exists']))
  })
})
