import { ConflictError, NotFoundError } from '../errors/index.js'
import type { ActiveEndpoint, BoundPort, EndpointSettings, NetworkDefinition } from '../network/definition.js'
import type { Database } from './database.js'
import { parseDocument, parseId } from './documents.js'
import { openEndpoints } from './endpoints.js'
import { openPorts } from './ports.js'

/** A network as the store has it. */
export interface NetworkRecord {
  /** 64 hex digits. */
  readonly id: string
  readonly name: string
  readonly createdAtMs: number
  readonly definition: NetworkDefinition
}

/** A container's place on a network. */
export interface EndpointRecord {
  readonly container: string
  /** The network's id; the network may be gone while the container does not run. */
  readonly network: string
  /** The network's name when it was connected. */
  readonly networkName: string
  /** In the order they were connected. */
  readonly position: number
  readonly settings: EndpointSettings
  /** Which start of the container it belongs to; undefined while it has none. */
  readonly attempt: number | undefined
  readonly active: ActiveEndpoint | undefined
}

/** The same, and who it is that has it. */
export interface NamedEndpoint extends EndpointRecord {
  readonly containerName: string
}

/** A port that a container has published, while it runs. */
export interface PortRecord extends BoundPort {
  readonly container: string
  readonly attempt: number
}

/** An endpoint's addresses in network byte order: 4 and 16 bytes. */
export interface EndpointAddresses {
  readonly ipv4?: Uint8Array | undefined
  readonly ipv6?: Uint8Array | undefined
}

/** A container's places on networks. Every method is one transaction. */
export interface EndpointStore {
  /** Behind the container's other places. @throws {ConflictError} ALREADY_CONNECTED */
  connect(container: string, network: NetworkRecord, settings: EndpointSettings): EndpointRecord
  /** Puts a place on another network. @throws {ConflictError} ALREADY_CONNECTED */
  move(endpoint: EndpointRecord, network: NetworkRecord): EndpointRecord
  /** What it was; undefined when there was none. */
  disconnect(container: string, network: string): EndpointRecord | undefined
  /** In the order they were connected. */
  endpointsOf(container: string): EndpointRecord[]
  endpointsOn(network: string): NamedEndpoint[]
  /** Those that have links there. */
  linkingOn(network: string): EndpointRecord[]
  /** Whether a container runs on the network, as far as its end was recorded. */
  hasActive(network: string): boolean
  /** Writes what an endpoint has in a run. @throws {ConflictError} ADDRESS_IN_USE */
  activate(endpoint: EndpointRecord, attempt: number, active: ActiveEndpoint, addresses: EndpointAddresses): void
  /** Whether an endpoint of the network has the address. */
  hasAddress(network: string, address: Uint8Array): boolean
  /** How many endpoints of the network have an address from `first` to `last`, both included. */
  countAddresses(network: string, first: Uint8Array, last: Uint8Array): number
}

/** Ports of the host that lead to containers. Every method is one transaction. */
export interface PortStore {
  /** All or none. @throws {ConflictError} PORT_IN_USE */
  addPorts(ports: readonly PortRecord[]): void
  portsOf(container: string): PortRecord[]
  ports(): PortRecord[]
  /** Of one protocol, from one port of the host to another, both included, whichever address. */
  portsWithin(protocol: PortRecord['protocol'], first: number, last: number): PortRecord[]
  /** @param attempt as with {@link NetworkStore.release} */
  removePorts(container: string, attempt?: number): void
}

/** The tables of networks, endpoints and ports. Every method is one transaction. */
export interface NetworkStore extends EndpointStore, PortStore {
  /** Several of these methods in one transaction: all of it is committed, or none. */
  transaction<Result>(body: () => Result): Result
  /** @throws {ConflictError} NETWORK_EXISTS */
  insert(record: NetworkRecord): void
  /** By full id. */
  get(id: string): NetworkRecord | undefined
  getByName(name: string): NetworkRecord | undefined
  /** By name, id, or unique prefix of an id, in that order. @throws {NotFoundError} NETWORK_NOT_FOUND; {ConflictError} AMBIGUOUS_ID */
  find(nameOrId: string): NetworkRecord
  /** Oldest first. */
  list(): NetworkRecord[]
  update(id: string, definition: NetworkDefinition): void
  /**
   * From now on nobody finds the network, and its name is free; what the kernel has of it is to be removed, then
   * {@link delete} is called. Places that stopped containers have on it stay, and lead nowhere.
   *
   * @throws {ConflictError} NETWORK_IN_USE while an endpoint on it is active; {NotFoundError} NETWORK_NOT_FOUND
   */
  beginRemove(id: string): void
  /** Those of which {@link beginRemove} was called, and not yet {@link delete}. */
  removing(): NetworkRecord[]
  delete(id: string): boolean
  /**
   * Takes away all that a run of the container had of networks; false when it had nothing (any more).
   *
   * @param attempt which run; undefined: whichever, when the caller knows that there is none
   */
  release(container: string, attempt?: number): boolean
}

interface Row {
  id: string
  name: string
  created_at: number
  definition: string
}

export function openNetworks(database: Database): NetworkStore {
  const { prepare, transaction } = database
  const endpoints = openEndpoints(database)
  const ports = openPorts(database)
  const insert = prepare<[string, string, number, string], never>(
    'INSERT INTO networks (id, name, created_at, definition) VALUES (?, ?, ?, ?)',
  )
  const byId = prepare<[string], Row>('SELECT * FROM networks WHERE id = ? AND NOT is_removed')
  const byName = prepare<[string], Row>('SELECT * FROM networks WHERE name = ? AND NOT is_removed')
  const byPrefix = prepare<[string, string], Row>(
    'SELECT * FROM networks WHERE id >= ? AND id < ? AND NOT is_removed LIMIT 2',
  )
  const all = prepare<[number], Row>('SELECT * FROM networks WHERE is_removed = ? ORDER BY created_at, rowid')
  const update = prepare<[string, string], never>('UPDATE networks SET definition = ? WHERE id = ?')
  const beginRemove = prepare<[{ id: string }], never>(
    `UPDATE networks SET is_removed = 1 WHERE id = $id AND NOT is_removed
       AND NOT EXISTS (SELECT 1 FROM endpoints WHERE network = $id AND active IS NOT NULL)`,
  )
  const remove = prepare<[string], never>('DELETE FROM networks WHERE id = ?')
  const decode = networkReader()

  return {
    ...endpoints,
    ...ports,
    transaction,
    insert({ id, name, createdAtMs, definition }) {
      try {
        insert.run(id, name, createdAtMs, JSON.stringify(definition))
      } catch (error) {
        if (isUniqueViolation(error)) throw networkExists(name, error)
        throw error
      }
    },
    get: (id) => decode(byId.get(id)),
    getByName: (name) => decode(byName.get(name)),
    find(nameOrId) {
      const exact = byName.get(nameOrId) ?? byId.get(nameOrId)
      const matches = exact ? [exact] : isPrefix(nameOrId) ? byPrefix.all(nameOrId, `${nameOrId}g`) : []
      if (matches.length > 1) throw ambiguous(nameOrId)
      const only = decode(matches[0])
      if (only) return only
      throw noSuchNetwork(nameOrId)
    },
    list: () => all.all(0).map((row) => decode(row) as NetworkRecord),
    update: (id, definition) => void update.run(JSON.stringify(definition), id),
    beginRemove: (id) =>
      transaction(() => {
        if (beginRemove.run({ id }).changes > 0) return
        const row = byId.get(id)
        throw row ? networkInUse(row) : noSuchNetwork(id)
      }),
    removing: () => all.all(1).map((row) => decode(row) as NetworkRecord),
    delete: (id) => remove.run(id).changes > 0,
    release: (container, attempt) =>
      transaction(() => {
        ports.removePorts(container, attempt)
        return endpoints.release(container, attempt)
      }),
  }
}

const isPrefix = (text: string) => /^[0-9a-f]{1,64}$/.test(text)

export function noSuchNetwork(network: string): NotFoundError {
  return new NotFoundError(`network ${network} not found`, { code: 'NETWORK_NOT_FOUND', details: { network } })
}

export function networkExists(name: string, cause?: unknown): ConflictError {
  return new ConflictError(`network with name ${name} already exists`, {
    code: 'NETWORK_EXISTS',
    cause,
    details: { network: name },
  })
}

function networkInUse({ id, name }: Row): ConflictError {
  return new ConflictError(
    `error while removing network: network ${name} id ${id} has active endpoints: disconnect or stop its containers`,
    { code: 'NETWORK_IN_USE', details: { network: name, id } },
  )
}

function ambiguous(prefix: string): ConflictError {
  return new ConflictError(`network ${prefix} is ambiguous (several networks found based on ID prefix)`, {
    code: 'AMBIGUOUS_ID',
    details: { prefix },
  })
}

const rememberedNetworks = 64

/** Decodes rows. Networks hardly ever change, and every start looks at one: a definition is parsed once. */
function networkReader(): (row: Row | undefined) => NetworkRecord | undefined {
  const known = new Map<string, { readonly text: string; readonly definition: NetworkDefinition }>()
  return (row) => {
    if (!row) return undefined
    const { name, created_at, definition: text } = row
    const id = parseId(row.id, 'network')
    let kept = known.get(id)
    if (kept?.text !== text) {
      kept = { text, definition: parseDocument<NetworkDefinition>(text, `network ${id}`) }
      if (known.size >= rememberedNetworks) known.clear()
      known.set(id, kept)
    }
    return { id, name, createdAtMs: created_at, definition: kept.definition }
  }
}

/** A UNIQUE constraint, or that of a primary key. */
export function isUniqueViolation(error: unknown): boolean {
  const { code = '' } = error as { code?: string }
  return code === 'SQLITE_CONSTRAINT_UNIQUE' || code === 'SQLITE_CONSTRAINT_PRIMARYKEY'
}
