import type { PortInput, RunOptions } from '../../spec/options.js'
import { ApiError } from '../failures.js'
import type { CreateDocument } from './create-document.js'
import type { HostConfig } from './host-config.js'
import type { EndpointConfig } from './networking-config.js'
import { given, unlessEmpty } from './schemas.js'

/** Clients that may ask for several networks at once. */
const severalNetworksMinor = 44

/** A container's networks, names and ports. */
export function networkingOptions(document: CreateDocument, host: HostConfig, minor: number): RunOptions {
  const [first, ...others] = networks(document, host, minor)
  const settings = endpointOptions(first?.settings)
  const macAddress = settings.macAddress ?? unlessEmpty(document.MacAddress)
  return given({
    network: first?.network,
    networks: others.map(({ network, settings }) => ({ network, ...endpointOptions(settings) })),
    ...settings,
    macAddress,
    networkAlias: settings.alias,
    alias: undefined,
    driverOpt: undefined,
    link: [...(host.Links ?? []), ...(settings.link ?? [])],
    publish: Object.entries(host.PortBindings ?? {}).flatMap(([port, bindings]) => published(port, bindings ?? [])),
    publishAll: host.PublishAllPorts,
    expose: [...new Set([...Object.keys(document.ExposedPorts ?? {}), ...Object.keys(host.PortBindings ?? {})])],
    dns: host.Dns,
    dnsOption: host.DnsOptions,
    dnsSearch: host.DnsSearch,
    addHost: host.ExtraHosts,
  }) as RunOptions
}

interface Place {
  readonly network: string
  readonly settings: EndpointConfig | undefined
}

/**
 * The networks that are asked for, that of `NetworkMode` first. As under Docker those of `EndpointsConfig` count: a mode that is
 * none of them is where a container without any would be.
 */
function networks(document: CreateDocument, host: HostConfig, minor: number): Place[] {
  const mode = document.NetworkDisabled ? 'none' : canonical(host.NetworkMode ?? '')
  const places = Object.entries(document.NetworkingConfig?.EndpointsConfig ?? {}).map(([network, settings]) => ({
    network: canonical(network),
    settings: settings ?? undefined,
  }))
  if (places.length > 1 && minor < severalNetworksMinor)
    throw new ApiError(
      400,
      `Container cannot be connected to network endpoints: ${places.map(({ network }) => network).join(', ')}`,
    )
  if (places.length === 0 || mode.startsWith('container:')) return [{ network: mode, settings: undefined }]
  const isFirst = ({ network }: Place) => network === mode
  return [...places.filter(isFirst), ...places.filter((place) => !isFirst(place))]
}

const canonical = (network: string) => (network === '' || network === 'default' ? 'bridge' : network)

/** What a container asks of a place on a network. */
export function endpointOptions(settings: EndpointConfig | undefined) {
  return given({
    ip: unlessEmpty(settings?.IPAMConfig?.IPv4Address),
    ip6: unlessEmpty(settings?.IPAMConfig?.IPv6Address),
    alias: settings?.Aliases,
    link: settings?.Links,
    macAddress: unlessEmpty(settings?.MacAddress),
    driverOpt: settings?.DriverOpts,
  })
}

function published(
  name: string,
  bindings: readonly { HostIp?: string | undefined; HostPort?: string | undefined }[],
): PortInput[] {
  const [port = '', protocol] = name.split('/')
  return bindings.map(
    ({ HostIp, HostPort }) =>
      given({
        port,
        protocol: unlessEmpty(protocol),
        hostAddress: unlessEmpty(HostIp),
        hostPort: HostPort === '0' ? undefined : unlessEmpty(HostPort),
      }) as PortInput,
  )
}
