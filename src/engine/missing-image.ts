import type { RunRequest } from '../container/run-builder.js'
import { isDigest } from '../content/digest.js'
import { InvalidOptionError, NotFoundError } from '../errors/index.js'
import { type ImageContent, matchesPlatform } from '../image/index.js'
import { parsePlatform } from '../spec/index.js'
import type { PullPolicy } from '../spec/options.js'
import type { RunStages } from './run-actions.js'

const policies: readonly PullPolicy[] = ['missing', 'always', 'never']

/** Does what needs a request's image, which is pulled when it has to be. Nothing is awaited for one that is here. */
export async function withImage<Result>(
  stages: RunStages,
  { image, options, signal }: RunRequest,
  body: () => Result,
): Promise<Result> {
  const policy = options.pull ?? 'missing'
  if (!policies.includes(policy)) throw invalidPolicy(policy)
  const pull = () =>
    stages.pull(image, {
      ...(options.platform !== undefined && { platform: options.platform }),
      ...(signal && { signal }),
    })
  if (policy === 'always') await pull()
  try {
    return body()
  } catch (error) {
    if (policy !== 'missing' || !isMissing(error, image)) throw error
  }
  await pull()
  return body()
}

/** An ID names nothing that a registry could have. */
function isMissing(error: unknown, image: string): boolean {
  const { code } = error as { code?: unknown }
  return code === 'IMAGE_NOT_FOUND' && !isDigest(image) && !/^[a-f0-9]{64}$/.test(image)
}

/** @throws {NotFoundError} `IMAGE_NOT_FOUND` when the image is for another platform: there may be one in the registry */
export function verifyPlatform(image: ImageContent, name: string, platform: string): void {
  const wanted = parsePlatform(platform)
  if (matchesPlatform(wanted, image)) return
  throw new NotFoundError(
    `image with reference ${name} was found but does not provide the specified platform (${wanted})`,
    { code: 'IMAGE_NOT_FOUND', details: { image: name, platform: wanted } },
  )
}

function invalidPolicy(policy: unknown): InvalidOptionError {
  return new InvalidOptionError(
    `invalid option "pull": ${JSON.stringify(policy)} is none of 'missing', 'always' and 'never'`,
    { code: 'INVALID_OPTION', details: { option: 'pull', value: policy } },
  )
}
