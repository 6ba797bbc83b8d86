import { at, Refusal } from './failure.js'
import { limits } from './limits.js'
import { type LexerSettings, lexText } from './shell-lexer.js'
import type { Argument, Dockerfile, EscapeToken, Pair } from './types.js'

/** A value by its name; undefined: it is not set. */
export type Lookup = (name: string) => string | undefined

/** These need no ARG; they reach programs, and no cache key. */
const proxyNames: ReadonlySet<string> = new Set(
  ['HTTP_PROXY', 'HTTPS_PROXY', 'FTP_PROXY', 'NO_PROXY', 'ALL_PROXY'].flatMap((name) => [name, name.toLowerCase()]),
)

/** How much text a build may make of its variables. */
class Budget {
  #total = 0
  #ofInstruction = 0

  begin(): void {
    this.#ofInstruction = 0
  }

  readonly charge = (size: number): void => {
    this.#ofInstruction += size
    this.#total += size
    if (this.#ofInstruction > limits.expansion || this.#total > limits.expansions)
      throw new Refusal('the values of variables are too large')
  }
}

/** `--build-arg`, and the platforms that are built on and for. */
export interface GlobalValues {
  readonly buildArgs?: Readonly<Record<string, string>>
  /** `TARGETPLATFORM`, `BUILDOS` and their like, by name. FROM has them; a stage that declares them. */
  readonly predefined?: Readonly<Record<string, string>>
}

/** What all stages of a build share: the ARGs before the first FROM, which FROM sees, and stages that declare them. */
export class GlobalScope {
  readonly file: string
  readonly #settings: Omit<LexerSettings, 'lookup'>
  readonly #budget = new Budget()
  readonly #buildArgs: ReadonlyMap<string, string>
  readonly #values: Map<string, string>
  /** Declared without a value. */
  readonly #declared = new Set<string>()

  /** @throws {BuildError} `DOCKERFILE_INVALID` a default cannot be expanded */
  constructor(dockerfile: Pick<Dockerfile, 'file' | 'directives' | 'metaArgs'>, values: GlobalValues = {}) {
    const { file, directives, metaArgs } = dockerfile
    this.file = file
    this.#settings = settingsOf(directives.escape, this.#budget)
    this.#buildArgs = new Map(Object.entries(values.buildArgs ?? {}))
    const predefined = Object.entries(values.predefined ?? {})
    this.#values = new Map(predefined.map(([name, value]) => [name, this.buildArg(name) ?? value]))
    for (const source of metaArgs) at({ file, source }, 'expand', () => this.#declare(source.args))
  }

  get(name: string): string | undefined {
    return this.#values.get(name)
  }

  /** Of `--build-arg`. */
  buildArg(name: string): string | undefined {
    return this.#buildArgs.get(name)
  }

  has(name: string): boolean {
    return this.#values.has(name) || this.#declared.has(name)
  }

  *names(): Generator<string> {
    yield* this.#values.keys()
    yield* this.#declared
  }

  /** How texts of the file are read; each instruction has a budget of its own within that of the build. */
  settings(): Omit<LexerSettings, 'lookup'> {
    this.#budget.begin()
    return this.#settings
  }

  #declare(args: readonly Argument[]): void {
    const settings = { ...this.settings(), lookup: (name: string) => this.get(name) }
    for (const { name, value } of args) {
      const given = this.buildArg(name) ?? (value === undefined ? undefined : lexText(value, settings))
      if (given === undefined) this.#declared.add(name)
      else this.#values.set(name, given)
    }
  }
}

function settingsOf(token: EscapeToken, { charge }: Budget): Omit<LexerSettings, 'lookup'> {
  return { escape: token, charge, quotes: 'remove', keepEscapes: false, keepUnset: false }
}

/** What a stage begins with. */
export interface ScopeOrigin {
  /** `NAME=value` of the image, or of the stage that it is built from. */
  readonly env?: readonly string[]
  /** The stage that it is built from: its ARGs are inherited. */
  readonly parent?: Scope
}

/**
 * The variables of a stage at one of its lines. ENV always wins over ARG, whichever came later. An ARG from before the first
 * FROM is seen only when the stage declares it again.
 */
export class Scope {
  readonly global: GlobalScope
  readonly #env: Map<string, string>
  readonly #args: Map<string, string>
  /** Declared, with or without a value. */
  readonly #declared: Set<string>

  constructor(global: GlobalScope, { env = [], parent }: ScopeOrigin = {}) {
    this.global = global
    this.#env = new Map(env.map(variableOf))
    this.#args = new Map(parent === undefined ? [] : parent.#args)
    this.#declared = new Set(parent === undefined ? [] : parent.#declared)
  }

  get(name: string): string | undefined {
    const value = this.#env.get(name) ?? this.#args.get(name)
    return value ?? (proxyNames.has(name) ? this.global.buildArg(name) : undefined)
  }

  /** Whether an ARG of that name was there, if only without a value. */
  isDeclared(name: string): boolean {
    return this.#declared.has(name)
  }

  *names(): Generator<string> {
    yield* this.#env.keys()
    yield* this.#args.keys()
  }

  /** `NAME=value`, as the image's configuration has them. */
  get env(): string[] {
    return assignments(this.#env)
  }

  /** The ARGs that a program of RUN gets beside the ENVs: `NAME=value`, in the order in which they were declared. */
  get args(): string[] {
    return assignments(this.#args).filter((argument) => !this.#env.has(variableOf(argument)[0]))
  }

  /** All ARGs with what their names mean, '' when nothing: `NAME=value`, in the order in which they were declared. */
  get declared(): string[] {
    return Array.from(this.#declared, (name) => `${name}=${this.get(name) ?? ''}`)
  }

  /** The proxies that were given, and are not declared: a program of RUN gets them, but its cache key does not. */
  get proxies(): string[] {
    return [...proxyNames].flatMap((name) => {
      const value = this.global.buildArg(name)
      return value === undefined || this.#env.has(name) || this.#args.has(name) ? [] : [`${name}=${value}`]
    })
  }

  setEnv(pairs: readonly Pair[]): void {
    for (const { name, value } of pairs) this.#env.set(name, value)
  }

  /** An argument without a value keeps the one that it has. */
  declare({ name, value }: Argument): void {
    this.#declared.add(name)
    if (value !== undefined) this.#args.set(name, value)
  }
}

function variableOf(assignment: string): [name: string, value: string] {
  const equals = assignment.indexOf('=')
  return equals < 0 ? [assignment, ''] : [assignment.slice(0, equals), assignment.slice(equals + 1)]
}

function assignments(variables: ReadonlyMap<string, string>): string[] {
  return Array.from(variables, ([name, value]) => `${name}=${value}`)
}
