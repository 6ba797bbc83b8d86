import { checkAddress, checkMacAddress } from './endpoint-settings.js'
import { checkTexts, invalidOption } from './invalid.js'
import { checkAlias, parseLinks } from './links.js'
import type { RunOptions } from './options.js'
import { compact } from './records.js'

/** Options of a connection of a container with a network: `docker network connect`'s, by their names. */
export interface ConnectOptions {
  /** Its IPv4 address there, of a subnet that was given. */
  readonly ip?: string
  /** Its IPv6 address there. */
  readonly ip6?: string
  /** Six bytes with colons. Default: one that follows from its IPv4 address. */
  readonly macAddress?: string
  /** Further names by which containers of the network find it. */
  readonly alias?: string | readonly string[]
  /** `container[:alias]`: containers of the network that it finds by names of its own. */
  readonly link?: string | RunOptions['link']
  /** The driver's options for this connection. */
  readonly driverOpt?: Readonly<Record<string, string>>
}

/** What is asked, checked. @throws {InvalidOptionError} INVALID_OPTION */
export function parseConnect({ ip, ip6, macAddress, alias, link, driverOpt }: ConnectOptions) {
  const aliases = checkTexts('alias', typeof alias === 'string' ? [alias] : alias)
  return {
    ...compact({
      ip: ip === undefined ? undefined : checkAddress('ip', ip),
      ip6: ip6 === undefined ? undefined : checkAddress('ip6', ip6),
      mac: macAddress === undefined ? undefined : checkMacAddress(macAddress),
    }),
    aliases: aliases.map((name) => checkAlias('alias', name)),
    links: parseLinks(typeof link === 'string' ? [link] : link),
    ...(driverOpt && { driverOptions: checkValues(driverOpt) }),
  }
}

function checkValues(options: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  for (const [name, value] of Object.entries(options))
    if (typeof value !== 'string')
      throw invalidOption('driverOpt', `invalid value for ${name}: ${String(value)}`, 'give a string', value)
  return { ...options }
}
