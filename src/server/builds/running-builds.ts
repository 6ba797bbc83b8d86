/** The builds that clients have given an id: they can be cancelled by it. */
export class RunningBuilds {
  readonly #running = new Map<string, Set<AbortController>>()

  /** @param id of the client's choice; undefined: nobody can cancel it */
  begin(id: string | undefined): RunningBuild {
    const controller = new AbortController()
    if (id === undefined) return { signal: controller.signal, [Symbol.dispose]: () => {} }
    const all = this.#running.get(id) ?? new Set()
    this.#running.set(id, all.add(controller))
    return {
      signal: controller.signal,
      [Symbol.dispose]: () => {
        all.delete(controller)
        if (all.size === 0 && this.#running.get(id) === all) this.#running.delete(id)
      },
    }
  }

  /** Stops what has this id. */
  cancel(id: string): void {
    for (const controller of this.#running.get(id) ?? []) controller.abort(new Error('context canceled'))
  }
}

export interface RunningBuild extends Disposable {
  /** Fires when it is cancelled. */
  readonly signal: AbortSignal
}
