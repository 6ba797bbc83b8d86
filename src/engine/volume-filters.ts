import { hasLabels, type LabelFilter, lacksLabels } from '../image/labels.js'
import type { VolumeRecord, VolumeStore } from '../store/volumes.js'
import { isLocal } from '../volume/volume-record.js'
import { checkNames, exactly, invalidFilter, matching, type Test } from './filters.js'
import { anonymousLabel } from './volume-request.js'

/** Filters of {@link Volumes.list}: Docker's. All must fit; of several values of one filter, one must. */
export interface VolumeFilters {
  /** Whether no container, running or not, refers to it. */
  readonly dangling?: boolean
  readonly driver?: string | readonly string[]
  /** `key` or `key=value`; of several, all must be there. */
  readonly label?: LabelFilter
  /** A regular expression, or a part of the name. */
  readonly name?: string | readonly string[]
}

/** Filters of {@link Volumes.prune}. */
export interface PruneVolumesFilters {
  /** `key` or `key=value`; of several, all must be there. */
  readonly label?: LabelFilter
  /** None of these may be there. */
  readonly withoutLabel?: LabelFilter
}

/** What filters look at. */
type Filtered = Pick<VolumeRecord, 'name' | 'driver' | 'labels'>

/** @throws {InvalidOptionError} INVALID_OPTION, in Docker's words */
export function volumeFilter(store: Pick<VolumeStore, 'users'>, filters: VolumeFilters): Test<Filtered> {
  const { dangling, driver, label, name } = checkNames(filters, ['dangling', 'driver', 'label', 'name'])
  const tests: Test<Filtered>[] = [
    exactly(driver, (volume) => volume.driver),
    matching('name', name, (volume) => volume.name),
    ({ labels }) => hasLabels(labels, label),
    ofDangling(store, dangling),
  ]
  return (volume) => tests.every((test) => test(volume))
}

/**
 * Those that may go, and that are wanted gone: as with Docker, what drivers keep elsewhere is never pruned.
 *
 * @throws {InvalidOptionError} INVALID_OPTION
 */
export function pruneFilter(
  store: Pick<VolumeStore, 'users'>,
  all: boolean,
  filters: PruneVolumesFilters,
): Test<VolumeRecord> {
  const { label, withoutLabel } = checkNames(filters, ['label', 'withoutLabel'])
  return (volume) =>
    isLocal(volume) &&
    (all || volume.isAnonymous || Object.hasOwn(volume.labels, anonymousLabel)) &&
    hasLabels(volume.labels, label) &&
    lacksLabels(volume.labels, withoutLabel) &&
    isDangling(store, volume)
}

const isDangling = (store: Pick<VolumeStore, 'users'>, { name }: Filtered) => store.users(name).length === 0

function ofDangling(store: Pick<VolumeStore, 'users'>, dangling: boolean | undefined): Test<Filtered> {
  if (dangling === undefined) return () => true
  if (typeof dangling === 'boolean') return (volume) => isDangling(store, volume) === dangling
  throw invalidFilter(`Invalid filter 'dangling=[${String(dangling)}]': give true or false`, String(dangling))
}
