import { printable } from '../errors/printable.js'

const mostKept = 20
const longestText = 300

/** What was tried for a container to be ready: the last kinds of it, each with how often. */
export class Attempts {
  readonly #counts = new Map<string, number>()

  add(what: string): void {
    const text = clip(
      printable(what, longestText + 1)
        .replace(/ +/g, ' ')
        .trim(),
      longestText,
    )
    const count = this.#counts.get(text) ?? 0
    // The latest comes last.
    this.#counts.delete(text)
    this.#counts.set(text, count + 1)
    const [oldest] = this.#counts.keys()
    if (this.#counts.size > mostKept && oldest !== undefined) this.#counts.delete(oldest)
  }

  list(): string[] {
    return [...this.#counts].map(([text, count]) => (count === 1 ? text : `${text} (${count} times)`))
  }
}

export const clip = (text: string, most: number) => (text.length > most ? `${text.slice(0, most)}…` : text)
