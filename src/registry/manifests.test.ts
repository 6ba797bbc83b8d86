import { describe, expect, it } from 'vitest'
import { repositoryOf } from '../../test/support/repositories.js'
import type { Effect } from '../../test/support/scripted-registry/faults.js'
import { ScriptedRegistry } from '../../test/support/scripted-registry.js'
import { digestOf } from './digests.js'

const types = {
  manifest: 'application/vnd.oci.image.manifest.v1+json',
  index: 'application/vnd.oci.image.index.v1+json',
  docker: 'application/vnd.docker.distribution.manifest.v2+json',
  schema1: 'application/vnd.docker.distribution.manifest.v1+prettyjws',
}
const other = `sha256:${'0'.repeat(64)}`
const get = /^GET .*\/manifests\//

describe('a manifest', () => {
  it.each(['by tag', 'by digest'])('comes as it is, %s', async (how) => {
    await using registry = await ScriptedRegistry.start()
    const { bytes, digest, mediaType } = await registry.addImage('library/x')
    const manifest = await repositoryOf(registry).manifest(how === 'by tag' ? 'latest' : digest)
    expect(manifest).toEqual({ bytes, digest, mediaType })
    expect(`${registry.requests[0]?.headers.accept}`.split(', ')).toHaveLength(4)
  })

  it('that the registry lacks is named', async () => {
    await using registry = await ScriptedRegistry.start()
    await registry.addImage('library/x')
    await expect(repositoryOf(registry).manifest('nope')).rejects.toMatchObject({
      name: 'RegistryError',
      code: 'MANIFEST_NOT_FOUND',
      message: `manifest for ${registry.host}/library/x:nope not found: manifest unknown: manifest unknown`,
    })
    await expect(repositoryOf(registry).manifestHead('nope')).resolves.toBeUndefined()
  })

  it.each<[string, Effect, string]>([
    ['is not what the digest says', { kind: 'corrupt', at: 100 }, 'DIGEST_MISMATCH'],
    ['is not what its tag is announced with', { kind: 'body', body: '{"schemaVersion":2}' }, 'DIGEST_MISMATCH'],
    ['never ends', { kind: 'endless' }, 'REGISTRY_INVALID'],
    ['says it is larger than 4 MiB', { kind: 'headers', headers: { 'content-length': '4194305' } }, 'REGISTRY_INVALID'],
    ['is of another media type', { kind: 'headers', headers: { 'content-type': 'text/html' } }, 'REGISTRY_INVALID'],
    ['has no digest', { kind: 'headers', headers: { 'docker-content-digest': 'md5:1' } }, 'REGISTRY_INVALID'],
    ['breaks off each time', { kind: 'truncate', after: 10 }, 'REGISTRY_UNAVAILABLE'],
  ])('that %s is refused', async (_, effect, code) => {
    await using registry = await ScriptedRegistry.start({ faults: [{ on: get, effect }] })
    await registry.addImage('library/x')
    await expect(repositoryOf(registry).manifest('latest')).rejects.toMatchObject({ code })
  })

  it('that breaks off is asked for again', async () => {
    await using registry = await ScriptedRegistry.start({
      faults: [{ on: get, times: 1, effect: { kind: 'reset', after: 10 } }],
    })
    const { digest } = await registry.addImage('library/x')
    expect((await repositoryOf(registry).manifest('latest')).digest).toBe(digest)
  })

  it.each([
    ['by its header', types.schema1, {}],
    ['by its document', 'application/json', { schemaVersion: 1, fsLayers: [] }],
  ])('of schema version 1 is refused, known %s', async (_, mediaType, document) => {
    await using registry = await ScriptedRegistry.start()
    const bytes = Buffer.from(JSON.stringify(document))
    registry.repositories.putManifest('library/x', 'old', { mediaType, bytes })
    await expect(repositoryOf(registry).manifest('old')).rejects.toMatchObject({
      code: 'REGISTRY_INVALID',
      message: expect.stringContaining('schema version 1, which is no longer supported'),
    })
  })

  it.each([
    ['what it says itself', { schemaVersion: 2, mediaType: types.docker }, types.docker],
    ['an index by its manifests', { schemaVersion: 2, manifests: [] }, types.index],
    ['a manifest otherwise', { schemaVersion: 2, config: {} }, types.manifest],
  ])('of a server that knows no media types is %s', async (_, document, expected) => {
    await using registry = await ScriptedRegistry.start()
    const bytes = Buffer.from(JSON.stringify(document))
    registry.repositories.putManifest('library/x', 'vague', { mediaType: 'text/plain; charset=utf-8', bytes })
    expect((await repositoryOf(registry).manifest('vague')).mediaType).toBe(expected)
  })

  it('is put, by tag or digest, with the type that it is given', async () => {
    await using registry = await ScriptedRegistry.start()
    const bytes = Buffer.from('{"schemaVersion":2}')
    const digest = await repositoryOf(registry).putManifest('new', types.docker, bytes)
    expect(digest).toBe(digestOf(bytes))
    expect(await repositoryOf(registry).manifest('new')).toEqual({ bytes, digest, mediaType: types.docker })
    await repositoryOf(registry).putManifest(digest, types.docker, bytes)
    expect(registry.asked(/^PUT/)[1]).toBe(`PUT /v2/library/x/manifests/${digest}`)
  })

  it('that the registry has under another digest was not put', async () => {
    await using registry = await ScriptedRegistry.start({
      faults: [{ on: /^PUT/, effect: { kind: 'headers', headers: { 'docker-content-digest': other } } }],
    })
    await expect(repositoryOf(registry).putManifest('new', types.docker, Buffer.from('{}'))).rejects.toMatchObject({
      code: 'DIGEST_MISMATCH',
    })
  })

  it('has a head, with its size', async () => {
    await using registry = await ScriptedRegistry.start()
    const { digest, mediaType, size } = await registry.addImage('library/x')
    expect(await repositoryOf(registry).manifestHead('latest')).toEqual({ digest, mediaType, size })
    expect(registry.asked()).toEqual(['HEAD /v2/library/x/manifests/latest'])
  })

  it('is fetched whole where the head says too little', async () => {
    await using registry = await ScriptedRegistry.start({
      faults: [{ on: /^HEAD/, effect: { kind: 'headers', headers: { 'content-type': 'text/plain' } } }],
    })
    const { digest, mediaType, size } = await registry.addImage('library/x')
    expect(await repositoryOf(registry).manifestHead('latest')).toEqual({ digest, mediaType, size })
  })
})
