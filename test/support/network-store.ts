import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { NetworkDefinition } from '../../src/network/definition.js'
import type { ContainerConfig } from '../../src/spec/options.js'
import { type ContainerStore, openContainers } from '../../src/store/containers.js'
import { type Database, openDatabase } from '../../src/store/database.js'
import { openImageRecords } from '../../src/store/images.js'
import { type NetworkRecord, type NetworkStore, openNetworks } from '../../src/store/networks.js'
import { bridge } from './network-definition.js'

/** A store below /tmp with networks, and containers to put on them. */
export interface NetworkTestStore extends Disposable {
  readonly directory: string
  readonly database: Database
  readonly networks: NetworkStore
  readonly containers: ContainerStore
  /** A container of this name, started once: its id. */
  container(name: string): string
  /** A network of this name and definition. */
  network(name: string, definition?: Partial<NetworkDefinition>): NetworkRecord
}

const image = `sha256:${'1'.repeat(64)}`
const asDigits = (text: string) => Buffer.from(text).toString('hex').padEnd(64, '0')

export function networkStore(): NetworkTestStore {
  const directory = mkdtempSync('/tmp/ib-networks-')
  const database = openDatabase(join(directory, 'db'))
  const networks = openNetworks(database)
  const containers = openContainers(database)
  openImageRecords(database).putAll([
    { id: image, config: '{}', manifest: null, size: 0, created_at: '', layers: [], snapshots: [], references: [] },
  ])
  return {
    directory,
    database,
    networks,
    containers,
    container(name) {
      const id = asDigits(name)
      containers.insert({
        id,
        name,
        image,
        reference: 'app',
        createdAtMs: 0,
        phase: 'started',
        attempt: 1,
        bootId: 'this boot',
        config: {} as ContainerConfig,
        mounts: [],
        isPrepared: true,
        outcome: undefined,
        isStopped: false,
      })
      return id
    },
    network(name, definition = {}) {
      const record = { id: asDigits(name), name, createdAtMs: 0, definition: { ...bridge, ...definition } }
      networks.insert(record)
      return record
    },
    [Symbol.dispose]() {
      database.close()
      rmSync(directory, { recursive: true })
    },
  }
}
