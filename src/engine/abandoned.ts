import { closeSync, readdirSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import type { ContainerContext } from '../container/context.js'
import { claimLock, native } from '../host/index.js'
import type { EphemeralStore } from '../store/ephemeral.js'
import { type EphemeralStages, removeThings } from './ephemeral-removal.js'
import { isAlive, isHeld, ownerDirectory } from './owner.js'

/** How long who undoes what an owner had is waited for. */
const patienceMs = 5000

export interface AbandonedInput {
  readonly runRoot: string
  readonly store: EphemeralStore
  /** That of the engine itself. */
  readonly own: string
  stages(): EphemeralStages
  /** Does something so that who is killed meanwhile is cleared up after. */
  kept<Result>(work: () => Promise<Result>): Promise<Result>
  context(): ContainerContext
}

/**
 * What is recorded of things whose owner is no more. Natively they are gone by then, or nearly; whoever comes upon such records
 * first removes what is left by the ordinary verbs.
 */
export class Abandoned {
  readonly #input: AbandonedInput
  readonly #finishing = new Map<string, Promise<void>>()

  constructor(input: AbandonedInput) {
    this.#input = input
  }

  /** Whether the owner of something is gone. */
  isGone(owner: string): boolean {
    return owner !== this.#input.own && !isAlive(this.#input.runRoot, owner)
  }

  /** The owners that are no more, and have something. */
  owners(): string[] {
    return this.#input.store.owners().filter((owner) => this.isGone(owner))
  }

  /** Removes what they have. What cannot be removed stays recorded: the next one tries again. */
  async finish(): Promise<void> {
    for (const owner of this.owners()) await this.#finishOnce(owner)
  }

  /** The same, and what is left of owners that have nothing. */
  async sweep(): Promise<void> {
    await this.finish()
    const { runRoot, store } = this.#input
    const left = new Set(store.owners())
    for (const name of directoriesOf(runRoot)) if (!left.has(name)) await this.#discard(name)
  }

  #finishOnce(owner: string): Promise<void> {
    const under = this.#finishing.get(owner) ?? this.#finish(owner).finally(() => this.#finishing.delete(owner))
    this.#finishing.set(owner, under)
    return under
  }

  async #finish(owner: string): Promise<void> {
    const { runRoot, store, stages, context, kept } = this.#input
    for (const deadline = performance.now() + patienceMs; isHeld(runRoot, owner); await delay(2))
      if (performance.now() > deadline) break
    const remove = () => removeThings(stages(), context(), (kind) => store.of(owner, kind))
    const failures = await kept(remove)
    if (failures.length === 0) await this.#discard(owner)
  }

  async #discard(owner: string): Promise<void> {
    const directory = ownerDirectory(this.#input.runRoot, owner)
    const lock = claimLock(`${directory}/lock`)
    if (lock === undefined || this.#input.own === owner) return
    await native()
      .removeTree(directory)
      .finally(() => closeSync(lock))
  }
}

function directoriesOf(runRoot: string): string[] {
  try {
    return readdirSync(`${runRoot}/owners`).filter((name) => /^[0-9a-f]{32}$/.test(name))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}
