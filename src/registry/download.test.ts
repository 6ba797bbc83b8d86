import { randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { registriesFor, repositoryOf } from '../../test/support/repositories.js'
import type { Fault } from '../../test/support/scripted-registry/faults.js'
import { ScriptedRegistry, type ScriptedRegistryOptions } from '../../test/support/scripted-registry.js'
import type { BlobDescriptor } from '../content/content.js'

const blobs = /^GET \/v2\/library\/x\/blobs\//
const size = 1_000_000
const bytes = randomBytes(size)

const once = (effect: Fault['effect']): Fault => ({ on: blobs, times: 1, effect })
const always = (effect: Fault['effect']): Fault => ({ on: blobs, effect })

async function withBlob(options: ScriptedRegistryOptions) {
  const registry = await ScriptedRegistry.start(options)
  const image = await registry.addImage('library/x', { layers: [bytes] })
  return { registry, blob: image.layers[0] as BlobDescriptor }
}

async function whole(source: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  for await (const chunk of source) chunks.push(chunk)
  return Buffer.concat(chunks)
}

/** `Range` of each request for a blob. */
const ranges = (registry: ScriptedRegistry) =>
  registry.requests.filter(({ path }) => path.includes('/blobs/')).map(({ headers }) => headers.range)

describe('a download', () => {
  it('gives the bytes, by one request', async () => {
    const { registry, blob } = await withBlob({})
    await using _ = registry
    expect(bytes.equals(await whole(repositoryOf(registry).blob(blob)))).toBe(true)
    expect(ranges(registry)).toEqual([undefined])
  })

  it('that is reset goes on from what it has', async () => {
    const { registry, blob } = await withBlob({ faults: [once({ kind: 'reset', after: 600_000 })] })
    await using _ = registry
    expect(bytes.equals(await whole(repositoryOf(registry).blob(blob)))).toBe(true)
    expect(ranges(registry)).toEqual([undefined, expect.stringMatching(/^bytes=\d+-$/)])
  })

  it.each([
    ['cut', { kind: 'truncate', after: 600_000 }],
    ['stalled', { kind: 'stall', after: 600_000 }],
  ] as const)('that is %s goes on where it stopped', async (_, effect) => {
    const { registry, blob } = await withBlob({ faults: [once(effect)] })
    await using __ = registry
    expect(bytes.equals(await whole(repositoryOf(registry).blob(blob)))).toBe(true)
    expect(ranges(registry)).toEqual([undefined, 'bytes=600000-'])
    expect([...registry.sent.values()]).toEqual([size])
  })

  it('goes on at a registry that knows no ranges', async () => {
    const { registry, blob } = await withBlob({ ranges: false, faults: [once({ kind: 'reset', after: 600_000 })] })
    await using _ = registry
    expect(bytes.equals(await whole(repositoryOf(registry).blob(blob)))).toBe(true)
    expect([...registry.sent.values()]).toEqual([size + 600_000])
  })

  it('that a mirror breaks off goes on at the registry itself', async () => {
    const { registry, blob } = await withBlob({})
    await using _ = registry
    const { registry: mirror } = await withBlob({ faults: [always({ kind: 'truncate', after: 600_000 })] })
    await using __ = mirror
    await using registries = registriesFor({}, { [registry.host]: { mirrors: [mirror.origin] } })
    const repository = registries.repository({ domain: registry.host, path: 'library/x' })
    expect(bytes.equals(await whole(repository.blob(blob)))).toBe(true)
    expect(ranges(mirror)).toEqual([undefined])
    expect(ranges(registry)).toEqual(['bytes=600000-'])
  })

  it('survives any number of breaks as long as it gets on', async () => {
    const { registry, blob } = await withBlob({ faults: [{ ...once({ kind: 'truncate', after: 100_000 }), times: 9 }] })
    await using _ = registry
    expect(bytes.equals(await whole(repositoryOf(registry).blob(blob)))).toBe(true)
    expect(ranges(registry)).toHaveLength(10)
  })

  it.each([
    ['that never gets on', { kind: 'reset', after: 0 }],
    ['that gets on by a byte only', { kind: 'reset', after: 1 }],
  ] as const)('%s is given up', async (_, effect) => {
    const { registry, blob } = await withBlob({ faults: [always(effect)] })
    await using __ = registry
    await expect(whole(repositoryOf(registry).blob(blob))).rejects.toMatchObject({
      code: 'REGISTRY_UNAVAILABLE',
      message: expect.stringContaining(blob.digest),
    })
    expect(ranges(registry)).toHaveLength(3)
  })

  it('ends without an error when all bytes came before the connection broke', async () => {
    const { registry, blob } = await withBlob({ faults: [once({ kind: 'stall', after: size })] })
    await using _ = registry
    registry.fault(once({ kind: 'chunked' }))
    expect((await whole(repositoryOf(registry).blob(blob))).length).toBe(size)
  })

  it('gives no byte beyond the announced size of an endless body', async () => {
    const { registry, blob } = await withBlob({ faults: [always({ kind: 'endless' })] })
    await using _ = registry
    let received = 0
    const download = async () => {
      for await (const chunk of repositoryOf(registry).blob(blob)) received += chunk.length
    }
    await expect(download()).rejects.toMatchObject({
      code: 'DIGEST_MISMATCH',
      details: { what: 'size', expected: size },
    })
    expect(received).toBeLessThanOrEqual(size)
    expect(ranges(registry)).toHaveLength(1)
  })

  it.each([size - 1, size + 1])('is refused at once where the registry announces %d bytes', async (length) => {
    const { registry, blob } = await withBlob({})
    await using _ = registry
    registry.repositories.get('library/x')?.blobs.set(blob.digest, Buffer.alloc(length))
    await expect(whole(repositoryOf(registry).blob(blob))).rejects.toMatchObject({
      code: 'DIGEST_MISMATCH',
      details: { expected: size, actual: length },
    })
    expect(ranges(registry)).toHaveLength(1)
  })

  it.each(['bytes 600000-999998/1000000', 'bytes 599999-999999/1000000', 'bytes 600000-999999/1000001', 'pages 1-2/3'])(
    'refuses the range %s',
    async (range) => {
      const { registry, blob } = await withBlob({ faults: [once({ kind: 'reset', after: 600_000 })] })
      await using _ = registry
      registry.fault({ ...once({ kind: 'headers', headers: { 'content-range': range } }), skip: 1 })
      await expect(whole(repositoryOf(registry).blob(blob))).rejects.toMatchObject({ code: 'REGISTRY_INVALID' })
    },
  )

  it('says which blob a registry lacks', async () => {
    const { registry, blob } = await withBlob({})
    await using _ = registry
    registry.repositories.get('library/x')?.blobs.clear()
    await expect(whole(repositoryOf(registry).blob(blob))).rejects.toMatchObject({ code: 'BLOB_NOT_FOUND' })
  })

  it('ends its connection when the reader leaves', async () => {
    const { registry, blob } = await withBlob({ faults: [always({ kind: 'slow', chunk: 1000, everyMs: 1 })] })
    await using _ = registry
    for await (const chunk of repositoryOf(registry).blob(blob)) if (chunk.length > 0) break
    await expect.poll(() => registry.connections()).toBe(0)
    expect([...registry.sent.values()][0]).toBeLessThan(size)
  })

  it('stops with the reason of its signal, also while it waits', async () => {
    const { registry, blob } = await withBlob({ faults: [always({ kind: 'reset', after: 0 })] })
    await using _ = registry
    const stop = new AbortController()
    const download = whole(
      repositoryOf(registry, 'library/x', { firstDelayMs: 60_000 }).blob(blob, { signal: stop.signal }),
    )
    await expect.poll(() => registry.requests.length).toBe(1)
    stop.abort(new Error('enough'))
    await expect(download).rejects.toThrow('enough')
  })

  it('waits for its reader', async () => {
    const registry = await ScriptedRegistry.start()
    await using _ = registry
    const large = randomBytes(64 * 1024 * 1024)
    const image = await registry.addImage('library/x', { layers: [large] })
    const blob = image.layers[0] as BlobDescriptor
    const reader = repositoryOf(registry).blob(blob)[Symbol.asyncIterator]()
    await reader.next()
    const sent = await settledValue(() => [...registry.sent.values()][0] ?? 0)
    // What the kernel's buffers hold.
    expect(sent).toBeLessThan(32 * 1024 * 1024)
    await reader.return?.()
  })
})

/** A number once it has not changed for a while. */
async function settledValue(read: () => number): Promise<number> {
  for (let before = -1; ; ) {
    const now = read()
    if (now === before) return now
    before = now
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}
