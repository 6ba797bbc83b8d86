import { ConflictError } from '../errors/index.js'
import type { ActiveEndpoint } from '../network/definition.js'
import type { Database } from './database.js'
import { parseDocument } from './documents.js'
import { type EndpointRecord, type EndpointStore, isUniqueViolation, type NetworkStore } from './networks.js'

interface Row {
  container: string
  network: string
  name: string
  position: number
  settings: string
  attempt: number | null
  active: string | null
}

/** Endpoints, and taking away what they have in a run. */
export function openEndpoints({ prepare }: Database): EndpointStore & Pick<NetworkStore, 'release'> {
  const connect = prepare<[{ container: string; network: string; name: string; settings: string }], Row>(
    `INSERT INTO endpoints (container, network, name, position, settings)
       SELECT $container, $network, $name, coalesce(max(position) + 1, 0), $settings FROM endpoints WHERE container = $container
       RETURNING *`,
  )
  const move = prepare<[{ container: string; network: string; to: string; name: string }], Row>(
    `UPDATE endpoints SET network = $to, name = $name WHERE container = $container AND network = $network RETURNING *`,
  )
  const nameOf = prepare<[string], { name: string }>('SELECT name FROM containers WHERE id = ?')
  const disconnect = prepare<[string, string], Row>(
    'DELETE FROM endpoints WHERE container = ? AND network = ? RETURNING *',
  )
  const ofContainer = prepare<[string], Row>('SELECT * FROM endpoints WHERE container = ? ORDER BY position')
  const ofNetwork = prepare<[string], Row & { container_name: string }>(
    `SELECT endpoints.*, containers.name AS container_name FROM endpoints JOIN containers ON containers.id = container
       WHERE network = ? ORDER BY containers.rowid`,
  )
  const linking = prepare<[string], Row>(
    "SELECT * FROM endpoints WHERE network = ? AND json_array_length(settings, '$.links') > 0 ORDER BY container",
  )
  const active = prepare<[string], unknown>('SELECT 1 FROM endpoints WHERE network = ? AND active IS NOT NULL LIMIT 1')
  const activate = prepare<[number, string, Uint8Array | null, Uint8Array | null, string, string], never>(
    'UPDATE endpoints SET attempt = ?, active = ?, ipv4 = ?, ipv6 = ? WHERE container = ? AND network = ?',
  )
  const release = prepare<[string, number | null], never>(
    `UPDATE endpoints SET attempt = NULL, active = NULL, ipv4 = NULL, ipv6 = NULL
       WHERE container = ? AND attempt = coalesce(?, attempt)`,
  )
  const byFamily = <Parameters extends unknown[], Result>(sql: (column: 'ipv4' | 'ipv6') => string) => {
    const statements = { 4: prepare<Parameters, Result>(sql('ipv4')), 16: prepare<Parameters, Result>(sql('ipv6')) }
    return (address: Uint8Array) => statements[address.length as 4 | 16]
  }
  const has = byFamily<[string, Uint8Array], unknown>(
    (column) => `SELECT 1 FROM endpoints WHERE network = ? AND ${column} = ?`,
  )
  const count = byFamily<[string, Uint8Array, Uint8Array], { count: number }>(
    (column) => `SELECT count(*) AS count FROM endpoints WHERE network = ? AND ${column} BETWEEN ? AND ?`,
  )

  return {
    connect(container, { id, name }, settings) {
      try {
        const row = connect.get({ container, network: id, name, settings: JSON.stringify(settings) })
        return decode(row as Row)
      } catch (error) {
        if (isUniqueViolation(error)) throw alreadyConnected(nameOf.get(container)?.name ?? container, name, error)
        throw error
      }
    },
    move({ container, network }, { id, name }) {
      try {
        return decode(move.get({ container, network, to: id, name }) as Row)
      } catch (error) {
        if (isUniqueViolation(error)) throw alreadyConnected(nameOf.get(container)?.name ?? container, name, error)
        throw error
      }
    },
    disconnect(container, network) {
      const row = disconnect.get(container, network)
      return row && decode(row)
    },
    endpointsOf: (container) => ofContainer.all(container).map(decode),
    endpointsOn: (network) =>
      ofNetwork.all(network).map((row) => ({ ...decode(row), containerName: row.container_name })),
    linkingOn: (network) => linking.all(network).map(decode),
    hasActive: (network) => active.get(network) !== undefined,
    activate({ container, network }, attempt, active, { ipv4 = null, ipv6 = null }) {
      try {
        activate.run(attempt, JSON.stringify(active), ipv4, ipv6, container, network)
      } catch (error) {
        if (isUniqueViolation(error)) throw addressInUse(active, error)
        throw error
      }
    },
    release: (container, attempt) => release.run(container, attempt ?? null).changes > 0,
    hasAddress: (network, address) => has(address).get(network, address) !== undefined,
    countAddresses: (network, first, last) => count(first).get(network, first, last)?.count ?? 0,
  }
}

function decode(row: Row): EndpointRecord {
  const of = `the place of container ${row.container} on network ${row.network}`
  return {
    container: row.container,
    network: row.network,
    networkName: row.name,
    position: row.position,
    settings: parseDocument(row.settings, of),
    attempt: row.attempt ?? undefined,
    active: row.active === null ? undefined : parseDocument<ActiveEndpoint>(row.active, of),
  }
}

function alreadyConnected(container: string, network: string, cause: unknown): ConflictError {
  return new ConflictError(`endpoint with name ${container} already exists in network ${network}`, {
    code: 'ALREADY_CONNECTED',
    cause,
    details: { container, network },
  })
}

function addressInUse({ ipv4, ipv6 }: ActiveEndpoint, cause: unknown): ConflictError {
  const address = [ipv4, ipv6].filter((given) => given !== undefined).join(', ')
  return new ConflictError(`Address already in use: ${address}`, {
    code: 'ADDRESS_IN_USE',
    cause,
    details: { address },
  })
}
