import { formatPlatform, hostPlatform, parseImagePlatform } from '../image/index.js'
import { parsePlatform } from '../spec/platform.js'

/** The platform of this machine: `linux/amd64`. */
export function hostPlatformName(): string {
  return formatPlatform(hostPlatform())
}

/**
 * The one name of a platform, of all its spellings: `x86_64` is `linux/amd64`.
 *
 * @throws {InvalidOptionError} INVALID_OPTION
 */
export function platformName(text: string): string {
  return formatPlatform(parseImagePlatform(parsePlatform(text)))
}
