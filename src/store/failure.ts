import { ConflictError, InvalidStateError, StoreError, SyscallError } from '../errors/index.js'

// SQLITE_ERROR is a statement that does not fit the schema: our own fit the one that we made.
const corrupt = new Set(['SQLITE_CORRUPT', 'SQLITE_NOTADB', 'SQLITE_FORMAT', 'SQLITE_ERROR'])
const errnos: Readonly<Record<string, string>> = {
  SQLITE_FULL: 'ENOSPC',
  SQLITE_IOERR: 'EIO',
  SQLITE_CANTOPEN: 'EIO',
  SQLITE_READONLY: 'EROFS',
  SQLITE_NOMEM: 'ENOMEM',
}

/** An error of SQLite's as one of ours; violated constraints, which tell something, and anything else as they are. */
export function storeError(path: string, error: unknown): unknown {
  const sqlite = (error as { code?: unknown }).code
  if (typeof sqlite !== 'string' || !sqlite.startsWith('SQLITE_')) return error
  const primary = sqlite.split('_', 2).join('_')
  const init = { cause: error, details: { path, sqlite } }
  const why = (error as Error).message
  if (corrupt.has(primary))
    return new StoreError(`the store ${path} is corrupt (${why}): restore it from a backup, or open another root`, {
      ...init,
      code: 'STORE_CORRUPT',
    })
  if (primary === 'SQLITE_BUSY')
    return new ConflictError(`the store ${path} is kept busy by another process: try again`, {
      ...init,
      code: 'STORE_BUSY',
    })
  const errno = errnos[primary]
  if (errno === undefined) return error
  const hint = errno === 'ENOSPC' ? '; free some space' : ''
  return new SyscallError(`the store ${path} cannot be used: ${why}${hint}`, {
    ...init,
    code: 'SYSCALL_FAILED',
    details: { ...init.details, errno },
  })
}

export function closedError(cause: unknown): InvalidStateError {
  return new InvalidStateError('the engine is closed', { code: 'ENGINE_CLOSED', cause })
}
