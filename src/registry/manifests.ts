import type { Digest } from '../content/digest.js'
import { InvalidOptionError } from '../errors/index.js'
import { printable, quoted } from '../errors/printable.js'
import { digestOf, headerDigest, invalidAnswer, isDigest, mismatch } from './digests.js'
import { failure, parseObject } from './failures.js'
import {
  askToPull,
  askToPush,
  contentLength,
  discard,
  getDocument,
  type RepositoryContext,
} from './repository-request.js'
import type { RegistryResponse } from './transport.js'
import type { FetchedManifest, ManifestHead, RequestOptions } from './types.js'

const manifestTypes = [
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.v2+json',
] as const
const indexTypes = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
] as const
const known: ReadonlySet<string> = new Set([...manifestTypes, ...indexTypes])

/** What servers call a file that they know nothing of. */
const vague: ReadonlySet<string> = new Set(['', 'application/json', 'application/octet-stream', 'text/plain'])

const schema1 = /^application\/vnd\.docker\.distribution\.manifest\.v1\+/

const accept = [...known].join(', ')

/** @see https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pulling-manifests */
export async function getManifest(
  repository: RepositoryContext,
  reference: string,
  { signal }: RequestOptions,
): Promise<FetchedManifest> {
  const name = nameOf(repository, reference)
  const { response, bytes } = await getDocument(
    () =>
      askToPull(repository, {
        method: 'GET',
        path: pathOf(repository, reference),
        headers: { accept },
        mirrored: true,
        signal,
      }),
    `the manifest of ${name}`,
    async (response) => {
      if (response.status !== 200) throw await failure(response, name)
    },
    repository.tuning,
    signal,
  )
  const digest = digestOf(bytes)
  const announced = isDigest(reference) ? reference : headerDigest(response.headers['docker-content-digest'], name)
  if (announced !== undefined && announced !== digest)
    throw mismatch(`the manifest of ${name}`, 'digest', announced, digest)
  return { bytes, digest, mediaType: pinnedType(response, bytes, name) }
}

/** Undefined when there is none. */
export async function headManifest(
  repository: RepositoryContext,
  reference: string,
  options: RequestOptions,
): Promise<ManifestHead | undefined> {
  const name = nameOf(repository, reference)
  const path = pathOf(repository, reference)
  const { signal } = options
  const response = await askToPull(repository, { method: 'HEAD', path, headers: { accept }, mirrored: true, signal })
  discard(response)
  if (response.status === 404) return undefined
  if (response.status !== 200) throw await failure(response, name)
  const mediaType = typeOf(response)
  const digest = headerDigest(response.headers['docker-content-digest'], name)
  if (isDigest(reference) && digest !== undefined && digest !== reference)
    throw mismatch(`the manifest of ${name}`, 'digest', reference, digest)
  const size = contentLength(response)
  if (digest !== undefined && size !== undefined && known.has(mediaType)) return { mediaType, digest, size }
  // A registry that says too little without the body.
  const whole = await getManifest(repository, reference, options)
  return { mediaType: whole.mediaType, digest: whole.digest, size: whole.bytes.length }
}

/** @see https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pushing-manifests */
export async function putManifest(
  repository: RepositoryContext,
  reference: string,
  mediaType: string,
  bytes: Buffer,
  { signal }: RequestOptions,
): Promise<Digest> {
  const name = nameOf(repository, reference)
  const response = await askToPush(repository, {
    method: 'PUT',
    path: pathOf(repository, reference),
    headers: { 'content-type': mediaType },
    body: bytes,
    signal,
  })
  if (response.status !== 201 && response.status !== 200) throw await failure(response, name, 'push')
  discard(response)
  const digest = digestOf(bytes)
  const told = headerDigest(response.headers['docker-content-digest'], name)
  if (told !== undefined && told !== digest) throw mismatch(`the manifest of ${name}`, 'digest', digest, told)
  return digest
}

/** @throws {InvalidOptionError} `INVALID_REFERENCE` for a digest that could not be verified */
function pathOf({ path }: RepositoryContext, reference: string): string {
  if (reference.includes(':') && !isDigest(reference))
    throw new InvalidOptionError('unsupported digest algorithm: a manifest is referred to by its sha256', {
      code: 'INVALID_REFERENCE',
      details: { reference },
    })
  return `/v2/${path}/manifests/${reference}`
}

function nameOf({ familiar }: RepositoryContext, reference: string): string {
  return familiar + (reference.includes(':') ? '@' : ':') + reference
}

function typeOf({ headers }: RegistryResponse): string {
  return (headers['content-type'] ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? ''
}

/** The media type that the header says; the document's own where the header says nothing. */
function pinnedType(response: RegistryResponse, bytes: Buffer, name: string): string {
  const type = typeOf(response)
  if (known.has(type)) return type
  const document = vague.has(type) ? parseObject(bytes.toString('utf8')) : undefined
  const own = typeof document?.mediaType === 'string' ? document.mediaType : ''
  if (schema1.test(type) || schema1.test(own) || document?.schemaVersion === 1) throw tooOld(name)
  if (known.has(own)) return own
  // OCI's documents may leave it out; the parser refuses one that could be both.
  if (own === '' && document?.schemaVersion === 2) return 'manifests' in document ? indexTypes[0] : manifestTypes[0]
  const shown = quoted(own || type)
  throw invalidAnswer(`the manifest of ${name} is of the media type ${shown}, which is none of an image`, name, {
    mediaType: printable(own || type, 200),
  })
}

function tooOld(name: string): Error {
  return invalidAnswer(
    `the manifest of ${name} has schema version 1, which is no longer supported: push the image again with a newer client`,
    name,
    { schemaVersion: 1 },
  )
}
