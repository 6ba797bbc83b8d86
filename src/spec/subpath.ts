import { checkText, invalidOption } from './invalid.js'
import { cleanPath } from './mount-target.js'

/**
 * A part of a volume or an image: relative, and not leaving it by its text. Links in it are resolved inside when it is mounted.
 *
 * @returns it cleaned; '' for all of it
 * @throws {InvalidOptionError} INVALID_OPTION
 */
export function checkSubpath(option: string, subpath: string, prefix: string, of: 'volume' | 'image'): string {
  if (checkText(option, subpath) === '') return ''
  const clean = cleanPath(subpath)
  if (clean.startsWith('/') || clean === '..' || clean.startsWith('../'))
    throw invalidOption(
      option,
      `${prefix}subpath must be a relative path within the ${of}`,
      'leave out the first slash, and what leads out of it',
      subpath,
    )
  return clean === '.' ? '' : clean
}
