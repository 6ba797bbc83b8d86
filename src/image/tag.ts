import { InvalidOptionError } from '../errors/index.js'
import { parseReference, withDefaultTag } from '../reference/reference.js'
import type { ImageRecords } from '../store/images.js'

/**
 * Gives an image one more name, which another image loses.
 *
 * @throws {InvalidOptionError} `INVALID_REFERENCE`, with Docker's message
 */
export function tagImage(records: ImageRecords, id: string, text: string): void {
  const name = withDefaultTag(parseReference(text))
  if (name.digest !== undefined) throw refused(text, 'refusing to create a tag with a digest reference')
  // It would read as an image ID.
  if (name.name === 'docker.io/library/sha256')
    throw refused(text, 'refusing to create an ambiguous tag using digest algorithm as name')
  records.tag(name.toString(), id, Date.now())
}

function refused(reference: string, message: string): InvalidOptionError {
  return new InvalidOptionError(message, { code: 'INVALID_REFERENCE', details: { reference } })
}
