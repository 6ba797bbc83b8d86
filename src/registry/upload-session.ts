import { invalidAnswer } from './digests.js'
import { failure } from './failures.js'
import { askToPush, discard, type RepositoryContext } from './repository-request.js'
import type { RegistryRequest, RegistryResponse } from './transport.js'

/** An upload at a registry. Its address changes with each answer. */
export interface UploadSession {
  readonly location: string
  /** Bytes that the registry has. */
  readonly offset: number
  /** `OCI-Chunk-Min-Length` */
  readonly minChunkBytes: number
}

/** The upload cannot go on as it was begun; another try may succeed. */
export class InterruptedUpload extends Error {}

/** The registry has forgotten the upload, or is elsewhere in it. */
const isLost = (status: number) => status === 404 || status === 416

/** How long an upload that is given up may take to cancel. */
const cancelTimeoutMs = 2000

/** @see https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pushing-blobs */
export async function beginUpload(
  repository: RepositoryContext,
  signal: AbortSignal | undefined,
): Promise<UploadSession> {
  const response = await askToPush(repository, {
    method: 'POST',
    path: `/v2/${repository.path}/blobs/uploads/`,
    body: Buffer.alloc(0),
    // What a lost answer has begun expires at the registry.
    repeatable: true,
    signal,
  })
  return { ...(await sessionOf(repository, response, 202)), offset: 0 }
}

/**
 * Sends bytes from the session's offset on.
 *
 * @param range `Content-Range`; left out when the whole comes at once, as Docker does
 */
export async function sendPart(
  repository: RepositoryContext,
  session: UploadSession,
  bytes: number,
  range: string | undefined,
  body: () => AsyncIterable<Uint8Array>,
  signal: AbortSignal | undefined,
): Promise<UploadSession> {
  const headers = {
    'content-type': 'application/octet-stream',
    'content-length': String(bytes),
    ...(range !== undefined && { 'content-range': range }),
  }
  const request = { method: 'PATCH', path: session.location, headers, body, signal } as const
  const response = await askToPush(repository, request)
  if (isLost(response.status))
    throw new InterruptedUpload((await failure(response, repository.familiar, 'push')).message)
  const next = await sessionOf(repository, response, 202)
  // A registry that does not say has all of it.
  return next.offset === undefined ? { ...next, offset: session.offset + bytes } : { ...next, offset: next.offset }
}

/** What the registry has of an interrupted upload; undefined when it has nothing to go on with. */
export async function uploadState(
  repository: RepositoryContext,
  session: UploadSession,
  signal: AbortSignal | undefined,
): Promise<UploadSession | undefined> {
  const response = await askToPush(repository, { method: 'GET', path: session.location, signal })
  if (response.status !== 204 && response.status !== 200) {
    discard(response)
    return undefined
  }
  const { offset, ...state } = await sessionOf(repository, response, response.status, session)
  // `0-0` is nothing at some registries and a byte at others.
  return offset === undefined || offset <= 1 ? undefined : { ...state, offset }
}

/** The upload becomes a blob; `body`: what the registry does not have yet. */
export async function completeUpload(
  repository: RepositoryContext,
  session: UploadSession,
  digest: string,
  body: Buffer,
  signal: AbortSignal | undefined,
): Promise<RegistryResponse> {
  const url = new URL(session.location)
  // As text: the query is the registry's, and is given back byte for byte.
  url.search = `${url.search === '' ? '?' : `${url.search}&`}digest=${encodeURIComponent(digest)}`
  const request: Pick<RegistryRequest, 'method' | 'path' | 'headers' | 'body' | 'repeatable'> = {
    method: 'PUT',
    path: url.href,
    headers: { 'content-type': 'application/octet-stream' },
    body,
    // A second try would add the bytes once more.
    repeatable: false,
  }
  return askToPush(repository, { ...request, signal })
}

/** Never fails: what cannot be cancelled expires at the registry. */
export async function cancelUpload(repository: RepositoryContext, location: string): Promise<void> {
  const signal = AbortSignal.timeout(cancelTimeoutMs)
  await askToPush(repository, { method: 'DELETE', path: location, repeatable: false, signal }).then(discard, () => {})
}

async function sessionOf(
  repository: RepositoryContext,
  response: RegistryResponse,
  status: number,
  before?: UploadSession,
): Promise<Omit<UploadSession, 'offset'> & { readonly offset: number | undefined }> {
  if (response.status !== status) throw await failure(response, repository.familiar, 'push')
  discard(response)
  const { location, range, 'oci-chunk-min-length': minimum } = response.headers
  const target = location || before?.location
  if (target === undefined || !URL.canParse(target, response.url))
    throw invalidAnswer(
      `the registry does not say where to upload a blob of ${repository.familiar}`,
      repository.familiar,
    )
  const end = /^(?:bytes=)?0-(\d{1,15})$/.exec(range ?? '')?.[1]
  return {
    location: new URL(target, response.url).href,
    offset: end === undefined ? undefined : Number(end) + 1,
    minChunkBytes: /^\d{1,15}$/.test(minimum ?? '') ? Number(minimum) : (before?.minChunkBytes ?? 0),
  }
}
