import { InvalidOptionError } from '../errors/index.js'
import { checkText, invalidOption } from './invalid.js'

/**
 * Checks a container's name by Docker's rule. A leading slash, as the Engine API shows it, is dropped.
 *
 * @throws {InvalidOptionError} INVALID_NAME
 */
export function checkContainerName(name: string): string {
  const plain = checkText('name', name).replace(/^\//, '')
  if (/^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/.test(plain)) return plain
  throw new InvalidOptionError(
    `Invalid container name (${name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed: use two or more of these characters`,
    { code: 'INVALID_NAME', details: { option: 'name', value: name } },
  )
}

/**
 * Checks a host or domain name: what the kernel can hold and what does not break /etc/hosts.
 *
 * @throws {InvalidOptionError} INVALID_OPTION
 */
export function checkHostName(option: 'hostname' | 'domainname', name: string | undefined): string {
  if (name === undefined) return ''
  if (Buffer.byteLength(checkText(option, name)) > 64)
    throw invalidOption(option, `invalid ${option}: ${name}`, 'the kernel takes 64 bytes at most', name)
  if (/\p{Cc}/u.test(name))
    throw invalidOption(option, `invalid ${option}: ${JSON.stringify(name)}`, 'leave control characters out', name)
  return name
}
