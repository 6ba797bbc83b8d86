import { type Digest, isDigest } from '../content/digest.js'
import { ConflictError, InvalidOptionError } from '../errors/index.js'
import { parseReference, type Reference, withDefaultTag, withoutTag } from '../reference/reference.js'
import type { ImageRecords, ImageRow } from '../store/images.js'
import { parseConfig } from './documents/config.js'
import { noSuchImage } from './image-errors.js'
import type { ImageContent, ImageRecord } from './types.js'

const maxCached = 256

/** Finds images by whatever names them. Synchronous: it is on the path of every start. */
export interface Catalogue {
  /**
   * By name, by full ID, or by a unique prefix of an ID, with or without `sha256:`, in Docker's order. A full ID may be
   * answered from memory after the image was removed: whoever uses it finds out in the store. It also finds an image that
   * was removed by force, as long as there are containers of it.
   *
   * @throws {NotFoundError} `IMAGE_NOT_FOUND`; {ConflictError} `AMBIGUOUS_ID`; {InvalidOptionError} `INVALID_REFERENCE`
   */
  resolve(nameOrId: string): ImageContent
  /** The same with the names it has now, and nothing taken from memory. */
  get(nameOrId: string): ImageRecord
}

export function openCatalogue(records: ImageRecords): Catalogue {
  const cache = new Map<string, ImageContent>()

  const load = (id: string, read = records.get): ImageContent | undefined => {
    const row = read(id)
    return row && toContent(row, records)
  }

  const loadCached = (id: string): ImageContent | undefined => {
    const known = cache.get(id)
    if (known) return known
    const content = load(id, records.getUsed)
    if (content) cache.set(id, content)
    if (cache.size > maxCached) cache.delete(cache.keys().next().value as string)
    return content
  }

  const find = (nameOrId: string, read: (id: string) => ImageContent | undefined): ImageContent => {
    const whole = isDigest(nameOrId) && records.has(nameOrId) ? read(nameOrId) : undefined
    if (whole) return whole
    const reference = tryParse(nameOrId)
    const named = reference && findNamed(records, reference)
    const id = named ?? findById(records, nameOrId)
    const content = id === undefined ? undefined : read(id)
    if (content) return content
    if (!reference && !looksLikeId(nameOrId)) parseReference(nameOrId)
    throw noSuchImage(nameOrId, reference && withDefaultTag(reference).familiar())
  }

  const withNames = (content: ImageContent): ImageRecord => {
    const names = records.references(content.id).map((name) => parseReference(name))
    const familiar = (isDigest: boolean) =>
      names.filter((name) => (name.digest !== undefined) === isDigest).map((name) => name.familiar())
    const { parent = null, tagged_at: taggedAtMs = null } = records.get(content.id) ?? {}
    return {
      ...content,
      references: familiar(false),
      digests: familiar(true),
      parent: (parent ?? undefined) as Digest | undefined,
      taggedAtMs: taggedAtMs ?? undefined,
    }
  }

  return {
    resolve: (nameOrId) =>
      cache.get(nameOrId) ?? (isDigest(nameOrId) ? loadCached(nameOrId) : undefined) ?? find(nameOrId, loadCached),
    // Fresh: another process may have removed the image and loaded it again from other blobs.
    get: (nameOrId) => withNames(find(nameOrId, (id) => load(id))),
  }
}

/** Whether the text is an ID or a prefix of this one: then it is not a name. */
export function isIdPrefix(id: string, text: string): boolean {
  return looksLikeId(text) && id.startsWith(withAlgorithm(text))
}

function looksLikeId(text: string): boolean {
  return /^(?:sha256:)?[a-f0-9]{1,64}$/.test(text)
}

function withAlgorithm(text: string): string {
  return text.startsWith('sha256:') ? text : `sha256:${text}`
}

/** Undefined for what is no name, though it may be an ID. */
export function tryParse(text: string): Reference | undefined {
  try {
    return parseReference(text)
  } catch (error) {
    if (error instanceof InvalidOptionError) return undefined
    throw error
  }
}

function findNamed(records: ImageRecords, reference: Reference): string | undefined {
  if (reference.digest === undefined) return records.idOfTag(withDefaultTag(reference).toString())
  const byDigest = withoutTag(reference)
  return records.idOfTag(byDigest.toString()) ?? records.idOfManifest(reference.digest, reference.name)
}

function findById(records: ImageRecords, text: string): string | undefined {
  if (!looksLikeId(text)) return undefined
  const [first, second] = records.idsWithPrefix(withAlgorithm(text))
  if (second === undefined) return first
  throw new ConflictError(`Multiple IDs found with provided prefix: ${text}`, {
    code: 'AMBIGUOUS_ID',
    details: { prefix: text },
  })
}

function toContent(row: ImageRow, records: ImageRecords): ImageContent {
  const { diffIds: _, ...config } = parseConfig(Buffer.from(row.config), row.id)
  const layers = records.layers(row.id).map((layer) => ({
    diffId: layer.diff_id as Digest,
    chainId: layer.chain_id,
    blob: (layer.blob ?? undefined) as Digest | undefined,
    mediaType: layer.media_type ?? undefined,
  }))
  const chain = layers.map(({ chainId }) => chainId).reverse()
  return deepFreeze({ ...config, id: row.id as Digest, size: row.size, layers, chain })
}

function deepFreeze<Value>(value: Value): Value {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value
  for (const item of Object.values(value)) deepFreeze(item)
  return Object.freeze(value)
}
