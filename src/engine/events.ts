import { linkedSignal } from '../container/abortable.js'
import { InvalidOptionError } from '../errors/index.js'
import type { EngineEvent } from '../events/event.js'
import { type EventFilters, eventFilter, eventFilterNames } from '../events/filters.js'
import { readEvents } from '../events/reader.js'
import { parseLastMoment, parseMoment } from '../spec/moment.js'
import type { Stages } from './assemble.js'
import { checkNames } from './filters.js'

/** Options of {@link Engine.events}. */
export interface EventsOptions {
  /**
   * From this moment on, as far as the journal goes back: a Date, ms since the epoch, an RFC 3339 time, seconds since the epoch
   * as text, or how long ago it was, such as `'10m'`. Default: what happens from now on; with `until`, all that is known.
   */
  readonly since?: Date | number | string
  /** Until this moment, in the same forms (`'-10m'`: ten minutes from now). Default: for ever. */
  readonly until?: Date | number | string
  readonly filters?: EventFilters
  /** Ends the iteration with the signal's reason. */
  readonly signal?: AbortSignal
}

/** What following needs of an engine. */
export interface EventsContext {
  readonly stages: Pick<Stages, 'journal' | 'outbox'>
  /** Fires with ENGINE_CLOSED. */
  readonly closing: AbortSignal
}

/**
 * What has happened since a moment, and what happens. Options are checked, and the present is taken, at once.
 *
 * @param isPersistent whether waiting for events keeps the process alive
 */
export function eventsOf(
  { stages: { journal, outbox }, closing }: EventsContext,
  { since, until, filters = {}, signal }: EventsOptions,
  isPersistent = true,
): AsyncGenerator<EngineEvent, void, void> {
  const fits = eventFilter(checkNames(filters, eventFilterNames))
  const untilNs = until === undefined ? undefined : parseLastMoment('until', until)
  const fromNs = since === undefined ? undefined : parseMoment('since', since)
  if (fromNs !== undefined && untilNs !== undefined && fromNs > untilNs) throw reversed(since, until)
  outbox.flush()
  const afterNs = fromNs === undefined ? present(journal, untilNs) : fromNs - 1n
  const stop = linkedSignal(closing, signal)
  return fitting(readEvents(journal, { afterNs, untilNs, signal: stop.signal, isPersistent }), fits, stop.unlink)
}

/** Docker's daemon tells what was before only to whom says from when, or until when. */
const present = (journal: Stages['journal'], untilNs: bigint | undefined) =>
  untilNs === undefined ? journal.position().timeNs : 0n

function reversed(since: EventsOptions['since'], until: EventsOptions['until']): InvalidOptionError {
  return new InvalidOptionError(`\`since\` time (${since}) cannot be after \`until\` time (${until})`, {
    code: 'INVALID_OPTION',
    details: { option: 'since', value: String(since) },
  })
}

async function* fitting(
  events: AsyncGenerator<EngineEvent, void, void>,
  fits: (event: EngineEvent) => boolean,
  unlink: () => void,
): AsyncGenerator<EngineEvent, void, void> {
  try {
    for await (const event of events) if (fits(event)) yield event
  } finally {
    unlink()
  }
}
