import { InboardError, SyscallError } from './index.js'

const hints: Readonly<Record<string, string>> = {
  ENOSPC: 'free some space, or use a root on another filesystem',
  EDQUOT: 'raise the quota, or use a root on another filesystem',
  EROFS: 'use a root on a filesystem that can be written',
  EMFILE: 'raise the limit of open files of this process (ulimit -n), or close some',
  ENFILE: 'raise the limit of open files of the host (sysctl fs.file-max)',
  ENOMEM: 'free some memory',
  EAGAIN: 'raise the limit of processes (ulimit -u, or pids.max of the cgroup)',
  EACCES: 'run as root',
  EPERM: 'run as root',
}

/** What failed first, of what `await using` throws when the undoing fails as well. */
function firstFailure(error: unknown): unknown {
  let first = error
  // Compiled code has one of its own where the runtime has none.
  while (first instanceof Error && first.name === 'SuppressedError' && 'suppressed' in first) first = first.suppressed
  return first
}

/** A failed system call, as Node or the addon throws it, as an error of ours; anything else is returned as it is. */
export function systemError(what: string, thrown: unknown): unknown {
  const error = firstFailure(thrown)
  if (error instanceof InboardError || !(error instanceof Error) || !('syscall' in error)) return error
  const { code, syscall, path, message } = error as NodeJS.ErrnoException
  const hint = hints[code ?? '']
  return new SyscallError(`${what}: ${message}${hint ? `; ${hint}` : ''}`, {
    code: 'SYSCALL_FAILED',
    cause: error,
    details: { errno: code, syscall, path, ...(hint && { hint }) },
  })
}

/** Runs `body`; system calls that fail in it are errors of ours. */
export async function reporting<Result>(what: string, body: () => Result | Promise<Result>): Promise<Result> {
  try {
    return await body()
  } catch (error) {
    throw systemError(what, error)
  }
}
