import type { EngineInfo } from '../../engine/info.js'

/** `GET /info`: the engine's document, and what Docker's daemon has beside it. */
export function infoDocument(info: EngineInfo) {
  return {
    ...info,
    // Clients that know these warn of what they are told is missing. Frames on a bridge are filtered there, without br_netfilter.
    BridgeNfIptables: true,
    BridgeNfIp6tables: true,
    KernelMemory: info.MemoryLimit,
    KernelMemoryTCP: info.MemoryLimit,
    NGoroutines: 0,
    NEventsListener: 0,
    // There is neither containerd nor runc: the supervisor and init are the package's own.
    ContainerdCommit: commit('N/A'),
    RuncCommit: commit(info.ServerVersion),
    InitCommit: commit(info.ServerVersion),
    Swarm: {
      NodeID: '',
      NodeAddr: '',
      LocalNodeState: 'inactive',
      ControlAvailable: false,
      Error: '',
      RemoteManagers: null,
    },
  }
}

const commit = (version: string) => ({ ID: version, Expected: version })
