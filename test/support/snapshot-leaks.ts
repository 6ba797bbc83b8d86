import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import Sqlite from 'better-sqlite3'

/** What was made for snapshots of containers, and for volumes over layers, that nothing refers to; snapshots themselves may stay. */
export function snapshotLeaks(directory: string): string[] {
  const { snapshots, layers } = recorded(join(directory, 'root/db/inboard.sqlite'))
  const strange = (path: string, known: ReadonlySet<string>, what: string) =>
    namesIn(path).flatMap((name) => (known.has(name) ? [] : [`${what} ${name}`]))
  return [
    ...snapshots.flatMap(({ id, is_made }) => (is_made === 1 ? [] : [`snapshot ${id} is not made`])),
    ...strange(join(directory, 'run/snapshots'), new Set(snapshots.map(({ id }) => id)), 'lock of snapshot'),
    ...strange(join(directory, 'root/volumes/.layers'), new Set(layers), 'layer of volumes'),
  ]
}

function recorded(path: string) {
  const database = new Sqlite(path, { readonly: true })
  try {
    return {
      snapshots: database
        .prepare<[], { id: string; is_made: number }>('SELECT id, is_made FROM container_snapshots')
        .all(),
      layers: database
        .prepare<[], string>(
          `SELECT value FROM volumes, json_each(volumes.layers)
           UNION SELECT rebasing FROM volumes WHERE rebasing IS NOT NULL
           UNION SELECT value FROM snapshot_volumes, json_each(snapshot_volumes.layers)`,
        )
        .pluck()
        .all(),
    }
  } finally {
    database.close()
  }
}

/** None before the first of them. */
function namesIn(path: string): string[] {
  try {
    return readdirSync(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    return []
  }
}
