import { rmSync } from 'node:fs'
import type { ContainerStore } from '../store/containers.js'
import type { EphemeralKind, EphemeralStore } from '../store/ephemeral.js'
import type { NetworkStore } from '../store/networks.js'
import type { VolumeStore } from '../store/volumes.js'
import { undoFile } from './owner.js'

// Before the record of an ephemeral thing goes, whoever deletes it, so does the plan that would undo it: the next one of that name
// may be somebody else's.

/** Removes the plan that undoes a thing, if it is ephemeral. */
export type Uncover = (kind: EphemeralKind, id: string) => void

export function uncovering(runRoot: string, ephemeral: EphemeralStore): Uncover {
  return (kind, id) => {
    const owner = ephemeral.ownerOf(kind, id)
    if (owner !== undefined) rmSync(undoFile(runRoot, owner, { kind, id }), { force: true })
  }
}

/** What is kept for others is not undone either. */
export function coveredEphemeral(store: EphemeralStore, uncover: Uncover): EphemeralStore {
  return {
    ...store,
    keep(kind, id) {
      uncover(kind, id)
      store.keep(kind, id)
    },
  }
}

/** Of a container something may be left still. Who has made it forgets its plan; nobody ever has its id again. */
export function coveredContainers(store: ContainerStore, onDelete: (id: string) => void): ContainerStore {
  return {
    ...store,
    delete(id) {
      onDelete(id)
      return store.delete(id)
    },
  }
}

export function coveredNetworks(store: NetworkStore, uncover: Uncover): NetworkStore {
  return {
    ...store,
    delete(id) {
      uncover('network', id)
      return store.delete(id)
    },
  }
}

export function coveredVolumes(store: VolumeStore, uncover: Uncover): VolumeStore {
  return {
    ...store,
    delete(name) {
      uncover('volume', name)
      store.delete(name)
    },
  }
}
