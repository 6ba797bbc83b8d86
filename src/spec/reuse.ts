import { checkText, invalidOption } from './invalid.js'
import type { RunOptions } from './options.js'

/**
 * `reuse`: the key of a container that outlives who asks for it; undefined: it is none.
 *
 * @throws {InvalidOptionError} INVALID_OPTION
 */
export function parseReuse({ reuse, rm, ephemeral }: RunOptions): string | undefined {
  if (reuse === undefined) return undefined
  if (checkText('reuse', reuse) === '')
    throw invalidOption('reuse', 'invalid value for reuse: it is empty', 'give a key', reuse)
  if (rm) throw conflict('rm', 'the next one finds it by its key, running or not: leave out one of them')
  if (ephemeral) throw conflict('ephemeral', 'others may have it when this process ends: leave out one of them')
  return reuse
}

/** Only awaiting gives a container that may run already. @throws {InvalidOptionError} INVALID_OPTION */
export function refuseReuse({ reuse }: RunOptions, verb: 'create' | 'output' | 'attach'): void {
  if (reuse === undefined) return
  throw conflict(
    `${verb}()`,
    'it may run already: await the builder, then use exec(), logs() or attach() of the container',
  )
}

function conflict(other: string, hint: string) {
  return invalidOption('reuse', `conflicting options: reuse and ${other}`, hint)
}
