import { hasLabels, type LabelFilter, lacksLabels } from '../image/labels.js'
import { parseMoment } from '../spec/moment.js'
import type { NetworkRecord, NetworkStore } from '../store/networks.js'
import { checkNames, exactly, invalidFilter, matching, type Test } from './filters.js'
import { isPredefined } from './predefined-networks.js'

/** Filters of {@link Networks.list}: Docker's. All must fit; of several values of one filter, one must. */
export interface NetworkFilters {
  readonly driver?: string | readonly string[]
  /** A regular expression, or a part of the id. */
  readonly id?: string | readonly string[]
  /** `key` or `key=value`; of several, all must be there. */
  readonly label?: LabelFilter
  /** A regular expression, or a part of the name. */
  readonly name?: string | readonly string[]
  /** All are `'local'`. */
  readonly scope?: string | readonly string[]
  /** `'builtin'`: bridge, host and none. */
  readonly type?: 'custom' | 'builtin'
  /** Whether it was created, and no running container is on it. */
  readonly dangling?: boolean
}

/** Filters of {@link Networks.prune}. */
export interface PruneNetworksFilters {
  /** `key` or `key=value`; of several, all must be there. */
  readonly label?: LabelFilter
  /** None of these may be there. */
  readonly withoutLabel?: LabelFilter
  /** Made before this moment: a Date, ms, an RFC 3339 time, or an age such as `24h`. */
  readonly until?: Date | number | string
}

/** @throws {InvalidOptionError} INVALID_OPTION, in Docker's words */
export function networkFilter(store: Pick<NetworkStore, 'hasActive'>, filters: NetworkFilters): Test<NetworkRecord> {
  const { driver, id, label, name, scope, type, dangling } = checkNames(filters, listFilters)
  const tests: Test<NetworkRecord>[] = [
    exactly(driver, ({ definition }) => definition.driver),
    matching('id', id, (record) => record.id),
    matching('name', name, (record) => record.name),
    exactly(scope, () => 'local'),
    ({ definition }) => hasLabels(definition.labels, label),
    ofType(type),
    ofDangling(store, dangling),
  ]
  return (record) => tests.every((test) => test(record))
}

/** Those that may go, and that are wanted gone. @throws {InvalidOptionError} INVALID_OPTION */
export function pruneFilter(
  store: Pick<NetworkStore, 'hasActive'>,
  filters: PruneNetworksFilters,
): Test<NetworkRecord> {
  const { label, withoutLabel, until } = checkNames(filters, pruneFilters)
  const end = until === undefined ? undefined : parseMoment('until', until)
  return (record) =>
    isDangling(store, record) &&
    hasLabels(record.definition.labels, label) &&
    lacksLabels(record.definition.labels, withoutLabel) &&
    (end === undefined || BigInt(record.createdAtMs) * 1_000_000n <= end)
}

const listFilters: readonly string[] = ['driver', 'id', 'label', 'name', 'scope', 'type', 'dangling']
const pruneFilters: readonly string[] = ['label', 'withoutLabel', 'until']

function isDangling(store: Pick<NetworkStore, 'hasActive'>, { id, name }: NetworkRecord): boolean {
  return !isPredefined(name) && !store.hasActive(id)
}

function ofType(type: string | undefined): Test<NetworkRecord> {
  if (type === undefined) return () => true
  if (type !== 'custom' && type !== 'builtin')
    throw invalidFilter(`invalid filter: 'type'='${type}': give 'custom' or 'builtin'`, type)
  return ({ name }) => isPredefined(name) === (type === 'builtin')
}

function ofDangling(store: Pick<NetworkStore, 'hasActive'>, dangling: boolean | undefined): Test<NetworkRecord> {
  if (dangling === undefined) return () => true
  if (typeof dangling === 'boolean') return (record) => isDangling(store, record) === dangling
  throw invalidFilter(`invalid value for filter 'dangling', must be true or false`, String(dangling))
}
