import { Engine, type EngineOptions } from '../index.js'

interface Open {
  opened: Promise<Engine> | undefined
  holders: number
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
    const open = engines.get(this.#key) ?? { opened: undefined, holders: 0 }
    engines.set(this.#key, open)
    open.holders++
  }

  open(): Promise<Engine> {
    const open = engines.get(this.#key)
    if (!open) throw new Error('nobody holds the engine')
    open.opened ??= Engine.open(this.#options)
    return open.opened
  }

  async release(): Promise<void> {
    const open = engines.get(this.#key)
    if (!open || --open.holders > 0) return
    engines.delete(this.#key)
    // Who needed it knows that it could not be opened.
    const engine = await open.opened?.catch(() => undefined)
    await engine?.close()
  }
}
