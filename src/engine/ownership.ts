import type { ContainerContext } from '../container/context.js'
import { ConflictError } from '../errors/index.js'
import type { ContainerRecord } from '../store/containers.js'
import type { VolumeRecord } from '../store/volumes.js'
import { noSuchVolume } from '../volume/volume-errors.js'
import type { Stages } from './assemble.js'
import { coverVolume } from './undo-plans.js'

type Ownership = Pick<Stages, 'owner' | 'ephemeral'>

/**
 * In the transaction that inserts a container: whose it is, and whose the anonymous volumes are that are made with it, when it
 * is ephemeral. Ephemeral volumes that it has of others stay from now on.
 */
export function recordOwner(
  { owner, ephemeral }: Ownership,
  { abandoned }: Pick<ContainerContext, 'abandoned'>,
  { id, config, mounts }: ContainerRecord,
  there: ReadonlyMap<string, VolumeRecord>,
): void {
  if (config.ephemeral) owner.own({ kind: 'container', id })
  for (const point of mounts) {
    if (point.type !== 'volume') continue
    const { volume, isAnonymous } = point
    if (there.has(volume)) keepForOthers(volume)
    else if (config.ephemeral && isAnonymous) owner.own({ kind: 'volume', id: volume })
  }
  function keepForOthers(volume: string): void {
    const other = ephemeral.ownerOf('volume', volume)
    if (other === undefined || (config.ephemeral && other === owner.id)) return
    ephemeral.keep('volume', volume)
    // Who undoes what it had may be at it.
    if (abandoned.isGone(other)) throw noSuchVolume(volume)
  }
}

/**
 * What is recorded of an ephemeral volume in the transaction that makes it.
 *
 * @throws {ConflictError} VOLUME_EXISTS when there was one of that name, which is not to be removed
 */
export function ownVolume(
  { owner, ephemeral, paths }: Ownership & Pick<Stages, 'paths'>,
  name: string,
): (there: ReadonlyMap<string, VolumeRecord>) => void {
  return (there) => {
    const volume = there.get(name)
    if (volume === undefined || volume.state === 'creating') {
      coverVolume({ owner, paths }, name)
      return owner.own({ kind: 'volume', id: name })
    }
    if (ephemeral.ownerOf('volume', name) === owner.id) return
    throw new ConflictError(`volume ${name} exists already, and does not end with this process: give another name`, {
      code: 'VOLUME_EXISTS',
      details: { volume: name },
    })
  }
}
