import { posix } from 'node:path'
import { InvalidOptionError } from '../errors/index.js'
import { parseBoolean } from '../spec/boolean.js'
import { parseSize } from '../spec/size.js'
import { splitCsv } from './csv.js'
import { Refusal } from './failure.js'
import { didYouMean } from './suggest.js'
import type { MountFlag } from './types.js'

interface Target {
  /** Where it is in the container; relative to the working directory, unless it is absolute. */
  readonly target: string
  readonly readOnly: boolean
}

interface Owner {
  readonly mode?: number
  readonly uid?: number
  readonly gid?: number
}

/** `--mount` of RUN, its variables replaced. */
export type Mount =
  | ({ readonly type: 'bind'; readonly from?: string; readonly source: string } & Target)
  | ({
      readonly type: 'cache'
      /** The target's path, unless it was given. */
      readonly id: string
      readonly sharing: 'shared' | 'private' | 'locked'
      /** What it begins with. */
      readonly from?: string
      readonly source: string
    } & Target &
      Owner)
  | ({ readonly type: 'tmpfs'; readonly sizeBytes?: number } & Target)
  | ({
      readonly type: 'secret'
      readonly id: string
      /** Absent when the secret is in a variable only. */
      readonly target?: string
      /** The name of the variable that has it. */
      readonly env?: string
      readonly required: boolean
    } & Owner)
  | ({ readonly type: 'ssh'; readonly id: string; readonly target?: string; readonly required: boolean } & Owner)

type Type = Mount['type']

const types: readonly Type[] = ['bind', 'cache', 'tmpfs', 'secret', 'ssh']
const sharingModes = ['shared', 'private', 'locked'] as const
const aliases: Readonly<Record<string, string>> = { src: 'source', dst: 'target', destination: 'target' }
const flagKeys = ['readonly', 'ro', 'readwrite', 'rw', 'required']
const textKeys = ['type', 'from', 'source', 'target', 'id', 'sharing', 'size', 'mode', 'uid', 'gid', 'env']
const maxSizeLength = 64
const allKeys = [...textKeys, ...flagKeys, ...Object.keys(aliases)]

/** What can be known of it before its variables are: what it is mounted from. */
export function parseMountFlag(text: string): MountFlag {
  let from: string | undefined
  for (const { key, value } of fieldsOf(text)) {
    if (key !== 'from' || value === undefined) continue
    const dollar = value.indexOf('$')
    if (dollar >= 0 && dollar < value.length - 1)
      throw new Refusal("'from' doesn't support variable expansion, define alias stage instead")
    from = value
  }
  return { text, ...(from && { from }) }
}

/** What was gathered of a mount's options, whatever its type is. */
class Options {
  type: Type = 'bind'
  readOnly: boolean | undefined
  required: boolean | undefined
  readonly texts = new Map<string, string>()
}

/** @throws {Refusal} */
export function parseMount(text: string, expand: (value: string) => string): Mount {
  const options = new Options()
  for (const field of fieldsOf(text))
    setOption(options, field, field.value === undefined ? undefined : expand(field.value))
  return mountOf(options)
}

interface Field {
  readonly text: string
  readonly key: string
  readonly value: string | undefined
}

function setOption(options: Options, { text, key }: Field, value: string | undefined): void {
  if (value === undefined && !flagKeys.includes(key))
    throw new Refusal(`invalid field '${text}' must be a key=value pair`)
  if (key === 'type') options.type = oneOf(types, 'mount type', value as string)
  else if (key === 'readonly' || key === 'ro') options.readOnly = booleanOf(key, value)
  else if (key === 'readwrite' || key === 'rw') options.readOnly = !booleanOf(key, value)
  else if (key === 'required') options.required = booleanOf(key, value)
  else if (allKeys.includes(key)) options.texts.set(aliases[key] ?? key, value as string)
  else throw new Refusal(`unexpected key '${key}' in '${text}'${didYouMean(key, allKeys)}`)
}

function mountOf(options: Options): Mount {
  const { type, texts } = options
  const take = (key: string) => texts.get(key) || undefined
  refuseForeign(options)
  const from = take('from')
  const source = { source: take('source') ?? '', ...(from && { from }) }
  const owner = ownerOf(texts)
  const target = { target: take('target') ?? '', readOnly: options.readOnly ?? type === 'bind' }
  switch (type) {
    case 'bind':
      return { type, ...source, ...target }
    case 'cache': {
      const sharing = oneOf(sharingModes, 'sharing value', take('sharing') ?? 'shared')
      return { type, id: take('id') ?? cleanPath(target.target), sharing, ...source, ...target, ...owner }
    }
    case 'tmpfs': {
      const size = take('size')
      return { type, ...target, ...(size !== undefined && { sizeBytes: sizeOf(size) }) }
    }
    case 'secret':
      return { ...secretOf(options), ...owner }
    case 'ssh': {
      const place = take('target')
      const id = take('id') ?? 'default'
      return { type, id, required: options.required ?? false, ...(place && { target: place }), ...owner }
    }
  }
}

/** Options that only some types have. */
function refuseForeign({ type, texts, required }: Options): void {
  const isOwned = type === 'secret' || type === 'ssh' || type === 'cache'
  if (required !== undefined && type !== 'secret' && type !== 'ssh')
    throw new Refusal(`unexpected key 'required' for mount type '${type}'`)
  if (texts.has('size') && type !== 'tmpfs') throw new Refusal(`unexpected key 'size' for mount type '${type}'`)
  for (const key of ['mode', 'uid', 'gid'])
    if (texts.has(key) && !isOwned) throw new Refusal(`${key} not allowed for "${type}" type mounts`)
  if (type === 'secret' && texts.get('from')) throw new Refusal('secret mount should not have a from')
  if (type === 'secret' && texts.has('sharing')) throw new Refusal('secret mount should not define sharing')
  if (texts.has('sharing') && type !== 'cache') throw new Refusal(`invalid cache sharing set for ${type} mount`)
}

/** Without an id it has its source's name, or that of the file it is to be. */
function secretOf({ texts, required = false }: Options): Extract<Mount, { type: 'secret' }> {
  const [id, source, target, env] = ['id', 'source', 'target', 'env'].map((key) => texts.get(key) || undefined)
  if (!id && !source && !target) throw new Refusal('invalid secret mount. one of source, target required')
  if (id && source) throw new Refusal("both source and id can't be set")
  const name = id ?? source ?? posix.basename(target as string)
  const variable = texts.has('env') ? (env ?? name) : undefined
  // In a variable it is no file, unless a file was asked for as well.
  const file = target ?? (variable === undefined ? `/run/secrets/${posix.basename(name)}` : undefined)
  return { type: 'secret', id: name, required, ...(file && { target: file }), ...(variable && { env: variable }) }
}

function ownerOf(texts: ReadonlyMap<string, string>): Owner {
  const owner: { -readonly [Key in keyof Owner]: Owner[Key] } = {}
  for (const [key, radix] of [
    ['mode', 8],
    ['uid', 10],
    ['gid', 10],
  ] as const) {
    const text = texts.get(key)
    if (text === undefined) continue
    const number = (radix === 8 ? /^[0-7]{1,11}$/ : /^\d{1,10}$/).test(text) ? Number.parseInt(text, radix) : Number.NaN
    if (!(number <= 0xffffffff)) throw new Refusal(`invalid value ${text} for ${key}`)
    owner[key] = number
  }
  return owner
}

function sizeOf(text: string): number {
  try {
    if (text.length > maxSizeLength) throw new Refusal(`invalid value for size: ${text}`)
    return parseSize('size', text)
  } catch (error) {
    if (error instanceof InvalidOptionError) throw new Refusal(`invalid value for size: ${text}`)
    throw error
  }
}

function booleanOf(key: string, value = 'true'): boolean {
  const is = parseBoolean(value)
  if (is === undefined) throw new Refusal(`invalid value for ${key}: ${value}`)
  return is
}

function oneOf<Option extends string>(options: readonly Option[], what: string, value: string): Option {
  const found = options.find((option) => option === value.toLowerCase())
  if (!found) throw new Refusal(`unsupported ${what} ${JSON.stringify(value)}${didYouMean(value, options)}`)
  return found
}

function fieldsOf(text: string): Field[] {
  return splitCsv(text).map((field) => {
    const equals = field.indexOf('=')
    const key = (equals < 0 ? field : field.slice(0, equals)).toLowerCase()
    return { text: field, key, value: equals < 0 ? undefined : field.slice(equals + 1) }
  })
}

function cleanPath(path: string): string {
  const clean = posix.normalize(path)
  return clean.endsWith('/') && clean !== '/' ? clean.slice(0, -1) : clean
}
