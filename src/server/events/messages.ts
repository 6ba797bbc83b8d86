import type { EngineEvent } from '../../events/event.js'
import type { EventFilters } from '../../events/filters.js'
import type { Filters } from '../filters.js'

/** A message of `GET /events`. Its nanoseconds are more than a number of JavaScript's holds. */
export function eventLine(event: EngineEvent): string {
  const { timeNano: _, ...message } = event.toJSON()
  return `${JSON.stringify(message).slice(0, -1)},"timeNano":${event.timeNano}}\n`
}

const known: readonly string[] = [
  'container',
  'daemon',
  'event',
  'image',
  'label',
  'network',
  'scope',
  'type',
  'volume',
] satisfies (keyof EventFilters)[]

/** Objects of Docker's that there are none of here. */
const strangers = ['plugin', 'service', 'node', 'secret', 'config']

/** Filters of events, in the engine's words. As under Docker, one that there is none of by that name is left out. */
export function eventFilters(filters: Filters): EventFilters {
  const stranger = strangers.find((name) => filters[name])
  const entries = Object.entries(filters).filter(([name]) => known.includes(name))
  return Object.fromEntries(stranger ? [...entries, ['type', [stranger]]] : entries)
}
