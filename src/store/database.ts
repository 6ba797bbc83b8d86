import { createRequire } from 'node:module'
import type BetterSqlite3 from 'better-sqlite3'
import { failpoint } from '../errors/failpoint.js'
import { type InboardError, UnsupportedHostError } from '../errors/index.js'
import { closedError, storeError } from './failure.js'
import { migrations } from './schema.js'

/** An open metadata database; one per file and process, shared by every engine of the process. */
export interface Database {
  readonly sqlite: BetterSqlite3.Database
  /** Compiles a statement once per database. */
  prepare<Parameters extends unknown[], Row>(sql: string): Statement<Parameters, Row>
  /** Runs `body` in one IMMEDIATE transaction: all of it is committed, or none. */
  transaction<T>(body: () => T): T
  /** The same, and it is on the disk when this returns: for what is done only after it, and must not outlive it in a power cut. */
  durable<T>(body: () => T): T
  /** Runs `body`, which only reads, in one transaction: all that it sees is of one moment. */
  read<T>(body: () => T): T
  /** Within {@link read}: another text whenever anybody has changed anything in the database since. */
  version(): string
  /** How many transactions were rolled back in this process so far. */
  rollbacks(): number
  close(): void
}

/** A compiled statement, whose failures are errors of ours. */
export type Statement<Parameters extends unknown[], Row> = Pick<
  BetterSqlite3.Statement<Parameters, Row>,
  'run' | 'get' | 'all'
>

interface Shared {
  readonly database: Omit<Database, 'close'>
  users: number
}

// Two handles on one file in one process drop each other's POSIX locks, even through two copies of this package.
const registryKey = Symbol.for('inboard.store')
function registry(): Map<string, Shared> {
  const holder = globalThis as { [registryKey]?: Map<string, Shared> }
  holder[registryKey] ??= new Map()
  return holder[registryKey]
}

/**
 * Opens (and creates or migrates) the metadata database.
 *
 * @param file absolute path, already resolved of symlinks
 * @throws {UnsupportedHostError} `STORE_TOO_NEW` when a newer version of inboard has written it; `UNSUPPORTED_HOST` when better-sqlite3 cannot be loaded
 */
export function openDatabase(file: string): Database {
  const open = registry()
  const shared = open.get(file) ?? { database: connect(file), users: 0 }
  open.set(file, shared)
  shared.users++
  let closed = false
  return {
    ...shared.database,
    close() {
      if (closed) return
      closed = true
      if (--shared.users > 0) return
      open.delete(file)
      shared.database.sqlite.close()
    },
  }
}

/** How long others may keep the store busy. */
const patienceMs = 10_000

function connect(file: string): Omit<Database, 'close'> {
  const Sqlite = loadSqlite()
  const sqlite = opened(Sqlite, file)
  const report = <Result>(body: () => Result): Result => {
    try {
      return body()
    } catch (error) {
      // What was under way when the last engine of the root was closed comes here late.
      throw sqlite.open ? storeError(file, error) : closedError(error)
    }
  }
  try {
    failpoint('store.migrate')
    enterWal(sqlite)
    sqlite.pragma('synchronous = NORMAL')
    sqlite.pragma('foreign_keys = ON')
    migrate(sqlite, file)
  } catch (error) {
    sqlite.close()
    throw storeError(file, error)
  }
  // What others have committed, and what this connection has changed: neither pragma nor function sees the other's.
  const changes = sqlite
    .prepare<[], string>("SELECT data_version || ' ' || total_changes() FROM pragma_data_version")
    .pluck()
  const statements = new Map<string, Statement<unknown[], unknown>>()
  const run = sqlite.transaction((body: () => unknown) => body())
  let rollbacks = 0
  const immediate = <T>(body: () => T): T => {
    try {
      return run.immediate(body) as T
    } catch (error) {
      rollbacks++
      throw error
    }
  }
  const synced = <T>(body: () => T): T => {
    sqlite.pragma('synchronous = FULL')
    try {
      return body()
    } finally {
      sqlite.pragma('synchronous = NORMAL')
    }
  }
  return {
    sqlite,
    prepare<Parameters extends unknown[], Row>(sql: string) {
      let statement = statements.get(sql)
      if (!statement) {
        const compiled = report(() => sqlite.prepare(sql))
        statement = {
          run: (...parameters) => report(() => compiled.run(...parameters)),
          get: (...parameters) => report(() => compiled.get(...parameters)),
          all: (...parameters) => report(() => compiled.all(...parameters)),
        }
        statements.set(sql, statement)
      }
      return statement as unknown as Statement<Parameters, Row>
    },
    transaction: <T>(body: () => T) => report(() => immediate(body)),
    durable: <T>(body: () => T) => report(() => synced(() => immediate(body))),
    read: <T>(body: () => T) => report(() => run.deferred(body) as T),
    // Changes that were rolled back are counted like others, but undone.
    version: () => report(() => `${changes.get()} ${rollbacks}`),
    rollbacks: () => rollbacks,
  }
}

function opened(Sqlite: typeof BetterSqlite3, file: string): BetterSqlite3.Database {
  try {
    return new Sqlite(file, { timeout: patienceMs })
  } catch (error) {
    throw storeError(file, error)
  }
}

/**
 * Two who make a database at once would wait for each other for ever: SQLite does not wait then, but tells one of them at
 * once that it is busy.
 */
function enterWal(sqlite: BetterSqlite3.Database): void {
  const pause = new Int32Array(new SharedArrayBuffer(4))
  for (const deadline = performance.now() + patienceMs; ; Atomics.wait(pause, 0, 0, 5)) {
    try {
      sqlite.pragma('journal_mode = WAL')
      return
    } catch (error) {
      const { code } = error as { code?: string }
      if (!code?.startsWith('SQLITE_BUSY') || performance.now() > deadline) throw error
    }
  }
}

function loadSqlite(): typeof BetterSqlite3 {
  try {
    return createRequire(import.meta.url)('better-sqlite3') as typeof BetterSqlite3
  } catch (cause) {
    throw new UnsupportedHostError(
      'the metadata store needs better-sqlite3, which cannot be loaded; run `npm rebuild better-sqlite3`',
      { code: 'UNSUPPORTED_HOST', cause, details: { feature: 'better-sqlite3', hint: 'npm rebuild better-sqlite3' } },
    )
  }
}

function migrate(sqlite: BetterSqlite3.Database, file: string): void {
  const version = () => sqlite.pragma('user_version', { simple: true }) as number
  if (version() > migrations.length) throw tooNew(file, version())
  if (version() === migrations.length) return
  sqlite
    .transaction(() => {
      for (let at = version(); at < migrations.length; at++) sqlite.exec(migrations[at] as string)
      sqlite.pragma(`user_version = ${migrations.length}`)
    })
    .immediate()
}

function tooNew(file: string, version: number): InboardError {
  return new UnsupportedHostError(
    `the store ${file} has schema version ${version}, this version of inboard knows ${migrations.length}: upgrade inboard, or open another root`,
    {
      code: 'STORE_TOO_NEW',
      details: { feature: 'store schema', version, known: migrations.length, hint: 'npm install inboard@latest' },
    },
  )
}
