import { BuildError } from '../errors/index.js'

/** In BuildKit's words. */
export function unknownTarget(target: string): BuildError {
  return new BuildError(`target stage ${JSON.stringify(target)} could not be found`, {
    code: 'DOCKERFILE_INVALID',
    details: { target },
  })
}

/** In BuildKit's words. */
export function invalidStageIndex(index: string): BuildError {
  return new BuildError(`invalid stage index ${index}`, { code: 'DOCKERFILE_INVALID', details: { index } })
}
