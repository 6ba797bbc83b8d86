import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { repositoryOf } from '../../test/support/repositories.js'
import { ScriptedRegistry } from '../../test/support/scripted-registry.js'
import { parseReference } from '../reference/reference.js'
import { inspectDistribution } from './distribution.js'

let registry: ScriptedRegistry
beforeEach(async () => {
  registry = await ScriptedRegistry.start()
})
afterEach(() => registry[Symbol.asyncDispose]())

const arm = { os: 'linux', architecture: 'arm', variant: 'v7' }
const windows = { os: 'windows', architecture: 'amd64' }
const inspect = (name = '') =>
  inspectDistribution(repositoryOf(registry), parseReference(`${registry.host}/library/x${name}`))

describe('what a registry has under a name', () => {
  it('is an image, with the platform that its configuration says', async () => {
    const { digest, size, mediaType } = await registry.addImage('library/x', { platform: arm })
    expect(await inspect()).toEqual({ Descriptor: { mediaType, digest, size }, Platforms: [arm] })
    expect(await inspect(`@${digest}`)).toEqual(await inspect())
  })

  it('is an image that cannot run here', async () => {
    await registry.addImage('library/x', { platform: windows })
    expect((await inspect()).Platforms).toEqual([windows])
  })

  it('is an index, with the platforms that it offers', async () => {
    const images = [
      await registry.addImage('library/x', { tag: 'a', platform: arm }),
      await registry.addImage('library/x', { tag: 'b', platform: windows }),
    ]
    const digest = registry.addIndex('library/x', 'all', images)
    expect(await inspect(':all')).toMatchObject({
      Descriptor: { mediaType: 'application/vnd.oci.image.index.v1+json', digest },
      Platforms: [arm, windows],
    })
    expect(registry.asked(/blobs/)).toEqual([])
  })

  it('is nothing', async () => {
    await expect(inspect(':nope')).rejects.toMatchObject({ code: 'MANIFEST_NOT_FOUND' })
  })

  it('is refused with a configuration that is not what the manifest says', async () => {
    const { config } = await registry.addImage('library/x')
    registry.fault({ on: new RegExp(`^GET .*${config.digest}`), effect: { kind: 'corrupt', at: 3 } })
    await expect(inspect()).rejects.toMatchObject({ code: 'DIGEST_MISMATCH' })
  })

  it('is refused with a manifest that is none', async () => {
    await registry.addImage('library/x', { manifest: (manifest) => ({ ...manifest, config: 'none' }) })
    await expect(inspect()).rejects.toMatchObject({ code: 'REGISTRY_INVALID' })
  })
})
