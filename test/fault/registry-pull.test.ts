import { writeFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { Engine, InboardError } from '../../src/index.js'
import type { Fault } from '../support/scripted-registry/faults.js'
import type { ImageOptions } from '../support/scripted-registry/images.js'
import { ScriptedRegistry, type ScriptedRegistryOptions } from '../support/scripted-registry.js'
import { violations } from './support/invariants.js'
import { newPlace, type Place } from './support/place.js'
import { fetched, noisyLayer, on, runnable, storedFiles, wrongWith } from './support/registry-image.js'

const manifests = /^GET .*\/manifests\//
const blobs = /^GET .*\/blobs\//
const noise = 1_000_000

interface Case {
  readonly fault: string
  /** The error's code; undefined: the image, whole. */
  readonly code?: string
  readonly options?: ScriptedRegistryOptions
  readonly image?: Partial<ImageOptions>
  readonly tag?: string
}

/** A size that is not that of the layer, or a digest. */
const lie = (change: object): Partial<ImageOptions> => ({
  manifest: (manifest) => ({
    ...manifest,
    layers: manifest.layers.map((layer, at) => (at === 1 ? { ...layer, ...change } : layer)),
  }),
})

const cases: readonly Case[] = [
  { fault: 'nothing' },
  { fault: 'a body that is cut once', options: on(blobs, { kind: 'truncate', after: noise }, 1) },
  { fault: 'every body cut once', options: on(blobs, { kind: 'truncate', after: 50_000 }, 4) },
  {
    fault: 'a body that is cut each time',
    code: 'REGISTRY_UNAVAILABLE',
    options: on(blobs, { kind: 'truncate', after: 10 }),
  },
  { fault: 'a reset', options: on(blobs, { kind: 'reset', after: noise }, 2) },
  {
    fault: 'a reset at a registry without ranges',
    options: { ranges: false, ...on(blobs, { kind: 'reset', after: noise }, 2) },
  },
  { fault: 'a stall', options: on(/^GET .*\/blobs\//, { kind: 'stall', after: 100 }, 1) },
  { fault: 'a wrong byte', code: 'DIGEST_MISMATCH', options: on(blobs, { kind: 'corrupt', at: 1000 }) },
  {
    fault: 'a wrong byte in the manifest',
    code: 'DIGEST_MISMATCH',
    options: on(manifests, { kind: 'corrupt', at: 20 }),
  },
  {
    fault: 'a length that is too small',
    code: 'DIGEST_MISMATCH',
    options: on(blobs, { kind: 'headers', headers: { 'content-length': '100' } }),
  },
  {
    fault: 'a length that is too large',
    code: 'DIGEST_MISMATCH',
    options: on(blobs, { kind: 'headers', headers: { 'content-length': '100000000' } }),
  },
  { fault: 'an endless blob', code: 'DIGEST_MISMATCH', options: on(blobs, { kind: 'endless' }) },
  { fault: 'an endless manifest', code: 'REGISTRY_INVALID', options: on(manifests, { kind: 'endless' }) },
  {
    fault: 'a manifest of 1 GB',
    code: 'REGISTRY_INVALID',
    options: on(manifests, { kind: 'headers', headers: { 'content-length': '1000000000' } }),
  },
  { fault: 'a storm of 500', options: on(/./, { kind: 'status', status: 500 }, 3) },
  { fault: 'a storm of 503 with Retry-After', options: on(/./, { kind: 'status', status: 503, retryAfter: 1 }, 2) },
  { fault: 'a storm of 429 with Retry-After', options: on(/./, { kind: 'status', status: 429, retryAfter: 1 }, 2) },
  { fault: '500 without end', code: 'REGISTRY_UNAVAILABLE', options: on(blobs, { kind: 'status', status: 500 }) },
  { fault: '429 without end', code: 'REGISTRY_RATE_LIMITED', options: on(blobs, { kind: 'status', status: 429 }) },
  { fault: '403', code: 'ACCESS_DENIED', options: on(blobs, { kind: 'status', status: 403 }) },
  { fault: '404 of a blob', code: 'BLOB_NOT_FOUND', options: on(blobs, { kind: 'status', status: 404, body: '' }) },
  {
    fault: '404 of a layer',
    code: 'BLOB_NOT_FOUND',
    options: { faults: [{ on: blobs, skip: 2, effect: { kind: 'status', status: 404, body: '' } }] },
  },
  { fault: 'tokens that expire on the way', options: { auth: { kind: 'token', usesPerToken: 3 } } },
  {
    fault: 'tokens that expire on the way, and a reset',
    options: { auth: { kind: 'token', usesPerToken: 4 }, ...on(blobs, { kind: 'reset', after: noise }, 2) },
  },
  { fault: 'a size that is too small', code: 'DIGEST_MISMATCH', image: lie({ size: 1000 }) },
  { fault: 'a size that is too large', code: 'DIGEST_MISMATCH', image: lie({ size: 100_000_000 }) },
  {
    fault: 'a size that is too large, and no length',
    code: 'DIGEST_MISMATCH',
    image: lie({ size: 100_000_000 }),
    options: on(blobs, { kind: 'chunked' }),
  },
  { fault: 'a size beyond all numbers', code: 'REGISTRY_INVALID', image: lie({ size: 1e300 }) },
  { fault: 'a negative size', code: 'REGISTRY_INVALID', image: lie({ size: -1 }) },
  { fault: 'a layer elsewhere', code: 'REGISTRY_INVALID', image: lie({ urls: ['http://127.0.0.1:1/layer'] }) },
  { fault: 'a digest of nothing there', code: 'BLOB_NOT_FOUND', image: lie({ digest: `sha256:${'0'.repeat(64)}` }) },
  { fault: 'a digest that is none', code: 'REGISTRY_INVALID', image: lie({ digest: 'sha256:../../../etc/passwd' }) },
  { fault: 'a manifest that is no JSON', code: 'REGISTRY_INVALID', image: { manifest: () => [] } },
  { fault: 'no such tag', code: 'MANIFEST_NOT_FOUND', tag: 'nope' },
  {
    fault: 'a repository for others',
    code: 'ACCESS_DENIED|UNAUTHORIZED',
    options: { auth: { kind: 'token', denied: ['library/x'] } },
  },
  {
    fault: 'a registry that wants a login',
    code: 'UNAUTHORIZED',
    options: { auth: { kind: 'basic', username: 'u', password: 'p' } },
  },
]

let place: Place
let engine: Engine
beforeAll(async () => {
  place = newPlace()
  engine = await Engine.open({ ...place.roots, dockerConfigDirectory: place.directory })
})
afterAll(async () => {
  await engine.close()
  place[Symbol.dispose]()
})

const outcomes: { readonly fault: string; readonly corrupt: string[]; readonly leaked: string[] }[] = []

test.for(cases)(
  'a pull survives or refuses $fault, and changes nothing else',
  async ({ options, image, tag, code, fault }) => {
    await using registry = await ScriptedRegistry.start(options)
    const made = await registry.addImage('library/x', runnable(image))
    const before = { files: storedFiles(place.roots), images: await engine.images.list() }
    const reference = `${registry.host}/library/x:${tag ?? 'latest'}`
    const said = await engine.pull(reference).then(
      () => undefined,
      (error) => (error instanceof InboardError ? error : new Error(`untyped: ${(error as Error).stack}`)),
    )
    const corrupt = said ? [] : await wrongWith(engine, reference, made)
    if (!said) await engine.images.remove(reference, { force: true })
    const leaked = storedFiles(place.roots).filter((file) => !before.files.includes(file))
    outcomes.push({ fault, corrupt, leaked })
    expect(corrupt).toEqual([])
    expect(leaked).toEqual([])
    expect(await engine.images.list()).toEqual(before.images)
    const actual = said instanceof InboardError ? said.code : said?.message
    expect(code?.split('|') ?? [undefined]).toContain(actual)
    await expect.poll(() => registry.connections().then((count) => count <= 4)).toBe(true)
  },
)

test('a layer of which a part came is not fetched from its beginning', async () => {
  await using registry = await ScriptedRegistry.start()
  const image = await registry.addImage('library/x', runnable())
  const path = new RegExp(`^GET .*${noisyLayer(image)}`)
  registry.fault({ on: path, times: 1, effect: { kind: 'truncate', after: noise } })
  const reference = `${registry.host}/library/x`
  onTestFinished(async () => {
    await engine.images.remove(reference, { force: true })
  })
  await engine.pull(reference)
  const { requests, bytes } = fetched(registry, noisyLayer(image))
  const size = image.layers[1]?.size ?? 0
  expect(requests).toBe(2)
  // What the kernel still had of a broken connection is fetched again.
  expect(bytes).toBeGreaterThanOrEqual(size)
  expect(bytes).toBeLessThan(size + noise / 2)
})

test('no credentials go to the host that a registry redirects to, nor into errors', async () => {
  const login = { username: 'someone', password: 'very-secret-word' }
  const faults: Fault[] = []
  await using registry = await ScriptedRegistry.start({ auth: { kind: 'basic', ...login }, faults })
  await using other = await ScriptedRegistry.start()
  const image = await registry.addImage('library/x', runnable())
  await other.addImage('library/x', runnable())
  registry.fault({ on: blobs, effect: { kind: 'redirect', origin: other.origin } })
  const auth = Buffer.from(`${login.username}:${login.password}`).toString('base64')
  writeFileSync(`${place.directory}/config.json`, JSON.stringify({ auths: { [registry.host]: { auth } } }))
  const reference = `${registry.host}/library/x`
  await engine.pull(reference)
  expect(await wrongWith(engine, reference, image)).toEqual([])
  expect(other.requests.length).toBeGreaterThanOrEqual(4)
  expect(other.requests.filter(({ headers }) => headers.authorization ?? headers.cookie)).toEqual([])
  await engine.images.remove(reference, { force: true })

  other.fault({
    on: /./,
    effect: { kind: 'status', status: 403, body: `{"errors":[{"code":"DENIED","message":"x"}]}` },
  })
  const error = (await engine.pull(reference).catch((error) => error)) as InboardError
  expect(error).toBeInstanceOf(InboardError)
  const told = `${error.stack} ${JSON.stringify(error)} ${(error.cause as Error | undefined)?.stack} ${JSON.stringify(error.details)}`
  expect(told).not.toContain('very-secret-word')
  expect(told).not.toContain(auth)
})

test('a bad reference is refused before anybody is asked', async () => {
  await expect(engine.pull('127.0.0.1:1/Library/X')).rejects.toMatchObject({ code: 'INVALID_REFERENCE' })
})

test('a pull that is aborted ends its connections and leaves nothing', async () => {
  await using registry = await ScriptedRegistry.start({
    faults: [{ on: blobs, effect: { kind: 'slow', chunk: 1000, everyMs: 5 } }],
  })
  await registry.addImage('library/x', runnable())
  const before = storedFiles(place.roots)
  const stop = new AbortController()
  const pull = engine.pull(`${registry.host}/library/x`, { signal: stop.signal }).catch((error) => error)
  await expect.poll(() => registry.sent.size, { timeout: 10_000 }).toBeGreaterThanOrEqual(3)
  stop.abort(new Error('enough'))
  expect(await pull).toMatchObject({ message: 'enough' })
  expect(storedFiles(place.roots)).toEqual(before)
  // A connection that waits for its next request may stay; none that still sends.
  const sent = () => [...registry.sent.values()].reduce((sum, bytes) => sum + bytes, 0)
  const after = sent()
  await registry.connections()
  expect(sent() - after).toBeLessThan(10_000)
})

test('after all of it the store opens clean', async () => {
  await engine.close()
  expect(await violations(place.roots)).toEqual([])
  const count = (what: 'corrupt' | 'leaked') => outcomes.filter((outcome) => outcome[what].length > 0).length
  console.log(`${outcomes.length} faults, ${count('corrupt')} corrupt, ${count('leaked')} leaked`)
  expect(outcomes).toHaveLength(cases.length)
})
