import { Refusal } from './failure.js'
import { limits } from './limits.js'

/** One character, or any. */
type Token = { readonly char: string } | 'any'

/** What stands between the stars of a pattern: `a*b` has two parts, `*` two empty ones. */
type Part = readonly Token[]

/** A pattern of `${name#pattern}`: `*`, `?`, and `\` before one of them. Brackets are themselves, as in Docker. */
export class ShellPattern {
  readonly #parts: readonly Part[]
  readonly #size: number

  private constructor(parts: readonly Part[]) {
    this.#parts = parts
    this.#size = parts.reduce((size, part) => size + part.length + 1, 0)
  }

  /** @throws {Refusal} it escapes what needs none */
  static parse(text: string): ShellPattern {
    const parts: Token[][] = [[]]
    const chars = [...text]
    for (let at = 0; at < chars.length; at++) {
      const char = chars[at] as string
      if (char === '*') parts.push([])
      else parts.at(-1)?.push(char === '?' ? 'any' : { char: char === '\\' ? escaped(text, chars, ++at) : char })
    }
    return new ShellPattern(parts)
  }

  /** The same pattern, for a text that is read backwards. */
  reversed(): ShellPattern {
    return new ShellPattern(this.#parts.map((part) => [...part].reverse()).reverse())
  }

  /** Where the match that begins at `start` ends; undefined when none does. */
  matchAt(chars: readonly string[], start: number, reach: 'shortest' | 'longest'): number | undefined {
    this.#bound(chars)
    return this.#matchAt(chars, start, reach)
  }

  /** The first match from `from` on, as long as can be. */
  find(chars: readonly string[], from: number): readonly [start: number, end: number] | undefined {
    this.#bound(chars)
    const start = indexOf(chars, this.#parts[0] as Part, from)
    if (start === undefined) return undefined
    // What does not follow the first place does not follow a later one either.
    const end = this.#matchAt(chars, start, 'longest')
    return end === undefined ? undefined : [start, end]
  }

  #matchAt(chars: readonly string[], start: number, reach: 'shortest' | 'longest'): number | undefined {
    const [head = [], ...rest] = this.#parts
    if (!isAt(chars, head, start)) return undefined
    let end = start + head.length
    for (const [index, part] of rest.entries()) {
      const isLast = index === rest.length - 1
      const found = isLast && reach === 'longest' ? lastIndexOf(chars, part, end) : indexOf(chars, part, end)
      if (found === undefined) return undefined
      end = found + part.length
    }
    return end
  }

  #bound(chars: readonly string[]): void {
    if (chars.length * this.#size > limits.comparisons) throw new Refusal('value too large for a pattern')
  }
}

function escaped(text: string, chars: readonly string[], at: number): string {
  const char = chars[at]
  if (char !== undefined && '*?\\}/'.includes(char)) return char
  throw new Refusal(`invalid pattern (${text}) in substitution: invalid escape '\\${char ?? ''}'`)
}

function isAt(chars: readonly string[], part: Part, start: number): boolean {
  if (start + part.length > chars.length) return false
  return part.every((token, offset) => token === 'any' || token.char === chars[start + offset])
}

function indexOf(chars: readonly string[], part: Part, from: number): number | undefined {
  for (let at = from; at + part.length <= chars.length; at++) if (isAt(chars, part, at)) return at
  return undefined
}

function lastIndexOf(chars: readonly string[], part: Part, from: number): number | undefined {
  for (let at = chars.length - part.length; at >= from; at--) if (isAt(chars, part, at)) return at
  return undefined
}
