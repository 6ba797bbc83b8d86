import { hostGateway } from '../spec/index.js'
import { invalidOption } from '../spec/invalid.js'

/** Names, and the addresses they have: a line for each address. */
export interface HostsEntry {
  /** Separated by spaces, as in the line. */
  readonly names: string
  readonly addresses: readonly string[]
}

/** A linked container of the default bridge. */
export interface LinkedHost {
  readonly alias: string
  readonly hostname: string
  readonly name: string
  readonly addresses: readonly string[]
}

// Docker's, to the byte.
const loopbackHosts = `127.0.0.1\tlocalhost
::1\tlocalhost ip6-localhost ip6-loopback
fe00::0\tip6-localnet
ff00::0\tip6-mcastprefix
ff02::1\tip6-allnodes
ff02::2\tip6-allrouters
`

/** A hosts file with the loopback names and these, in order. @see hosts(5) */
export function hostsFile(entries: readonly HostsEntry[]): string {
  return loopbackHosts + entries.flatMap(linesOf).join('')
}

/** The container's own line: its full name and its bare one. */
export function ownEntry(hostname: string, domainname: string, addresses: readonly string[]): HostsEntry {
  const full = domainname === '' ? hostname : `${hostname}.${domainname}`
  const dot = full.indexOf('.')
  return { names: dot < 0 ? full : `${full} ${full.slice(0, dot)}`, addresses }
}

/** A link's line: the alias, the container's own hostname, its name. */
export function linkEntry({ alias, hostname, name, addresses }: LinkedHost): HostsEntry {
  return { names: [alias, hostname, ...(name === alias ? [] : [name])].join(' '), addresses }
}

/**
 * A line of `--add-host`; `gateway`: what `host-gateway` stands for.
 *
 * @throws {InvalidOptionError} INVALID_OPTION when there is no such gateway
 */
export function extraEntry(extraHost: string, gateway: readonly string[]): HostsEntry {
  const colon = extraHost.indexOf(':')
  const [names, address] = [extraHost.slice(0, colon), extraHost.slice(colon + 1)]
  if (address !== hostGateway) return { names, addresses: [address] }
  if (gateway.length > 0) return { names, addresses: gateway }
  throw invalidOption(
    'addHost',
    'unable to derive the IP value for host-gateway',
    'there is no default bridge; give an address',
    extraHost,
  )
}

/**
 * A container's hosts file after a change of its own addresses or of linked containers'. Lines of these very names get
 * the new addresses where the first of them stands, or at the end; all else, also what its programs wrote, stays as it is.
 */
export function updatedHosts(current: string, entries: readonly HostsEntry[]): string {
  return entries.reduce(withEntry, current)
}

function withEntry(current: string, entry: HostsEntry): string {
  const lines = (current.match(/[^\n]+\n?|\n/g) ?? []).map(ended)
  const isOurs = (line: string) => line.slice(line.indexOf('\t') + 1) === `${entry.names}\n`
  const first = lines.findIndex(isOurs)
  const others = lines.filter((line) => !isOurs(line))
  const place = first < 0 ? others.length : first
  return [...others.slice(0, place), ...linesOf(entry), ...others.slice(place)].join('')
}

const ended = (line: string) => (line.endsWith('\n') ? line : `${line}\n`)

const linesOf = ({ names, addresses }: HostsEntry) => addresses.map((address) => `${address}\t${names}\n`)
