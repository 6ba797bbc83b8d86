import { closeSync, openSync } from 'node:fs'
import { Growth } from '../host/index.js'

/**
 * A file that is being written, to be read from its beginning while it grows, by any thread. The page cache is the buffer
 * between writer and readers: neither waits for the other, and no memory of this process is taken by what lies between.
 */
export class GrowingFile {
  #path: string
  readonly #growth = new Growth()

  constructor(path: string) {
    this.#path = path
  }

  /** So many bytes can be read. */
  grown(length: number): void {
    this.#growth.grown(length)
  }

  /** It is whole, and found under this path from now on. */
  finish(path: string): void {
    this.#path = path
    this.#growth.finish('whole')
  }

  /** It will never be whole. */
  fail(): void {
    this.#growth.finish('failed')
  }

  /** A path that leads to it until it is disposed of, whatever it is renamed to or removed from. */
  open(): { readonly path: string; readonly growth: SharedArrayBuffer } & Disposable {
    const descriptor = openSync(this.#path, 'r')
    return {
      path: `/proc/self/fd/${descriptor}`,
      growth: this.#growth.memory,
      [Symbol.dispose]: () => closeSync(descriptor),
    }
  }
}
