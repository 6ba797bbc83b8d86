import type { Database } from './database.js'

/** A directory that is kept from build to build. */
export interface BuildCacheRow {
  /** Its name in the directory of all of them. */
  readonly directory: string
  /** What builds call it. */
  readonly name: string
  /** ms */
  readonly created_at: number
  /** ms */
  readonly used_at: number
  /** How often a build took it. */
  readonly uses: number
}

/** The table of cache mounts' directories. */
export interface BuildCacheStore {
  /** The directories of a name, oldest first. */
  of(name: string): BuildCacheRow[]
  has(directory: string): boolean
  insert(row: BuildCacheRow): void
  use(directory: string, at: number): void
  list(): BuildCacheRow[]
  /** Whether there was one. */
  remove(directory: string): boolean
}

export function openBuildCacheStore({ prepare }: Database): BuildCacheStore {
  const of = prepare<[string], BuildCacheRow>(
    'SELECT * FROM build_caches WHERE name = ? ORDER BY created_at, directory',
  )
  const has = prepare<[string], unknown>('SELECT 1 FROM build_caches WHERE directory = ?')
  const insert = prepare<[BuildCacheRow], never>(
    `INSERT INTO build_caches (directory, name, created_at, used_at, uses)
       VALUES ($directory, $name, $created_at, $used_at, $uses)`,
  )
  const use = prepare<[number, string], never>(
    'UPDATE build_caches SET used_at = max(used_at, ?), uses = uses + 1 WHERE directory = ?',
  )
  const list = prepare<[], BuildCacheRow>('SELECT * FROM build_caches ORDER BY used_at DESC, directory')
  const remove = prepare<[string], never>('DELETE FROM build_caches WHERE directory = ?')
  return {
    of: (name) => of.all(name),
    has: (directory) => has.get(directory) !== undefined,
    insert: (row) => void insert.run(row),
    use: (directory, at) => void use.run(at, directory),
    list: () => list.all(),
    remove: (directory) => remove.run(directory).changes > 0,
  }
}
