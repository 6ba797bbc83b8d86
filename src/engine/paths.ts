import { randomBytes } from 'node:crypto'
import { linkSync, mkdirSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { failpoint } from '../errors/failpoint.js'
import { StoreError } from '../errors/index.js'
import { readTextFile } from '../host/index.js'

/** Where an engine keeps its things. */
export interface Paths {
  readonly root: string
  readonly runRoot: string
  /** What cgroups, bridges and rules of this root are named after, so that two roots on one host never meet. */
  readonly rootId: string
  readonly database: string
  readonly containers: string
  readonly volumes: string
  /** Of what is done with a volume, one at a time. */
  readonly volumeLocks: string
  /** Of what is done with a snapshot of a container. */
  readonly snapshotLocks: string
}

/** Makes what is missing, for root's eyes only: a layer has setuid programs of someone else's. */
export function preparePaths(root: string, runRoot: string): Paths {
  mkdirSync(root, { recursive: true, mode: 0o710 })
  mkdirSync(runRoot, { recursive: true, mode: 0o700 })
  const real = { root: realpathSync(root), runRoot: realpathSync(runRoot) }
  mkdirSync(`${real.root}/db`, { recursive: true, mode: 0o700 })
  mkdirSync(`${real.root}/containers`, { recursive: true, mode: 0o710 })
  mkdirSync(`${real.root}/volumes`, { recursive: true, mode: 0o701 })
  for (const locks of ['volumes', 'snapshots']) mkdirSync(`${real.runRoot}/${locks}`, { recursive: true, mode: 0o700 })
  return {
    ...real,
    rootId: readRootId(`${real.root}/id`),
    database: `${real.root}/db/inboard.sqlite`,
    containers: `${real.root}/containers`,
    volumes: `${real.root}/volumes`,
    volumeLocks: `${real.runRoot}/volumes`,
    snapshotLocks: `${real.runRoot}/snapshots`,
  }
}

function readRootId(path: string): string {
  const read = () => readTextFile(path)?.trim()
  const present = read()
  if (present !== undefined) return verifyRootId(present, path)
  const aside = `${dirname(path)}/.new-id-${process.pid}`
  // Flushed: after a power cut there would be a name without its content.
  writeFileSync(aside, `${randomBytes(4).toString('hex')}\n`, { mode: 0o600, flush: true })
  try {
    failpoint('root.id')
    // link(2) does not replace: of several processes one gives the root its id.
    linkSync(aside, path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  } finally {
    rmSync(aside)
  }
  return verifyRootId(read(), path)
}

/** Directories are made and removed by this name: it must be nothing else. */
function verifyRootId(id: string | undefined, path: string): string {
  if (id !== undefined && /^[0-9a-f]{8}$/.test(id)) return id
  throw new StoreError(`${path} must hold the eight hexadecimal digits that cgroups are named after: restore it`, {
    code: 'STORE_CORRUPT',
    details: { path },
  })
}
