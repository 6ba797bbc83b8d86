import type { Digest } from '../content/digest.js'
import { AuthError } from '../errors/index.js'
import { failure } from './failures.js'
import { askToPush, discard, type RepositoryContext } from './repository-request.js'
import type { RequestOptions } from './types.js'
import { cancelUpload } from './upload-session.js'

/** Whether the repository has a blob; asked before it is pushed. */
export async function hasBlob(
  repository: RepositoryContext,
  digest: Digest,
  { signal }: RequestOptions,
): Promise<boolean> {
  const path = `/v2/${repository.path}/blobs/${digest}`
  const response = await askToPush(repository, { method: 'HEAD', path, signal })
  if (response.status !== 200 && response.status !== 404)
    throw await failure(response, `${repository.familiar}@${digest}`, 'push')
  discard(response)
  return response.status === 200
}

/**
 * @param from `library/debian`, at the same registry
 * @see https://github.com/opencontainers/distribution-spec/blob/main/spec.md#mounting-a-blob-from-another-repository
 */
export async function mountBlob(
  repository: RepositoryContext,
  digest: Digest,
  from: string,
  { signal }: RequestOptions,
): Promise<boolean> {
  const query = new URLSearchParams({ mount: digest, from })
  try {
    const response = await askToPush(repository, {
      method: 'POST',
      path: `/v2/${repository.path}/blobs/uploads/?${query}`,
      scopes: [`repository:${from}:pull`],
      body: Buffer.alloc(0),
      signal,
    })
    discard(response)
    const { location } = response.headers
    // A registry that would not mount has begun an upload instead.
    if (response.status === 202 && location !== undefined && URL.canParse(location, response.url))
      await cancelUpload(repository, new URL(location, response.url).href)
    return response.status === 201
  } catch (error) {
    // Who may not read the other repository may well write this one.
    if (error instanceof AuthError) return false
    throw error
  }
}
