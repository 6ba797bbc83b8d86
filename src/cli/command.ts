import { UsageError } from './usage-error.js'

/** An option of the command line, as `parseArgs` of node:util takes it, and what `--help` says of it. */
export interface Option {
  readonly type: 'string' | 'boolean'
  readonly short?: string
  readonly multiple?: boolean
  /** What its value is called: `PATH`. */
  readonly value?: string
  readonly help: string
}

/** A command of `inboard`. */
export interface Command {
  /** `['system', 'prune']`. */
  readonly words: readonly string[]
  readonly summary: string
  /** What `--help` says behind the options. */
  readonly notes?: string
  readonly options: Readonly<Record<string, Option>>
  /** @returns the exit code */
  run(given: Given): Promise<number>
}

/** The options that somebody has given. */
export class Given {
  readonly #values: Readonly<Record<string, unknown>>

  constructor(values: Readonly<Record<string, unknown>>) {
    this.#values = values
  }

  flag(name: string): boolean {
    return this.#values[name] === true
  }

  text(name: string): string | undefined {
    const value = this.#values[name]
    return typeof value === 'string' ? value : undefined
  }

  texts(name: string): readonly string[] {
    const value = this.#values[name]
    return Array.isArray(value) ? (value as readonly string[]) : []
  }

  /** @throws {UsageError} when it is no whole number, or above the largest that makes sense */
  integer(name: string, largest: number, base: 8 | 10 = 10): number | undefined {
    const value = this.text(name)
    if (value === undefined) return undefined
    const digits = base === 8 ? /^(0o)?[0-7]{1,7}$/ : /^\d{1,9}$/
    const number = Number.parseInt(value.replace('0o', ''), base)
    if (!digits.test(value) || number > largest) throw new UsageError(`--${name}: ${value} is no number that it can be`)
    return number
  }

  /** Those that are given. */
  has(...names: readonly string[]): boolean {
    return names.some((name) => this.#values[name] !== undefined)
  }
}
