import { invalidOption } from './invalid.js'

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
  if (!/^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/.test(name))
    throw invalidOption(
      option,
      `create ${name}: "${name}" includes invalid characters for a local volume name, only "[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed. If you intended to pass a host directory, use absolute path`,
      "as in '/host/path:/container/path'",
      name,
    )
  return name
}
