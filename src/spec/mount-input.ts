import { checkFlag, checkInteger, checkText, invalidOption } from './invalid.js'
import { checkTarget, cleanPath } from './mount-target.js'
import type { ConfiguredMount, MountInput } from './options.js'
import { parseSize } from './size.js'
import { tmpfsOptions } from './tmpfs.js'
import { propagations } from './volume.js'

/**
 * `--mount` in its object form. A bind's source must exist when the container starts: it is not made, as `volume` does.
 *
 * @throws {InvalidOptionError} INVALID_OPTION
 */
export function parseMountInput(input: MountInput): ConfiguredMount {
  if (!input.target) throw invalidOption('mount', 'target is required', 'give an absolute path in the container')
  switch (input.type) {
    case 'bind':
      return parseBind(input)
    case 'tmpfs':
      return { type: 'tmpfs', target: checkTarget('mount', input.target), options: tmpfsOptions(dataOf(input)) }
    default:
      throw unknownType(input)
  }
}

function parseBind(input: Extract<MountInput, { type: 'bind' }>): ConfiguredMount {
  const prefix = 'invalid mount config for type "bind":'
  const source = checkText('mount', input.source ?? '')
  if (source === '') throw invalidOption('mount', `${prefix} field Source must not be empty`, 'give a host path')
  if (!source.startsWith('/'))
    throw invalidOption(
      'mount',
      `${prefix} invalid mount path: '${source}' mount path must be absolute`,
      'begin it with a slash',
      source,
    )
  const propagation = input.propagation ?? 'rprivate'
  if (!propagations.has(propagation))
    throw invalidOption(
      'mount',
      `${prefix} invalid propagation mode: ${propagation}`,
      `use one of ${[...propagations].join(', ')}`,
      propagation,
    )
  return {
    type: 'bind',
    source: cleanPath(source),
    target: checkTarget('mount', input.target, cleanPath(source)),
    readOnly: checkFlag('mount', input.readOnly),
    propagation,
    createSource: false,
    recursive: true,
  }
}

function dataOf({ tmpfsOptions: given }: Extract<MountInput, { type: 'tmpfs' }>): string {
  const mode = checkInteger('mount', given?.mode, 0, 0o7777)
  const size = given?.size === undefined ? 0 : parseSize('mount', given.size)
  return [...(mode ? [`mode=${mode.toString(8)}`] : []), ...(size ? [`size=${shorten(size)}`] : [])].join(',')
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

function unknownType(input: never) {
  const { type } = input as { type?: unknown }
  return invalidOption('mount', `mount type unknown: "${String(type)}"`, "this version has 'bind' and 'tmpfs'", type)
}
