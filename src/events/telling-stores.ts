import type { NetworkRecord, NetworkStore } from '../store/networks.js'
import type { VolumeStore } from '../store/volumes.js'
import { networkEvent, volumeEvent } from './plan-events.js'
import type { EventSink } from './types.js'

/** Tells of networks that are made and removed, in the transactions that record it; not of those that are always there. */
export function tellingNetworks(
  store: NetworkStore,
  events: EventSink,
  isPredefined: (name: string) => boolean,
): NetworkStore {
  const tell = ({ id, name, definition: { driver } }: NetworkRecord, action: 'create' | 'destroy') => {
    if (!isPredefined(name)) events.record(networkEvent({ id, name, driver }, action))
  }
  return {
    ...store,
    insert: (record) =>
      store.transaction(() => {
        store.insert(record)
        tell(record, 'create')
      }),
    delete: (id) =>
      store.transaction(() => {
        const record = store.removing().find((one) => one.id === id)
        const isDeleted = store.delete(id)
        if (record && isDeleted) tell(record, 'destroy')
        return isDeleted
      }),
  }
}

/** Tells of volumes that are made and removed. One whose making fails was none. */
export function tellingVolumes(store: VolumeStore, events: EventSink): VolumeStore {
  return {
    ...store,
    insert: (record) =>
      store.transaction(() => {
        const isInserted = store.insert(record)
        if (isInserted && record.state === 'ready') events.record(volumeEvent(record, 'create'))
        return isInserted
      }),
    finish: (name) =>
      store.transaction(() => {
        const record = store.get(name)
        store.finish(name)
        if (record?.state === 'creating') events.record(volumeEvent(record, 'create'))
      }),
    delete: (name) =>
      store.transaction(() => {
        const record = store.get(name)
        store.delete(name)
        if (record && record.state !== 'creating') events.record(volumeEvent(record, 'destroy'))
      }),
  }
}
