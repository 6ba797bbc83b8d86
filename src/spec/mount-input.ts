import { checkFlag, checkInteger, checkText, invalidOption } from './invalid.js'
import { checkTarget, cleanPath } from './mount-target.js'
import type {
  BindRecursion,
  ConfiguredBind,
  ConfiguredImage,
  ConfiguredMount,
  ConfiguredTmpfs,
  ConfiguredVolume,
  MountInput,
  Propagation,
} from './options.js'
import { parseSize } from './size.js'
import { checkSubpath } from './subpath.js'
import { tmpfsOptions } from './tmpfs.js'
import { propagations } from './volume-mode.js'
import { checkVolumeName } from './volume-name.js'

type Input<T extends MountInput['type']> = Extract<MountInput, { type: T }>

const recursions: ReadonlySet<string> = new Set<BindRecursion>(['enabled', 'disabled', 'writable', 'readonly'])

/** Which fields only some types of mounts have, and what Docker calls them. */
const owned: Readonly<Record<string, { readonly of: readonly string[]; readonly name: string }>> = {
  source: { of: ['bind', 'volume', 'image'], name: 'Source' },
  propagation: { of: ['bind'], name: 'BindOptions' },
  recursive: { of: ['bind'], name: 'BindOptions' },
  createSource: { of: ['bind'], name: 'BindOptions' },
  volumeOptions: { of: ['volume'], name: 'VolumeOptions' },
  imageOptions: { of: ['image'], name: 'ImageOptions' },
  tmpfsOptions: { of: ['tmpfs'], name: 'TmpfsOptions' },
}

/**
 * `--mount` in its object form. A bind's source must exist when the container starts: it is not made, as `volume` does.
 *
 * @throws {InvalidOptionError} INVALID_OPTION
 */
export function parseMountInput(input: MountInput): ConfiguredMount {
  if (!input.target) throw invalidOption('mount', 'target is required', 'give an absolute path in the container')
  const fail = failing(input.type)
  switch (input.type) {
    case 'bind':
      return parseBind(withoutExtra(input, fail), fail)
    case 'volume':
      return parseNamed(withoutExtra(input, fail), fail)
    case 'image':
      return parseImage(withoutExtra(input, fail), fail)
    case 'tmpfs':
      return parseMemory(withoutExtra(input, fail), fail)
    default:
      throw fail(
        'mount type unknown',
        "use 'bind', 'volume', 'image' or 'tmpfs'",
        (input satisfies never as MountInput).type,
      )
  }
}

type Fail = ((what: string, hint: string, value?: unknown) => Error) & { readonly prefix: string }

function failing(type: unknown): Fail {
  const prefix = `invalid mount config for type "${String(type ?? '')}": `
  return Object.assign(
    (what: string, hint: string, value?: unknown) => invalidOption('mount', `${prefix}${what}`, hint, value),
    { prefix },
  )
}

/** A field of another type is a mistake about the type, and not to be passed over. */
function withoutExtra<I extends MountInput>(input: I, fail: Fail): I {
  for (const [field, { of, name }] of Object.entries(owned))
    if ((input as unknown as Record<string, unknown>)[field] !== undefined && !of.includes(input.type))
      throw fail(`field ${name} must not be specified`, `leave ${field} out`, field)
  return input
}

function parseBind(input: Input<'bind'>, fail: Fail): ConfiguredBind {
  const source = checkText('mount', input.source ?? '')
  if (source === '') throw fail('field Source must not be empty', 'give a host path')
  if (!source.startsWith('/'))
    throw fail(`invalid mount path: '${source}' mount path must be absolute`, 'begin it with a slash', source)
  const propagation = input.propagation ?? 'rprivate'
  if (!propagations.has(propagation))
    throw fail(`invalid propagation mode: ${propagation}`, `use one of ${[...propagations].join(', ')}`, propagation)
  const readOnly = checkFlag('mount', input.readOnly)
  return {
    type: 'bind',
    syntax: 'mount',
    source: cleanPath(source),
    target: checkTarget('mount', input.target, { prefix: fail.prefix, source: cleanPath(source) }),
    readOnly,
    mode: '',
    propagation,
    createSource: checkFlag('mount', input.createSource),
    recursive: checkRecursion(input.recursive ?? 'enabled', readOnly, propagation),
  }
}

/** In the words of Docker's command line, whose option this is. */
function checkRecursion(recursive: BindRecursion, readOnly: boolean, propagation: Propagation): BindRecursion {
  if (!recursions.has(recursive)) {
    const what = `invalid value for bind-recursive: ${recursive} (must be "enabled", "disabled", "writable", or "readonly")`
    throw invalidOption('mount', what, 'give one of them', recursive)
  }
  const missing = (what: string) =>
    invalidOption(
      'mount',
      `option 'bind-recursive=${recursive}' requires '${what}' to be specified in conjunction`,
      'add it, or leave recursive out',
      recursive,
    )
  if ((recursive === 'writable' || recursive === 'readonly') && !readOnly) throw missing('readonly')
  // What is mounted later on the host must not come in writable.
  if (recursive === 'readonly' && propagation !== 'rprivate') throw missing('bind-propagation=rprivate')
  return recursive
}

function parseNamed(input: Input<'volume'>, fail: Fail): ConfiguredVolume {
  const { source = '', target, volumeOptions = {} } = input
  const { noCopy, labels = {}, driver = '', driverOptions = {}, subpath = '' } = volumeOptions
  const name = checkText('mount', source)
  const readOnly = checkFlag('mount', input.readOnly)
  if (name === '' && readOnly)
    throw fail('must not set ReadOnly mode when using anonymous volumes', 'give a source, or leave readOnly out')
  if (name === '' && subpath !== '')
    throw fail('must not set Subpath when using anonymous volumes', 'give a source, or leave subpath out', subpath)
  return {
    type: 'volume',
    syntax: 'mount',
    name,
    target: checkTarget('mount', target, fail),
    readOnly,
    mode: '',
    noCopy: checkFlag('mount', noCopy),
    labels: checkPairs(labels),
    driver: checkText('mount', driver),
    driverOptions: checkPairs(driverOptions),
    subpath: checkSubpath('mount', subpath, fail.prefix, 'volume'),
    ...(name !== '' && { name: checkVolumeName('mount', name) }),
  }
}

function checkPairs(pairs: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(pairs).map(([name, value]) => [checkText('mount', name), checkText('mount', value)]),
  )
}

function parseImage({ source = '', target, imageOptions }: Input<'image'>, fail: Fail): ConfiguredImage {
  if (checkText('mount', source) === '') throw fail('field Source must not be empty', 'name an image')
  return {
    type: 'image',
    syntax: 'mount',
    source,
    target: checkTarget('mount', target, fail),
    subpath: checkSubpath('mount', imageOptions?.subpath ?? '', fail.prefix, 'image'),
  }
}

function parseMemory(input: Input<'tmpfs'>, fail: Fail): ConfiguredTmpfs {
  const readOnly = checkFlag('mount', input.readOnly)
  const given = dataOf(input, readOnly)
  const target = checkTarget('mount', input.target, fail)
  return { type: 'tmpfs', syntax: 'mount', target, readOnly, options: tmpfsOptions(given), given }
}

function dataOf({ tmpfsOptions: given }: Input<'tmpfs'>, readOnly: boolean): string {
  const mode = checkInteger('mount', given?.mode, 0, 0o7777)
  const size = given?.size === undefined ? 0 : parseSize('mount', given.size)
  return [
    ...(readOnly ? ['ro'] : []),
    ...(mode ? [`mode=${mode.toString(8)}`] : []),
    ...(size ? [`size=${shorten(size)}`] : []),
  ].join(',')
}

function shorten(bytes: number): string {
  for (const [suffix, unit] of [
    ['g', 2 ** 30],
    ['m', 2 ** 20],
    ['k', 2 ** 10],
  ] as const)
    if (bytes % unit === 0) return `${bytes / unit}${suffix}`
  return String(bytes)
}
