/** A linked container, as the one that links to it is told of it. */
export interface LinkedContainer {
  readonly alias: string
  /** Its address. */
  readonly address: string
  /** What it exposes: `80/tcp`. */
  readonly exposedPorts: readonly string[]
  /** `NAME=value`: its own variables and its image's. */
  readonly environment: readonly string[]
}

interface Port {
  readonly port: number
  readonly protocol: string
}

/** Of every image, and nothing to the other side. */
const leftOut = new Set(['PATH', 'HOME'])

/**
 * The variables that a link gives: the target's lowest port, ranges of three and more, each port, its name, its variables.
 *
 * @param container the name of the container that links
 * @see https://docs.docker.com/engine/network/links/
 */
export function linkEnvironment(container: string, link: LinkedContainer): string[] {
  const { alias, address, exposedPorts, environment } = link
  const prefix = alias.replaceAll('-', '_').toUpperCase()
  const ports = sorted(exposedPorts)
  const lowest = ports[0]
  const variables = [
    ...(lowest ? [`PORT=${endpoint(address, lowest)}`] : []),
    ...rangesOf(ports).flatMap((range) => rangeVariables(address, range)),
    ...ports.flatMap((port) => portVariables(address, port)),
    `NAME=/${container}/${alias}`,
    ...environment.filter(isTold).map((variable) => `ENV_${variable}`),
  ]
  const named = new Map(variables.map((variable) => [variable.slice(0, variable.indexOf('=')), variable]))
  return [...named.values()].map((variable) => `${prefix}_${variable}`)
}

function isTold(variable: string): boolean {
  const [name = '', ...value] = variable.split('=')
  return value.length > 0 && !leftOut.has(name)
}

/** By number; of one number TCP first. */
function sorted(exposedPorts: readonly string[]): Port[] {
  const ports = exposedPorts.map((text) => {
    const [port = '', protocol = 'tcp'] = text.split('/')
    return { port: Number(port), protocol }
  })
  const rank = ({ protocol }: Port) => (protocol === 'tcp' ? '' : protocol)
  return ports.sort((one, other) => one.port - other.port || (rank(one) < rank(other) ? -1 : 1))
}

const endpoint = (address: string, { port, protocol }: Port) => `${protocol}://${bracketed(address)}:${port}`

const bracketed = (address: string) => (address.includes(':') ? `[${address}]` : address)

function portVariables(address: string, port: Port): string[] {
  const name = `PORT_${port.port}_${port.protocol.toUpperCase()}`
  return [
    `${name}=${endpoint(address, port)}`,
    `${name}_ADDR=${address}`,
    `${name}_PORT=${port.port}`,
    `${name}_PROTO=${port.protocol}`,
  ]
}

interface Range {
  readonly first: Port
  readonly last: Port
}

/** Runs of three or more, as Docker finds them: no port is further above the first than there are ports between. */
function rangesOf(ports: readonly Port[]): Range[] {
  const ranges: Range[] = []
  for (let start = 0, end = 0; start < ports.length; start = end + 1) {
    const first = ports[start] as Port
    const isNext = (at: number) => at < ports.length && (ports[at] as Port).port <= first.port + at - start
    for (end = start; isNext(end + 1); ) end++
    if (end > start + 1) ranges.push({ first, last: ports[end] as Port })
    else end = start
  }
  return ranges
}

function rangeVariables(address: string, { first, last }: Range): string[] {
  const start = `PORT_${first.port}_${first.protocol.toUpperCase()}`
  const end = `PORT_${first.port}_${last.protocol.toUpperCase()}`
  return [
    `${start}_START=${endpoint(address, first)}`,
    `${start}_ADDR=${address}`,
    `${start}_PROTO=${first.protocol}`,
    `${start}_PORT_START=${first.port}`,
    `${end}_END=${endpoint(address, last)}`,
    `${end}_PORT_END=${last.port}`,
  ]
}
