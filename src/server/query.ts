import { ApiError } from './failures.js'

/** The parameters of a request's query, as Docker reads them. */
export class Query {
  readonly #values: URLSearchParams

  constructor(values: URLSearchParams) {
    this.#values = values
  }

  /** undefined when it is not there, or empty. */
  text(name: string): string | undefined {
    return this.#values.get(name) || undefined
  }

  /** @throws {ApiError} 400 when it is missing */
  required(name: string): string {
    const value = this.text(name)
    if (value === undefined) throw new ApiError(400, `missing parameter: ${name}`)
    return value
  }

  /** All of its values. */
  texts(name: string): readonly string[] {
    return this.#values.getAll(name)
  }

  has(name: string): boolean {
    return this.#values.has(name)
  }

  /** Docker's truth: anything but nothing, `0`, `no`, `false` and `none`. */
  flag(name: string, otherwise = false): boolean {
    const value = this.#values.get(name)
    return value === null ? otherwise : !/^(|0|no|false|none)$/i.test(value.trim())
  }

  /** @throws {ApiError} 400 when it is no whole number */
  integer(name: string): number | undefined {
    const value = this.text(name)
    if (value === undefined) return undefined
    if (!/^[+-]?\d{1,15}$/.test(value)) throw new ApiError(400, `invalid value "${value}" for ${name}: not a number`)
    return Number(value)
  }

  /** A JSON document. @throws {ApiError} 400 when it is none */
  json(name: string): unknown {
    const value = this.text(name)
    if (value === undefined) return undefined
    try {
      return JSON.parse(value)
    } catch (error) {
      throw new ApiError(400, `invalid JSON in parameter ${name}: ${(error as Error).message}`)
    }
  }

  /**
   * Docker's filters, in both of their shapes: `{"label": ["a", "b"]}` and `{"label": {"a": true, "b": true}}`.
   *
   * @throws {ApiError} 400 for anything else
   */
  filters(): Readonly<Record<string, readonly string[]>> {
    const document = this.json('filters') ?? {}
    if (typeof document !== 'object' || Array.isArray(document)) throw new ApiError(400, 'invalid filter')
    const filters = Object.entries(document as object).map(([name, values]) => [name, namesOf(values)] as const)
    // A filter without values is none.
    return Object.fromEntries(filters.filter(([, values]) => values.length > 0))
  }
}

function namesOf(values: unknown): readonly string[] {
  const names = Array.isArray(values)
    ? values
    : Object.entries(typeof values === 'object' && values !== null ? values : { '': values }).flatMap(([name, is]) =>
        is === true ? [name] : is === false ? [] : [undefined],
      )
  if (!names.every((name) => typeof name === 'string')) throw new ApiError(400, 'invalid filter')
  return names
}
