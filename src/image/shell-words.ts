import type { InvalidOptionError } from '../errors/index.js'
import { invalidOption } from './image-errors.js'

/** The value of a variable. */
export type Lookup = (name: string) => string | undefined

/** The words of a Dockerfile's instruction: quotes and backslashes are taken away, variables replaced. */
export function expandWords(text: string, lookup: Lookup): string[] {
  return new Lexer(text, lookup).words()
}

/** The same as one text, with the blanks between its words. */
export function expandText(text: string, lookup: Lookup): string {
  return new Lexer(text, lookup).text()
}

class Lexer {
  readonly #text: string
  readonly #lookup: Lookup
  #at = 0

  constructor(text: string, lookup: Lookup) {
    this.#text = text
    this.#lookup = lookup
  }

  words(): string[] {
    const words: string[] = []
    for (;;) {
      while (/\s/.test(this.#text[this.#at] ?? '')) this.#at++
      if (this.#at >= this.#text.length) return words
      const start = this.#at
      const word = this.#until((char) => /\s/.test(char))
      // A variable that is not set makes no word, but empty quotes do.
      if (word !== '' || /["']/.test(this.#text.slice(start, this.#at))) words.push(word)
    }
  }

  text(): string {
    return this.#until(() => false)
  }

  #until(isEnd: (char: string) => boolean): string {
    let result = ''
    while (this.#at < this.#text.length && !isEnd(this.#text[this.#at] as string)) {
      const char = this.#text[this.#at++] as string
      if (char === "'") result += this.#singleQuoted()
      else if (char === '"') result += this.#doubleQuoted()
      else if (char === '$') result += this.#variable()
      else if (char === '\\' && this.#at < this.#text.length) result += this.#text[this.#at++]
      else result += char
    }
    return result
  }

  #singleQuoted(): string {
    const end = this.#text.indexOf("'", this.#at)
    if (end < 0) throw this.#unended('single-quote')
    const quoted = this.#text.slice(this.#at, end)
    this.#at = end + 1
    return quoted
  }

  #doubleQuoted(): string {
    let result = ''
    for (;;) {
      const char = this.#text[this.#at++]
      if (char === undefined) throw this.#unended('double-quote')
      if (char === '"') return result
      if (char === '$') result += this.#variable()
      else if (char === '\\' && /["$\\]/.test(this.#text[this.#at] ?? '')) result += this.#text[this.#at++]
      else result += char
    }
  }

  /** `$name`, `${name}`, `${name:-default}`, `${name:+replacement}`; a dollar without a name is one. */
  #variable(): string {
    if (this.#text[this.#at] === '{') return this.#braced()
    const [name = ''] = /^(?:[A-Za-z_][A-Za-z0-9_]*|[0-9@*#?!-])/.exec(this.#text.slice(this.#at)) ?? []
    this.#at += name.length
    return name === '' ? '$' : (this.#lookup(name) ?? '')
  }

  #braced(): string {
    const [head, name = '', operator] =
      /^\{([A-Za-z_][A-Za-z0-9_]*|[0-9@*#?!-])(\}|:[-+])/.exec(this.#text.slice(this.#at)) ?? []
    if (head === undefined) throw this.#failed(`bad substitution in ${this.#text.slice(this.#at - 1)}`)
    this.#at += head.length
    const value = this.#lookup(name) ?? ''
    if (operator === '}') return value
    const word = this.#until((char) => char === '}')
    if (this.#text[this.#at++] !== '}') throw this.#failed("syntax error: missing '}'")
    if (operator === ':-') return value === '' ? word : value
    return value === '' ? '' : word
  }

  #unended(what: string): InvalidOptionError {
    return this.#failed(`unexpected end of statement while looking for matching ${what}`)
  }

  #failed(message: string): InvalidOptionError {
    return invalidOption(`failed to process ${JSON.stringify(this.#text)}: ${message}`, { text: this.#text })
  }
}
