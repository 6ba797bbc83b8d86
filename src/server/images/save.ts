import { once } from 'node:events'
import { looseObject, optional, string } from 'valibot'
import type { Exchange } from '../exchange.js'
import { ApiError } from '../failures.js'
import { parse } from '../validation.js'

/** `GET /images/{name}/get` and `GET /images/get`: an archive of images. */
export async function saveImages(exchange: Exchange, names: readonly string[]): Promise<void> {
  if (names.length === 0) throw new ApiError(400, 'no image to save: give names')
  const { engine, query, signal } = exchange
  const platform = platformOf(query)
  const archive = engine.images.saveStream(names, { signal, ...(platform !== undefined && { platform }) })
  // Until there is something to read, an error has a status.
  await once(archive, 'readable')
  await exchange.stream(archive, 'application/x-tar')
}

const part = optional(string(), '')
const platformDocument = looseObject({ os: string(), architecture: string(), variant: part })

/** Newer clients give a platform as a document. */
function platformOf(query: Exchange['query']): string | undefined {
  const text = query.text('platform')
  if (!text?.startsWith('{')) return text
  const { os, architecture, variant } = parse(platformDocument, query.json('platform'))
  return [os, architecture, variant].filter((name) => name !== '').join('/')
}
