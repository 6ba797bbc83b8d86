import { afterAll, beforeAll, expect, test } from 'vitest'
import { Engine, InboardError } from '../../src/index.js'
import type { ScriptedImage } from '../support/scripted-registry/images.js'
import { ScriptedRegistry, type ScriptedRegistryOptions } from '../support/scripted-registry.js'
import { violations } from './support/invariants.js'
import { newPlace, type Place } from './support/place.js'
import { on, runnable, storedFiles } from './support/registry-image.js'

interface Case {
  readonly fault: string
  /** The error's code; undefined: the registry has the image. */
  readonly code?: string
  readonly options?: ScriptedRegistryOptions
}

const digest = `sha256:${'0'.repeat(64)}`

const cases: readonly Case[] = [
  { fault: 'nothing' },
  { fault: 'a reset in an upload', options: on(/^PATCH/, { kind: 'resetUpload', after: 500_000 }, 1) },
  { fault: 'resets in every upload', options: on(/^PATCH/, { kind: 'resetUpload', after: 500_000 }, 3) },
  {
    fault: 'an upload that is reset each time',
    code: 'REGISTRY_UNAVAILABLE',
    options: on(/^PATCH/, { kind: 'resetUpload', after: 0 }),
  },
  { fault: 'answers to finished uploads lost', options: on(/^PUT .*\/blobs\//, { kind: 'lose' }, 3) },
  { fault: 'the answer to the manifest lost', options: on(/^PUT .*\/manifests\//, { kind: 'lose' }, 1) },
  { fault: 'a storm of 500', options: on(/./, { kind: 'status', status: 500 }, 3) },
  { fault: 'a storm of 500 in uploads', options: on(/^(PATCH|PUT)/, { kind: 'status', status: 500 }, 4) },
  {
    fault: 'a storm of 503 with Retry-After',
    options: on(/^(POST|PATCH)/, { kind: 'status', status: 503, retryAfter: 1 }, 2),
  },
  {
    fault: 'a storm of 429 with Retry-After',
    options: on(/^(POST|PATCH)/, { kind: 'status', status: 429, retryAfter: 1 }, 2),
  },
  { fault: '500 without end', code: 'REGISTRY_UNAVAILABLE', options: on(/^PATCH/, { kind: 'status', status: 500 }) },
  { fault: 'tokens that expire on the way', options: { auth: { kind: 'token', usesPerToken: 6 } } },
  {
    fault: 'no right to push',
    code: 'ACCESS_DENIED|UNAUTHORIZED',
    options: { auth: { kind: 'token', denied: ['library/x'] } },
  },
  { fault: '403 of an upload', code: 'ACCESS_DENIED', options: on(/^PATCH/, { kind: 'status', status: 403 }) },
  {
    fault: 'a proxy that takes no large request',
    options: on(/^PATCH/, { kind: 'status', status: 413 }),
    code: 'REGISTRY_FAILED',
  },
  {
    fault: 'a manifest that is refused',
    code: 'REGISTRY_FAILED',
    options: on(/^PUT .*\/manifests\//, { kind: 'status', status: 400 }),
  },
  {
    fault: 'a manifest that is kept under another digest',
    code: 'DIGEST_MISMATCH',
    options: on(/^PUT .*\/manifests\//, { kind: 'headers', headers: { 'docker-content-digest': digest } }),
  },
]

let place: Place
let engine: Engine
let source: ScriptedRegistry
let image: ScriptedImage
beforeAll(async () => {
  place = newPlace()
  engine = await Engine.open({ ...place.roots, dockerConfigDirectory: place.directory })
  source = await ScriptedRegistry.start()
  image = await source.addImage('library/x', runnable())
  await engine.pull(`${source.host}/library/x`)
})
afterAll(async () => {
  await engine.close()
  await source[Symbol.asyncDispose]()
  place[Symbol.dispose]()
})

async function pushTo(registry: ScriptedRegistry, path = 'library/x') {
  const reference = `${registry.host}/${path}:pushed`
  const local = await engine.images.get(image.config.digest)
  await local.tag(reference)
  return local.push(reference)
}

/** What a repository lacks of the image, or has otherwise than it was. */
function lacking(registry: ScriptedRegistry, path = 'library/x'): string[] {
  const repository = registry.repositories.get(path)
  const manifest = registry.repositories.manifest(path, 'pushed')
  const blobs = [...image.blobs].filter(([digest, bytes]) => !repository?.blobs.get(digest)?.equals(bytes))
  return [...(manifest?.bytes.equals(image.bytes) ? [] : ['the manifest']), ...blobs.map(([digest]) => digest)]
}

const outcomes: string[][] = []

test.for(cases)('a push survives or tells $fault, and leaves no upload', async ({ options, code }) => {
  await using registry = await ScriptedRegistry.start(options)
  const files = storedFiles(place.roots)
  const said = await pushTo(registry).then(
    () => undefined,
    (error) => (error instanceof InboardError ? error.code : `untyped: ${(error as Error).stack}`),
  )
  const wrong = said === undefined ? lacking(registry) : []
  if (registry.openUploads > 0) wrong.push(`${registry.openUploads} uploads are open`)
  outcomes.push(wrong)
  expect(code?.split('|') ?? [undefined]).toContain(said)
  expect(wrong).toEqual([])
  expect(storedFiles(place.roots)).toEqual(files)
})

test('an upload that is reset goes on where it stopped', async () => {
  await using registry = await ScriptedRegistry.start(on(/^PATCH/, { kind: 'resetUpload', after: 500_000 }, 1))
  await pushTo(registry)
  const ranges = registry.requests.flatMap(({ method, headers }) =>
    method === 'PATCH' && headers['content-range'] !== undefined ? [headers['content-range']] : [],
  )
  expect(ranges).toEqual([expect.stringMatching(/^500000-/)])
})

test('layers are mounted from another repository of the registry', async () => {
  await using registry = await ScriptedRegistry.start()
  await pushTo(registry)
  const uploads = registry.asked(/^PATCH/).length
  await pushTo(registry, 'team/y')
  expect(lacking(registry, 'team/y')).toEqual([])
  expect(registry.asked(/^PATCH/)).toHaveLength(uploads)
  expect(registry.asked(/^POST .*mount=.*from=library%2Fx/).length).toBeGreaterThanOrEqual(image.layers.length)
})

test('layers that the registry would not mount are sent', async () => {
  await using registry = await ScriptedRegistry.start({ refuseMounts: true })
  await pushTo(registry)
  await pushTo(registry, 'team/y')
  expect(lacking(registry, 'team/y')).toEqual([])
  expect(registry.openUploads).toBe(0)
})

test('a push that is aborted leaves no upload and no tag', async () => {
  await using registry = await ScriptedRegistry.start(on(/^PATCH/, { kind: 'hold', until: new Promise(() => {}) }))
  const reference = `${registry.host}/library/x:pushed`
  const local = await engine.images.get(image.config.digest)
  await local.tag(reference)
  const stop = new AbortController()
  const push = local.push(reference, { signal: stop.signal }).catch((error) => error)
  await expect.poll(() => registry.asked(/^PATCH/).length, { timeout: 10_000 }).toBeGreaterThanOrEqual(1)
  stop.abort(new Error('enough'))
  expect(await push).toMatchObject({ message: 'enough' })
  expect(registry.openUploads).toBe(0)
  expect(registry.repositories.get('library/x')?.tags.size ?? 0).toBe(0)
})

test('after all of it the image is as it was, and the store opens clean', async () => {
  await using registry = await ScriptedRegistry.start()
  await pushTo(registry)
  expect(lacking(registry)).toEqual([])
  await engine.close()
  expect(await violations(place.roots)).toEqual([])
  const wrong = outcomes.filter((outcome) => outcome.length > 0).length
  console.log(`${outcomes.length} faults of pushes, ${wrong} left something wrong`)
  expect(outcomes).toHaveLength(cases.length)
})
