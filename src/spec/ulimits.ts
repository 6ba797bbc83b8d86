import { checkText, invalidOption } from './invalid.js'
import type { ContainerConfig, RunOptions } from './options.js'

type Ulimit = ContainerConfig['ulimits'][number]

/** The resources that `--ulimit` knows. @see getrlimit(2) */
// biome-ignore format: a table
const names = [
  'core', 'cpu', 'data', 'fsize', 'locks', 'memlock', 'msgqueue', 'nice', 'nofile', 'nproc', 'rss', 'rtprio', 'rttime',
  'sigpending', 'stack',
]

/**
 * `--ulimit`: `name=soft[:hard]`, each a number or -1 for unlimited. Of several for a resource the last one counts.
 *
 * @throws {InvalidOptionError} INVALID_OPTION
 */
export function parseUlimits(inputs: RunOptions['ulimit']): Ulimit[] {
  const ulimits = new Map<string, Ulimit>()
  for (const input of inputs ?? []) {
    const ulimit = checkUlimit(typeof input === 'string' ? split(input) : { hard: input.soft, ...input })
    ulimits.set(ulimit.name, ulimit)
  }
  return [...ulimits.values()].sort((a, b) => (a.name < b.name ? -1 : 1))
}

const hint = "write it as in 'nofile=1024:4096', -1 being unlimited"

function split(text: string): Ulimit {
  const equals = checkText('ulimit', text).indexOf('=')
  if (equals < 0) throw invalidOption('ulimit', `invalid ulimit argument: ${text}`, hint, text)
  const limits = text.slice(equals + 1).split(':')
  if (limits.length > 2)
    throw invalidOption(
      'ulimit',
      `too many limit value arguments - ${text.slice(equals + 1)}, can only have up to two, \`soft[:hard]\``,
      hint,
      text,
    )
  const [soft = 0, hard = soft] = limits.map(numberOf)
  return { name: text.slice(0, equals), soft, hard }
}

function numberOf(text: string): number {
  if (/^-?\d+$/.test(text)) return Number(text)
  throw invalidOption('ulimit', `strconv.ParseInt: parsing "${text}": invalid syntax`, hint, text)
}

function checkUlimit({ name, soft, hard }: Ulimit): Ulimit {
  if (!names.includes(name))
    throw invalidOption('ulimit', `invalid ulimit type: ${name}`, `use one of ${names.join(', ')}`, name)
  for (const limit of [soft, hard])
    if (!Number.isSafeInteger(limit) || limit < -1)
      throw invalidOption('ulimit', `invalid ulimit value: ${name}=${String(limit)}`, hint, limit)
  if (hard !== -1 && (soft === -1 || soft > hard))
    throw invalidOption(
      'ulimit',
      `ulimit soft limit must be less than or equal to hard limit: ${soft} > ${hard}`,
      'lower the soft limit or raise the hard one',
      `${name}=${soft}:${hard}`,
    )
  return { name, soft, hard }
}
