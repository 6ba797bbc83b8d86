import { checkText, invalidOption } from './invalid.js'
import { checkTarget, cleanPath } from './mount-target.js'
import type { ConfiguredBind, ConfiguredVolume, Propagation } from './options.js'
import { isVolumeMode, propagations } from './volume-mode.js'
import { checkVolumeName } from './volume-name.js'

/**
 * Docker's `-v` string: `/container`, `name:/container[:mode]` or `/host:/container[:mode]`. The mode is a comma-separated
 * choice of ro or rw, z or Z, `nocopy` for a volume, and for a host path a propagation (`rprivate` where none is given).
 *
 * @throws {InvalidOptionError} INVALID_OPTION
 */
export function parseVolume(spec: string): ConfiguredBind | ConfiguredVolume {
  const { source, target, mode } = splitVolume(checkText('volume', spec))
  if (source === '')
    return { ...plainVolume, target: checkTarget('volume', target, { prefix: invalid(spec, 'volume') }) }
  if (!isVolumeMode(mode))
    throw invalidOption('volume', `invalid mode: ${mode}`, 'use ro or rw, z or Z, nocopy, and one propagation', spec)
  const words = mode.split(',')
  return source.startsWith('/') ? hostPath(spec, source, target, words) : named(spec, source, target, words)
}

const plainVolume = {
  type: 'volume',
  syntax: 'volume',
  name: '',
  readOnly: false,
  mode: '',
  noCopy: false,
  labels: {},
  driver: '',
  driverOptions: {},
  subpath: '',
} as const

function hostPath(spec: string, path: string, target: string, words: readonly string[]): ConfiguredBind {
  const prefix = invalid(spec, 'bind')
  const source = cleanPath(path)
  const checked = checkTarget('volume', target, { prefix, source })
  if (words.includes('nocopy'))
    throw invalidOption(
      'volume',
      `${prefix}field VolumeOptions must not be specified`,
      'leave nocopy out: nothing is copied into a host directory',
      spec,
    )
  return {
    type: 'bind',
    syntax: 'volume',
    source,
    target: checked,
    readOnly: words.includes('ro'),
    mode: words.join(','),
    propagation: words.find(isPropagation) ?? 'rprivate',
    createSource: true,
    recursive: 'enabled',
  }
}

function named(spec: string, name: string, target: string, words: readonly string[]): ConfiguredVolume {
  const prefix = invalid(spec, 'volume')
  const checked = checkTarget('volume', target, { prefix })
  if (words.some(isPropagation))
    throw invalidOption(
      'volume',
      `${prefix}field BindOptions must not be specified`,
      'leave the propagation out: nothing of the host is mounted in a volume',
      spec,
    )
  return {
    ...plainVolume,
    name: checkVolumeName('volume', name),
    target: checked,
    readOnly: words.includes('ro'),
    mode: words.join(','),
    noCopy: words.includes('nocopy'),
  }
}

const isPropagation = (word: string): word is Propagation => propagations.has(word)

const invalid = (spec: string, type: string) =>
  `invalid volume specification: '${spec}': invalid mount config for type "${type}": `

/** The source is '' where an anonymous volume is asked for. */
function splitVolume(spec: string): { source: string; target: string; mode: string } {
  const hint =
    "write '/container/path', or 'name:/container/path' or '/host/path:/container/path', with ':ro' where wanted"
  if (spec === '') throw invalidOption('volume', 'invalid empty volume spec', hint, spec)
  const parts = spec.split(':')
  if (parts.length > 3) throw invalidOption('volume', `invalid spec: ${spec}: too many colons`, hint, spec)
  if (parts.includes(''))
    throw invalidOption('volume', `invalid spec: ${spec}: empty section between colons`, hint, spec)
  const [source = '', target, mode = ''] = parts
  if (parts.length === 2 && isVolumeMode(target ?? ''))
    throw invalidOption('volume', `invalid volume specification: '${spec}'`, hint, spec)
  return target === undefined ? { source: '', target: source, mode } : { source, target, mode }
}
