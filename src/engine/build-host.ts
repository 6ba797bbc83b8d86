import type { BaseImage, BaseImageRequest, BuildHost, OnBuildEvent } from '../build/index.js'
import { type ImageContent, matchesPlatform } from '../image/index.js'
import { parseReference } from '../reference/reference.js'
import type { BuildContexts } from './build.js'
import { type BuildCredentials, credentialsOf } from './build-credentials.js'
import type { BuildDirectory } from './build-directory.js'
import type { BuildOptions } from './build-options.js'
import { hostPlatformName, platformName } from './build-platforms.js'
import { openBuildSteps } from './build-steps.js'
import { openFilesystemView } from './filesystem-view.js'

export interface BuildHostOptions {
  readonly options: BuildOptions
  readonly report: OnBuildEvent
  readonly signal: AbortSignal
}

/** What the engine lends to a build. */
export type OpenBuildHost = Awaited<ReturnType<typeof openBuildHost>>

export async function openBuildHost(
  contexts: BuildContexts,
  directory: BuildDirectory,
  { options, report, signal }: BuildHostOptions,
) {
  const { stages } = contexts
  const credentials = credentialsOf(options.auth, signal)
  const steps = await openBuildSteps(contexts, directory, { options, credentials, report, signal })
  return {
    platform: hostPlatformName(),
    temporary: directory.path,
    unpacked: directory.unpacked,
    async image(request: BaseImageRequest) {
      const image = await baseImage(contexts, request, credentials)
      steps.use(image.id)
      return image
    },
    find: steps.find,
    step: steps.step,
    cacheDirectory: steps.cacheDirectory,
    steps,
    async view(filesystem, platform, stop) {
      await steps.fetch(filesystem, platform, stop)
      const chain = filesystem.layers.map(({ chainId }) => chainId).reverse()
      return openFilesystemView(stages, chain, stop)
    },
    [Symbol.asyncDispose]: () => steps[Symbol.asyncDispose](),
  } satisfies BuildHost & AsyncDisposable & { steps: typeof steps }
}

/** The image of FROM: one that is here and for the platform, unless the registry is to be asked. */
async function baseImage(
  { stages }: BuildContexts,
  request: BaseImageRequest,
  credentials: BuildCredentials,
): Promise<BaseImage> {
  const { reference, platform, isFresh } = request
  if (!isFresh) {
    const image = imageHere(stages.images, reference, platform)
    if (image) return baseOf(image)
  }
  const auth = await credentials(parseReference(reference))
  const pulling = stages.pull(reference, { platform, signal: request.signal, ...(auth && { auth }) })
  for await (const progress of pulling) request.onPull({ kind: 'pull', reference, progress })
  await pulling
  return baseOf(stages.images.resolve(reference))
}

function imageHere(
  images: BuildContexts['stages']['images'],
  reference: string,
  platform: string,
): ImageContent | undefined {
  try {
    const image = images.resolve(reference)
    return matchesPlatform(platform, image) ? image : undefined
  } catch (error) {
    if ((error as { code?: unknown }).code === 'IMAGE_NOT_FOUND') return undefined
    throw error
  }
}

function baseOf(image: ImageContent): BaseImage {
  const { id, os, architecture, variant, config, author, createdAt, history, layers } = image
  const platform = platformName([os, architecture, variant].filter((part) => part !== '').join('/'))
  return { id, platform, config, author, createdAt, history, layers }
}
