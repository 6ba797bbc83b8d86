import { NotFoundError } from '../errors/index.js'

/** A layer is recorded whose files are not there: somebody removed them, or a power cut has, with the blob they came from. */
export function missingLayer(chainId: string): NotFoundError {
  return new NotFoundError(`The layer ${chainId} is not extracted; pull or load its image again.`, {
    code: 'CONTENT_NOT_FOUND',
    details: { chainId },
  })
}
