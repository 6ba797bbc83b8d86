import { checkText, checkTexts, invalidOption } from './invalid.js'

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

/** `--add-host`: `name:address` or `name=address`, as `name:address`. @throws {InvalidOptionError} INVALID_OPTION */
export function parseExtraHosts(values: readonly string[] | undefined): string[] {
  return checkTexts('addHost', values).map((value) => {
    const [, name, given = ''] = /^([^:=\s]+)[:=](.+)$/.exec(checkText('addHost', value)) ?? []
    if (name === undefined)
      throw invalidOption('addHost', `bad format for add-host: "${value}"`, "write 'name:address'", value)
    if (given === 'host-gateway')
      throw invalidOption(
        'addHost',
        'unable to derive the IP value for host-gateway',
        "the networks 'none' and 'host' have no gateway; give an address",
        value,
      )
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

function isAddress(text: string): boolean {
  return isIPv4(text) || isIPv6(text)
}

function isIPv4(text: string): boolean {
  const parts = text.split('.')
  return parts.length === 4 && parts.every((part) => /^(?:0|[1-9]\d{0,2})$/.test(part) && Number(part) <= 255)
}

function isIPv6(text: string): boolean {
  const [address = '', ...zones] = text.split('%')
  if (zones.length > 1 || zones[0] === '') return false
  const embedded = /^(.*:)([^:]*\.[^:]*)$/.exec(address)
  if (embedded && !isIPv4(embedded[2] ?? '')) return false
  const plain = embedded ? `${embedded[1]}0:0` : address
  const halves = plain.split('::')
  if (halves.length > 2) return false
  const groups = halves.flatMap((half) => (half === '' ? [] : half.split(':')))
  const valid = groups.every((group) => /^[0-9a-f]{1,4}$/i.test(group))
  return valid && (halves.length === 2 ? groups.length <= 7 : groups.length === 8)
}
