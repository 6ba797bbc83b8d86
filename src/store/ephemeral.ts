import type { Database } from './database.js'

/** What can belong to an engine. */
export type EphemeralKind = 'container' | 'network' | 'volume'

/** A thing that ends with its owner: a container's or a network's id, a volume's name. */
export interface EphemeralThing {
  readonly kind: EphemeralKind
  readonly id: string
}

/** The table of what ends with the engine that has made it. A row goes with what it is about. */
export interface EphemeralStore {
  /** In the transaction that inserts the thing. */
  insert(thing: EphemeralThing, owner: string): void
  ownerOf(kind: EphemeralKind, id: string): string | undefined
  /** It is as others from now on. */
  keep(kind: EphemeralKind, id: string): void
  /** What an owner has. */
  of(owner: string, kind: EphemeralKind): string[]
  /** All that have something. */
  owners(): string[]
}

export function openEphemeral(database: Database): EphemeralStore {
  const { prepare } = database
  const insert = prepare<[string, string, string], never>(
    'INSERT INTO ephemeral (kind, id, owner) VALUES (?, ?, ?) ON CONFLICT DO NOTHING',
  )
  const byThing = prepare<[string, string], { owner: string }>('SELECT owner FROM ephemeral WHERE kind = ? AND id = ?')
  const keep = prepare<[string, string], never>('DELETE FROM ephemeral WHERE kind = ? AND id = ?')
  const of = prepare<[string, string], { id: string }>('SELECT id FROM ephemeral WHERE owner = ? AND kind = ?')
  // From one owner to the next by the index, however many things each has.
  const after = prepare<[string], { owner: string | null }>('SELECT min(owner) AS owner FROM ephemeral WHERE owner > ?')
  return {
    insert: ({ kind, id }, owner) => void insert.run(kind, id, owner),
    ownerOf: (kind, id) => byThing.get(kind, id)?.owner,
    keep: (kind, id) => void keep.run(kind, id),
    of: (owner, kind) => of.all(owner, kind).map(({ id }) => id),
    owners() {
      const found: string[] = []
      for (let owner = after.get('')?.owner; owner; owner = after.get(owner)?.owner) found.push(owner)
      return found
    },
  }
}
