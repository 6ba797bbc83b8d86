import { describe, expect, it } from 'vitest'
import { type Digest, digestOf } from '../../content/digest.js'
import type { Descriptor } from './manifest.js'
import { normalizePlatform, parsePlatform } from './platform.js'
import { bestFor } from './selection.js'

const manifestType = 'application/vnd.oci.image.manifest.v1+json'

/** A manifest for a platform, `''` for one that says none. */
function offer(platform: string, change: Partial<Descriptor> = {}): Descriptor {
  const [os = '', architecture = '', variant = ''] = platform.split('/')
  return {
    mediaType: manifestType,
    digest: digestOf(platform) as Digest,
    size: 1,
    annotations: {},
    urls: [],
    platform: platform === '' ? undefined : { os, architecture, variant },
    ...change,
  }
}

function chosen(wanted: string, ...offered: string[]): string | undefined {
  const all = offered.map((platform) => offer(platform))
  const best = bestFor(normalizePlatform(parsePlatform(wanted)), all)
  return best && offered[all.indexOf(best)]
}

describe('the manifest of an index for a platform', () => {
  it.each([
    ['linux/amd64', ['linux/arm64', 'linux/amd64'], 'linux/amd64'],
    ['linux/amd64', ['windows/amd64', 'linux/amd64'], 'linux/amd64'],
    ['linux/amd64', ['linux/amd64/v3', 'linux/amd64/v2', 'linux/amd64'], 'linux/amd64'],
    ['linux/amd64/v3', ['linux/amd64', 'linux/amd64/v2', 'linux/amd64/v4'], 'linux/amd64/v2'],
    ['linux/amd64/v2', ['linux/amd64', 'linux/amd64/v3'], 'linux/amd64'],
    ['linux/amd64', ['linux/386'], 'linux/386'],
    ['linux/amd64', ['linux/386', 'linux/amd64'], 'linux/amd64'],
    ['linux/arm/v7', ['linux/arm/v5', 'linux/arm/v6', 'linux/arm64'], 'linux/arm/v6'],
    ['linux/arm/v6', ['linux/arm/v7', 'linux/arm/v5'], 'linux/arm/v5'],
    ['linux/arm64', ['linux/arm/v6', 'linux/arm/v7'], 'linux/arm/v7'],
    ['linux/arm64', ['linux/arm64/v8'], 'linux/arm64/v8'],
    ['linux/amd64', ['', 'linux/386'], 'linux/386'],
    ['linux/amd64', ['linux/s390x', ''], ''],
  ])('%s of %j is %s', (wanted, offered, expected) => {
    expect(chosen(wanted, ...offered)).toBe(expected)
  })

  it.each([
    ['linux/amd64', ['linux/arm64', 'linux/amd64/v2']],
    ['linux/386', ['linux/amd64']],
    ['linux/arm/v6', ['linux/arm/v7', 'linux/arm64']],
  ])('%s is none of %j', (wanted, offered) => {
    expect(chosen(wanted, ...offered)).toBeUndefined()
  })

  it('is never an attestation, nor what is no image', () => {
    const wanted = parsePlatform('linux/amd64')
    const attestation = offer('linux/amd64', { annotations: { 'vnd.docker.reference.type': 'attestation-manifest' } })
    const signature = offer('linux/amd64', { mediaType: 'application/vnd.dev.cosign.signature' })
    expect(bestFor(wanted, [attestation, signature, offer('unknown/unknown')])).toBeUndefined()
  })
})
