import { checkText, invalidOption } from './invalid.js'
import { checkTarget, cleanPath } from './mount-target.js'
import type { ConfiguredMount, Propagation } from './options.js'

type Bind = Extract<ConfiguredMount, { type: 'bind' }>

export const propagations: ReadonlySet<string> = new Set<Propagation>([
  'private',
  'rprivate',
  'shared',
  'rshared',
  'slave',
  'rslave',
])

/** The kinds of words in a volume's mode; each may come once. */
const kinds: readonly ReadonlySet<string>[] = [
  new Set(['ro', 'rw']),
  // SELinux labels and the consistency of shared folders on other systems: nothing to do here.
  new Set(['z', 'Z']),
  new Set(['consistent', 'cached', 'delegated', 'default']),
  new Set(['nocopy']),
  propagations,
]

/**
 * Docker's `-v` string for a host path: `/host:/container[:mode]`, mode a comma-separated choice of ro or rw, z or Z, and a
 * propagation (`rprivate` where none is given).
 *
 * @throws {InvalidOptionError} INVALID_OPTION
 */
export function parseVolume(spec: string): Bind {
  const { source, target, mode = '' } = splitVolume(checkText('volume', spec))
  if (target === undefined) throw notYet(spec, 'anonymous')
  const words = checkMode(spec, mode)
  checkSource(spec, source)
  return {
    type: 'bind',
    source: cleanPath(source),
    target: checkTarget('volume', target, cleanPath(source)),
    readOnly: words.includes('ro'),
    propagation: words.find((word): word is Propagation => propagations.has(word)) ?? 'rprivate',
    createSource: true,
    recursive: true,
  }
}

function splitVolume(spec: string): { source: string; target?: string; mode?: string } {
  const hint = "write '/host/path:/container/path', with ':ro' where wanted"
  if (spec === '') throw invalidOption('volume', 'invalid empty volume spec', hint, spec)
  const parts = spec.split(':')
  if (parts.length > 3) throw invalidOption('volume', `invalid spec: ${spec}: too many colons`, hint, spec)
  if (parts.includes(''))
    throw invalidOption('volume', `invalid spec: ${spec}: empty section between colons`, hint, spec)
  const [source = '', target, mode] = parts
  if (parts.length === 2 && isMode(target ?? ''))
    throw invalidOption('volume', `invalid volume specification: '${spec}'`, hint, spec)
  return { source, ...(target !== undefined && { target }), ...(mode !== undefined && { mode }) }
}

function isMode(mode: string): boolean {
  const words = mode.split(',')
  const known = words.every((word) => kinds.some((kind) => kind.has(word)))
  return known && kinds.every((kind) => words.filter((word) => kind.has(word)).length <= 1)
}

function checkMode(spec: string, mode: string): string[] {
  if (mode === '') return []
  if (!isMode(mode))
    throw invalidOption('volume', `invalid mode: ${mode}`, 'use ro or rw, z or Z, and one propagation', spec)
  const words = mode.split(',')
  if (words.includes('nocopy'))
    throw invalidOption(
      'volume',
      `invalid volume specification: '${spec}': invalid mount config for type "bind": field VolumeOptions must not be specified`,
      'leave nocopy out: nothing is copied into a host directory',
      spec,
    )
  return words
}

function checkSource(spec: string, source: string): void {
  if (source.startsWith('/')) return
  if (/^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/.test(source)) throw notYet(spec, 'named')
  throw invalidOption(
    'volume',
    `"${source}" includes invalid characters for a local volume name, only "[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed`,
    'if you intended to pass a host directory, use an absolute path',
    spec,
  )
}

function notYet(spec: string, kind: string) {
  return invalidOption(
    'volume',
    `invalid volume specification: '${spec}': this version has no ${kind} volumes`,
    "bind a host directory with '/host/path:/container/path', or use tmpfs",
    spec,
  )
}
