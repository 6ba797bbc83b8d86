import { digestOf } from '../content/digest.js'
import { DigestMismatchError } from '../errors/index.js'
import type { Reference } from '../reference/reference.js'
import type { Repository } from '../registry/types.js'
import { maxConfigBytes } from './documents/config.js'
import { asString, optional, parseObject } from './documents/json.js'
import { type Descriptor, parseManifest } from './documents/manifest.js'
import type { Platform } from './documents/platform.js'
import { answered, invalidAnswer, targetOf } from './pull-manifest.js'

/** `docker manifest inspect`'s request for what a registry has under a name: Docker's field names. */
export interface DistributionInspect {
  /** Of the index, or the manifest, that the name stands for. */
  readonly Descriptor: { readonly mediaType: string; readonly digest: string; readonly size: number }
  /** Those an index offers, or the one of the image. */
  readonly Platforms: readonly DistributionPlatform[]
}

/** What an image runs on, in Go's names. */
export interface DistributionPlatform {
  readonly architecture: string
  readonly os: string
  readonly variant?: string
}

/** @throws {RegistryError} also `REGISTRY_INVALID`; {AuthError}; {DigestMismatchError} */
export async function inspectDistribution(
  repository: Repository,
  reference: Reference,
  signal?: AbortSignal | undefined,
): Promise<DistributionInspect> {
  const { bytes, mediaType, digest } = await repository.manifest(targetOf(reference), { signal })
  const document = answered(() => parseManifest(bytes, mediaType, digest))
  const platforms =
    document.kind === 'index'
      ? document.manifests.flatMap(({ platform }) => platform ?? [])
      : [await platformOf(repository, document.config, signal)]
  return { Descriptor: { mediaType, digest, size: bytes.length }, Platforms: platforms.map(shown) }
}

/** What an image's configuration says, also one that could not run here. */
async function platformOf(
  repository: Repository,
  { digest, size }: Descriptor,
  signal: AbortSignal | undefined,
): Promise<Platform> {
  if (size > maxConfigBytes)
    throw invalidAnswer(`the configuration ${digest} has ${size} bytes; ${maxConfigBytes} are allowed`)
  const chunks: Uint8Array[] = []
  for await (const chunk of repository.blob({ digest, size }, { signal })) chunks.push(chunk)
  const bytes = Buffer.concat(chunks)
  const actual = digestOf(bytes)
  if (actual !== digest)
    throw new DigestMismatchError(`the configuration ${digest} came with the digest ${actual}`, {
      code: 'DIGEST_MISMATCH',
      details: { expected: digest, actual },
    })
  return answered(() => {
    const object = parseObject(bytes, digest)
    const text = (key: string) => optional(object[key], `${digest}: ${key}`, asString) ?? ''
    return { os: text('os'), architecture: text('architecture'), variant: text('variant') }
  })
}

function shown({ architecture, os, variant }: Platform): DistributionPlatform {
  return { architecture, os, ...(variant !== '' && { variant }) }
}
