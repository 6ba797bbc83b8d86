import { checkText, checkTexts, invalidOption } from './invalid.js'
import { isVolumeMode, propagations } from './volume-mode.js'

/** A container whose volumes are taken, and whether they are to be read only. */
export interface VolumesFrom {
  readonly container: string
  readonly readOnly: boolean
}

/** The entries of `--volumes-from`, each checked, as they were given. */
export function checkVolumesFrom(entries: readonly string[] | undefined): string[] {
  const texts = checkTexts('volumesFrom', entries)
  for (const text of texts) parseVolumesFrom(text)
  return texts
}

/**
 * `--volumes-from`: `container[:mode]`, mode `ro` or `rw` (what they are there), `z` or `Z`.
 *
 * @throws {InvalidOptionError} INVALID_OPTION
 */
export function parseVolumesFrom(spec: string): VolumesFrom {
  const option = 'volumesFrom'
  const hint = "write the name or the id of a container, with ':ro' where wanted"
  if (checkText(option, spec) === '')
    throw invalidOption(option, 'volumes-from specification cannot be an empty string', hint, spec)
  const colon = spec.indexOf(':')
  const [container, mode] = colon < 0 ? [spec, ''] : [spec.slice(0, colon), spec.slice(colon + 1)]
  const words = mode.split(',')
  if (!isVolumeMode(mode) || words.some((word) => word === 'nocopy' || propagations.has(word)))
    throw invalidOption(option, `invalid mode: ${mode}`, 'use ro or rw, z or Z', spec)
  if (container === '') throw invalidOption(option, 'invalid name or ID supplied: ""', hint, spec)
  return { container, readOnly: words.includes('ro') }
}
