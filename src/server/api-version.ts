import { InvalidOptionError } from '../errors/index.js'

/** Versions of the API that are spoken: 1.24 to 1.47. All that is told apart is the minor one. */
export const newestMinor = 47
const oldestMinor = 24

/** A request's path without its version, and that version: the newest when it names none. */
export function splitVersion(path: string): { readonly minor: number; readonly rest: string } {
  const [, major, minor, rest = '/'] = /^\/v(\d{1,3})\.(\d{1,3})(\/.*)?$/.exec(path) ?? []
  if (major === undefined) return { minor: newestMinor, rest: path }
  return { minor: checked(Number(major), Number(minor)), rest }
}

function checked(major: number, minor: number): number {
  const tooNew = major > 1 || minor > newestMinor
  if (!tooNew && major === 1 && minor >= oldestMinor) return minor
  const limit = tooNew
    ? `is too new. Maximum supported API version is 1.${newestMinor}`
    : `is too old. Minimum supported API version is 1.${oldestMinor}, please upgrade your client to a newer version`
  throw new InvalidOptionError(`client version ${major}.${minor} ${limit}`, {
    code: 'INVALID_OPTION',
    details: { option: 'version' },
  })
}
