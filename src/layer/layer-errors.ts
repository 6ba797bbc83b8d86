import {
  DigestMismatchError,
  type ErrorCode,
  type ErrorDetails,
  InboardError,
  LayerError,
  SyscallError,
} from '../errors/index.js'
import { quoted } from '../errors/printable.js'

export function invalidLayer(message: string, details: ErrorDetails = {}): LayerError {
  return new LayerError(message, { code: 'LAYER_INVALID', details })
}

export function layerTooLarge(message: string, details: ErrorDetails = {}): LayerError {
  return new LayerError(message, { code: 'LAYER_TOO_LARGE', details })
}

function layerEscapes(message: string, details: ErrorDetails = {}): LayerError {
  return new LayerError(message, { code: 'LAYER_ESCAPES', details })
}

/** A failed system call as the kernel, libuv and the addon report it. */
export interface ErrnoError extends Error {
  readonly code: string
  readonly errno?: number
  readonly syscall?: string
  readonly path?: string
}

export function isErrno(error: unknown, ...codes: string[]): error is ErrnoError {
  return error instanceof Error && 'code' in error && codes.includes(error.code as string)
}

/** What the names and numbers in an archive can provoke; any other errno is the host's trouble. */
const provoked = new Set([
  'ENAMETOOLONG',
  'ELOOP',
  'ENOTDIR',
  'EISDIR',
  'EINVAL',
  'EFBIG',
  'ENOENT',
  'ERANGE',
  'E2BIG',
  'EMLINK',
  'EEXIST',
])

const full = new Set(['ENOSPC', 'EDQUOT'])

/** Turns whatever went wrong with one entry of an archive into an error of ours. */
export function entryFailed(entry: string, error: unknown): unknown {
  if (error instanceof InboardError || !(error instanceof Error) || !('syscall' in error)) return error
  const { code, errno, syscall, path, message } = error as ErrnoError
  if (code === 'EXDEV')
    return layerEscapes(`The archive entry ${quoted(entry)} leads out of its filesystem.`, { entry })
  const details = { entry, syscall, errno: code, path }
  if (provoked.has(code)) return invalidLayer(`The archive entry ${quoted(entry)} cannot be made: ${message}`, details)
  const hint = full.has(code) ? "free some space, or some inodes, on the filesystem of the engine's root" : undefined
  return new SyscallError(`Extracting ${quoted(entry)} failed: ${message}${hint === undefined ? '' : `: ${hint}`}`, {
    code: 'SYSCALL_FAILED',
    cause: error,
    details: { ...details, number: errno, ...(hint === undefined ? {} : { hint }) },
  })
}

/** An error as data that crosses from a worker thread. */
export interface PortableError {
  readonly class: string
  readonly message: string
  readonly code?: string
  readonly details?: ErrorDetails
}

const classes = { LayerError, SyscallError, DigestMismatchError }

export function exportError(error: unknown): PortableError {
  if (!(error instanceof Error)) return { class: 'Error', message: String(error) }
  const { name, message } = error
  if (error instanceof InboardError) return { class: name, message, code: error.code, details: { ...error.details } }
  if (!('syscall' in error)) return { class: 'Error', message: error.stack ?? message }
  const { code, errno, syscall, path } = error as unknown as ErrnoError
  const details = { syscall, errno: code, number: errno, path }
  return { class: 'SyscallError', message, code: 'SYSCALL_FAILED', details }
}

export function importError(error: PortableError): Error {
  const { class: name, message, code, details = {} } = error
  if (code === undefined) return new Error(message)
  const Class = classes[name as keyof typeof classes] ?? LayerError
  return new Class(message, { code: code as ErrorCode, details })
}
