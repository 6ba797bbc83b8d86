import { InvalidOptionError } from '../errors/index.js'
import { reporting } from '../errors/system.js'
import { type ImageProgress, type PulledImage, throttled } from '../image/index.js'
import { parseReference, type Reference } from '../reference/reference.js'
import type { RegistryAuth } from '../registry/types.js'
import { parsePlatform } from '../spec/index.js'
import { traced } from '../tracing/index.js'
import { Image, type ImagesContext } from './image.js'
import { Operation } from './operation.js'

/** Options of {@link Engine.pull}. */
export interface PullOptions {
  /** `os/architecture[/variant]` of an image that is offered for several; default: this host's. */
  readonly platform?: string
  /** All tags of the repository. The result is an array then. */
  readonly allTags?: boolean
  /** Instead of what `login()` has stored for the registry. */
  readonly auth?: RegistryAuth
  readonly signal?: AbortSignal
}

/** The operation of {@link Engine.pull}. */
export function pulling(
  context: ImagesContext,
  reference: string,
  options: PullOptions,
): Operation<ImageProgress, Image | Image[]> {
  const body = async (report: (progress: ImageProgress) => void, signal: AbortSignal) => {
    const ids = await traced('inboard:image.pull', tracedPull(reference, options), async (message) => {
      const ids = await pullImages(context, reference, options, report, signal)
      if (message) message.images = ids
      return ids
    })
    const images = ids.map((id) => new Image(context, id))
    return options.allTags ? images : (images[0] as Image)
  }
  return new Operation<ImageProgress, Image | Image[]>(
    (report, signal) => reporting(`cannot pull ${reference}`, () => body(report, signal)),
    [context.closing, options.signal],
  )
}

const tracedPull =
  (reference: string, { platform, allTags = false }: PullOptions) =>
  () => ({ reference, allTags, ...(platform !== undefined && { platform }) })

/**
 * Pulls what a name stands for: one image, or with `allTags` every tag of the repository, one after the other.
 *
 * @returns the images' IDs, each once
 */
async function pullImages(
  { store, openRegistries }: ImagesContext,
  name: string,
  { platform, allTags = false, auth }: PullOptions,
  report: (progress: ImageProgress) => void,
  signal: AbortSignal,
): Promise<string[]> {
  const reference = parsePullable(name, allTags)
  const wanted = platform === undefined ? undefined : parsePlatform(platform)
  const registries = await openRegistries()
  const repository = registries.repository(reference, auth)
  const onProgress = throttled(report)
  const pull = (tagged: Reference): Promise<PulledImage> =>
    store.pull(repository, tagged, { platform: wanted, signal, onProgress })
  if (!allTags) return [(await pull(reference)).id]
  const ids = new Set<string>()
  for (const tag of await repository.tags({ signal })) ids.add((await pull(parseReference(`${reference}:${tag}`))).id)
  return [...ids]
}

function parsePullable(name: string, allTags: boolean): Reference {
  const reference = parseReference(name)
  if (allTags && (reference.tag !== undefined || reference.digest !== undefined))
    throw invalid("tag can't be used with --all-tags/-a", name)
  if (reference.name === 'docker.io/library/scratch') throw invalid("'scratch' is a reserved name", name)
  return reference
}

function invalid(message: string, reference: string): InvalidOptionError {
  return new InvalidOptionError(message, { code: 'INVALID_REFERENCE', details: { reference } })
}
