import type { Database } from '../store/database.js'
import type { EventDraft, EventSink } from './types.js'

/** Events wait in the store, so that they happen with the transactions that they are of. */
export function openOutbox(database: Database): EventSink {
  const insert = database.prepare<[string, string], never>('INSERT INTO event_outbox (at, event) VALUES (?, ?)')
  return {
    record: (event: EventDraft) => void insert.run(`${Date.now()}000000`, JSON.stringify(event)),
  }
}
