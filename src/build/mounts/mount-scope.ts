import type { CacheDirectory } from '../host.js'

/** What the mounts of one program have: undone when it has ended, last first, whatever becomes of the rest. */
export class MountScope implements AsyncDisposable {
  readonly #actions: (() => unknown)[] = []
  readonly #caches = new Map<string, CacheDirectory>()

  defer(action: () => unknown): void {
    this.#actions.push(action)
  }

  /** A cache directory: one for all mounts of the program that name it, so that it does not wait for itself. */
  async cache(id: string, open: () => Promise<CacheDirectory>): Promise<CacheDirectory> {
    const known = this.#caches.get(id)
    if (known) return known
    const cache = await open()
    this.defer(() => cache[Symbol.asyncDispose]())
    this.#caches.set(id, cache)
    return cache
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (let action = this.#actions.pop(); action; action = this.#actions.pop()) {
      try {
        await action()
      } catch {
        // Files that stay go with the build's directory: that is no reason to fail, or to hide why something did.
      }
    }
  }
}
