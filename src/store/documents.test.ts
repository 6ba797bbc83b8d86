import { afterEach, beforeEach, expect, test } from 'vitest'
import { type NetworkTestStore, networkStore } from '../../test/support/network-store.js'
import { openContainerSnapshots } from './container-snapshots.js'
import { openVolumes } from './volumes.js'

let store: NetworkTestStore
beforeEach(() => {
  store = networkStore()
})
afterEach(() => store[Symbol.dispose]())

/** All rows have it instead. */
function damage(table: string, column: string, value: string) {
  store.database.sqlite.pragma('foreign_keys = OFF')
  store.database.sqlite.prepare(`UPDATE ${table} SET ${column} = ?`).run(value)
}

const corrupt = expect.objectContaining({ code: 'STORE_CORRUPT' })
const noPaths = ['', '../../etc', `${'a'.repeat(32)}\0${'a'.repeat(31)}`, 'A'.repeat(64), `${'a'.repeat(64)}\n`]

test.each(noPaths)('an id that is none, %j, names nothing', (id) => {
  store.container('app')
  store.network('net')
  damage('containers', 'id', id)
  damage('networks', 'id', id)
  expect(() => store.containers.list()).toThrow(corrupt)
  expect(() => store.containers.getByName('app')).toThrow(corrupt)
  expect(() => store.networks.list()).toThrow(corrupt)
  expect(() => store.networks.getByName('net')).toThrow(corrupt)
})

test.each(['labels', 'options', 'layers'])('the %s of a volume that are no JSON are told', (column) => {
  const volumes = openVolumes(store.database)
  volumes.insert({
    name: 'data',
    driver: 'local',
    createdAtMs: 0,
    isAnonymous: false,
    labels: {},
    options: {},
    state: 'ready',
    layers: [],
    rebasing: undefined,
  })
  damage('volumes', column, '{"half')
  expect(() => volumes.list()).toThrow(corrupt)
  expect(() => volumes.get('data')).toThrow('volume data')
})

test.each([
  ['container_snapshots', 'id', '../x'],
  ['container_snapshots', 'document', '{"half'],
  ['snapshot_volumes', 'layers', '["half'],
])('so is what is damaged of a snapshot: %s.%s', (table, column, value) => {
  const snapshots = openContainerSnapshots(store.database)
  const volume = { layers: ['a'], isShared: true, size: 1 }
  snapshots.begin({ id: 'a'.repeat(64), name: 'saved', createdAtMs: 0, document: {} as never, volumes: [volume] })
  expect(snapshots.list()).toHaveLength(1)
  damage(table, column, value)
  expect(() => snapshots.list()).toThrow(corrupt)
})
