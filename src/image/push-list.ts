import { type Reference, withDefaultTag } from '../reference/reference.js'
import type { Repository } from '../registry/types.js'
import { formatPlatform } from './documents/platform.js'
import { type Annotations, type ListMember, writeList } from './documents/write-manifest.js'
import { invalidOption } from './image-errors.js'
import type { ImageContext } from './load.js'
import { type PushedImage, type PushRequest, putTag, tagBefore } from './push.js'
import { recordPush, sendImage } from './push-image.js'
import { BlobSender } from './push-sender.js'
import type { ImageContent } from './types.js'

export interface PushListRequest extends Pick<PushRequest, 'signal' | 'onProgress'> {
  /** Of the list, which is an OCI index then. */
  readonly annotations?: Annotations | undefined
}

/**
 * Brings images to a repository by their digests, then a list of them, by platform, under a name. To be called within a
 * change, see `collection.ts`.
 *
 * @throws {InvalidOptionError} `INVALID_OPTION` for no image, or two for one platform; {RegistryError}; {AuthError}
 */
export async function pushList(
  context: ImageContext,
  repository: Repository,
  reference: Reference,
  images: readonly ImageContent[],
  { signal, onProgress = () => {}, annotations }: PushListRequest,
): Promise<PushedImage> {
  const name = withDefaultTag(reference)
  verifyList(name, images)
  const push = { context, sender: new BlobSender(repository, context.records), signal, onProgress }
  const members: ListMember[] = []
  for (const { id, os, architecture, variant } of images) {
    const sent = await sendImage(push, repository, id)
    const { mediaType, bytes, digest } = sent
    await repository.putManifest(digest, mediaType, bytes, { signal })
    await recordPush(context, sent, [`${name.name}@${digest}`])
    members.push({ mediaType, digest, size: bytes.length, platform: { os, architecture, variant } })
  }
  const before = await tagBefore(repository, name, signal)
  return putTag(push, repository, name, writeList(members, annotations), before)
}

function verifyList(name: Reference, images: readonly ImageContent[]): void {
  if (name.digest !== undefined) throw invalidOption('cannot push a digest reference', { reference: name.familiar() })
  if (images.length === 0) throw invalidOption('a manifest list needs an image', { reference: name.familiar() })
  const platforms = new Map<string, string>()
  for (const image of images) {
    const platform = formatPlatform(image)
    const other = platforms.get(platform)
    if (other !== undefined)
      throw invalidOption(
        `the images ${other} and ${image.id} are both for ${platform}: a manifest list has one for each`,
        {
          platform,
          images: [other, image.id],
        },
      )
    platforms.set(platform, image.id)
  }
}
