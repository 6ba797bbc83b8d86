import {
  array,
  type BaseIssue,
  type BaseSchema,
  boolean,
  check,
  type InferOutput,
  integer,
  nullish,
  number,
  optional,
  pipe,
  record,
  string,
  transform,
  union,
  unknown,
} from 'valibot'

type Schema = BaseSchema<unknown, unknown, BaseIssue<unknown>>

/** A list is no map, though its places are names in JavaScript. */
const noList = check((value: unknown) => !Array.isArray(value), 'Invalid type: Expected Object but received Array')
const anything = check(() => true)

/** A field that may be left out: clients in Go send `null` for it. */
export const may = <Wanted extends Schema>(schema: Wanted) =>
  optional(
    pipe(
      unknown(),
      schema.type === 'loose_object' ? noList : anything,
      nullish(schema),
      transform((value) => (value ?? undefined) as InferOutput<Wanted> | undefined),
    ),
  )

export const text = may(string())
export const flag = may(boolean())
export const whole = may(pipe(number(), integer()))
export const texts = may(array(string()))
const map = <Wanted extends Schema>(schema: Wanted) => pipe(unknown(), noList, record(string(), schema))
export const textMap = may(map(string()))
/** Go's set: names with empty objects. */
export const nameSet = may(map(nullish(map(nullish(string())))))
/** A command: words, or one alone. */
export const words = may(
  pipe(
    union([string(), array(string())]),
    transform((value) => (typeof value === 'string' ? [value] : value)),
  ),
)

/** What is left of a record without its undefined members. */
export type Given<Fields> = { [Name in keyof Fields]?: Exclude<Fields[Name], undefined> }

/** Drops what was not said. */
export function given<Fields extends object>(fields: Fields): Given<Fields> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Given<Fields>
}

/** Docker's zero, which is nothing said. */
export const unlessZero = (value: number | undefined): number | undefined => value || undefined

/** Docker's empty text, which is nothing said. */
export const unlessEmpty = (value: string | undefined): string | undefined => value || undefined
