import type { EngineOptions } from '../index.js'
import type { Definitions } from './definitions.js'
import { Place } from './place.js'
import { SharedEngine } from './shared-engine.js'

/** Definitions, and the places where fixtures were made of them: a test, a file, a worker. */
export class FixtureSet {
  readonly names: readonly string[]
  readonly engine: SharedEngine
  readonly #definitions: Definitions
  readonly #logLines: number
  #originals: Place | undefined
  readonly #places = new Map<unknown, { readonly place: Place; holders: number }>()

  /** @param logLines how much of the end of the log of each container its places can tell */
  constructor(definitions: Definitions, engine: EngineOptions = {}, logLines = 0) {
    this.#logLines = logLines
    this.names = Object.keys(definitions)
    this.engine = new SharedEngine(engine)
    this.#definitions = definitions
  }

  /** The place of what is cloned for all others, which is there as long as the engine. */
  #shared(): Place {
    if (this.#originals) return this.#originals
    const place = new Place(this.#definitions, this.engine, 0)
    this.#originals = place
    this.engine.defer(() => {
      this.#originals = undefined
      return place.close()
    })
    return place
  }

  /** The place of a test, or whatever else: it is there until `release` was called as often as this. */
  hold(key: unknown): Place {
    const known = this.#places.get(key)
    const held = known ?? {
      place: new Place(this.#definitions, this.engine, this.#logLines, () => this.#shared()),
      holders: 0,
    }
    if (!known) this.engine.hold()
    this.#places.set(key, held)
    held.holders++
    return held.place
  }

  /** One that is held. */
  at(key: unknown): Place {
    const held = this.#places.get(key)
    if (!held) throw new Error('the fixtures have ended')
    return held.place
  }

  async release(key: unknown): Promise<void> {
    const held = this.#places.get(key)
    if (!held || --held.holders > 0) return
    this.#places.delete(key)
    try {
      await held.place.close()
    } finally {
      await this.engine.release()
    }
  }
}
