import { checkText, invalidOption } from './invalid.js'
import type { RunOptions } from './options.js'

/**
 * `--label`: `name=value`, or `name` for an empty value; of several with one name the last one counts.
 *
 * @throws {InvalidOptionError} INVALID_OPTION
 */
export function parseLabels(input: RunOptions['label']): Record<string, string> {
  return Object.fromEntries(
    pairs(input).map(([name, value]) => {
      if (name.trim() === '')
        throw invalidOption('label', `invalid label '${name}=${value}': empty name`, 'give a name', value)
      return [checkText('label', name), checkText('label', value)]
    }),
  )
}

function pairs(input: RunOptions['label']): [string, string][] {
  if (!Array.isArray(input)) return Object.entries(input ?? {})
  return input.map((text: string) => {
    const equals = checkText('label', text).indexOf('=')
    return equals < 0 ? [text, ''] : [text.slice(0, equals), text.slice(equals + 1)]
  })
}
