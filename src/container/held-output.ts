import { Spill } from './spill.js'

type Output = 'stdout' | 'stderr'

/** As much is kept in memory. */
const memoryBytes = 256 * 1024

/** Output on its way to somebody who may take it later than it comes: in its order, and bounded in memory. */
export class HeldOutput {
  readonly #spill: Spill
  readonly #give: (stream: Output, chunk: Buffer) => void
  #inMemory: [Output, Buffer][] = []
  #bytes = 0
  #isPaused = true
  #isGiving = false
  #onEmpty: (() => void) | undefined

  /** @param directory where there is room for what does not fit into memory */
  constructor(directory: string, give: (stream: Output, chunk: Buffer) => void) {
    this.#spill = new Spill(directory)
    this.#give = give
  }

  pause(): void {
    this.#isPaused = true
  }

  resume(): void {
    this.#isPaused = false
    this.#flow()
  }

  /** @throws the system's error when there is no room for it */
  take(stream: Output, chunk: Buffer): void {
    if (!this.#isPaused && this.#isEmpty && !this.#isGiving) return void this.#give(stream, chunk)
    if (!this.#spill.isEmpty || this.#bytes + chunk.length > memoryBytes) return void this.#spill.write(stream, chunk)
    this.#inMemory.push([stream, chunk])
    this.#bytes += chunk.length
  }

  /** Resolves when all of it was taken, or dropped. */
  async emptied(): Promise<void> {
    if (this.#isEmpty) return
    await new Promise<void>((resolve) => {
      this.#onEmpty = resolve
    })
  }

  drop(): void {
    this.#inMemory = []
    this.#bytes = 0
    this.#spill.close()
    this.#onEmpty?.()
  }

  get #isEmpty(): boolean {
    return this.#inMemory.length === 0 && this.#spill.isEmpty
  }

  /** Whoever is given something may pause this, or resume it. */
  #flow(): void {
    if (this.#isGiving) return
    this.#isGiving = true
    for (let next = this.#next(); next; next = this.#next()) this.#give(...next)
    this.#isGiving = false
    if (this.#isEmpty) this.#onEmpty?.()
  }

  #next(): [Output, Buffer] | undefined {
    if (this.#isPaused) return undefined
    const kept = this.#inMemory.shift()
    if (!kept) return this.#spill.read()
    this.#bytes -= kept[1].length
    return kept
  }
}
