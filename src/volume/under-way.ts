import { patiently } from './time-limit.js'

/** How long a driver of others is waited for where it must not keep anybody from going on. */
export const patienceMs = 5000

/** What this process does with volumes while nobody waits for it: it has ended before the engine is closed. */
export class UnderWay {
  readonly #works = new Set<Promise<void>>()

  /** @returns what ends it */
  begin(): () => void {
    let end = () => {}
    this.#add(
      new Promise<void>((resolve) => {
        end = resolve
      }),
    )
    return end
  }

  /** What no caller can be kept waiting for goes on by itself after a while. @throws what one of it fails with until then */
  async patiently(works: readonly Promise<void>[]): Promise<void> {
    if (works.length === 0) return
    this.#add(Promise.allSettled(works))
    await patiently(works, patienceMs)
  }

  async ended(): Promise<void> {
    while (this.#works.size > 0) await Promise.all(this.#works)
  }

  #add(work: Promise<unknown>): void {
    const ended = work.then(() => void this.#works.delete(ended))
    this.#works.add(ended)
  }
}
