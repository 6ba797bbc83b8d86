import { ConflictError, NotFoundError } from '../errors/index.js'
import type { VolumeRecord, VolumeUse } from '../store/volumes.js'

export function noSuchVolume(name: string): NotFoundError {
  return new NotFoundError(`get ${name}: no such volume`, { code: 'VOLUME_NOT_FOUND', details: { volume: name } })
}

export function inUse(name: string, users: readonly VolumeUse[]): ConflictError {
  const who =
    users.length > 0 ? `[${users.map(({ container }) => container).join(', ')}]` : 'its files are being copied'
  return new ConflictError(`remove ${name}: volume is in use - ${who}`, {
    code: 'VOLUME_IN_USE',
    details: { volume: name, containers: users.map((user) => ({ id: user.container, name: user.name })) },
  })
}

export function otherDriver({ name, driver }: VolumeRecord, wanted: string): ConflictError {
  return new ConflictError(
    `create ${name}: driver '${driver}' already has volume '${name}': volume name must be unique: choose another name, or leave the driver out`,
    { code: 'VOLUME_EXISTS', details: { volume: name, driver, wanted } },
  )
}
