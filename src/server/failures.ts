import {
  ConflictError,
  type ErrorCode,
  InboardError,
  InvalidOptionError,
  InvalidStateError,
  NotFoundError,
} from '../errors/index.js'

/** What an error is in an answer. */
export interface Failure {
  readonly status: number
  readonly message: string
}

/** Where Docker's status is not that of the error's class. */
const statuses: Partial<Record<ErrorCode, number>> = {
  NETWORK_PREDEFINED: 403,
  NETWORK_IN_USE: 403,
  ALREADY_CONNECTED: 403,
  NOT_CONNECTED: 403,
  SUBNET_OVERLAPS: 403,
  PORT_IN_USE: 500,
  ADDRESSES_EXHAUSTED: 500,
  ENGINE_CLOSED: 503,
  LOGS_UNREADABLE: 501,
  STORE_BUSY: 503,
  MANIFEST_NOT_FOUND: 404,
  BLOB_NOT_FOUND: 404,
  UNAUTHORIZED: 401,
  ACCESS_DENIED: 403,
  PROGRAM_NOT_FOUND: 400,
  PROGRAM_NOT_EXECUTABLE: 400,
  DOCKERFILE_INVALID: 400,
  CONTEXT_INVALID: 400,
  CONTEXT_TOO_LARGE: 400,
  LAYER_INVALID: 400,
  LAYER_ESCAPES: 400,
  LAYER_TOO_LARGE: 400,
}

const classes = [
  [InvalidOptionError, 400],
  [NotFoundError, 404],
  [ConflictError, 409],
  [InvalidStateError, 409],
] as const

/** An answer that is none of the engine's errors: what the API itself refuses. */
export class ApiError extends Error {
  readonly status: number
  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}

/** Docker's status for an error, and its words. What nobody has foreseen is 500. */
export function failureOf(error: unknown): Failure {
  if (error instanceof ApiError) return { status: error.status, message: error.message }
  if (!(error instanceof InboardError)) return { status: 500, message: String((error as Error)?.message ?? error) }
  const status = statuses[error.code] ?? classes.find(([kind]) => error instanceof kind)?.[1] ?? 500
  return { status, message: error.message }
}
