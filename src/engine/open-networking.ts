import { chmodSync, mkdirSync } from 'node:fs'
import { tellingNetworks } from '../events/telling-stores.js'
import type { EventSink } from '../events/types.js'
import type { AddressPool } from '../network/address-pools.js'
import { openHostNetwork } from '../network/host-network.js'
import type { Database } from '../store/database.js'
import { openLinks } from '../store/links.js'
import { type NetworkRecord, openNetworks } from '../store/networks.js'
import { coveredNetworks, type Uncover } from './covering-stores.js'
import type { Networking } from './networking.js'
import type { Paths } from './paths.js'
import {
  describeBridge,
  ensureBridge,
  ensurePredefined,
  isPredefined,
  type NetworkStages,
} from './predefined-networks.js'

/** What is left undone of the host's network is not worth an error. @see https://nodejs.org/api/process.html#processemitwarningwarning-options */
const warn = (error: unknown) => process.emitWarning(error instanceof Error ? error : String(error))

/** Opens a root's networks. Nothing is made of them in the kernel before something needs it. */
export function openNetworking(
  paths: Paths,
  database: Database,
  pools: readonly AddressPool[],
  events: EventSink,
  uncover: Uncover = () => {},
): Networking {
  const { rootId, runRoot } = paths
  const store = tellingNetworks(coveredNetworks(openNetworks(database), uncover), events, isPredefined)
  const host = openHostNetwork({ rootId, runRoot, onWarning: warn })
  const stages: NetworkStages = {
    networks: store,
    rootId,
    runRoot,
    pools,
    occupied: (besides) => host.occupied(besides),
    createInKernel: (network) => host.create(network),
    removeFromKernel: (network) => host.remove(network),
  }
  const names = `${runRoot}/dns`
  mkdirSync(names, { recursive: true })
  // Resolvers are nobody's, whatever this process's umask is.
  chmodSync(names, 0o755)
  ensurePredefined(stages)
  let bridge: Promise<NetworkRecord> | undefined
  return {
    store,
    links: openLinks(database),
    host,
    names,
    stages,
    ahead: new Map(),
    dynamicPorts: { last: 0 },
    bridge() {
      // Its subnet is chosen anew only while no engine is open.
      bridge ??= ensureBridge(stages).catch((error: unknown) => {
        bridge = undefined
        throw error
      })
      return bridge
    },
    describeBridge: () => describeBridge(stages),
    async leave() {
      try {
        const record = store.getByName('bridge')
        if (record && !store.hasActive(record.id)) await host.remove(record)
      } catch (error) {
        // A bridge that is left is found by the next engine; that this one cannot be closed would help nobody.
        warn(error)
      }
    },
  }
}
