import { errorTable } from '../../errors/codes.js'
import { type ErrorCode, FileSystemError, InboardError } from '../../errors/index.js'

/** What was asked for, and of which container. */
export interface FileCall {
  readonly container: string
  /** `'open'`, `'mkdir'`. */
  readonly syscall: string
  readonly path: string
  /** The second one, where there are two. */
  readonly dest?: string
}

/** What is refused here, before the kernel could. */
export class Refusal extends Error {
  readonly code: ErrorCode
  /** @param why comes after the code */
  constructor(code: ErrorCode, why: string) {
    super(`${code}: ${why}, refused`)
    this.code = code
  }
}

export const codeOf = (error: unknown): unknown => (error as { code?: unknown } | undefined)?.code

/** What the kernel, or we, refused of a file as an error of ours, by the path that was given; any other stays as it is. */
export function fileError(error: unknown, call: FileCall): unknown {
  const code = knownCode(error)
  if (error instanceof InboardError || !(error instanceof Error) || code === undefined) return error
  const { container, syscall, path, dest } = call
  // As Node says it: `ENOENT: no such file or directory, open '/proc/self/fd/20'`.
  const why = /^\w+: (.*), \w+/s.exec(error.message)?.[1] ?? error.message
  const paths = dest === undefined ? `'${path}'` : `'${path}' -> '${dest}'`
  return new FileSystemError(`${code}: ${why}, ${syscall} ${paths} in container ${container}`, {
    code,
    cause: error,
    details: { container, path, ...(dest !== undefined && { dest }), syscall, errno: code },
  })
}

function knownCode(error: unknown): ErrorCode | undefined {
  // One number has two names.
  const code = codeOf(error) === 'EOPNOTSUPP' ? 'ENOTSUP' : codeOf(error)
  const classes: Readonly<Record<string, string>> = errorTable
  return typeof code === 'string' && classes[code] === 'FileSystemError' ? (code as ErrorCode) : undefined
}
