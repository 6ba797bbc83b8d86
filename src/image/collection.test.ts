import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type ImageProcess, startImageProcess } from '../../test/support/image-process.js'
import { type TestStore, testStore } from '../../test/support/image-store.js'
import { repositoryOf } from '../../test/support/repositories.js'
import { ScriptedRegistry } from '../../test/support/scripted-registry.js'
import { parseReference } from '../reference/reference.js'
import { openImageRecords } from '../store/images.js'

let store: TestStore
let registry: ScriptedRegistry
beforeEach(async () => {
  store = await testStore()
  registry = await ScriptedRegistry.start()
})
afterEach(async () => {
  await registry[Symbol.asyncDispose]()
  store[Symbol.dispose]()
})

const shared = { 'etc/shared': 'shared' }
const pull = (path: string) =>
  store.images.pull(repositoryOf(registry, path), parseReference(`${registry.host}/${path}`))
const add = (path: string, own: string) => registry.addImage(path, { layers: [shared, { [`etc/${own}`]: own }] })
const fileOf = (path: string, file: string) =>
  store.snapshots.readFile(store.images.get(`${registry.host}/${path}`).chain, undefined, file)

/** Pulls in another process, which tells what has happened to every layer. */
function pullElsewhere(path: string): ImageProcess {
  const support = join(import.meta.dirname, '../../test/support/repositories.ts')
  const reference = join(import.meta.dirname, '../reference/reference.ts')
  return startImageProcess(
    store.root,
    `const { registriesFor } = await import(${JSON.stringify(support)})
     const { parseReference } = await import(${JSON.stringify(reference)})
     const name = ${JSON.stringify(`${registry.host}/${path}`)}
     const registries = registriesFor({ bodyTimeoutMs: 60_000 })
     const repository = registries.repository(parseReference(name))
     const onProgress = ({ status }) => { if (status === 'exists') ready() }
     await images.pull(repository, parseReference(name), { onProgress })
     await registries.close()`,
  )
}

/** Lets a blob wait; what it gives lets it go. */
function holdBlob(digest: string): () => void {
  let release!: () => void
  const until = new Promise<void>((resolve) => {
    release = resolve
  })
  registry.fault({ on: new RegExp(`^GET .*/blobs/${digest}`), effect: { kind: 'hold', until } })
  return release
}

describe('while another process pulls', () => {
  it('a removal does not wait, and what the pull has found to be there stays', async () => {
    await add('library/old', 'old')
    const image = await add('library/new', 'new')
    await pull('library/old')
    const { layers } = store.images.get(`${registry.host}/library/old`)
    const release = holdBlob(image.layers[1]?.digest as string)
    const pulling = pullElsewhere('library/new')
    await pulling.ready
    await store.images.remove(store.images.get(`${registry.host}/library/old`).id, { force: true })
    expect(store.images.list()).toEqual([])
    expect(layers.every(({ chainId }) => store.snapshots.has(chainId))).toBe(true)
    release()
    expect(await pulling.ended).toBe(0)
    expect(fileOf('library/new', '/etc/shared')).toBe('shared')
    expect(fileOf('library/new', '/etc/new')).toBe('new')
    const record = store.images.get(`${registry.host}/library/new`)
    expect(record.layers.every(({ blob }) => existsSync(join(store.root, 'content/sha256', `${blob?.slice(7)}`)))).toBe(
      true,
    )
  })

  it('the last to finish collects what was removed meanwhile', async () => {
    await add('library/old', 'old')
    const image = await add('library/new', 'new')
    await pull('library/old')
    const old = store.images.get(`${registry.host}/library/old`).chain[0] as string
    const release = holdBlob(image.layers[1]?.digest as string)
    const pulling = pullElsewhere('library/new')
    await pulling.ready
    await store.images.prune({ all: true })
    expect(store.snapshots.has(old)).toBe(true)
    release()
    expect(await pulling.ended).toBe(0)
    expect(store.snapshots.has(old)).toBe(false)
    // Two layers, their blobs, and the manifest.
    expect(store.remains()).toHaveLength(5)
  })

  it('and is killed, all that it had found and made is collected', async () => {
    await add('library/old', 'old')
    const image = await add('library/new', 'new')
    await pull('library/old')
    const release = holdBlob(image.layers[1]?.digest as string)
    const pulling = pullElsewhere('library/new')
    await pulling.ready
    await store.images.prune({ all: true })
    pulling.child.kill('SIGKILL')
    await pulling.ended
    release()
    await store.images.sweep()
    expect(store.remains()).toEqual([])
  })

  it('others pull, tag and remove at the same time', async () => {
    const image = await add('library/new', 'new')
    await Promise.all(['a', 'b', 'c'].map((name) => add(`library/${name}`, name)))
    await pull('library/a')
    const release = holdBlob(image.layers[1]?.digest as string)
    const pulling = pullElsewhere('library/new')
    await pulling.ready
    await Promise.all(['b', 'c'].map((name) => pull(`library/${name}`)))
    await Promise.all(['a', 'b'].map((name) => store.images.remove(`${registry.host}/library/${name}`)))
    store.images.tag(`${registry.host}/library/c`, 'kept')
    release()
    expect(await pulling.ended).toBe(0)
    expect(
      store.images
        .list()
        .flatMap(({ repoTags }) => repoTags)
        .sort(),
    ).toEqual([`${registry.host}/library/c:latest`, `${registry.host}/library/new:latest`, 'kept:latest'].sort())
    expect(fileOf('library/c', '/etc/c')).toBe('c')
    // Three layers and three blobs, and two manifests.
    expect(store.remains()).toHaveLength(8)
  })
})

it('forgets where layers are to be had that are no more, and manifests that no image has', async () => {
  const image = await add('library/old', 'old')
  await pull('library/old')
  const records = openImageRecords(store.database)
  const diffId = store.images.get(`${registry.host}/library/old`).layers[0]?.diffId as string
  expect(records.remoteLayers(diffId)).toHaveLength(1)
  expect(store.remains()).toContain(`content/sha256/${image.digest.slice(7)}`)
  await store.images.prune({ all: true })
  expect(records.remoteLayers(diffId)).toEqual([])
  expect(store.remains()).toEqual([])
})
