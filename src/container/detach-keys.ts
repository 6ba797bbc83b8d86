import { InvalidOptionError } from '../errors/index.js'

/** Docker's. */
const defaultDetachKeys = 'ctrl-p,ctrl-q'

const controls = ['@', ...'abcdefghijklmnopqrstuvwxyz', '[', '\\', ']', '^', '_']

/**
 * The bytes of keys as `docker attach --detach-keys` takes them: characters and `ctrl-` with a letter or one of `@[\]^_`,
 * separated by commas. An empty text means Docker's own, `ctrl-p,ctrl-q`.
 *
 * @throws {InvalidOptionError} INVALID_OPTION
 */
export function parseDetachKeys(keys: string): Buffer {
  return Buffer.from((keys || defaultDetachKeys).split(',').map((key) => keyByte(key, keys)))
}

function keyByte(key: string, keys: string): number {
  if (key === 'DEL') return 127
  const control = key.startsWith('ctrl-') ? controls.indexOf(key.slice(5)) : -1
  if (control >= 0) return control
  const bytes = Buffer.from(key)
  if (bytes.length === 1) return bytes[0] as number
  throw new InvalidOptionError(
    `Invalid detach keys (${keys}) provided: give characters and ctrl-a to ctrl-z, ctrl-@, ctrl-[, ctrl-\\, ctrl-], ctrl-^ or ctrl-_, separated by commas`,
    { code: 'INVALID_OPTION', details: { option: 'detachKeys', value: keys } },
  )
}

/** What of some input is to be passed on. */
export interface Scanned {
  readonly passed: Buffer
  /** All keys have come, one behind the other. What was typed after them is nobody's. */
  readonly isDetached: boolean
}

/** Looks for a sequence of keys in what is typed, however it is cut. What may be the beginning of it is held back. */
export class DetachScanner {
  readonly #keys: Buffer
  readonly #borders: readonly number[]
  /** How many of the keys have come last. */
  #held = 0

  constructor(keys: Buffer) {
    this.#keys = keys
    this.#borders = borders(keys)
  }

  scan(input: Buffer): Scanned {
    const all = Buffer.concat([this.rest, input])
    for (let at = this.#held; at < all.length; at++) {
      this.#held = this.#heldAfter(all[at] as number)
      if (this.#held < this.#keys.length) continue
      this.#held = 0
      return { passed: all.subarray(0, at + 1 - this.#keys.length), isDetached: true }
    }
    return { passed: all.subarray(0, all.length - this.#held), isDetached: false }
  }

  /** What is held back: to be passed on when no more comes. */
  get rest(): Buffer {
    return this.#keys.subarray(0, this.#held)
  }

  #heldAfter(byte: number): number {
    let held = this.#held
    while (held > 0 && this.#keys[held] !== byte) held = this.#borders[held - 1] as number
    return this.#keys[held] === byte ? held + 1 : 0
  }
}

/** For each beginning of the keys, how long the longest beginning is that it also ends with. */
function borders(keys: Buffer): number[] {
  const found: number[] = []
  for (let at = 0, border = 0; at < keys.length; at++) {
    while (at > 0 && border > 0 && keys[at] !== keys[border]) border = found[border - 1] as number
    if (at > 0 && keys[at] === keys[border]) border++
    found.push(border)
  }
  return found
}
