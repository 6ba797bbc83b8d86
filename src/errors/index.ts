import { type ErrorCode, type ErrorDetails, retryableCodes } from './codes.js'

export type { ErrorCode, ErrorDetails } from './codes.js'

/** What every error of inboard has beside `message` and `cause`. */
export interface ErrorInit {
  readonly code: ErrorCode
  readonly cause?: unknown
  readonly details?: ErrorDetails
}

/**
 * The base of every error that inboard throws. `code` is stable and literal; `details` is frozen data about the failure.
 *
 * @example
 * ```ts
 * try { await engine.images.get('nope') } catch (error) {
 *   if (error instanceof InboardError && error.code === 'IMAGE_NOT_FOUND') console.error(error.details)
 * }
 * ```
 */
export class InboardError extends Error {
  readonly code: ErrorCode
  readonly details: Readonly<ErrorDetails>
  constructor(message: string, init: ErrorInit) {
    super(message, init.cause === undefined ? undefined : { cause: init.cause })
    this.name = new.target.name
    this.code = init.code
    this.details = Object.freeze({ ...init.details })
  }
  /** Whether the same call may succeed later without any change. */
  get retryable(): boolean {
    return retryableCodes.has(this.code)
  }
}

/** An option, name, path or document that the caller gave is not acceptable; nothing was done. */
export class InvalidOptionError extends InboardError {}
/** The named container, image, layer, file or user does not exist. */
export class NotFoundError extends InboardError {}
/** The request collides with what exists: a name in use, an image in use, an ambiguous prefix. */
export class ConflictError extends InboardError {}
/** The container is in a state in which the verb has no meaning; `details.from` and `details.to`. */
export class InvalidStateError extends InboardError {}
/** Bytes do not have the digest or size they were announced with. */
export class DigestMismatchError extends InboardError {}
/** A layer or archive could not be read or extracted. */
export class LayerError extends InboardError {}
/** A system call of the engine failed; `details` has syscall, errno, path. */
export class SyscallError extends InboardError {}
/**
 * A file of a container cannot be read or changed as `container.fs` was asked to. `code` is the kernel's, as in `node:fs`:
 * `'ENOENT'`, `'EEXIST'`, `'EROFS'`; `details` has `container`, `path`, `syscall`, and `dest` where there are two paths.
 *
 * @example
 * ```ts
 * const text = await container.fs.readFile('/etc/motd', 'utf8').catch((error) => {
 *   if (error instanceof FileSystemError && error.code === 'ENOENT') return ''
 *   throw error
 * })
 * ```
 */
export class FileSystemError extends InboardError {
  /** As it was given: in the container. */
  get path(): string {
    return String(this.details.path)
  }
  /** What was asked for: `'open'`, `'mkdir'`. */
  get syscall(): string {
    return String(this.details.syscall)
  }
}
/** A container's program could not be started; `details.exitCode` is Docker's 125, 126 or 127. */
export class LaunchError extends InboardError {
  /** Docker's exit code of the failed start: 125 engine, 126 not executable, 127 not found. */
  get exitCode(): number {
    return Number(this.details.exitCode ?? 125)
  }
}
/** The host lacks something; `details.feature`, and `details.hint`: the command that mends it. */
export class UnsupportedHostError extends InboardError {}
/** The metadata of a root cannot be used; `details.path`, `details.sqlite`. Restore the file, or open another root. */
export class StoreError extends InboardError {}
/** A registry refused, failed, or sent what it must not; `details.status` and the registry's own `details.errors`. */
export class RegistryError extends InboardError {
  /** The HTTP status; undefined when there was no answer. */
  get status(): number | undefined {
    return this.details.status as number | undefined
  }
}
/** A registry wants credentials, other ones, or they cannot be read. Never holds the credentials themselves. */
export class AuthError extends InboardError {}
/** A volume's driver refused or failed, or its files cannot be mounted or copied; `details.volume`, `details.driver`. */
export class VolumeError extends InboardError {}
/**
 * A Dockerfile that cannot be built, or a step of it that failed; `details.file`, `details.line`, `details.instruction`. Of a
 * program that failed also `details.args`, and `details.oomKilled`: it went beyond its memory.
 *
 * @example
 * ```ts
 * try { await engine.build('./app') } catch (error) {
 *   if (error instanceof BuildError) console.error(`${error.file}:${error.line}: ${error.message}\n${error.output ?? ''}`)
 * }
 * ```
 */
export class BuildError extends InboardError {
  /** The Dockerfile, as it was named to the build. */
  get file(): string | undefined {
    return this.details.file as string | undefined
  }
  /** Where the instruction begins, from 1; undefined when the file as a whole is at fault. */
  get line(): number | undefined {
    return this.details.line as number | undefined
  }
  /** The instruction's text, its lines joined. */
  get instruction(): string | undefined {
    return this.details.instruction as string | undefined
  }
  /** Of a program of RUN that failed: 128 and its number for a signal. */
  get exitCode(): number | undefined {
    return this.details.exitCode as number | undefined
  }
  /** Of such a program the last lines that it wrote, at most 100 and 64 KiB; values of secrets are `***` in it. */
  get output(): string | undefined {
    return this.details.output as string | undefined
  }
}
/** A build context cannot be had, read or used; `details.path` is of a file in it, `details.url` where it comes from. */
export class ContextError extends InboardError {}
/** What could not be undone after a failure or an end; `details.errors`. Never masks the first failure. */
export class CleanupError extends InboardError {}
