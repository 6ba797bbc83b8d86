import { isIPv4, isIPv6 } from './addresses.js'
import { checkText, invalidOption } from './invalid.js'

/** What a container may ask of its place on a network, of what not every network can give. */
export interface AskedEndpoint {
  readonly ip?: string
  readonly ip6?: string
  readonly aliases: readonly string[]
}

/**
 * Refuses what only user-defined networks give: addresses of one's choice and further names.
 *
 * @throws {InvalidOptionError} INVALID_OPTION
 */
export function checkEndpointSettings({ ip, ip6, aliases }: AskedEndpoint, isUserDefined: boolean): void {
  if (isUserDefined) return
  const address = ip ?? ip6
  if (address !== undefined)
    throw invalidOption(
      ip === undefined ? 'ip6' : 'ip',
      'user specified IP address is supported on user defined networks only',
      'create a network and give its name',
      address,
    )
  if (aliases.length > 0)
    throw invalidOption(
      'networkAlias',
      'network-scoped alias is supported only for containers in user defined networks',
      'create a network and give its name',
      aliases[0],
    )
}

/** `--ip` and `--ip6`. @throws {InvalidOptionError} INVALID_OPTION */
export function checkAddress(option: 'ip' | 'ip6', address: string): string {
  checkText(option, address)
  const family = option === 'ip' ? 'IPv4' : 'IPv6'
  const valid = option === 'ip' ? isIPv4(address) : isIPv6(address) && !address.includes('%')
  if (valid) return address
  const example = option === 'ip' ? '172.20.0.5' : 'fd00::5'
  throw invalidOption(option, `invalid ${family} address: ${address}`, `give one such as '${example}'`, address)
}

/**
 * `--mac-address`, with colons, dashes or dots, as six bytes with colons in lower case. A group's address is none that an
 * interface can have.
 *
 * @throws {InvalidOptionError} INVALID_OPTION
 */
export function checkMacAddress(text: string): string {
  const digits = /^(?:[0-9a-f]{2}([:-])(?:[0-9a-f]{2}\1){4}[0-9a-f]{2}|(?:[0-9a-f]{4}\.){2}[0-9a-f]{4})$/i.test(
    checkText('macAddress', text),
  )
    ? text.toLowerCase().replace(/[:.-]/g, '')
    : ''
  const isGroup = (Number.parseInt(digits.slice(0, 2), 16) & 1) === 1
  if (digits !== '' && !isGroup && !/^0+$/.test(digits)) return digits.replace(/..(?=.)/g, '$&:')
  const hint = isGroup ? 'it is a multicast address' : "write six bytes, as in '02:42:ac:11:00:02'"
  throw invalidOption('macAddress', `${text} is not a valid mac address`, hint, text)
}
