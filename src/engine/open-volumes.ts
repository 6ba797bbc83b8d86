import { tellingVolumes } from '../events/telling-stores.js'
import type { EventSink } from '../events/types.js'
import { canOverlay, type SnapshotDriver } from '../snapshot/index.js'
import type { Database } from '../store/database.js'
import { openVolumes } from '../store/volumes.js'
import { DriverRegistry } from '../volume/drivers.js'
import { VolumeKeeper } from '../volume/keeper.js'
import { LocalDriver } from '../volume/local-driver.js'
import { useId } from '../volume/mount.js'
import { coveredVolumes, type Uncover } from './covering-stores.js'
import type { NormalizedEngineOptions } from './options.js'
import type { Paths } from './paths.js'

/** What makes, mounts and removes the volumes of a root. */
export function openVolumeKeeper(
  paths: Pick<Paths, 'volumes' | 'volumeLocks'>,
  database: Database,
  {
    volumeDrivers,
    volumePluginDirectories,
    layerLimits,
  }: Pick<NormalizedEngineOptions, 'volumeDrivers' | 'volumePluginDirectories' | 'layerLimits'>,
  snapshots: Pick<SnapshotDriver, 'name'>,
  events: EventSink,
  closing: AbortSignal,
  uncover: Uncover = () => {},
): VolumeKeeper {
  const store = tellingVolumes(coveredVolumes(openVolumes(database), uncover), events)
  const local = new LocalDriver({
    directory: paths.volumes,
    optionsOf: (name) => store.get(name)?.options ?? {},
    layersOf: (name) => store.get(name)?.layers ?? [],
    isPassing: store.isPassing,
    othersUse: (name, id) => store.mountsOf(name).some((mount) => mount.path !== undefined && useId(mount) !== id),
  })
  const drivers = new DriverRegistry({ local, registered: volumeDrivers, plugins: volumePluginDirectories })
  return new VolumeKeeper({
    directory: paths.volumes,
    locks: paths.volumeLocks,
    store,
    drivers,
    layerLimits,
    canOverlay: (directory) => snapshots.name === 'overlay' && canOverlay(directory),
    closing,
  })
}
