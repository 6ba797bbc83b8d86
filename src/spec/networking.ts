import { parseConnect } from './connect-options.js'
import { checkAddress, checkEndpointSettings, checkMacAddress } from './endpoint-settings.js'
import { checkFlag, checkTexts, invalidOption } from './invalid.js'
import { checkAlias, parseLinks } from './links.js'
import { sharedContainer } from './namespace-modes.js'
import { hasOwnNetwork, isUserDefined, parseNetworkMode } from './network-mode.js'
import type { ConfiguredNetwork, NetworkInput, RunOptions } from './options.js'
import { parseExpose, parsePublish, portName } from './ports.js'
import { compact } from './records.js'

/**
 * The container's network, what it asks of it, and what it publishes.
 *
 * @throws {InvalidOptionError} INVALID_OPTION; also for options that the network cannot have
 */
export function parseNetworking(raw: RunOptions) {
  const network = parseNetworkMode(raw.network)
  checkConflicts(network, raw)
  const ports = parsePublish(raw.publish)
  const asked = parseAsked(raw)
  checkEndpointSettings({ ...asked, aliases: asked.networkAliases }, isUserDefined(network))
  return {
    network,
    ports,
    publishAll: checkFlag('publishAll', raw.publishAll),
    exposedPorts: [...new Set([...parseExpose(raw.expose), ...ports.map(portName)])],
    links: parseLinks(raw.link),
    ...asked,
    ...parseNetworks(network, raw.networks),
  }
}

/** Only networks that were made can be had beside each other, or beside the default bridge. */
function parseNetworks(first: string, given: RunOptions['networks'] = []): { networks?: ConfiguredNetwork[] } {
  if (given.length === 0) return {}
  const networks = given.map(parseNetwork)
  const alone = [first, ...networks.map(({ network }) => network)].find(
    (name) => !hasOwnNetwork(name) || name === 'none',
  )
  if (alone !== undefined)
    throw invalidOption(
      'networks',
      'container sharing network namespace with another container or host cannot be connected to any other network',
      `leave out '${alone}', or the others`,
      alone,
    )
  return { networks }
}

function parseNetwork({ network, macAddress, ...asked }: NetworkInput): ConfiguredNetwork {
  const settings = parseConnect(asked)
  return {
    network: parseNetworkMode(network),
    settings: { ...settings, ...(macAddress !== undefined && { mac: checkMacAddress(macAddress) }) },
  }
}

function parseAsked({ networkAlias, ip, ip6, macAddress }: RunOptions) {
  return {
    networkAliases: checkTexts('networkAlias', networkAlias).map((alias) => checkAlias('networkAlias', alias)),
    ...compact({
      ip: ip === undefined ? undefined : checkAddress('ip', ip),
      ip6: ip6 === undefined ? undefined : checkAddress('ip6', ip6),
      macAddress: macAddress === undefined ? undefined : checkMacAddress(macAddress),
    }),
  }
}

type Conflict = readonly [option: keyof RunOptions, what: string]

const withContainer: readonly Conflict[] = [
  ['hostname', 'conflicting options: hostname and the network mode'],
  [
    'link',
    "conflicting options: container type network can't be used with links. This would result in undefined behavior",
  ],
  ['dns', 'conflicting options: dns and the network mode'],
  ['addHost', 'conflicting options: custom host-to-IP mapping and the network mode'],
  ['macAddress', 'conflicting options: mac-address and the network mode'],
  ['publish', 'conflicting options: port publishing and the container type network mode'],
  ['publishAll', 'conflicting options: port publishing and the container type network mode'],
  ['expose', 'conflicting options: port exposing and the container type network mode'],
]

const withHost: readonly Conflict[] = [
  [
    'link',
    "conflicting options: host type networking can't be used with links. This would result in undefined behavior",
  ],
  ['macAddress', 'conflicting options: mac-address and the network mode'],
]

/** Another container's network comes with its names and ports; the host's has ports and addresses already. */
function checkConflicts(network: string, raw: RunOptions): void {
  const conflicts = sharedContainer(network) !== undefined ? withContainer : network === 'host' ? withHost : []
  for (const [option, what] of conflicts) {
    const value = raw[option]
    if (value !== undefined && value !== '' && value !== false && !(Array.isArray(value) && value.length === 0))
      throw invalidOption(option, what, `leave out ${option}, or use another network than '${network}'`, value)
  }
}
