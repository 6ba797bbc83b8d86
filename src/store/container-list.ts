import type { ActiveEndpoint, BoundPort, NetworkDefinition } from '../network/definition.js'
import type { ContainerRecord, ContainerStore } from './containers.js'
import type { Database } from './database.js'
import { parseDocument } from './documents.js'

/** A container's place on a network, as a list tells it. */
export interface ListedEndpoint {
  /** The network's id. */
  readonly network: string
  /** The network's name when it was connected. */
  readonly networkName: string
  /** Undefined when the network is gone. */
  readonly definition: NetworkDefinition | undefined
  /** What it has there while it runs. */
  readonly active: ActiveEndpoint | undefined
}

/** A container, and what a list tells of it beside its record. */
export interface ContainerLine {
  readonly record: ContainerRecord
  /** In the order they were connected. */
  readonly endpoints: readonly ListedEndpoint[]
  /** What is published while it runs. */
  readonly ports: readonly BoundPort[]
  /** What containers that link to it on the default bridge have for it: `web/db`. Sorted. */
  readonly linkedNames: readonly string[]
}

/** The containers of a root, read with as many statements as there are tables; with one while nothing has changed. */
export interface ContainerList {
  /** All of one moment, newest first. */
  lines(): readonly ContainerLine[]
}

interface EndpointRow {
  container: string
  network: string
  name: string
  active: string | null
}

interface PortRow {
  container: string
  protocol: BoundPort['protocol']
  host_address: string
  host_port: number
  port: number
}

export function openContainerList(
  { prepare, read, version }: Database,
  { list }: Pick<ContainerStore, 'list'>,
): ContainerList {
  const endpoints = prepare<[], EndpointRow>(
    'SELECT container, network, name, active FROM endpoints ORDER BY container, position',
  )
  const definitions = prepare<[], { id: string; definition: string }>('SELECT id, definition FROM networks')
  const ports = prepare<[], PortRow>(
    'SELECT container, protocol, host_address, host_port, port FROM ports ORDER BY port, protocol, host_address, host_port',
  )
  const links = prepare<[], { target: string; name: string }>(
    `SELECT links.target, containers.name || '/' || links.alias AS name FROM links
       JOIN containers ON containers.id = links.container ORDER BY name`,
  )
  const readLines = (): ContainerLine[] => {
    const networks = new Map(
      definitions
        .all()
        .map(({ id, definition }) => [id, parseDocument<NetworkDefinition>(definition, `network ${id}`)]),
    )
    const places = grouped(
      endpoints.all(),
      ({ container }) => container,
      (row) => toEndpoint(row, networks),
    )
    const published = grouped(ports.all(), ({ container }) => container, toPort)
    const names = grouped(
      links.all(),
      ({ target }) => target,
      ({ name }) => name,
    )
    return list().map((record) => ({
      record,
      endpoints: places.get(record.id) ?? [],
      ports: published.get(record.id) ?? [],
      linkedNames: names.get(record.id) ?? [],
    }))
  }
  let known: { readonly version: string; readonly lines: readonly ContainerLine[] } | undefined
  const lines = () => {
    const now = version()
    if (known?.version !== now) known = { version: now, lines: readLines() }
    return known.lines
  }
  return { lines: () => read(lines) }
}

function toEndpoint(
  { container, network, name, active }: EndpointRow,
  definitions: ReadonlyMap<string, NetworkDefinition>,
): ListedEndpoint {
  return {
    network,
    networkName: name,
    definition: definitions.get(network),
    active:
      active === null ? undefined : parseDocument(active, `the place of container ${container} on network ${network}`),
  }
}

const toPort = ({ protocol, host_address, host_port, port }: PortRow): BoundPort => ({
  protocol,
  hostAddress: host_address,
  hostPort: host_port,
  port,
})

function grouped<Row, Value>(
  rows: readonly Row[],
  keyOf: (row: Row) => string,
  toValue: (row: Row) => Value,
): Map<string, Value[]> {
  const groups = new Map<string, Value[]>()
  for (const row of rows) {
    const key = keyOf(row)
    const group = groups.get(key)
    if (group) group.push(toValue(row))
    else groups.set(key, [toValue(row)])
  }
  return groups
}
