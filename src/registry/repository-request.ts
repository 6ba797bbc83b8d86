import { readWhole } from './bounded.js'
import { invalidAnswer } from './digests.js'
import { Patience, type PatienceTuning } from './patience.js'
import type { RegistryRequest, RegistryResponse, Transport } from './transport.js'
import type { RegistryAuth } from './types.js'

/** The longest manifest, index, or page of a list, in bytes. */
const maxDocumentBytes = 4 * 1024 * 1024

export interface RepositoryTuning extends PatienceTuning {
  /** The most bytes of an upload's request. Default: 64 MiB. */
  readonly chunkBytes?: number
}

/** A repository to be asked. */
export interface RepositoryContext {
  readonly transport: Transport
  readonly registry: string
  /** `library/redis` */
  readonly path: string
  /** As its user knows it: `redis`. */
  readonly familiar: string
  readonly auth: RegistryAuth | undefined
  readonly tuning: RepositoryTuning
}

type Request = Omit<RegistryRequest, 'registry' | 'scopes' | 'auth'> & { readonly scopes?: readonly string[] }

/** Asks with the right to pull. */
export function askToPull(repository: RepositoryContext, request: Request): Promise<RegistryResponse> {
  return ask(repository, [`repository:${repository.path}:pull`], request)
}

/** Asks with the right to push, and further rights. */
export function askToPush(repository: RepositoryContext, request: Request): Promise<RegistryResponse> {
  return ask(repository, [`repository:${repository.path}:pull,push`], request)
}

function ask({ transport, registry, auth }: RepositoryContext, scopes: readonly string[], request: Request) {
  return transport.request({ registry, auth, ...request, scopes: [...scopes, ...(request.scopes ?? [])] })
}

/** An answer whose body is not wanted. */
export function discard({ body }: RegistryResponse): void {
  // What still comes of it, and that it breaks off, is of no interest.
  body.on('error', () => {}).destroy()
}

/** `Content-Length`; undefined when there is none that can be. */
export function contentLength({ headers }: RegistryResponse): number | undefined {
  const text = headers['content-length']
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : undefined
}

/**
 * Gets a document that has to be short; one whose body breaks off is asked for again.
 *
 * @param what names it in errors
 * @param accept judges the head; throws for what it does not want
 */
export async function getDocument(
  ask: () => Promise<RegistryResponse>,
  what: string,
  accept: (response: RegistryResponse) => Promise<void>,
  tuning: PatienceTuning,
  signal: AbortSignal | undefined,
): Promise<{ readonly response: RegistryResponse; readonly bytes: Buffer }> {
  const patience = new Patience(tuning)
  for (;;) {
    const response = await ask()
    await accept(response)
    try {
      return { response, bytes: await readDocument(response, what) }
    } catch (error) {
      await patience.after(error, `the transfer of ${what}`, false, signal)
    }
  }
}

async function readDocument(response: RegistryResponse, what: string): Promise<Buffer> {
  const length = contentLength(response) ?? 0
  if (length > maxDocumentBytes) discard(response)
  const bytes = length > maxDocumentBytes ? undefined : await readWhole(response.body, maxDocumentBytes + 1, 'cut')
  if (bytes !== undefined && bytes.length <= maxDocumentBytes) return bytes
  throw invalidAnswer(`${what} is longer than the ${maxDocumentBytes} bytes that are allowed`, what, {
    maxBytes: maxDocumentBytes,
  })
}
