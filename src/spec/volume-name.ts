import { invalidOption } from './invalid.js'

const pattern = /^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/
/** It becomes the name of a directory. */
const maxLength = 255

export const isVolumeName = (name: string): boolean => pattern.test(name) && name.length <= maxLength

/**
 * Checks the name of a volume as the driver `local` does.
 *
 * @throws {InvalidOptionError} INVALID_OPTION
 */
export function checkVolumeName(option: string, name: string): string {
  if (name.length === 1)
    throw invalidOption(
      option,
      `create ${name}: volume name is too short, names should be at least two alphanumeric characters`,
      'make it longer',
      name,
    )
  if (!pattern.test(name))
    throw invalidOption(
      option,
      `create ${name}: ${JSON.stringify(name)} includes invalid characters for a local volume name, only "[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed. If you intended to pass a host directory, use absolute path`,
      "as in '/host/path:/container/path'",
      name,
    )
  if (name.length > maxLength)
    throw invalidOption(option, `create ${name}: file name too long`, `give at most ${maxLength} characters`, name)
  return name
}
