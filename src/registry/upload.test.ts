import { randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { quick, repositoryOf } from '../../test/support/repositories.js'
import type { Fault } from '../../test/support/scripted-registry/faults.js'
import { ScriptedRegistry, type ScriptedRegistryOptions } from '../../test/support/scripted-registry.js'
import { digestOf } from './digests.js'
import type { UploadOptions } from './types.js'

const size = 5_000_000
const bytes = randomBytes(size)
const blob = { digest: digestOf(bytes), size }

async function* readFrom(offset: number, source = bytes) {
  for (let at = offset; at < source.length; at += 65536) yield source.subarray(at, at + 65536)
}

const upload = (registry: ScriptedRegistry, tuning = {}, options: UploadOptions = {}) =>
  repositoryOf(registry, 'library/x', tuning).uploadBlob(blob, readFrom, options)

const stored = (registry: ScriptedRegistry) =>
  registry.repositories.get('library/x')?.blobs.get(blob.digest)?.equals(bytes) === true

const methods = (registry: ScriptedRegistry) => registry.requests.map(({ method }) => method).join(' ')
const parts = (registry: ScriptedRegistry) =>
  registry.requests.filter(({ method }) => method === 'PATCH').map(({ headers }) => headers['content-range'])

describe('an upload', () => {
  it.each<[string, ScriptedRegistryOptions]>([
    ['relative', {}],
    ['absolute', { absoluteLocations: true }],
  ])('goes where the registry says, by %s locations', async (_, options) => {
    await using registry = await ScriptedRegistry.start(options)
    const told: number[] = []
    await upload(registry, {}, { onProgress: (current) => told.push(current) })
    expect(stored(registry)).toBe(true)
    expect(methods(registry)).toBe('POST PATCH PUT')
    expect(parts(registry)).toEqual([undefined])
    expect(told.at(-1)).toBe(size)
    expect(told).toEqual([...told].sort((a, b) => a - b))
    expect(registry.openUploads).toBe(0)
  })

  it('of a small blob takes two requests', async () => {
    await using registry = await ScriptedRegistry.start()
    const small = Buffer.from('small')
    const descriptor = { digest: digestOf(small), size: small.length }
    await repositoryOf(registry).uploadBlob(descriptor, (offset) => readFrom(offset, small))
    expect(methods(registry)).toBe('POST PUT')
    expect(registry.repositories.get('library/x')?.blobs.get(descriptor.digest)).toEqual(small)
  })

  it('of an empty blob works too', async () => {
    await using registry = await ScriptedRegistry.start()
    const empty = Buffer.alloc(0)
    await repositoryOf(registry).uploadBlob({ digest: digestOf(empty), size: 0 }, (offset) => readFrom(offset, empty))
    expect(registry.repositories.get('library/x')?.blobs.has(digestOf(empty))).toBe(true)
  })

  it('comes in chunks of the size that is wanted', async () => {
    await using registry = await ScriptedRegistry.start()
    await upload(registry, { chunkBytes: 2_000_000 })
    expect(parts(registry)).toEqual(['0-1999999', '2000000-3999999', '4000000-4999999'])
    expect(stored(registry)).toBe(true)
  })

  it('has no smaller chunks than the registry takes', async () => {
    await using registry = await ScriptedRegistry.start({ chunkMinLength: 3_000_000 })
    await upload(registry, { chunkBytes: 1_000_000 })
    expect(parts(registry)).toEqual(['0-2999999', '3000000-4999999'])
    expect(stored(registry)).toBe(true)
  })

  it('that is reset goes on where the registry says it stopped', async () => {
    const faults: Fault[] = [{ on: /^PATCH/, times: 1, effect: { kind: 'resetUpload', after: 3_000_000 } }]
    await using registry = await ScriptedRegistry.start({ faults })
    const told: number[] = []
    await upload(registry, {}, { onProgress: (current) => told.push(current) })
    expect(methods(registry)).toBe('POST PATCH GET PATCH PUT')
    expect(parts(registry)).toEqual([undefined, '3000000-4999999'])
    expect(told).toContain(3_000_000)
    expect(stored(registry)).toBe(true)
  })

  it('that is reset before a byte came begins anew', async () => {
    const faults: Fault[] = [{ on: /^PATCH/, times: 1, effect: { kind: 'resetUpload', after: 0 } }]
    await using registry = await ScriptedRegistry.start({ faults })
    await upload(registry)
    expect(stored(registry)).toBe(true)
    expect(registry.openUploads).toBe(0)
  })

  it.each(['POST', 'PATCH', 'PUT'])('survives a 503 of its %s', async (method) => {
    const faults: Fault[] = [{ on: new RegExp(`^${method}`), times: 1, effect: { kind: 'status', status: 503 } }]
    await using registry = await ScriptedRegistry.start({ faults })
    await upload(registry)
    expect(stored(registry)).toBe(true)
    expect(registry.openUploads).toBe(0)
  })

  it('waits as long as it is told to', async () => {
    const faults: Fault[] = [{ on: /^PATCH/, times: 1, effect: { kind: 'status', status: 429, retryAfter: 1 } }]
    await using registry = await ScriptedRegistry.start({ faults })
    const began = performance.now()
    await upload(registry)
    expect(performance.now() - began).toBeGreaterThan(990)
    expect(stored(registry)).toBe(true)
  })

  it('is done when only the last answer was lost', async () => {
    const faults: Fault[] = [{ on: /^PUT/, times: 1, effect: { kind: 'lose' } }]
    await using registry = await ScriptedRegistry.start({ faults })
    await upload(registry)
    expect(methods(registry)).toBe('POST PATCH PUT HEAD')
  })

  it('begins anew where the registry has forgotten it', async () => {
    const faults: Fault[] = [
      { on: /^PATCH/, times: 1, effect: { kind: 'resetUpload', after: 3_000_000 } },
      { on: /^GET/, times: 1, effect: { kind: 'status', status: 404 } },
    ]
    await using registry = await ScriptedRegistry.start({ faults })
    await upload(registry)
    expect(methods(registry)).toBe('POST PATCH GET DELETE POST PATCH PUT')
    expect(stored(registry)).toBe(true)
  })

  it('begins anew when what the registry kept was not what it said', async () => {
    const faults: Fault[] = [
      { on: /^PATCH/, times: 1, effect: { kind: 'resetUpload', after: 3_000_000 } },
      { on: /^GET/, times: 1, effect: { kind: 'headers', headers: { range: '0-2000000' } } },
    ]
    await using registry = await ScriptedRegistry.start({ faults })
    await upload(registry)
    expect(stored(registry)).toBe(true)
    expect(registry.openUploads).toBe(0)
  })

  it('tries modest chunks where a proxy takes no more', async () => {
    const large = Buffer.alloc(10 * 1024 * 1024, 7)
    const descriptor = { digest: digestOf(large), size: large.length }
    const faults: Fault[] = [{ on: /^PATCH/, times: 1, effect: { kind: 'status', status: 413 } }]
    await using registry = await ScriptedRegistry.start({ faults })
    await repositoryOf(registry).uploadBlob(descriptor, (offset) => readFrom(offset, large))
    expect(parts(registry).slice(1)).toEqual(['0-8388607', '8388608-10485759'])
  })

  it('that never gets on is given up and cancelled', async () => {
    const faults: Fault[] = [{ on: /^PATCH/, effect: { kind: 'resetUpload', after: 0 } }]
    await using registry = await ScriptedRegistry.start({ faults })
    await expect(upload(registry)).rejects.toMatchObject({ code: 'REGISTRY_UNAVAILABLE' })
    expect(registry.asked(/^PATCH/)).toHaveLength(quick.attempts)
    expect(registry.openUploads).toBe(0)
  })

  it('that is refused is cancelled, and not tried again', async () => {
    const faults: Fault[] = [{ on: /^PATCH/, effect: { kind: 'status', status: 403 } }]
    await using registry = await ScriptedRegistry.start({ faults })
    await expect(upload(registry)).rejects.toMatchObject({ code: 'ACCESS_DENIED' })
    expect(methods(registry)).toBe('POST PATCH DELETE')
    expect(registry.openUploads).toBe(0)
  })

  it.each(['http://', ''])('to a registry that says "%s" for an address fails', async (location) => {
    const effect = { kind: 'headers', headers: { location } } as unknown as Fault['effect']
    await using registry = await ScriptedRegistry.start({ faults: [{ on: /^POST/, effect }] })
    await expect(upload(registry)).rejects.toMatchObject({ code: 'REGISTRY_INVALID' })
  })

  it('of bytes that are not the blob fails', async () => {
    await using registry = await ScriptedRegistry.start()
    const wrong = { ...blob, digest: digestOf(Buffer.from('other')) }
    await expect(repositoryOf(registry).uploadBlob(wrong, readFrom)).rejects.toMatchObject({ code: 'DIGEST_MISMATCH' })
    expect(registry.repositories.get('library/x')?.blobs.size ?? 0).toBe(0)
  })

  it('fails with the error of its source', async () => {
    await using registry = await ScriptedRegistry.start()
    const failing = async function* () {
      yield bytes.subarray(0, 1000)
      throw new Error('the disk is gone')
    }
    await expect(repositoryOf(registry).uploadBlob(blob, failing)).rejects.toThrow('the disk is gone')
    expect(registry.asked(/^PATCH/)).toHaveLength(1)
    expect(registry.openUploads).toBe(0)
  })

  it('that is aborted is cancelled at the registry', async () => {
    await using registry = await ScriptedRegistry.start()
    const stop = new AbortController()
    const slow = async function* (offset: number) {
      yield* readFrom(offset, bytes.subarray(0, 2_000_000))
      stop.abort(new Error('enough'))
      await new Promise(() => {})
    }
    const aborted = repositoryOf(registry).uploadBlob(blob, slow, { signal: stop.signal })
    await expect(aborted).rejects.toThrow('enough')
    expect(registry.openUploads).toBe(0)
  })
})

describe('a mount', () => {
  const mount = (registry: ScriptedRegistry) => repositoryOf(registry).mountBlob(blob.digest, 'library/base')

  it('makes the blob one of the other repository', async () => {
    await using registry = await ScriptedRegistry.start()
    registry.repositories.make('library/base').blobs.set(blob.digest, bytes)
    expect(await repositoryOf(registry).hasBlob(blob.digest)).toBe(false)
    expect(await mount(registry)).toBe(true)
    expect(await repositoryOf(registry).hasBlob(blob.digest)).toBe(true)
  })

  it('that the registry refuses leaves no upload', async () => {
    await using registry = await ScriptedRegistry.start({ refuseMounts: true })
    registry.repositories.make('library/base').blobs.set(blob.digest, bytes)
    expect(await mount(registry)).toBe(false)
    expect(registry.openUploads).toBe(0)
  })
})
