import { failpoint } from '../errors/failpoint.js'
import type { Database } from '../store/database.js'
import { openClock } from './clock.js'
import type { Entry, Journal } from './journal.js'
import { lineHead } from './line.js'
import type { EventDraft, EventSink } from './types.js'

/** The outbox of an engine. */
export interface Outbox extends EventSink {
  /** Puts what has happened so far into the journal, whoever recorded it; later, if that cannot be now. */
  flush(): void
  /** The last flush; and nothing that is in the journal stays in the outbox. The journal is closed, too. */
  close(): void
}

const retryMs = 100

/**
 * Events wait in the store, so that they happen with the transactions that they are of. Transactions get their numbers in
 * the order in which they commit, and who flushes, flushes all in this order: so the last number in the journal tells
 * which of them are in it, and who is killed between journal and store leaves nothing to be told twice.
 */
export function openOutbox(database: Database, journal: Journal): Outbox {
  const { prepare, transaction } = database
  const insert = prepare<[string, string], never>('INSERT INTO event_outbox (at, event) VALUES (?, ?)')
  const waiting = prepare<[number], { sequence: number; at: string; event: string }>(
    'SELECT sequence, at, event FROM event_outbox WHERE sequence > ? ORDER BY sequence',
  )
  const forget = prepare<[number], never>('DELETE FROM event_outbox WHERE sequence <= ?')
  const now = openClock()
  /** What has come since the last flush, unless a transaction was rolled back since then: it may be of that. */
  let fresh: Entry[] = []
  let rollbacks = 0
  let told = 0
  let forgotten = 0
  let isScheduled = false
  let isClosed = false
  let retry: NodeJS.Timeout | undefined

  /** Numbers have no gaps: where ours are the next ones, nobody else's are before them. */
  const areNext = (entries: readonly Entry[], outbox: number) =>
    entries.length > 0 &&
    rollbacks === database.rollbacks() &&
    entries.every((entry, index) => entry.outbox === outbox + 1 + index)

  const select = (outbox: number): readonly Entry[] => {
    const entries = fresh
    fresh = []
    if (areNext(entries, outbox)) return entries
    return waiting.all(outbox).map(({ sequence, at, event }) => ({ outbox: sequence, atNs: BigInt(at), head: event }))
  }

  const forgetTold = () => {
    if (forgotten === told) return
    forget.run(told)
    forgotten = told
  }

  const flush = () => {
    isScheduled = false
    if (isClosed) return
    try {
      const outbox = journal.append(select)
      if (outbox !== undefined) told = outbox
      else retryLater()
    } catch {
      // A full disk: the events stay where they are.
      retryLater()
    }
  }

  const retryLater = () => {
    retry ??= setTimeout(() => {
      retry = undefined
      flush()
    }, retryMs).unref()
  }

  alignNumbers(database, journal)
  flush()

  return {
    record(event: EventDraft) {
      failpoint('events.record')
      const body = () => {
        // In one transaction with what is new, this costs next to nothing.
        forgetTold()
        const atNs = now()
        const head = lineHead(event)
        const { lastInsertRowid } = insert.run(String(atNs), head)
        if (fresh.length === 0) rollbacks = database.rollbacks()
        fresh.push({ outbox: Number(lastInsertRowid), atNs, head })
      }
      if (database.sqlite.inTransaction) body()
      else transaction(body)
      if (isScheduled) return
      isScheduled = true
      queueMicrotask(flush)
    },
    flush,
    close() {
      if (isClosed) return
      flush()
      try {
        failpoint('events.forget')
        transaction(forgetTold)
      } catch {
        // What is in the journal is told by it: the next one forgets.
      }
      clearTimeout(retry)
      isClosed = true
      journal.close()
    },
  }
}

/** A power cut may have taken transactions back whose events are in the journal: their numbers are not given again. */
function alignNumbers({ prepare, transaction }: Database, journal: Journal): void {
  const { outbox } = journal.position()
  const last = prepare<[], { seq: number }>("SELECT seq FROM sqlite_sequence WHERE name = 'event_outbox'")
  const isBehind = () => (last.get()?.seq ?? 0) < outbox
  if (!isBehind()) return
  transaction(() => {
    if (!isBehind()) return
    prepare<[], never>("DELETE FROM sqlite_sequence WHERE name = 'event_outbox'").run()
    prepare<[number], never>("INSERT INTO sqlite_sequence (name, seq) VALUES ('event_outbox', ?)").run(outbox)
  })
}
