import type { Engine, EngineOptions } from '../index.js'

interface Open {
  opened: Promise<Engine> | undefined
  holders: number
  /** What comes before its end, all at once. */
  readonly undo: (() => Promise<void>)[]
}

const engines = new Map<string, Open>()

/** The one engine that all fixtures of this process have of a root: opened by who needs it first, closed by the last to let go. */
export class SharedEngine {
  readonly #options: EngineOptions
  readonly #key: string

  constructor(options: EngineOptions) {
    this.#options = options
    const { root = process.env.INBOARD_ROOT, runRoot = process.env.INBOARD_RUN_ROOT } = options
    this.#key = JSON.stringify([root, runRoot])
  }

  /** Opens nothing yet. */
  hold(): void {
    const open = engines.get(this.#key) ?? { opened: undefined, holders: 0, undo: [] }
    engines.set(this.#key, open)
    open.holders++
  }

  open(): Promise<Engine> {
    const open = this.#held()
    open.opened ??= import('../index.js').then(({ Engine }) => Engine.open(this.#options))
    return open.opened
  }

  /** Has something done before the engine is closed. */
  defer(undo: () => Promise<void>): void {
    this.#held().undo.push(undo)
  }

  async release(): Promise<void> {
    const open = this.#held()
    if (--open.holders > 0) return
    engines.delete(this.#key)
    try {
      await Promise.all(open.undo.map((undo) => undo()))
    } finally {
      // Who needed it knows that it could not be opened.
      const engine = await open.opened?.catch(() => undefined)
      await engine?.close()
    }
  }

  #held(): Open {
    const open = engines.get(this.#key)
    if (!open) throw new Error('nobody holds the engine')
    return open
  }
}
