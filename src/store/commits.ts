import { type FSWatcher, watch } from 'node:fs'
import type { Database } from './database.js'

interface Hub {
  readonly listeners: Set<() => void>
  readonly watcher: FSWatcher
}

const hubs = new WeakMap<Database['sqlite'], Hub>()

/**
 * Calls `listener` after a transaction of whichever process; several may be told at once. It is the kernel that tells of it
 * (inotify(7) of the write-ahead log), so that waiting costs nothing. Keeps the process alive.
 *
 * @returns what ends it
 */
export function onCommit({ sqlite }: Pick<Database, 'sqlite'>, listener: () => void): () => void {
  let hub = hubs.get(sqlite)
  if (!hub) {
    hub = openHub(sqlite)
    hubs.set(sqlite, hub)
  }
  const { listeners, watcher } = hub
  listeners.add(listener)
  return () => {
    if (!listeners.delete(listener) || listeners.size > 0) return
    watcher.close()
    hubs.delete(sqlite)
  }
}

function openHub(sqlite: Database['sqlite']): Hub {
  const listeners = new Set<() => void>()
  let timer: NodeJS.Timeout | undefined
  const look = () => {
    timer = undefined
    if (listeners.size === 0) return
    if (isBeingWritten(sqlite)) timer = setTimeout(look, 1)
    else for (const listener of [...listeners]) listener()
  }
  const watcher = watch(`${sqlite.name}-wal`, () => {
    if (timer === undefined) look()
  })
  return { listeners, watcher }
}

/** The log is written first, then readers are told: who looks in between sees what was. A writer has the lock until after both. */
function isBeingWritten(sqlite: Database['sqlite']): boolean {
  if (!sqlite.open) return false
  const patience = sqlite.pragma('busy_timeout', { simple: true })
  sqlite.pragma('busy_timeout = 0')
  try {
    sqlite.exec('BEGIN IMMEDIATE; ROLLBACK')
    return false
  } catch (error) {
    return (error as { code?: string }).code?.startsWith('SQLITE_BUSY') === true
  } finally {
    sqlite.pragma(`busy_timeout = ${patience}`)
  }
}
