/** Bytes of output that wait for their turn, of all steps of a build. */
const maxHeldBytes = 8 * 1024 * 1024

/** What all steps of a build hold together. */
export interface HeldBytes {
  total: number
}

/** Documents of a step whose turn it is not yet: where all steps hold too much, its oldest go. */
export class HeldOutput {
  readonly #held: HeldBytes
  #documents: { readonly document: unknown; readonly size: number }[] = []
  #first = 0
  #lostBytes = 0

  constructor(held: HeldBytes) {
    this.#held = held
  }

  add(document: unknown, size: number): void {
    this.#documents.push({ document, size })
    this.#held.total += size
    while (this.#held.total > maxHeldBytes && this.#lose());
  }

  /** All that there is, which is not held any more. */
  *take(): Generator<unknown, void, undefined> {
    if (this.#lostBytes > 0) yield { stream: `[output clipped: ${this.#lostBytes} bytes]\n` }
    this.#lostBytes = 0
    const documents = this.#documents.slice(this.#first)
    this.#documents = []
    this.#first = 0
    for (const { document, size } of documents) {
      this.#held.total -= size
      yield document
    }
  }

  #lose(): boolean {
    const oldest = this.#documents[this.#first]
    if (!oldest) return false
    this.#documents[this.#first++] = undefined as never
    this.#held.total -= oldest.size
    this.#lostBytes += oldest.size
    if (this.#first * 2 > this.#documents.length) {
      this.#documents = this.#documents.slice(this.#first)
      this.#first = 0
    }
    return true
  }
}
