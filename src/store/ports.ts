import { ConflictError } from '../errors/index.js'
import type { Database } from './database.js'
import { isUniqueViolation, type PortRecord, type PortStore } from './networks.js'

interface Row {
  container: string
  attempt: number
  protocol: PortRecord['protocol']
  host_address: string
  host_port: number
  port: number
}

export function openPorts({ prepare, transaction }: Database): PortStore {
  const insert = prepare<[string, number, string, string, number, number], never>(
    'INSERT INTO ports (container, attempt, protocol, host_address, host_port, port) VALUES (?, ?, ?, ?, ?, ?)',
  )
  const ofContainer = prepare<[string], Row>(
    'SELECT * FROM ports WHERE container = ? ORDER BY port, protocol, host_address, host_port',
  )
  const all = prepare<[], Row>('SELECT * FROM ports')
  const within = prepare<[string, number, number], Row>(
    'SELECT * FROM ports WHERE protocol = ? AND host_port BETWEEN ? AND ?',
  )
  const remove = prepare<[string, number | null], never>(
    'DELETE FROM ports WHERE container = ? AND attempt = coalesce(?, attempt)',
  )

  const add = ({ container, attempt, protocol, hostAddress, hostPort, port }: PortRecord) => {
    try {
      insert.run(container, attempt, protocol, hostAddress, hostPort, port)
    } catch (error) {
      if (isUniqueViolation(error)) throw portInUse(protocol, hostAddress, hostPort, error)
      throw error
    }
  }
  return {
    addPorts(ports) {
      if (ports.length === 0) return
      transaction(() => {
        for (const port of ports) add(port)
      })
    },
    portsOf: (container) => ofContainer.all(container).map(decode),
    portsWithin: (protocol, first, last) => within.all(protocol, first, last).map(decode),
    ports: () => all.all().map(decode),
    removePorts: (container, attempt) => void remove.run(container, attempt ?? null),
  }
}

function decode({ container, attempt, protocol, host_address, host_port, port }: Row): PortRecord {
  return { container, attempt, protocol, hostAddress: host_address, hostPort: host_port, port }
}

function portInUse(protocol: string, hostAddress: string, hostPort: number, cause: unknown): ConflictError {
  const bind = `${hostAddress.includes(':') ? `[${hostAddress}]` : hostAddress}:${hostPort}`
  return new ConflictError(`Bind for ${bind} failed: port is already allocated: choose another port of the host`, {
    code: 'PORT_IN_USE',
    cause,
    details: { protocol, hostAddress, hostPort },
  })
}
