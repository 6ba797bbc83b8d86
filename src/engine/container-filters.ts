import type { ContainerStatus } from '../container/inspect-state.js'
import { hasLabels, type LabelFilter, lacksLabels } from '../image/labels.js'
import { parseMoment } from '../spec/moment.js'
import type { ContainerSummary } from './containers.js'
import { checkNames, exactly, invalidFilter, matcher, type Test } from './filters.js'

/**
 * Filters of {@link Containers.list}: those of `docker ps`. All must fit; of several values of one filter one must, but of
 * labels all.
 */
export interface ContainerFilters {
  /** Lists those that do not run as well. */
  readonly status?: ContainerStatus | readonly ContainerStatus[]
  /** A regular expression, or the name itself; names that links give it count. */
  readonly name?: string | readonly string[]
  /** A prefix of one container's id only. */
  readonly id?: string | readonly string[]
  /** `key` or `key=value`. */
  readonly label?: LabelFilter
  /** Has ended with this exit code. */
  readonly exited?: number | readonly number[]
  /** Its image, or one that this image was committed from, by name or ID. */
  readonly ancestor?: string | readonly string[]
  /** Made before this container, by name or id. */
  readonly before?: string
  /** Made after this container, by name or id. */
  readonly since?: string
  /** A volume's name, the source of a bind, or where something is mounted. */
  readonly volume?: string | readonly string[]
  /** A network's name, or how its id begins. */
  readonly network?: string | readonly string[]
  /** A port of the container that is to be published: `80`, `'80/udp'`, `'8000-8010'`. */
  readonly publish?: PortFilter
  /** A port that it exposes, or its image. */
  readonly expose?: PortFilter
  readonly health?: HealthFilter | readonly HealthFilter[]
  /** Whether it is a task of a swarm: none is. */
  readonly isTask?: boolean
}

export type PortFilter = string | number | readonly (string | number)[]
export type HealthFilter = 'starting' | 'healthy' | 'unhealthy' | 'none'

/** Filters of {@link Containers.prune}. */
export interface PruneContainersFilters {
  /** `key` or `key=value`; of several, all must be there. */
  readonly label?: LabelFilter
  /** None of these may be there. */
  readonly withoutLabel?: LabelFilter
  /** Made before this moment: a Date, ms, an RFC 3339 time, or an age such as `24h`. */
  readonly until?: Date | number | string
}

/** What filters look at beside the summary. */
export interface Candidate {
  readonly summary: ContainerSummary
  readonly exposedPorts: readonly string[]
  /** Those that are to be published. */
  readonly publishedPorts: readonly string[]
  readonly networkIds: readonly string[]
  readonly hasStarted: boolean
}

/** What filters refer to. */
export interface FilterContext {
  /** Newest first. */
  readonly ids: readonly string[]
  /** @throws {NotFoundError} CONTAINER_NOT_FOUND */
  idOf(container: string): string
  /** The image and those that were committed from it; none when there is no such image. */
  descendants(image: string): readonly string[]
}

const statuses: readonly string[] = ['paused', 'restarting', 'removing', 'running', 'dead', 'created', 'exited']
const healths: readonly string[] = ['starting', 'healthy', 'unhealthy', 'none']
const names: readonly (keyof ContainerFilters)[] = [
  'status',
  'name',
  'id',
  'label',
  'exited',
  'ancestor',
  'before',
  'since',
  'volume',
  'network',
  'publish',
  'expose',
  'health',
  'isTask',
]

/** @throws {InvalidOptionError} INVALID_OPTION, in Docker's words; {NotFoundError} CONTAINER_NOT_FOUND for before and since */
export function containerFilter(filters: ContainerFilters, context: FilterContext): Test<Candidate> {
  const { status, name, id, label, exited, ancestor, before, since, volume, network, publish, expose, health, isTask } =
    checkNames(filters, names)
  const tests: Test<Candidate>[] = [
    exactly(
      known('status', status, statuses, (value) => `Invalid filter 'status=${value}'`),
      ({ summary }) => summary.state,
    ),
    exactly(
      known('health', health, healths, (value) => `Unrecognised filter value for health: ${value}`),
      ({ summary }) => summary.health,
    ),
    ...given(name, ofNames),
    ...given(id, (wanted) => ofIds(wanted, context.ids)),
    ({ summary }) => hasLabels(summary.labels, label),
    ...given(exited, ofExitCodes),
    ...given(ancestor, (wanted) => ofImages(wanted.flatMap((image) => context.descendants(image)))),
    ...given(before, (wanted) => ofAge(wanted, context, (at, bound) => at > bound)),
    ...given(since, (wanted) => ofAge(wanted, context, (at, bound) => at < bound)),
    ...given(volume, ofMounts),
    ...given(network, ofNetworks),
    ...given(publish, (wanted) => ofPorts('publish', wanted, ({ publishedPorts }) => publishedPorts)),
    ...given(expose, (wanted) => ofPorts('expose', wanted, ({ exposedPorts }) => exposedPorts)),
    ...given(isTask, ([wanted]) => ofTasks(wanted)),
  ]
  return (candidate) => tests.every((test) => test(candidate))
}

/** @throws {InvalidOptionError} INVALID_OPTION */
export function pruneFilter(filters: PruneContainersFilters): Test<ContainerSummary> {
  const { label, withoutLabel, until } = checkNames(filters, ['label', 'withoutLabel', 'until'])
  const end = until === undefined ? undefined : parseMoment('until', until)
  return ({ labels, createdAt }) =>
    hasLabels(labels, label) &&
    lacksLabels(labels, withoutLabel) &&
    (end === undefined || BigInt(createdAt.getTime()) * 1_000_000n <= end)
}

function given<Value>(
  value: Value | readonly Value[] | undefined,
  test: (wanted: readonly Value[]) => Test<Candidate>,
): Test<Candidate>[] {
  return value === undefined ? [] : [test([value].flat() as Value[])]
}

function known<Value extends string>(
  filter: string,
  wanted: Value | readonly Value[] | undefined,
  values: readonly string[],
  message: (value: string) => string,
): Value | readonly Value[] | undefined {
  for (const value of wanted === undefined ? [] : [wanted].flat())
    if (!values.includes(value)) throw invalidFilter(`${message(value)}: give one of ${values.join(', ')}`, filter)
  return wanted
}

/** Docker's names begin with a slash; they are compared with and without it. */
function ofNames(wanted: readonly string[]): Test<Candidate> {
  const fits = wanted.map(matcher)
  return ({ summary }) => summary.names.some((name) => fits.some((test) => test(`/${name}`) || test(name)))
}

/** As Docker has it, a prefix that several ids have stands for none of them. */
function ofIds(wanted: readonly string[], ids: readonly string[]): Test<Candidate> {
  const found = wanted.flatMap((prefix) => {
    const [first, second] = ids.filter((id) => id.startsWith(prefix))
    return first !== undefined && second === undefined ? [first] : []
  })
  return ({ summary }) => found.includes(summary.id)
}

function ofExitCodes(codes: readonly number[]): Test<Candidate> {
  for (const code of codes)
    if (!Number.isSafeInteger(code))
      throw invalidFilter(`invalid filter 'exited=${code}': give an exit code`, String(code))
  return ({ summary, hasStarted }) => hasStarted && !isUp(summary) && codes.includes(summary.exitCode ?? 0)
}

/** Whether `docker ps` lists it without `all`. */
export function isUp({ state }: Pick<ContainerSummary, 'state'>): boolean {
  return state === 'running' || state === 'paused' || state === 'restarting'
}

function ofImages(images: readonly string[]): Test<Candidate> {
  const wanted = new Set(images)
  return ({ summary }) => wanted.has(summary.imageId)
}

function ofAge(
  [container = '']: readonly string[],
  { ids, idOf }: FilterContext,
  isInTime: (at: number, bound: number) => boolean,
): Test<Candidate> {
  const bound = ids.indexOf(idOf(container))
  const places = new Map(ids.map((id, at) => [id, at]))
  return ({ summary }) => isInTime(places.get(summary.id) ?? -1, bound)
}

function ofMounts(wanted: readonly string[]): Test<Candidate> {
  return ({ summary }) =>
    summary.mounts.some(({ name, source, destination }) =>
      wanted.some((value) => value === destination || value === (name ?? source)),
    )
}

function ofNetworks(wanted: readonly string[]): Test<Candidate> {
  return ({ summary, networkIds }) =>
    wanted.some((value) => summary.networks.includes(value) || networkIds.some((id) => id.startsWith(value)))
}

function ofPorts(
  filter: 'publish' | 'expose',
  wanted: readonly (string | number)[],
  portsOf: (candidate: Candidate) => readonly string[],
): Test<Candidate> {
  const ranges = wanted.map((value) => portRange(filter, String(value)))
  return (candidate) =>
    portsOf(candidate).some((name) => {
      const [port = '', protocol] = name.split('/')
      return ranges.some(
        (range) => range.protocol === protocol && range.first <= Number(port) && Number(port) <= range.last,
      )
    })
}

function portRange(filter: string, value: string) {
  if (value.includes(':')) throw invalidFilter(`filter for '${filter}' should not contain ':': ${value}`, value)
  const [ports = '', protocol = 'tcp'] = value.split('/')
  const [first = '', last = first] = ports.split('-')
  const wrong = ports === '' ? 'Empty string specified for ports.' : (portFault(first) ?? portFault(last))
  const isBackwards = Number(last) < Number(first)
  const fault = wrong ?? (isBackwards ? `Invalid range specified for the Port: ${ports}` : undefined)
  if (fault) throw invalidFilter(`error while looking up for ${filter} ${value}: ${fault}`, value)
  return { protocol: protocol || 'tcp', first: Number(first), last: Number(last) }
}

function portFault(text: string): string | undefined {
  if (!/^\d+$/.test(text)) return `strconv.ParseUint: parsing "${text}": invalid syntax`
  return Number(text) > 65_535 ? `strconv.ParseUint: parsing "${text}": value out of range` : undefined
}

function ofTasks(wanted: unknown): Test<Candidate> {
  if (typeof wanted !== 'boolean')
    throw invalidFilter(`Invalid filter 'is-task=[${String(wanted)}]': give true or false`, String(wanted))
  return () => !wanted
}
