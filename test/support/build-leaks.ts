import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import Sqlite from 'better-sqlite3'

/** What builds have left that are over: their directories, and what the records say of them. What they have made for the next ones may stay. */
export function buildLeaks(directory: string): string[] {
  const database = new Sqlite(join(directory, 'root/db/inboard.sqlite'), { readonly: true })
  const column = (query: string) => database.prepare<[], string>(query).pluck().all()
  try {
    return [
      ...namesIn(join(directory, 'run/builds')).map((name) => `directory of build ${name}`),
      ...namesIn(join(directory, 'root/build/unpacked')).map((name) => `unpacked context of build ${name}`),
      ...column("SELECT 'workspace ' || container || ' of build ' || build FROM workspaces"),
      ...column("SELECT 'image ' || image || ' that build ' || build || ' has used' FROM build_uses"),
    ]
  } finally {
    database.close()
  }
}

/** None when it is not there. */
function namesIn(path: string): string[] {
  try {
    return readdirSync(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    return []
  }
}
