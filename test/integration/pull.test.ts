import { readFileSync } from 'node:fs'
import { extract } from 'tar-stream'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Engine, ImageProgress } from '../../src/index.js'
import { inAnotherProcess } from '../support/another-process.js'
import { type TestEngine, testEngine } from '../support/engine.js'
import { busyboxForm } from '../support/images.js'
import { ScriptedRegistry } from '../support/scripted-registry.js'

const own = process.arch === 'arm64' ? 'arm64' : 'amd64'
const opposite = own === 'arm64' ? 'amd64' : 'arm64'
const layer = await layerOf(busyboxForm('dockerArchive'))

let host: TestEngine
let engine: Engine
let registry: ScriptedRegistry
let repository: string
beforeAll(async () => {
  host = await testEngine([])
  engine = host.engine
  registry = await ScriptedRegistry.start()
})
afterAll(async () => {
  await registry[Symbol.asyncDispose]()
  await host[Symbol.asyncDispose]()
})

let count = 0
beforeEach(async () => {
  registry.heal()
  for (const { id } of await engine.images.list()) await engine.images.remove(id, { force: true })
  const path = `test/busybox${count++}`
  repository = `${registry.host}/${path}`
  await registry.addImage(path, { layers: [layer, { 'etc/which': 'latest' }], config: { Cmd: ['cat', '/etc/which'] } })
  await registry.addImage(path, {
    tag: '1',
    layers: [layer, { 'etc/which': 'one' }],
    config: { Cmd: ['cat', '/etc/which'] },
  })
})
const add = (tag: string, options = {}) =>
  registry.addImage(repository.slice(registry.host.length + 1), {
    tag,
    layers: [layer, { 'etc/which': tag }],
    ...options,
  })

describe('pull', () => {
  test('brings an image that runs, under the name and the digest that it was asked for by', async () => {
    const image = await engine.pull(repository)
    expect(image.references).toEqual([`${repository}:latest`])
    const { stdout } = await engine.run(repository).pull('never').rm().output()
    expect(stdout).toBe('latest')
    const again = await engine.pull(`${repository}:latest`)
    expect(again.id).toBe(image.id)
  })

  test('gives an image of an archive the manifest of its registry, which is then pushed', async () => {
    const tar = `${host.directory}/adopted.tar`
    const pulled = await engine.pull(repository)
    const [before] = (await pulled.inspect()).RepoDigests
    await engine.images.save(repository, tar)
    await pulled.remove({ force: true })
    await engine.images.load(tar)
    await engine.pull(repository)
    const other = `${repository}-other`
    await engine.run(repository).pull('never').rm().output()
    await (await engine.images.get(repository)).tag(other)
    const [pushed] = await engine.images.push(other)
    expect(`${repository}@${pushed?.digest}`).toBe(before)
  })

  test('tells its progress, then gives the image', async () => {
    const pull = engine.pull(`${repository}:1`)
    const progress: ImageProgress[] = []
    for await (const event of pull) progress.push(event)
    expect(progress.filter((event) => event.kind === 'layer' && event.status === 'done')).toHaveLength(2)
    expect(progress.at(-1)).toMatchObject({ kind: 'image', reference: `${repository}:1`, isNew: true })
    expect((await pull).references).toEqual([`${repository}:1`])
  })

  test('takes all tags of a repository, and then no tag', async () => {
    const images = await engine.pull(repository, { allTags: true })
    expect(images.flatMap(({ references }) => references)).toEqual([`${repository}:1`, `${repository}:latest`])
    await expect(engine.pull(`${repository}:1`, { allTags: true })).rejects.toMatchObject({
      code: 'INVALID_REFERENCE',
      message: "tag can't be used with --all-tags/-a",
    })
  })

  test.each([
    ['me/UPPER', 'INVALID_REFERENCE', /must be lowercase/],
    ['scratch', 'INVALID_REFERENCE', /'scratch' is a reserved name/],
  ])('refuses %s', async (reference, code, message) => {
    await expect(engine.pull(reference)).rejects.toMatchObject({ code, message: expect.stringMatching(message) })
  })

  test('refuses a platform that there is none of', async () => {
    await expect(engine.pull(repository, { platform: 'plan9/vax' })).rejects.toMatchObject({ code: 'INVALID_OPTION' })
  })

  test('ends when its loop is left, when it is aborted, and when the engine is closed', async () => {
    registry.fault({ on: /^GET .*\/blobs\//, effect: { kind: 'slow', chunk: 1000, everyMs: 20 } })
    for await (const event of engine.pull(repository)) if (event.kind === 'layer') break
    const controller = new AbortController()
    const aborted = engine.pull(repository, { signal: controller.signal })
    for await (const event of aborted) {
      if (event.kind === 'layer') controller.abort(new Error('enough'))
      if (controller.signal.aborted) break
    }
    await expect(aborted).rejects.toThrow('enough')
    const other = await host.reopen()
    const closed = other.pull(repository)
    const failure = closed.catch((error) => error)
    await other.close()
    expect(await failure).toMatchObject({ code: 'ENGINE_CLOSED' })
    expect(await engine.images.list()).toEqual([])
  })

  test('makes one image when two processes pull it at once, and fetches it once', async () => {
    const body = `const { id } = await engine.pull('${repository}'); return id`
    const before = registry.asked(/^GET .*\/blobs\//).length
    const [one, two] = await Promise.all([1, 2].map(() => inAnotherProcess<string>(host, body)))
    expect(one).toBe(two)
    expect(await engine.images.list()).toHaveLength(1)
    const fetched = registry.asked(/^GET .*\/blobs\//).slice(before)
    const { layers } = await registryImage()
    for (const digest of layers) expect(fetched.filter((line) => line.endsWith(digest))).toHaveLength(1)
  })

  test('keeps the bounds on layers that the engine was opened with', async () => {
    await using bounded = await testEngine([], { layerLimits: { maxBytes: 1000 } })
    await expect(bounded.engine.pull(repository)).rejects.toMatchObject({ code: 'LAYER_TOO_LARGE' })
    expect(await bounded.engine.images.list()).toEqual([])
  })
})

describe('run', () => {
  test('pulls an image that is not here, once', async () => {
    const outputs = await Promise.all([1, 2].map(() => engine.run(repository).rm().output()))
    expect(outputs.map(({ stdout }) => stdout)).toEqual(['latest', 'latest'])
    const before = registry.requests.length
    await engine.run(repository).rm().output()
    expect(registry.requests.length).toBe(before)
  })

  test('pulls always, or never, when it is told so', async () => {
    const never = engine.run(repository).pull('never')
    await expect(never.create()).rejects.toMatchObject({ code: 'IMAGE_NOT_FOUND' })
    await engine.pull(repository)
    await add('latest', { layers: [layer, { 'etc/which': 'newer' }], config: { Cmd: ['cat', '/etc/which'] } })
    expect((await never.rm().output()).stdout).toBe('latest')
    expect((await engine.run(repository).pull('always').rm().output()).stdout).toBe('newer')
    const wrong = engine.run(repository).pull('sometimes' as 'never')
    await expect(wrong.create()).rejects.toMatchObject({ code: 'INVALID_OPTION' })
  })

  test('names the image that the registry has not either', async () => {
    await expect(engine.run(`${repository}:nope`).create()).rejects.toMatchObject({ code: 'MANIFEST_NOT_FOUND' })
    await expect(engine.run('0'.repeat(64)).create()).rejects.toMatchObject({ code: 'IMAGE_NOT_FOUND' })
  })

  test('wants the platform that it is asked for', async () => {
    await engine.pull(repository)
    const other = engine.run(repository).platform(`linux/${opposite}`)
    await expect(other.create()).rejects.toMatchObject({ code: 'PLATFORM_NOT_FOUND' })
    await expect(other.pull('never').create()).rejects.toMatchObject({
      code: 'IMAGE_NOT_FOUND',
      message: expect.stringContaining('does not provide the specified platform'),
    })
    await (await engine.run(repository).platform(`linux/${own}`).create()).remove()
  })
})

test('what only starts containers never loads the registry client', () => {
  const dist = new URL('../../dist/', import.meta.url)
  const seen = new Set<string>()
  const visit = (file: string): void => {
    if (seen.has(file)) return
    seen.add(file)
    if (!file.startsWith('./')) return
    const text = readFileSync(new URL(file, dist), 'utf8')
    for (const [, specifier = ''] of text.matchAll(/^(?:import|export)\b[^'"`]*?["']([^"']+)["'];?$/gm))
      visit(specifier)
  }
  visit('./index.js')
  expect([...seen]).toContain('fs')
  expect([...seen]).not.toContain('undici')
})

async function registryImage(): Promise<{ layers: string[] }> {
  const { bytes } = registry.repositories.manifest(repository.slice(registry.host.length + 1), 'latest') ?? {}
  return { layers: JSON.parse(String(bytes)).layers.map(({ digest }: { digest: string }) => digest) }
}

/** The one layer of a docker-archive. */
async function layerOf(path: string): Promise<Buffer> {
  const archive = extract()
  archive.end(readFileSync(path))
  for await (const entry of archive) {
    const chunks: Buffer[] = []
    for await (const chunk of entry) chunks.push(chunk as Buffer)
    if (entry.header.name.endsWith('layer.tar') || /^[0-9a-f]{64}\.tar$/.test(entry.header.name))
      return Buffer.concat(chunks)
  }
  throw new Error(`${path} has no layer`)
}
