import { Refusal } from './failure.js'
import { didYouMean } from './suggest.js'

/** What the value of a flag may be; `texts`: it can be given several times. */
type FlagType = 'text' | 'texts' | 'boolean'

type Value<Type extends FlagType> = Type extends 'text' ? string : Type extends 'texts' ? readonly string[] : boolean

export type Flags<Types extends Readonly<Record<string, FlagType>>> = {
  readonly [Name in keyof Types]?: Value<Types[Name]>
}

/** Reads the flags of an instruction, which knows those of `types`. */
export function parseFlags<Types extends Readonly<Record<string, FlagType>>>(
  written: readonly string[],
  types: Types,
): Flags<Types> {
  const flags = new Map<string, string | string[] | boolean>()
  for (const word of written) {
    const equals = word.indexOf('=')
    const flag = equals < 0 ? word : word.slice(0, equals)
    const name = flag.slice('--'.length)
    const type = Object.hasOwn(types, name) ? types[name] : undefined
    if (type === undefined) throw new Refusal(`unknown flag: ${flag}${didYouMean(name, Object.keys(types))}`)
    if (flags.has(name) && type !== 'texts') throw new Refusal(`duplicate flag specified: ${flag}`)
    const value = equals < 0 ? undefined : word.slice(equals + 1)
    if (type === 'boolean') flags.set(name, booleanOf(flag, value))
    else if (value === undefined) throw new Refusal(`missing a value on flag: ${flag}`)
    else if (type === 'text') flags.set(name, value)
    else textsOf(flags, name).push(value)
  }
  return Object.fromEntries(flags) as Flags<Types>
}

function textsOf(flags: Map<string, unknown>, name: string): string[] {
  const texts = (flags.get(name) as string[] | undefined) ?? []
  flags.set(name, texts)
  return texts
}

/** For instructions that have none. */
export function refuseFlags(written: readonly string[]): void {
  parseFlags(written, {})
}

function booleanOf(flag: string, value: string | undefined): boolean {
  switch (value?.toLowerCase()) {
    case '':
      throw new Refusal(`missing a value on flag: ${flag}`)
    case undefined:
    case 'true':
      return true
    case 'false':
      return false
    default:
      throw new Refusal(`expecting boolean value for flag ${flag}, not: ${value}`)
  }
}
