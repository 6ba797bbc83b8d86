import { invalidAnswer } from './digests.js'
import { parseObject } from './failures.js'
import type { PatienceTuning } from './patience.js'
import { getDocument } from './repository-request.js'
import type { RegistryResponse } from './transport.js'

const maxPages = 10_000
const maxItems = 500_000

export interface PagesRequest {
  /** Of the first page. */
  readonly path: string
  /** The array's key in the document. */
  readonly key: string
  /** What is listed, for errors. */
  readonly what: string
  readonly isItem: (item: string) => boolean
  readonly ask: (path: string) => Promise<RegistryResponse>
  /** Throws for an answer that is none. */
  readonly accept: (response: RegistryResponse) => Promise<void>
  readonly tuning: PatienceTuning
  readonly signal: AbortSignal | undefined
}

/**
 * The pages of a list, each found by the `Link` of the one before (RFC 5988).
 *
 * @see https://github.com/opencontainers/distribution-spec/blob/main/spec.md#listing-tags
 */
export async function* pages(request: PagesRequest): AsyncGenerator<readonly string[], void, undefined> {
  const { what, ask, accept, tuning, signal } = request
  const visited = new Set<string>()
  let items = 0
  for (let path: string | undefined = request.path; path !== undefined; ) {
    if (visited.has(path)) throw invalidAnswer(`${what} goes in a circle: its next page was already there`, what)
    visited.add(path)
    const at = path
    const { response, bytes } = await getDocument(() => ask(at), what, accept, tuning, signal)
    const page = itemsOf(bytes, request)
    items += page.length
    if (visited.size > maxPages || items > maxItems)
      throw invalidAnswer(`${what} has more than ${maxPages} pages or ${maxItems} items`, what)
    yield page
    path = nextOf(response)
  }
}

function itemsOf(bytes: Buffer, { key, what, isItem }: PagesRequest): readonly string[] {
  // Go writes an empty list as null.
  const items = parseObject(bytes.toString('utf8'))?.[key] ?? undefined
  if (items === undefined && parseObject(bytes.toString('utf8')) !== undefined) return []
  if (Array.isArray(items) && items.every((item) => typeof item === 'string' && isItem(item))) return items
  throw invalidAnswer(`${what} is not what the specification says: "${key}" must be a list of names`, what)
}

function nextOf({ headers, url }: RegistryResponse): string | undefined {
  for (const [, target, parameters] of (headers.link ?? '').matchAll(/<([^<>]*)>([^,<]*)/g))
    if (/;\s*rel="?next"?\s*(;|$)/i.test(parameters ?? '') && URL.canParse(target ?? '', url))
      return new URL(target ?? '', url).href
  return undefined
}
