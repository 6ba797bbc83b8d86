import { randomBytes } from 'node:crypto'
import { closeSync, mkdirSync, openSync } from 'node:fs'
import { InvalidStateError } from '../errors/index.js'
import { native } from '../host/index.js'
import type { EphemeralStore, EphemeralThing } from '../store/ephemeral.js'

/**
 * What an engine's ephemeral things belong to. Its directory `runRoot/owners/ID` has two locks: `alive`, which this process
 * alone holds, tells everybody whether it lives; `lock` is held, beyond that, as long as somebody undoes what it had.
 */
export class Owner {
  readonly id = randomBytes(16).toString('hex')
  readonly #runRoot: string
  readonly #store: EphemeralStore
  #locks: { readonly lock: number; readonly alive: number } | undefined
  readonly #making = new Set<Promise<unknown>>()
  #isLeaving = false

  constructor(runRoot: string, store: EphemeralStore) {
    this.#runRoot = runRoot
    this.#store = store
  }

  /**
   * Makes something that belongs to it.
   *
   * @throws {InvalidStateError} ENGINE_CLOSED when its things are being removed already
   */
  async making<Result>(make: () => Promise<Result>): Promise<Result> {
    if (this.#isLeaving) throw new InvalidStateError('the engine is being closed', { code: 'ENGINE_CLOSED' })
    this.#begin()
    const made = make()
    this.#making.add(made)
    try {
      return await made
    } finally {
      this.#making.delete(made)
    }
  }

  /** Whether it has had something. */
  get hasBegun(): boolean {
    return this.#locks !== undefined
  }

  /** Records a thing as its own, in the transaction that records the thing. */
  own(thing: EphemeralThing): void {
    this.#store.insert(thing, this.id)
  }

  /** Nothing is made any more; resolves when what is being made is. */
  async leaving(): Promise<void> {
    this.#isLeaving = true
    await Promise.allSettled(this.#making)
  }

  /** What it has now, as a list of its own. */
  things(kind: EphemeralThing['kind']): string[] {
    return this.#locks ? this.#store.of(this.id, kind) : []
  }

  /** Lets go of what it still has: whoever sees that removes it. */
  async leave(): Promise<void> {
    if (!this.#locks) return
    const { lock, alive } = this.#locks
    this.#locks = undefined
    await native().removeTree(ownerDirectory(this.#runRoot, this.id))
    closeSync(alive)
    closeSync(lock)
  }

  #begin(): void {
    if (this.#locks) return
    const directory = ownerDirectory(this.#runRoot, this.id)
    mkdirSync(`${this.#runRoot}/owners`, { recursive: true, mode: 0o700 })
    const lock = native().makeLockedDirectory(directory)
    const alive = openSync(`${directory}/alive`, 'w', 0o600)
    native().flock(alive, 'exclusive', true)
    this.#locks = { lock, alive }
  }
}

export const ownerDirectory = (runRoot: string, owner: string): string => `${runRoot}/owners/${owner}`

/** Whether the process lives that has made it. */
export const isAlive = (runRoot: string, owner: string): boolean =>
  native().isLocked(`${ownerDirectory(runRoot, owner)}/alive`) === true

/** Whether what it had is being undone, or it lives. */
export const isHeld = (runRoot: string, owner: string): boolean =>
  native().isLocked(`${ownerDirectory(runRoot, owner)}/lock`) === true
