type WaitAsync = (
  view: Int32Array,
  index: number,
  value: number,
  timeoutMs: number,
) => { readonly value: Promise<string> | string }

// Newer than the types of this library's language level; Node has it since version 16.
const { waitAsync } = Atomics as unknown as { waitAsync: WaitAsync }

const changes = 0
const end = 1
const maxWaitMs = 100

/**
 * How long a file is that one thread writes while others read it, in memory that they share. What is told of can be read
 * by everybody at once: the file itself lies between them.
 */
export class Growth {
  /** To be sent to another thread, which makes its own `Growth` of it. */
  readonly memory: SharedArrayBuffer
  readonly #state: Int32Array
  readonly #length: BigInt64Array

  constructor(memory: SharedArrayBuffer = new SharedArrayBuffer(16)) {
    this.memory = memory
    this.#state = new Int32Array(memory, 0, 2)
    this.#length = new BigInt64Array(memory, 8, 1)
  }

  get length(): number {
    return Number(Atomics.load(this.#length, 0))
  }

  /** `whole`: nothing more will come. `failed`: something would have, and will not. */
  get end(): 'whole' | 'failed' | undefined {
    return ([undefined, 'whole', 'failed'] as const)[Atomics.load(this.#state, end)]
  }

  grown(length: number): void {
    Atomics.store(this.#length, 0, BigInt(length))
    this.#changed()
  }

  finish(how: 'whole' | 'failed'): void {
    Atomics.store(this.#state, end, how === 'whole' ? 1 : 2)
    this.#changed()
  }

  /** Resolves when there is more than `length`, when it is over, or after a tenth of a second. */
  async beyond(length: number): Promise<void> {
    const seen = Atomics.load(this.#state, changes)
    if (this.length > length || this.end !== undefined) return
    await waitAsync(this.#state, changes, seen, maxWaitMs).value
  }

  #changed(): void {
    Atomics.add(this.#state, changes, 1)
    Atomics.notify(this.#state, changes)
  }
}
