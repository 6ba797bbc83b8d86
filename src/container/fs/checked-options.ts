import { InvalidOptionError } from '../../errors/index.js'
import type { WriteFlag } from './options.js'
import type { WriteMode } from './write.js'

// What callers in JavaScript can get wrong is refused before anything is done.

const maxId = 2 ** 32 - 2

export const checkedMode = (mode: number): number => checked(mode, 'mode', 0o7777)

export const checkedId = (id: number, name: 'uid' | 'gid'): number => checked(id, name, maxId)

export const checkedBound = (bound: number, name: string): number => checked(bound, name, Number.MAX_SAFE_INTEGER)

/** Owners that were given, and nothing of those that were not. */
export function checkedOwner({ uid, gid }: { readonly uid?: number | undefined; readonly gid?: number | undefined }) {
  return { uid: uid && checkedId(uid, 'uid'), gid: gid && checkedId(gid, 'gid') }
}

const flags: Readonly<Record<WriteFlag, WriteMode>> = {
  w: { creates: true, isExclusive: false, truncates: true, appends: false },
  wx: { creates: true, isExclusive: true, truncates: true, appends: false },
  a: { creates: true, isExclusive: false, truncates: false, appends: true },
  ax: { creates: true, isExclusive: true, truncates: false, appends: true },
  'r+': { creates: false, isExclusive: false, truncates: false, appends: false },
}

export function writeModeOf(flag: WriteFlag): WriteMode {
  if (Object.hasOwn(flags, flag)) return flags[flag]
  throw invalid(`flag is one of ${Object.keys(flags).join(', ')}: got ${JSON.stringify(flag)}`)
}

/** An encoding, or the options that it is part of. */
export function withEncoding<Options extends object>(given: string | null | undefined | Options): Options {
  const options = typeof given === 'string' ? { encoding: given } : (given ?? {})
  const { encoding } = options as { readonly encoding?: unknown }
  const isKnown = encoding === undefined || encoding === null || Buffer.isEncoding(encoding as string)
  if (!isKnown) throw invalid(`encoding is one of Node's: got ${JSON.stringify(encoding)}`)
  return options as Options
}

function checked(value: number, name: string, max: number): number {
  if (Number.isInteger(value) && value >= 0 && value <= max) return value
  throw invalid(`${name} is a whole number from 0 to ${max}: got ${JSON.stringify(value)}`)
}

const invalid = (message: string) => new InvalidOptionError(message, { code: 'INVALID_OPTION' })
