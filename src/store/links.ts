import type { Database } from './database.js'

/** A link on the default bridge: `container` knows `target` by `alias`. Both are ids. */
export interface LinkRecord {
  readonly container: string
  readonly alias: string
  readonly target: string
}

/** The table of links. A link goes with either of its containers. */
export interface LinkStore {
  /** In a container's transaction, in the order of its options; of two with one alias the later holds, as with Docker. */
  insert(links: readonly LinkRecord[]): void
  /** What a container links to. */
  of(container: string): LinkRecord[]
  /** Who links to a container. */
  to(target: string): LinkRecord[]
}

export function openLinks(database: Database): LinkStore {
  const { prepare } = database
  const insert = prepare<[string, string, string, number], never>(
    'INSERT OR REPLACE INTO links (container, alias, target, position) VALUES (?, ?, ?, ?)',
  )
  const of = prepare<[string], LinkRecord>(
    'SELECT container, alias, target FROM links WHERE container = ? ORDER BY position',
  )
  const to = prepare<[string], LinkRecord>('SELECT container, alias, target FROM links WHERE target = ?')
  return {
    insert(links) {
      for (const [position, { container, alias, target }] of links.entries())
        insert.run(container, alias, target, position)
    },
    of: (container) => of.all(container),
    to: (target) => to.all(target),
  }
}
