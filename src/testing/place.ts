import { randomBytes } from 'node:crypto'
import { InvalidOptionError } from '../errors/index.js'
import type { Container, Engine, RunOptions, Scope } from '../index.js'
import { abortable } from './abortable.js'
import { ContainerLog } from './container-log.js'
import type { Definition, Definitions } from './definitions.js'
import type { SharedEngine } from './shared-engine.js'

interface Ground {
  readonly engine: Engine
  readonly scope: Scope
  /** The name of the network that containers of the place are on. */
  readonly network: string
  /** The package, of which a file whose tests have no fixtures loads nothing. */
  readonly inboard: typeof import('../index.js')
}

/** What a definition of ours is told beside what all are. */
export interface Surroundings extends Pick<Ground, 'engine' | 'network' | 'inboard'> {
  readonly name: string
  /** Fires when the place has an end. */
  readonly signal: AbortSignal
  /** Where what fixtures of this place are cloned from is; absent: here. */
  readonly originals: Place | undefined
}

/** The fixtures of one test, file or worker: each is made when it is first asked for; all have an end together. */
export class Place {
  readonly #definitions: Definitions
  readonly #engine: SharedEngine
  readonly #logLines: number
  readonly #originals: (() => Place) | undefined
  readonly #ending = new AbortController()
  readonly #fixtures = new Map<string, Promise<unknown>>()
  readonly #logs = new Map<string, ContainerLog>()
  /** Which fixtures the making of each has asked for. */
  readonly #needs = new Map<string, Set<string>>()
  #ground: Promise<Ground> | undefined

  constructor(definitions: Definitions, engine: SharedEngine, logLines: number, originals?: () => Place) {
    this.#logLines = logLines
    this.#originals = originals
    this.#definitions = definitions
    this.#engine = engine
  }

  get(name: string): Promise<unknown> {
    const known = this.#fixtures.get(name)
    if (known) return known
    const made = this.#make(name)
    // Whoever asks for it is told.
    made.catch(() => {})
    this.#fixtures.set(name, made)
    return made
  }

  /** The ends of the logs of the containers that are wanted of those that were made, and of what they needed; empty without any. */
  async logs(isWanted: (name: string) => boolean): Promise<string> {
    const wanted = new Set([...this.#fixtures.keys()].filter(isWanted))
    for (const name of wanted) for (const other of this.#needs.get(name) ?? []) wanted.add(other)
    const logs = [...this.#logs].filter(([name]) => wanted.has(name))
    return (await Promise.all(logs.map(([name, log]) => log.text(name)))).join('\n\n')
  }

  /** Ends what is being made, and disposes of all that was, newest first. */
  async close(): Promise<void> {
    this.#ending.abort(new Error('its tests have ended'))
    await Promise.allSettled(this.#fixtures.values())
    const ground = await this.#ground?.catch(() => undefined)
    await ground?.scope.close()
  }

  async #make(name: string): Promise<unknown> {
    const define: ((...all: [...Parameters<Definition>, Surroundings]) => unknown) | undefined = this.#definitions[name]
    if (!define) throw new InvalidOptionError(`there is no fixture ${name}`, { code: 'INVALID_OPTION' })
    this.#ground ??= this.#open()
    const { engine, scope, network, inboard } = await this.#ground
    const { signal } = this.#ending
    const own = engine.scope()
    this.#connect(own, name, network)
    try {
      const surroundings = { name, engine, network, inboard, signal, originals: this.#originals?.() }
      const fixture = await abortable(define(own, this.#othersOf(name), surroundings), signal)
      if (isDisposable(fixture)) await own.use(fixture)
      const container = containerOf(fixture, inboard)
      if (container) this.#logs.set(name, new ContainerLog(container, this.#logLines, signal))
      return fixture
    } catch (error) {
      // What this cannot undo is told of when the place has its end.
      await own.close().catch(() => {})
      throw error
    } finally {
      // Only now: what it has asked for is older.
      scope.defer(() => own.close())
    }
  }

  async #open(): Promise<Ground> {
    const [engine, inboard] = await Promise.all([this.#engine.open(), import('../index.js')])
    const scope = engine.scope()
    const network = `fixtures-${randomBytes(6).toString('hex')}`
    await scope.network(network)
    return { engine, scope, network, inboard }
  }

  /** What the scope runs is on the network of the place by the fixture's name, unless its options say another network. */
  #connect(scope: Scope, name: string, network: string): void {
    const run = scope.run.bind(scope)
    const { signal } = this.#ending
    scope.run = (image, command, options: RunOptions = {}) => {
      const place =
        options.network === undefined ? { network, networkAlias: [name, ...(options.networkAlias ?? [])] } : {}
      return run(image, command, { signal, ...options, ...place })
    }
  }

  #othersOf(name: string): Readonly<Record<string, Promise<unknown>>> {
    const others = Object.keys(this.#definitions).map((other) => [other, { get: () => this.#getFor(name, other) }])
    return Object.defineProperties({}, Object.fromEntries(others))
  }

  #getFor(name: string, other: string): Promise<unknown> {
    this.#needs.set(name, (this.#needs.get(name) ?? new Set()).add(other))
    if (this.#isNeededBy(name, other))
      throw new InvalidOptionError(`the fixtures ${name} and ${other} need each other`, {
        code: 'INVALID_OPTION',
        details: { fixtures: [name, other] },
      })
    return this.get(other)
  }

  #isNeededBy(name: string, other: string): boolean {
    const needed = new Set([other])
    for (const each of needed) for (const next of this.#needs.get(each) ?? []) needed.add(next)
    return needed.has(name)
  }
}

function isDisposable(thing: unknown): thing is AsyncDisposable | Disposable {
  if (thing === null || typeof thing !== 'object') return false
  return Symbol.asyncDispose in thing || Symbol.dispose in thing
}

/** The fixture itself, or its `container`, such as a service has. */
function containerOf(fixture: unknown, { Container }: Ground['inboard']): Container | undefined {
  if (fixture instanceof Container) return fixture
  const { container } = (fixture ?? {}) as { readonly container?: unknown }
  return container instanceof Container ? container : undefined
}
