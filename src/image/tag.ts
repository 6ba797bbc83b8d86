import { InvalidOptionError } from '../errors/index.js'
import { parseReference, type Reference, withDefaultTag } from '../reference/reference.js'
import type { ImageRecords } from '../store/images.js'

/**
 * Gives an image one more name, which another image loses.
 *
 * @returns the name
 * @throws {InvalidOptionError} `INVALID_REFERENCE`, with Docker's message
 */
export function tagImage(records: ImageRecords, id: string, text: string): Reference {
  const name = parseTag(text)
  records.tag(name.toString(), id, Date.now())
  return name
}

/**
 * The name that an image is to get: a tag, `latest` by default.
 *
 * @param refusal what Docker says of a name with a digest
 * @throws {InvalidOptionError} `INVALID_REFERENCE`
 */
export function parseTag(text: string, refusal = 'refusing to create a tag with a digest reference'): Reference {
  const name = withDefaultTag(parseReference(text))
  if (name.digest !== undefined) throw refused(text, refusal)
  refuseAmbiguous(name)
  return name
}

/** A name that would read as an image ID. */
export function refuseAmbiguous(name: Reference): void {
  if (name.name === 'docker.io/library/sha256')
    throw refused(name.familiar(), 'refusing to create an ambiguous tag using digest algorithm as name')
}

function refused(reference: string, message: string): InvalidOptionError {
  return new InvalidOptionError(message, { code: 'INVALID_REFERENCE', details: { reference } })
}
