/** Free-form, JSON-serialisable facts about a failure. */
export type ErrorDetails = Record<string, unknown>

/** Every code that an error of inboard can have, and the class that carries it. */
export const errorTable = {
  INVALID_OPTION: 'InvalidOptionError',
  INVALID_NAME: 'InvalidOptionError',
  INVALID_REFERENCE: 'InvalidOptionError',
  INVALID_ARCHIVE: 'InvalidOptionError',
  CONTAINER_NOT_FOUND: 'NotFoundError',
  IMAGE_NOT_FOUND: 'NotFoundError',
  FILE_NOT_FOUND: 'NotFoundError',
  USER_NOT_FOUND: 'NotFoundError',
  CONTENT_NOT_FOUND: 'NotFoundError',
  NAME_IN_USE: 'ConflictError',
  IMAGE_IN_USE: 'ConflictError',
  CONTAINER_IN_USE: 'ConflictError',
  AMBIGUOUS_ID: 'ConflictError',
  INVALID_STATE: 'InvalidStateError',
  ENGINE_CLOSED: 'InvalidStateError',
  DIGEST_MISMATCH: 'DigestMismatchError',
  LAYER_INVALID: 'LayerError',
  LAYER_ESCAPES: 'LayerError',
  LAYER_TOO_LARGE: 'LayerError',
  SYSCALL_FAILED: 'SyscallError',
  LAUNCH_FAILED: 'LaunchError',
  PROGRAM_NOT_FOUND: 'LaunchError',
  PROGRAM_NOT_EXECUTABLE: 'LaunchError',
  UNSUPPORTED_HOST: 'UnsupportedHostError',
  STORE_TOO_NEW: 'UnsupportedHostError',
  STORE_BUSY: 'ConflictError',
  STORE_CORRUPT: 'StoreError',
  CLEANUP_FAILED: 'CleanupError',
} as const

export type ErrorCode = keyof typeof errorTable

export const retryableCodes: ReadonlySet<ErrorCode> = new Set<ErrorCode>(['STORE_BUSY'])
