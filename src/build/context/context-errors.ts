import { ContextError, type ErrorDetails, type InboardError, NotFoundError } from '../../errors/index.js'

/** What the context says, or is asked for, is not acceptable. */
export function contextInvalid(message: string, details: ErrorDetails = {}, cause?: unknown): ContextError {
  return new ContextError(message, { code: 'CONTEXT_INVALID', details, ...(cause !== undefined && { cause }) })
}

/** A limit. */
export function contextTooLarge(message: string, details: ErrorDetails = {}): ContextError {
  return new ContextError(message, { code: 'CONTEXT_TOO_LARGE', details })
}

/** It cannot be had from where it is. */
export function contextUnavailable(message: string, details: ErrorDetails = {}, cause?: unknown): ContextError {
  return new ContextError(message, { code: 'CONTEXT_UNAVAILABLE', details, ...(cause !== undefined && { cause }) })
}

export function contextChanged(path: string): ContextError {
  return new ContextError(`${JSON.stringify(path)} of the build context was changed while it was read.`, {
    code: 'CONTEXT_CHANGED',
    details: { path },
  })
}

/** In Docker's words, to which an instruction is put in front: `COPY failed: `. */
export function notInContext(path: string): InboardError {
  return new NotFoundError(
    `file not found in build context or excluded by .dockerignore: stat ${path}: file does not exist`,
    { code: 'FILE_NOT_FOUND', details: { path } },
  )
}
