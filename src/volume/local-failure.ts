import { getSystemErrorMap } from 'node:util'
import { VolumeError } from '../errors/index.js'
import { describeMount, type LocalMount } from './local-options.js'

const words = new Map([...getSystemErrorMap().values()])

/** Where Docker's words are not Node's. */
const dockerWords: Readonly<Record<string, string>> = {
  EBUSY: 'device or resource busy',
  EHOSTUNREACH: 'no route to host',
  EIO: 'input/output error',
  ELOOP: 'too many levels of symbolic links',
  ENOMEM: 'cannot allocate memory',
  ENOTBLK: 'block device required',
  EUCLEAN: 'structure needs cleaning',
}

/** What to do about a mount(2) that failed. */
function hintOf(errno: string | undefined, { source, type, data }: LocalMount): string {
  switch (errno) {
    case 'ENODEV':
      return `this kernel has no filesystem '${type}': load its module, or give another type`
    case 'ENOENT':
      return `make ${source} first: the driver local does not`
    case 'ENOTDIR':
      return `${source} is no directory`
    case 'ENOTBLK':
      return `${source} is neither a block device nor a file; a directory is mounted with o=bind`
    case 'EUCLEAN':
      return `check the filesystem of ${source} with fsck.${type}`
    case 'EBUSY':
      return `${source} is mounted elsewhere, or with other options`
    case 'ENXIO':
      return `there is nothing behind ${source}`
    case 'EACCES':
    case 'EROFS':
      return `${source} may not be written: give o=ro to mount it read-only`
    case 'EPERM':
      return 'run as root'
    case 'ECONNREFUSED':
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
    case 'ETIMEDOUT':
      return `the server of ${source} does not answer: check addr= of o`
    default:
      return type.startsWith('nfs') && !data.some((word) => word.startsWith('addr='))
        ? 'give the address of the server in o: addr=HOST'
        : `check type and o against ${source}, and what dmesg says`
  }
}

/** A failed mount of a volume, in Docker's words. */
export function mountFailed(volume: string, mount: LocalMount, target: string, cause: unknown): VolumeError {
  const { code: errno, message } = cause as NodeJS.ErrnoException
  const what = dockerWords[errno ?? ''] ?? words.get(errno ?? '') ?? message
  return localFailure(
    volume,
    mount,
    `failed to mount local volume: ${describeMount(mount, target)}: ${what}: ${hintOf(errno, mount)}`,
    cause,
  )
}

export function localFailure(volume: string, { source }: LocalMount, message: string, cause?: unknown): VolumeError {
  const errno = (cause as NodeJS.ErrnoException | undefined)?.code
  return new VolumeError(message, {
    code: 'VOLUME_FAILED',
    cause,
    details: { volume, driver: 'local', device: source, ...(errno && { errno }) },
  })
}

/** A volume over layers that cannot be mounted. */
export function layersFailed(volume: string, target: string, cause: unknown): VolumeError {
  const { code: errno, message } = cause as NodeJS.ErrnoException
  const what = dockerWords[errno ?? ''] ?? words.get(errno ?? '') ?? message
  return new VolumeError(`failed to mount the layers of volume ${volume} on ${target}: ${what}: see what dmesg says`, {
    code: 'VOLUME_FAILED',
    cause,
    details: { volume, driver: 'local', device: 'overlay', ...(errno && { errno }) },
  })
}
