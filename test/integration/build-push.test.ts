import { mkdtemp, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type TestEngine, testEngine } from '../support/engine.js'
import { startRegistry, type TestRegistry } from '../support/registry.js'

const ociManifest = 'application/vnd.oci.image.manifest.v1+json'
const ociIndex = 'application/vnd.oci.image.index.v1+json'
const dockerManifest = 'application/vnd.docker.distribution.manifest.v2+json'
const dockerList = 'application/vnd.docker.distribution.manifest.list.v2+json'

let place: TestEngine
let registry: TestRegistry
beforeAll(async () => {
  registry = await startRegistry()
  place = await testEngine(['busybox'])
})
afterAll(async () => {
  await place[Symbol.asyncDispose]()
  await registry[Symbol.asyncDispose]()
})

/** Repositories and images are of one test each. */
let count = 0
const newName = () => `${registry.host}/build/app${++count}`
const build = (text = `FROM busybox\nLABEL of=${newName()}\nRUN echo x >/x\n`) => place.engine.build().dockerfile(text)
const manifestOf = async (name: string, reference: string) => {
  const path = name.slice(registry.host.length + 1)
  const accept = [ociManifest, ociIndex, dockerManifest, dockerList].join(', ')
  const response = await fetch(`${registry.url}/v2/${path}/manifests/${reference}`, { headers: { accept } })
  return { digest: response.headers.get('docker-content-digest'), document: JSON.parse(await response.text()) }
}

describe('pushing what was built', () => {
  it('records it, and gives it to the registry under each of its names', async () => {
    const [name, other] = [newName(), newName()]
    const output = await build()
      .tag(`${name}:1`)
      .output({ type: 'image', name: `${other}:2`, push: true })
    const { digest, document } = await manifestOf(name, '1')
    expect(output).toEqual({ type: 'image', dest: `${name}:1`, digest })
    expect(document.mediaType).toBe(dockerManifest)
    expect((await manifestOf(other, '2')).digest).toBe(digest)
    expect((await place.engine.images.get(`${other}:2`)).id).toBe(document.config.digest)
  })

  it('gives what its manifest says along, also when it is pushed later, or saved, or was here before', async () => {
    const name = newName()
    const text = `FROM busybox\nLABEL of=${name}\n`
    await build(text).tag(`${name}:1`)
    const image = await build(text).tag(`${name}:1`).annotation('org.example.a', '1').annotation('manifest:b', '2')
    await image.push(`${name}:1`)
    const { document } = await manifestOf(name, '1')
    expect(document).toMatchObject({ mediaType: ociManifest, annotations: { b: '2', 'org.example.a': '1' } })
    await image.push(`${name}:1`)
    expect((await manifestOf(name, '1')).document).toEqual(document)
    const directory = await mkdtemp('/tmp/ib-build-push-')
    await image.save(join(directory, 'saved.tar'))
    expect((await stat(join(directory, 'saved.tar'))).size).toBeGreaterThan(0)
    const [loaded] = await place.engine.images.load(join(directory, 'saved.tar'))
    await rm(directory, { recursive: true })
    await loaded?.push(`${name}:1`)
    expect((await manifestOf(name, '1')).document.annotations).toEqual(document.annotations)
  })

  it('joins several platforms in an index', async () => {
    const name = newName()
    const output = await build(`FROM scratch\nLABEL of=${name}\n`)
      .platform('linux/amd64', 'linux/arm64')
      .annotation('index:org.example.c', '3')
      .annotation('org.example.d', '4')
      .output({ type: 'image', name: `${name}:1`, push: true })
    const { digest, document } = await manifestOf(name, '1')
    expect(output).toEqual({ type: 'image', dest: `${name}:1`, digest })
    expect(document).toMatchObject({ mediaType: ociIndex, annotations: { 'org.example.c': '3' } })
    const platforms = document.manifests.map(({ platform }: { platform: object }) => platform)
    expect(platforms).toEqual([
      { architecture: 'amd64', os: 'linux' },
      { architecture: 'arm64', os: 'linux' },
    ])
    const one = await manifestOf(name, document.manifests[1].digest)
    expect(one.document.annotations).toEqual({ 'org.example.d': '4' })
  })

  it('without a push is an image with one name more', async () => {
    const output = await build().output({ type: 'image', name: 'named:1' })
    expect(output).toEqual({ type: 'image', dest: 'named:1' })
    expect((await place.engine.images.get('named:1')).references).toEqual(['named:1'])
  })
})

describe('refuses, before anything is built,', () => {
  it.each([
    { name: 'a push without a name', output: { type: 'image', push: true } as const, message: 'tag is needed' },
    { name: 'an unknown output', output: { type: 'vm' } as never, message: 'unsupported output type vm' },
  ])('$name', async ({ output, message }) => {
    await expect(build('FROM missing').output(output)).rejects.toMatchObject({
      code: 'INVALID_OPTION',
      message: expect.stringContaining(message),
    })
  })

  it('what an index is to say where there is none', async () => {
    await expect(build('FROM missing').annotation('index:a', 'b')).rejects.toMatchObject({
      code: 'INVALID_OPTION',
      message: expect.stringContaining('index annotations not supported for single platform export'),
    })
  })
})
