import type { Database } from './database.js'

/** A container that is found by its key. */
export interface ReuseRecord {
  readonly container: string
  /** What the options come to that it was made with. */
  readonly hash: string
}

/** The table of containers that are reused: a key names one. A row goes with its container. */
export interface ReuseStore {
  get(key: string): ReuseRecord | undefined
  /** In the transaction that inserts the container. */
  insert(key: string, record: ReuseRecord): void
}

export function openReuses(database: Database): ReuseStore {
  const { prepare } = database
  const byKey = prepare<[string], ReuseRecord>('SELECT container, hash FROM reuses WHERE key = ?')
  const insert = prepare<[string, string, string], never>('INSERT INTO reuses (key, container, hash) VALUES (?, ?, ?)')
  return {
    get: (key) => byKey.get(key),
    insert: (key, { container, hash }) => void insert.run(key, container, hash),
  }
}
