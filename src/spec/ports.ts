import { isIPv4, isIPv6 } from './addresses.js'
import { checkText, invalidOption } from './invalid.js'
import type { PortBinding, PortInput, RunOptions } from './options.js'
import { type PortRange, portRange, portsOf } from './port-range.js'

type Protocol = PortBinding['protocol']

/** The parts of `[[ip:][hostPort]:]port[/protocol]`, as they were written; '' is what was left out. */
interface PortText {
  readonly given: string
  readonly hostAddress: string
  readonly hostPort: string
  readonly port: string
  readonly protocol: string
}

const anyPort: PortRange = [0, 0]

/**
 * `--publish`, with ranges taken apart: a binding for each port of the container. Bindings that are equal stay: they need
 * two ports of the host, or are refused by it.
 *
 * @throws {InvalidOptionError} INVALID_OPTION
 */
export function parsePublish(input: RunOptions['publish']): PortBinding[] {
  return (input ?? []).flatMap((entry) => bindings(typeof entry === 'object' ? objectText(entry) : portText(entry)))
}

/**
 * `--expose`: `80/tcp` for each port of each range.
 *
 * @throws {InvalidOptionError} INVALID_OPTION
 */
export function parseExpose(input: RunOptions['expose']): string[] {
  return (input ?? []).flatMap((entry) => exposed(typeof entry === 'number' ? String(entry) : entry))
}

/** A port as images and inspect name it. */
export function portName({ port, protocol }: Pick<PortBinding, 'port' | 'protocol'>): string {
  return `${port}/${protocol}`
}

function portText(entry: string | number): PortText {
  const given = typeof entry === 'number' ? String(entry) : checkText('publish', entry)
  const slash = given.indexOf('/')
  const [ports, protocol] = slash < 0 ? [given, ''] : [given.slice(0, slash), given.slice(slash + 1)]
  const parts = ports.split(':')
  // What is left of the last two colons may be an IPv6 address without brackets.
  const [port = '', hostPort = '', ...address] = parts.reverse()
  return { given, port, hostPort, hostAddress: address.reverse().join(':'), protocol }
}

function objectText({ port, hostPort = '', hostAddress = '', protocol = 'tcp' }: PortInput): PortText {
  const parts = {
    port: String(port),
    hostPort: String(hostPort),
    hostAddress: checkText('publish', hostAddress),
    protocol: checkText('publish', protocol),
  }
  return { ...parts, given: `${parts.hostAddress}:${parts.hostPort}:${parts.port}/${parts.protocol}` }
}

function bindings(text: PortText): PortBinding[] {
  if (text.port === '')
    throw invalid(text, `no port specified: ${text.given}<empty>`, "write it as in '8080:80' or '80/udp'")
  const hostAddress = hostAddressOf(text)
  const ports = rangeOf(text, 'containerPort', text.port, 1)
  const hostPorts = text.hostPort === '' ? anyPort : rangeOf(text, 'hostPort', text.hostPort, 0)
  const protocol = protocolOf('publish', text.protocol)
  const width = ports[1] - ports[0]
  const spread = text.hostPort !== '' && width > 0
  if (spread && hostPorts[1] - hostPorts[0] !== width)
    throw invalid(
      text,
      `invalid ranges specified for container and host Ports: ${text.port} and ${text.hostPort}`,
      'give ranges of the same length, or a range of the host for one port',
    )
  return portsOf(ports).map((port, at) => ({
    protocol,
    port,
    hostAddress,
    hostPort: spread ? [hostPorts[0] + at, hostPorts[0] + at] : hostPorts,
  }))
}

function rangeOf(text: PortText, name: 'containerPort' | 'hostPort', value: string, least: number): PortRange {
  const range = portRange(value)
  if (range && range[0] >= least) return range
  throw invalid(
    text,
    `invalid ${name}: ${value}`,
    `give a number from ${least} to 65535, or a range such as '8000-8010'`,
  )
}

function hostAddressOf(text: PortText): string {
  const { hostAddress } = text
  const address = /^\[(.*)\]$/.exec(hostAddress)?.[1] ?? hostAddress
  if (hostAddress === '' || isIPv4(address) || (isIPv6(address) && !address.includes('%'))) return address
  const what = /^\[[^\]]*$/.test(hostAddress)
    ? `invalid IP address ${hostAddress}: address ${hostAddress}:: missing ']' in address`
    : `invalid IP address: ${hostAddress}`
  throw invalid(text, what, "write it as in '127.0.0.1:8080:80' or '[::1]:8080:80'")
}

function protocolOf(option: 'publish' | 'expose', text: string): Protocol {
  const protocol = text.toLowerCase() || 'tcp'
  if (protocol === 'tcp' || protocol === 'udp' || protocol === 'sctp') return protocol
  throw invalidOption(option, `invalid proto: ${text}`, 'give tcp, udp or sctp', text)
}

function invalid({ given }: PortText, what: string, hint: string) {
  return invalidOption('publish', what, hint, given)
}

function exposed(given: string): string[] {
  if (checkText('expose', given).includes(':'))
    throw invalidOption(
      'expose',
      `invalid port format for --expose: ${given}`,
      'ports of the host are for publish',
      given,
    )
  const [ports = '', ...protocols] = given.split('/')
  const range = portRange(ports)
  if (!range || range[0] === 0)
    throw invalidOption(
      'expose',
      `invalid range format for --expose: ${given}`,
      "give a port from 1 to 65535, or a range such as '8000-8010/udp'",
      given,
    )
  const protocol = protocolOf('expose', protocols.join('/'))
  return portsOf(range).map((port) => portName({ port, protocol }))
}
