import type { ContainerTree } from './container-tree.js'

/** What several use at once: made for the first of them, ended with the last. */
export class SharedTree<Tree extends Pick<ContainerTree, 'end'>> {
  readonly #stop = new AbortController()
  readonly #tree: Promise<Tree | undefined>
  readonly #onLeft: () => void
  #users = 0

  /** @param onLeft nobody uses it any more: the next one needs another */
  constructor(open: (stop: AbortSignal) => Promise<Tree | undefined>, onLeft: () => void) {
    this.#onLeft = onLeft
    this.#tree = open(this.#stop.signal)
    this.#tree.catch(() => {})
  }

  /** To be ended by each of its users. */
  async use(signal: AbortSignal): Promise<Tree | undefined> {
    this.#users++
    try {
      const tree = await unlessAborted(this.#tree, signal)
      if (tree) return { ...tree, end: () => this.#leave() }
    } catch (error) {
      await this.#leave().catch(() => {})
      throw error
    }
    await this.#leave()
    return undefined
  }

  async #leave(): Promise<void> {
    if (--this.#users > 0) return
    this.#onLeft()
    this.#stop.abort()
    const tree = await this.#tree.catch(() => undefined)
    await tree?.end()
  }
}

async function unlessAborted<Result>(promise: Promise<Result>, signal: AbortSignal): Promise<Result> {
  let onAbort = () => {}
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(signal.reason)
    signal.addEventListener('abort', onAbort)
    if (signal.aborted) onAbort()
  })
  try {
    return await Promise.race([promise, aborted])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}
