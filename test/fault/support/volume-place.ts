import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import Sqlite from 'better-sqlite3'
import type { Engine, VolumeDriver } from '../../../src/index.js'
import { dockerArchive, type Entry, tar } from '../../support/archives.js'
import type { Roots } from './scenario.js'

const applets = ['sh', 'echo', 'cat', 'sleep', 'true', 'test', 'ls', 'wc', 'cksum', 'find', 'touch', 'sort']

/** What the image has in `/seed`, `/more`, `/own` and `/void` (each a `VOLUME`) and, with `big` files, `/big`. */
export async function writeVolumeImage(path: string, { big = 0 } = {}): Promise<string> {
  const files: Record<string, Entry> = {
    'bin/': '',
    'bin/busybox': { mode: 0o755, content: readFileSync('/bin/busybox') },
    'seed/': { mode: 0o750, uid: 7 },
    'seed/word': 'seeded\n',
    'seed/below/': '',
    'seed/below/word': { mode: 0o640, content: 'deeper\n' },
    'more/': '',
    'more/word': 'more\n',
    'void/': { mode: 0o711 },
    'own/': '',
    'own/word': 'owned\n',
  }
  for (const name of applets) files[`bin/${name}`] = { type: 'symlink', linkname: 'busybox' }
  if (big > 0) files['big/'] = ''
  for (let at = 0; at < big; at++) files[`big/${String(at).padStart(4, '0')}`] = `${at} `.repeat(2000)
  const config = { Env: ['PATH=/bin'], Cmd: ['true'], Volumes: { '/own': {}, '/void': {} } }
  writeFileSync(path, await tar(dockerArchive({ layers: [await tar(files)], config }, ['busybox'])))
  return path
}

/** Tells all that `/big` has. */
export const wholeText = 'cat /big/* | cksum; ls /big | wc -l'

/** What that tells of the image itself. */
export async function wholeOf(engine: Engine): Promise<string> {
  const { stdout } = await engine.run('busybox', ['sh', '-c', wholeText]).network('none').rm().output()
  return stdout
}

/** Of files that belong to a root and are beside it. */
export const besideRoot = ({ root }: Pick<Roots, 'root'>, name: string): string => `${dirname(root)}/${name}`

/** The roots with a driver in TypeScript, which keeps directories, and who uses them, beside the root. */
export function withShelf<Given extends Roots>(roots: Given): Given {
  return { ...roots, volumeDrivers: { shelf: shelfDriver(besideRoot(roots, 'shelf')) } }
}

function shelfDriver(directory: string): VolumeDriver {
  const uses = (name: string) => `${directory}/${name}/uses`
  return {
    async create(name) {
      for (const path of [`${directory}/${name}/files`, uses(name)]) mkdirSync(path, { recursive: true })
    },
    async remove(name) {
      rmSync(`${directory}/${name}`, { recursive: true, force: true })
    },
    async mount(name, id) {
      writeFileSync(`${uses(name)}/${id}`, '')
      return `${directory}/${name}/files`
    },
    async unmount(name, id) {
      rmSync(`${uses(name)}/${id}`, { force: true })
    },
  }
}

/** A file with a filesystem in it. */
export function makeDisk(roots: Pick<Roots, 'root'>): string {
  const path = besideRoot(roots, 'disk')
  if (existsSync(path)) return path
  writeFileSync(`${path}.new`, '')
  truncateSync(`${path}.new`, 4 * 2 ** 20)
  execFileSync('mkfs.ext4', ['-q', '-O', '^has_journal', `${path}.new`])
  execFileSync('mv', [`${path}.new`, path])
  return path
}

/** What the driver on the shelf has that nobody refers to, and volumes without a name that no container has. */
export function strayVolumes(roots: Roots): string[] {
  const database = new Sqlite(`${roots.root}/db/inboard.sqlite`, { readonly: true })
  try {
    const column = (query: string) => database.prepare<[], string>(query).pluck().all()
    const shelved = new Set(column("SELECT name FROM volumes WHERE driver = 'shelf'"))
    const used = new Set(column("SELECT volume || '/' || container || '-' || attempt FROM volume_mounts"))
    const orphans = column(
      'SELECT name FROM volumes WHERE is_anonymous AND name NOT IN (SELECT volume FROM volume_uses)',
    )
    return [...orphans.map((name) => `volume ${name} is nobody's`), ...strayOnShelf(roots, shelved, used)]
  } finally {
    database.close()
  }
}

function strayOnShelf(roots: Roots, shelved: ReadonlySet<string>, used: ReadonlySet<string>): string[] {
  const shelf = besideRoot(roots, 'shelf')
  if (!existsSync(shelf)) return []
  return readdirSync(shelf).flatMap((name) => {
    if (!shelved.has(name)) return [`${name} is on the shelf`]
    return readdirSync(`${shelf}/${name}/uses`).flatMap((id) =>
      used.has(`${name}/${id}`) ? [] : [`${name} is used by ${id}`],
    )
  })
}
