import { InboardError, LayerError, SyscallError, VolumeError } from '../errors/index.js'

const hints: Readonly<Record<string, string>> = {
  ENOSPC: 'free some space, or some inodes, on its filesystem',
  EDQUOT: 'free some space, or some inodes, on its filesystem',
  EPERM: 'a filesystem that keeps no owners or devices can be used without the copy: `nocopy`',
}

/** Turns what went wrong with a fill into an error of ours. */
export function fillFailed(target: string, error: unknown): unknown {
  if (!(error instanceof Error)) return error
  const isOurs = error instanceof InboardError
  if (isOurs ? !(error instanceof SyscallError || error instanceof LayerError) : !('syscall' in error)) return error
  const { details, code } = error as { details?: { errno?: string }; code?: string }
  const errno = isOurs ? details?.errno : code
  const hint = hints[errno ?? '']
  return new VolumeError(
    `The image's files cannot be copied to the volume at ${target}: ${error.message}${hint === undefined ? '' : `: ${hint}`}`,
    {
      code: 'VOLUME_FAILED',
      cause: error,
      details: { ...details, target, errno, ...(hint !== undefined && { hint }) },
    },
  )
}
