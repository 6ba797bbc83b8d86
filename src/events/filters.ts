import type { EngineEvent } from './event.js'
import type { EventType } from './types.js'

/**
 * Filters of {@link Engine.events}: Docker's. All must fit; of several values of one filter, one must, but for `label`.
 *
 * @see https://docs.docker.com/reference/cli/docker/system/events/#filter
 */
export interface EventFilters {
  /** The beginning of a container's name or id. */
  readonly container?: string | readonly string[]
  readonly daemon?: string | readonly string[]
  /** An action. `exec_create`, `exec_start` and `health_status` fit whatever they are about. */
  readonly event?: string | readonly string[]
  /** An image's name (with its tag or without) or id: its own events, and those of containers that were made of it by this name. */
  readonly image?: string | readonly string[]
  /** `key` or `key=value`; of several, all must be there. */
  readonly label?: string | readonly string[]
  /** The beginning of a network's name or id. */
  readonly network?: string | readonly string[]
  /** All are `'local'`. */
  readonly scope?: string | readonly string[]
  readonly type?: EventType | readonly EventType[]
  /** The beginning of a volume's name. */
  readonly volume?: string | readonly string[]
}

export const eventFilterNames: readonly (keyof EventFilters)[] = [
  'container',
  'daemon',
  'event',
  'image',
  'label',
  'network',
  'scope',
  'type',
  'volume',
]

type Test = (event: EngineEvent) => boolean

const listOf = (wanted: string | readonly string[] | undefined) => (wanted === undefined ? [] : [wanted].flat())

/** Whether an event is wanted. */
export function eventFilter(filters: EventFilters): Test {
  const tests: Test[] = []
  const add = (
    wanted: string | readonly string[] | undefined,
    test: (event: EngineEvent, wanted: readonly string[]) => boolean,
  ) => {
    const list = listOf(wanted)
    if (list.length > 0) tests.push((event) => test(event, list))
  }
  add(filters.type, ({ type }, types) => types.includes(type))
  add(filters.scope, ({ scope }, scopes) => scopes.includes(scope))
  add(filters.event, hasAction)
  add(filters.label, hasLabels)
  add(filters.image, isOfImage)
  for (const type of ['container', 'daemon', 'network', 'volume'] as const)
    add(filters[type], (event, names) => event.type === type && isNamed(event, names))
  return (event) => tests.every((test) => test(event))
}

const withArgument = ['exec_create', 'exec_start', 'health_status']

/** As in Docker, one name without its argument makes prefixes of all. */
function hasAction({ action }: EngineEvent, actions: readonly string[]): boolean {
  const arePrefixes = actions.some((one) => withArgument.includes(one))
  return actions.some((one) => (arePrefixes ? action.startsWith(one) : action === one))
}

function isNamed({ actor }: EngineEvent, names: readonly string[]): boolean {
  const { id, attributes } = actor
  return names.some((name) => id.startsWith(name) || (attributes.name?.startsWith(name) ?? false))
}

function hasLabels({ actor: { attributes } }: EngineEvent, labels: readonly string[]): boolean {
  return labels.every((label) => {
    const equals = label.indexOf('=')
    const key = equals < 0 ? label : label.slice(0, equals)
    return Object.hasOwn(attributes, key) && (equals < 0 || attributes[key] === label.slice(equals + 1))
  })
}

function isOfImage({ type, actor: { id, attributes } }: EngineEvent, images: readonly string[]): boolean {
  const name = attributes[type === 'image' ? 'name' : 'image'] ?? ''
  return [id, name].flatMap((text) => [text, withoutTag(text)]).some((text) => images.includes(text))
}

function withoutTag(reference: string): string {
  return reference.replace(/:[^/:]*$/, '').replace(/@sha256$/, '')
}
