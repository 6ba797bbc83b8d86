import { isIPv4, isIPv6 } from '../spec/addresses.js'
import { portRange, portsOf } from '../spec/port-range.js'
import { Refusal } from './failure.js'

/** A word of EXPOSE, taken apart: `80`, `8000-8005/udp`, and what Docker still takes: `127.0.0.1:8080:80`. */
export interface PortWord {
  readonly address: string
  readonly hostPort: string
  readonly port: string
  /** As it was written; '' when it was not. */
  readonly protocol: string
}

export function splitPort(word: string): PortWord {
  const parts = word.split(':')
  const last = parts.pop() as string
  const hostPort = parts.pop() ?? ''
  const slash = last.indexOf('/')
  const port = slash < 0 ? last : last.slice(0, slash)
  return { address: parts.join(':'), hostPort, port, protocol: slash < 0 ? '' : last.slice(slash + 1) }
}

const chargeOfPort = 4

/** `80/tcp` for each port of a word. */
export function exposedPorts(word: string, charge: (size: number) => void): string[] {
  const { address, hostPort, port, protocol } = splitPort(word)
  const invalid = (what: string) => new Refusal(`invalid port: ${JSON.stringify(word)}: ${what}`)
  if (port === '') throw invalid('no port specified')
  if (!/^(?:tcp|udp|sctp|)$/i.test(protocol)) throw invalid(`invalid proto: ${protocol}`)
  const bare = /^\[(.*)\]$/.exec(address)?.[1] ?? address
  if (bare !== '' && !isIPv4(bare) && !isIPv6(bare)) throw new Refusal(`invalid IP address: ${address}`)
  const range = portRange(port)
  if (!range) throw new Refusal(`invalid containerPort: ${port}`)
  const hostRange = hostPort === '' ? range : portRange(hostPort)
  if (!hostRange) throw new Refusal(`invalid hostPort: ${hostPort}`)
  const width = range[1] - range[0]
  if (width > 0 && hostRange[1] - hostRange[0] !== width)
    throw new Refusal(`invalid ranges specified for container and host Ports: ${port} and ${hostPort}`)
  charge((width + 1) * chargeOfPort)
  return portsOf(range).map((number) => `${number}/${protocol.toLowerCase() || 'tcp'}`)
}
