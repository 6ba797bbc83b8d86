import { posix } from 'node:path'
import { checkText, invalidOption } from './invalid.js'

/** Files of procfs that lxcfs and others may cover: they tell about load, and grant nothing. runc has the same list. */
const coverable = new Set(
  ['cpuinfo', 'diskstats', 'meminfo', 'stat', 'swaps', 'uptime', 'loadavg', 'slabinfo', 'net/dev'].map(
    (name) => `/proc/${name}`,
  ),
)

/** What an error about a mount's place needs to know of the mount. */
interface MountFacts {
  /** What Docker's words about it begin with. */
  readonly prefix?: string
  /** Of a bind: the host's own /proc may be bound over the container's. */
  readonly source?: string
}

/**
 * A mount's place in the container, cleaned: absolute, not the root, and not inside /proc, where a mount would undo what
 * is masked and what security modules rely on.
 *
 * @throws {InvalidOptionError} INVALID_OPTION
 */
export function checkTarget(option: string, value: string, { prefix = '', source }: MountFacts = {}): string {
  const target = cleanPath(checkText(option, value))
  if (!target.startsWith('/'))
    throw invalidOption(
      option,
      `${prefix}invalid mount path: '${value}' mount path must be absolute`,
      'begin it with a slash',
      value,
    )
  if (target === '/')
    throw invalidOption(
      option,
      `${prefix}invalid specification: destination can't be '/'`,
      'mount on a directory below it',
      value,
    )
  if (target === '/proc' && source !== '/proc')
    throw invalidOption(
      option,
      '"/proc" cannot be mounted because it is not of type proc',
      'mount elsewhere, or bind /proc',
      value,
    )
  if (target.startsWith('/proc/') && !coverable.has(target))
    throw invalidOption(
      option,
      `"${target}" cannot be mounted because it is inside /proc`,
      'mount outside of /proc',
      value,
    )
  return target
}

/** A path without `.`, `..`, doubled and trailing slashes, by its text alone. */
export function cleanPath(path: string): string {
  const clean = posix.normalize(path)
  return clean.length > 1 && clean.endsWith('/') ? clean.slice(0, -1) : clean
}
