import { InvalidOptionError, NotFoundError } from '../errors/index.js'

/** @param details by their names: the option, and what it was */
export function invalidOption(message: string, details: Record<string, unknown>): InvalidOptionError {
  return new InvalidOptionError(message, { code: 'INVALID_OPTION', details })
}

/** @param shown as the message has it */
export function noSuchImage(image: string, shown = image): NotFoundError {
  return new NotFoundError(`No such image: ${shown}`, { code: 'IMAGE_NOT_FOUND', details: { image } })
}
