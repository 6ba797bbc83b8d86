import { looseObject } from 'valibot'
import type { VolumeFilters } from '../../engine/volume-filters.js'
import type { VolumeSummary } from '../../engine/volumes.js'
import { text, textMap } from '../containers/schemas.js'
import { type Filters, truthOf } from '../filters.js'

/** What `POST /volumes/create` says. */
export const volumeDocument = looseObject({ Name: text, Driver: text, DriverOpts: textMap, Labels: textMap })

/** A volume of a list, as Docker describes it. */
export function volumeDocumentOf({ createdAt, driver, labels, mountpoint, name, options, scope }: VolumeSummary) {
  return {
    ...(createdAt && { CreatedAt: createdAt.toISOString().replace(/\.\d+/, '') }),
    Driver: driver,
    Labels: orNull(labels),
    Mountpoint: mountpoint,
    Name: name,
    Options: orNull(options),
    Scope: scope,
  }
}

const orNull = (record: Readonly<Record<string, string>>) => (Object.keys(record).length > 0 ? record : null)

/** @throws {ApiError} 400 for a truth that is none */
export function volumeFilters(filters: Filters): VolumeFilters {
  const { dangling: _, ...others } = filters
  const dangling = truthOf(filters, 'dangling')
  return { ...others, ...(dangling !== undefined && { dangling }) }
}
