import { InvalidOptionError } from '../errors/index.js'
import { reporting } from '../errors/system.js'
import { type ImageProgress, type PushedImage, throttled } from '../image/index.js'
import { parseReference, type Reference } from '../reference/reference.js'
import type { RegistryAuth, Repository } from '../registry/types.js'
import type { ImagesContext } from './image.js'
import { Operation } from './operation.js'

/** Options of a push of a manifest list. */
export interface PushListOptions {
  /** Of the list, which is an OCI index then: free text by names. Default: none. */
  readonly annotations?: Readonly<Record<string, string>>
  /** Instead of what `login()` has stored for the registry. */
  readonly auth?: RegistryAuth
  readonly signal?: AbortSignal
}

/** Options of {@link Images.push} and {@link Image.push}. */
export interface PushOptions extends Omit<PushListOptions, 'annotations'> {
  /** All tags that the repository has here, as `docker push --all-tags`; the name has no tag then. Default: false. */
  readonly allTags?: boolean
}

type Report = (progress: ImageProgress) => void

/**
 * @param name undefined: the only name of the image
 * @param image the ID that the name must stand for
 */
export function pushImages(
  context: ImagesContext,
  name: string | undefined,
  options: PushOptions,
  image?: string,
): Operation<ImageProgress, readonly PushedImage[]> {
  const { allTags } = options
  const nameOf = () => name ?? onlyName(context, image as string)
  return pushing(context, nameOf, options, (repository, reference, onProgress, signal) =>
    context.store.push(repository, reference, { allTags, image, signal, onProgress }),
  )
}

export function pushManifestList(
  context: ImagesContext,
  name: string,
  images: readonly string[],
  options: PushListOptions,
): Operation<ImageProgress, PushedImage> {
  return pushing(
    context,
    () => name,
    options,
    (repository, reference, onProgress, signal) =>
      context.store.pushList(repository, reference, images, { signal, onProgress, annotations: options.annotations }),
  )
}

/** The only name of an image: with several it has to be said which one is meant. */
function onlyName(context: ImagesContext, id: string): string {
  const { references } = context.store.get(id)
  const [name, ...others] = references
  if (name !== undefined && others.length === 0) return name
  const why =
    name === undefined ? 'has no name: tag() it first' : `has several names, ${references.join(', ')}: say which`
  throw new InvalidOptionError(`image ${id} ${why}`, { code: 'INVALID_OPTION', details: { image: id, references } })
}

function pushing<Result>(
  { closing, openRegistries }: ImagesContext,
  nameOf: () => string,
  { auth, signal: own }: PushListOptions,
  body: (repository: Repository, reference: Reference, onProgress: Report, signal: AbortSignal) => Promise<Result>,
): Operation<ImageProgress, Result> {
  const push = async (name: string, report: Report, signal: AbortSignal) => {
    const reference = parseReference(name)
    const registries = await openRegistries()
    return body(registries.repository(reference, auth), reference, throttled(report), signal)
  }
  return new Operation(
    async (report, signal) => {
      const name = nameOf()
      return reporting(`cannot push ${name}`, () => push(name, report, signal))
    },
    [closing, own],
  )
}
