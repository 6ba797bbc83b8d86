import type { Digest } from '../content/digest.js'
import { InvalidOptionError, NotFoundError } from '../errors/index.js'
import { parseReference, type Reference, withDefaultTag } from '../reference/reference.js'
import type { Repository } from '../registry/types.js'
import { tellTransfer } from './events.js'
import type { ImageContext } from './load.js'
import type { OnProgress } from './progress.js'
import { recordPush, type SentImage, sendImage } from './push-image.js'
import type { PushContext } from './push-layers.js'
import { BlobSender } from './push-sender.js'

/** A name that a registry has now: Docker's `latest: digest: sha256:... size: 528`. */
export interface PushedImage {
  /** As Docker shows it: `localhost:5000/app:1`. */
  readonly reference: string
  /** Of the manifest. */
  readonly digest: Digest
  /** Bytes of the manifest. */
  readonly size: number
}

/** {@link PushOptions} as the store takes them. */
export interface PushRequest {
  /** All tags that the repository has here. */
  readonly allTags?: boolean | undefined
  /** The ID that the name must stand for. */
  readonly image?: string | undefined
  readonly signal?: AbortSignal | undefined
  readonly onProgress?: OnProgress | undefined
}

/**
 * Brings images to a registry under their names: blobs first, then the configuration, then the manifest with its tag. To
 * be called within a change, see `collection.ts`.
 *
 * @throws {NotFoundError} `IMAGE_NOT_FOUND`, with Docker's messages; {InvalidOptionError} `INVALID_REFERENCE`;
 *   {RegistryError}; {AuthError}
 */
export async function pushImages(
  context: ImageContext,
  repository: Repository,
  reference: Reference,
  { allTags = false, image, signal, onProgress = () => {} }: PushRequest,
): Promise<PushedImage[]> {
  onProgress({ kind: 'repository', name: repository.name })
  const names = namesToPush(context, reference, allTags, image)
  const push = { context, sender: new BlobSender(repository, context.records), signal, onProgress }
  const sent = new Map<string, SentImage>()
  const pushed: PushedImage[] = []
  for (const { name, id } of names) {
    const ready = sent.get(id) ?? (await sendImage(push, repository, id))
    sent.set(id, ready)
    const before = await tagBefore(repository, name, signal)
    pushed.push(await putTag(push, repository, name, ready, before))
    tellTransfer(context.tell, 'push', id, name)
    await recordPush(context, ready, [`${name.name}@${ready.digest}`])
  }
  return pushed
}

/** What a tag stands for in a registry; undefined also where it will not say: who may write need not be one who may read. */
export async function tagBefore(
  repository: Repository,
  { tag }: Reference,
  signal: AbortSignal | undefined,
): Promise<Digest | undefined> {
  const head = await repository.manifestHead(tag as string, { signal }).catch(() => undefined)
  signal?.throwIfAborted()
  return head?.digest
}

/** Gives a manifest its tag, the last thing that a registry learns of an image. */
export async function putTag(
  { signal, onProgress }: Pick<PushContext, 'signal' | 'onProgress'>,
  repository: Repository,
  name: Reference,
  { mediaType, bytes }: Pick<SentImage, 'mediaType' | 'bytes'>,
  before: Digest | undefined,
): Promise<PushedImage> {
  const digest = await repository.putManifest(name.tag as string, mediaType, bytes, { signal })
  onProgress({ kind: 'image', reference: name.familiar(), digest, isNew: before !== digest })
  return { reference: name.familiar(), digest, size: bytes.length }
}

interface Name {
  readonly name: Reference
  readonly id: string
}

/** Docker's rules of what a name stands for in a push. */
function namesToPush(
  { records }: ImageContext,
  reference: Reference,
  allTags: boolean,
  image: string | undefined,
): Name[] {
  if (reference.digest !== undefined) throw invalid('cannot push a digest reference', reference)
  if (allTags && reference.tag !== undefined) throw invalid("tag can't be used with --all-tags/-a", reference)
  const tags = records.tagged(reference.name).map((row) => ({ name: parseReference(row.reference), id: row.image }))
  const repository = parseReference(reference.name).familiar()
  if (tags.length === 0) throw notFound(`An image does not exist locally with the tag: ${repository}`, reference, image)
  if (allTags) return tags
  const wanted = withDefaultTag(reference)
  const found = tags.filter(({ name, id }) => name.tag === wanted.tag && (image === undefined || id === image))
  if (found.length === 0) throw notFound(`tag does not exist: ${wanted.familiar()}`, wanted, image)
  return found
}

function invalid(message: string, reference: Reference): InvalidOptionError {
  return new InvalidOptionError(message, {
    code: 'INVALID_REFERENCE',
    details: { reference: reference.familiar() },
  })
}

function notFound(message: string, reference: Reference, image: string | undefined): NotFoundError {
  return new NotFoundError(message, {
    code: 'IMAGE_NOT_FOUND',
    details: { reference: reference.familiar(), ...(image !== undefined && { image }) },
  })
}
