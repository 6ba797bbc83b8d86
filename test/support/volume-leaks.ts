import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import Sqlite from 'better-sqlite3'

/** What nobody refers to of a root's volumes, and what is mounted of them: volumes themselves may stay. */
export function volumeLeaks(directory: string): string[] {
  const { records, mounted } = recorded(join(directory, 'root/db/inboard.sqlite'))
  const known = new Set(records.map(({ name }) => name))
  const strange = (path: string, what: string) =>
    readdirSync(path).flatMap((name) => (known.has(name) || name === '.layers' ? [] : [`${what} ${name}`]))
  const volumes = join(directory, 'root/volumes')
  return [
    ...mounted.map(({ volume, container, attempt }) => `mounted for ${container} ${attempt}: volume ${volume}`),
    ...records.flatMap(({ name, state }) => (state === 'ready' ? [] : [`volume ${name} is ${state}`])),
    ...strange(volumes, 'volume directory'),
    ...strange(join(directory, 'run/volumes'), 'lock of volume'),
    ...[...known].flatMap((name) => staged(join(volumes, name))),
    ...loopDevices(directory),
  ]
}

interface Recorded {
  readonly records: readonly { name: string; state: string }[]
  readonly mounted: readonly { volume: string; container: string; attempt: number }[]
}

function recorded(path: string): Recorded {
  const database = new Sqlite(path, { readonly: true })
  try {
    return {
      records: database.prepare<[], Recorded['records'][number]>('SELECT name, state FROM volumes').all(),
      mounted: database
        .prepare<[], Recorded['mounted'][number]>('SELECT volume, container, attempt FROM volume_mounts')
        .all(),
    }
  } finally {
    database.close()
  }
}

/** What fills of a volume have left. */
function staged(home: string): string[] {
  const found = (path: string, pattern: RegExp) =>
    namesIn(path).flatMap((name) => (pattern.test(name) ? [`staged ${path}/${name}`] : []))
  return [...found(home, /^\.fill|^\.opts/), ...found(join(home, '_data'), /^\.inboard-filling$/)]
}

/** None when it is not there, or not any more. */
function namesIn(path: string): string[] {
  try {
    return readdirSync(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    return []
  }
}

/** Over files of the directory. */
function loopDevices(directory: string): string[] {
  return readdirSync('/sys/block').flatMap((name) => {
    if (!name.startsWith('loop')) return []
    const file = backingFile(name)
    return file.startsWith(`${directory}/`) ? [`loop device ${name} over ${file}`] : []
  })
}

function backingFile(device: string): string {
  try {
    return readFileSync(`/sys/block/${device}/loop/backing_file`, 'utf8').trim()
  } catch {
    return ''
  }
}
