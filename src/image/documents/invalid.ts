import { InvalidOptionError } from '../../errors/index.js'
import { escaped } from '../../errors/printable.js'

/** An archive or a document in it that cannot be an image. */
export function invalidArchive(
  message: string,
  details: Record<string, unknown> = {},
  cause?: unknown,
): InvalidOptionError {
  return new InvalidOptionError(message, { code: 'INVALID_ARCHIVE', cause, details })
}

/** A hostile text for a message: bounded and escaped. */
export function shown(text: unknown): string {
  const json = escaped(JSON.stringify(typeof text === 'string' ? text.slice(0, 200) : text) ?? 'nothing')
  return json.length > 220 ? `${json.slice(0, 220)}...` : json
}
