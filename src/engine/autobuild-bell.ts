import { setTimeout as sleep } from 'node:timers/promises'

/** A call that somebody waits for. One that comes while nobody waits is there for who comes next. */
export class Bell {
  #isRung = false
  #wake: (() => void) | undefined

  ring(): void {
    this.#isRung = true
    this.#wake?.()
  }

  /** @param ms undefined: until it rings. @returns whether it has rung @throws the signal's reason */
  async wait(ms: number | undefined, signal: AbortSignal): Promise<boolean> {
    signal.throwIfAborted()
    if (!this.#isRung) await this.#heard(ms, signal)
    const isRung = this.#isRung
    this.#isRung = false
    return isRung
  }

  async #heard(ms: number | undefined, signal: AbortSignal): Promise<void> {
    const timer = new AbortController()
    const rung = new Promise<void>((resolve) => {
      this.#wake = resolve
    })
    const stopped = AbortSignal.any([timer.signal, signal])
    // Without a time the wait is one for ever, which keeps the process alive as one with a time does.
    const time = sleep(ms ?? 2 ** 31 - 1, undefined, { signal: stopped }).catch(() => {})
    await Promise.race([rung, time])
    timer.abort()
    this.#wake = undefined
    signal.throwIfAborted()
  }
}
