import { isAddress } from './addresses.js'
import { checkText, checkTexts, invalidOption } from './invalid.js'

/** Stands for the default bridge's gateway in `--add-host`. */
export const hostGateway = 'host-gateway'

/** `--dns`: addresses of name servers. @throws {InvalidOptionError} INVALID_OPTION */
export function parseDns(values: readonly string[] | undefined): string[] {
  return checkTexts('dns', values).map((value) => {
    if (isAddress(value.trim())) return value.trim()
    throw invalidOption('dns', `IP address is not correctly formatted: ${value}`, 'give an IPv4 or IPv6 address', value)
  })
}

/** `--dns-search`: domains; `.` alone means none at all. @throws {InvalidOptionError} INVALID_OPTION */
export function parseDnsSearch(values: readonly string[] | undefined): string[] {
  return checkTexts('dnsSearch', values).map((value) => {
    const domain = value.trim()
    if (domain === '.' || (/^[\p{L}\p{N}_.-]{1,253}$/u.test(domain) && /[\p{L}]/u.test(domain))) return domain
    throw invalidOption('dnsSearch', `${value} is not a valid domain`, "give a name such as 'example.com'", value)
  })
}

/** `--dns-option`: words for resolv.conf's `options`. @throws {InvalidOptionError} INVALID_OPTION */
export function parseDnsOptions(values: readonly string[] | undefined): string[] {
  return checkTexts('dnsOption', values).map((value) => {
    if (/^[\w:.-]+$/.test(value)) return value
    throw invalidOption('dnsOption', `invalid dns option: ${value}`, "give one word, such as 'ndots:2'", value)
  })
}

/**
 * `--add-host`: `name:address` or `name=address`, as `name:address`. The address `host-gateway` stays as it is: which one
 * it is, is known when the container starts.
 *
 * @throws {InvalidOptionError} INVALID_OPTION
 */
export function parseExtraHosts(values: readonly string[] | undefined): string[] {
  return checkTexts('addHost', values).map((value) => {
    const [, name, given = ''] = /^([^:=\s]+)[:=](.+)$/.exec(checkText('addHost', value)) ?? []
    if (name === undefined)
      throw invalidOption('addHost', `bad format for add-host: "${value}"`, "write 'name:address'", value)
    if (given === hostGateway) return `${name}:${given}`
    const address = given.replace(/^\[(.*)\]$/, '$1')
    if (!isAddress(address))
      throw invalidOption(
        'addHost',
        `invalid IP address in add-host: "${given}"`,
        'give an IPv4 or IPv6 address',
        value,
      )
    return `${name}:${address}`
  })
}
