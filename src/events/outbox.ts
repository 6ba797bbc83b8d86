import { setTimeout as delay } from 'node:timers/promises'
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

/** Who appends a few lines is waited for; nobody is for longer, as nothing else happens meanwhile. */
const briefMs = 5
const shortestRetryMs = 5
const longestRetryMs = 100
/** For how long order is worth waiting for who keeps the journal. */
const orderMs = 1000
const orderPauseMs = 2

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
  const newest = prepare<[], { sequence: number | null }>('SELECT max(sequence) AS sequence FROM event_outbox')
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
  let retryMs = shortestRetryMs
  /** By somebody who has the lock. */
  let isKept = false
  /** Somebody has waited for him in vain. */
  let isGivenUp = false

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

  const flush = (patienceMs?: number) => {
    isScheduled = false
    if (isClosed) return
    try {
      const outbox = journal.append(select, patienceMs)
      isKept = outbox === undefined
      if (outbox === undefined) return retryLater()
      told = outbox
      retryMs = shortestRetryMs
      isGivenUp = false
    } catch {
      // A full disk: the events stay where they are.
      isKept = false
      retryLater()
    }
  }

  const retryLater = () => {
    if (retry) return
    retry = setTimeout(() => {
      retry = undefined
      flush(0)
    }, retryMs).unref()
    retryMs = Math.min(2 * retryMs, longestRetryMs)
  }

  const flushScheduled = () => {
    if (isScheduled) flush(briefMs)
  }

  const isBehind = () => (newest.get()?.sequence ?? 0) > told

  /** Nothing tells when the lock is free. */
  const untilFree = async () => {
    for (const deadline = performance.now() + orderMs; isKept && !isGivenUp && !isClosed; ) {
      await delay(orderPauseMs)
      flush(0)
      isGivenUp ||= isKept && performance.now() > deadline
    }
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
      queueMicrotask(flushScheduled)
    },
    told() {
      if (isClosed || !isBehind()) return undefined
      flush(briefMs)
      return isKept && !isGivenUp ? untilFree() : undefined
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
