import { quoted } from '../errors/printable.js'
import { Refusal } from './failure.js'
import { limits } from './limits.js'
import { replaced, trimmed } from './substitution.js'
import type { EscapeToken } from './types.js'

/** How a text is read. */
export interface LexerSettings {
  readonly escape: EscapeToken
  /** The value of a variable; undefined: it is not set. */
  readonly lookup: (name: string) => string | undefined
  /** Is told how many characters are made, and may throw. */
  readonly charge: (size: number) => void
  /** `remove`: they keep words together, and vanish. `plain`: they are characters like others. */
  readonly quotes: 'remove' | 'keep' | 'plain'
  readonly keepEscapes: boolean
  /** Variables that are not set stay as they were written. */
  readonly keepUnset: boolean
}

/** Takes a piece of the result; `divides` says whether blanks in it end a word. */
type Sink = (piece: string, divides: boolean) => void

/** All of the text, its variables replaced. */
export function lexText(text: string, settings: LexerSettings): string {
  return new ShellLexer(text, settings).text()
}

/** The same, divided at blanks. */
export function lexWords(text: string, settings: LexerSettings): string[] {
  return new ShellLexer(text, settings).words()
}

const special = /\p{Nd}+|[@*#?$!-]|[\p{L}_][\p{L}\p{Nd}_]*/uy

class ShellLexer {
  readonly #text: string
  readonly #settings: LexerSettings
  #at = 0
  #depth = 0

  constructor(text: string, settings: LexerSettings) {
    this.#text = text
    this.#settings = settings
  }

  text(): string {
    return this.#naming(() => this.#until(undefined, this.#settings.keepEscapes))
  }

  words(): string[] {
    const words: string[] = []
    let word = ''
    const sink: Sink = (piece, divides) => {
      if (!divides) word += piece
      else
        for (const char of piece) {
          if (!/\s/.test(char)) word += char
          else if (word !== '') {
            words.push(word)
            word = ''
          }
        }
    }
    this.#naming(() => this.#scan(undefined, this.#settings.keepEscapes, sink))
    return word === '' ? words : [...words, word]
  }

  #naming<Result>(body: () => Result): Result {
    try {
      return body()
    } catch (error) {
      if (error instanceof Refusal) throw new Refusal(`failed to process ${quoted(this.#text)}: ${error.message}`)
      throw error
    }
  }

  #until(end: string | undefined, keepEscapes: boolean): string {
    let result = ''
    this.#scan(end, keepEscapes, (piece) => {
      result += piece
    })
    return result
  }

  /** Reads up to `end`, and over it; to the end of the text when it is undefined. */
  #scan(end: string | undefined, keepEscapes: boolean, sink: Sink): void {
    if (++this.#depth > limits.nesting) throw new Refusal('substitutions are nested too deeply')
    for (let char = this.#peek(); char !== undefined; char = this.#peek()) {
      if (char === end) {
        this.#at += char.length
        this.#depth--
        return
      }
      this.#piece(char, keepEscapes, sink)
    }
    if (end !== undefined) throw new Refusal(`syntax error: missing '${end}'`)
    this.#depth--
  }

  #piece(char: string, keepEscapes: boolean, sink: Sink): void {
    const { escape: token, quotes } = this.#settings
    this.#at += char.length
    if (char === '$') sink(this.#dollar(), true)
    else if (char === "'" && quotes !== 'plain') sink(this.#singleQuoted(), false)
    else if (char === '"' && quotes !== 'plain') sink(this.#doubleQuoted(keepEscapes), false)
    else if (char === '<') sink(this.#redirection(), false)
    else if (char === token) sink((keepEscapes ? char : '') + this.#next(), false)
    else sink(this.#made(char), true)
  }

  #singleQuoted(): string {
    const end = this.#text.indexOf("'", this.#at)
    if (end < 0) throw new Refusal('unexpected end of statement while looking for matching single-quote')
    const content = this.#text.slice(this.#at, end)
    this.#at = end + 1
    return this.#made(this.#quoted(content, "'"))
  }

  #doubleQuoted(keepEscapes: boolean): string {
    const { escape: token } = this.#settings
    let result = ''
    for (;;) {
      const char = this.#next()
      if (char === '') throw new Refusal('unexpected end of statement while looking for matching double-quote')
      if (char === '"') return this.#quoted(result, '"')
      if (char === '$') result += this.#dollar()
      else if (char !== token) result += this.#made(char)
      else {
        const escaped = this.#peek()
        const isSpecial = escaped === '"' || escaped === '$' || escaped === token
        if (keepEscapes) result += token
        if (isSpecial) result += this.#next()
        // What cannot be escaped has a backslash before it, which a pattern wants twice.
        else if (escaped !== undefined) result += token
      }
    }
  }

  #quoted(content: string, quote: string): string {
    return this.#settings.quotes === 'keep' ? quote + content + quote : content
  }

  /** `<<` and the blanks after it are one: the name of a heredoc may follow. */
  #redirection(): string {
    if (this.#peek() !== '<') return '<'
    const start = this.#at
    this.#at++
    while (/[\t\r ]/.test(this.#peek() ?? '')) this.#at++
    return `<${this.#text.slice(start, this.#at)}`
  }

  /** `$name`; a dollar without a name is one. */
  #dollar(): string {
    if (this.#peek() === '{') {
      this.#at++
      return this.#braced()
    }
    const name = this.#name()
    return name === '' ? this.#made('$') : this.#made(this.#value(name) ?? this.#unset(`$${name}`))
  }

  #braced(): string {
    const first = this.#peek()
    if (first === undefined) throw new Refusal("syntax error: missing '}'")
    if ('{}:'.includes(first)) throw new Refusal('syntax error: bad substitution')
    const name = this.#name()
    const operator = this.#next()
    switch (operator) {
      case '}':
        return this.#made(this.#value(name) ?? this.#unset(`\${${name}}`))
      case ':':
        return this.#conditional(name, this.#next(), true)
      case '-':
      case '+':
      case '?':
        return this.#conditional(name, operator, false)
      case '#':
      case '%':
        return this.#trimmed(name, operator)
      case '/':
        return this.#replaced(name)
      case '':
        throw new Refusal("syntax error: missing '}'")
      default:
        throw new Refusal(`unsupported modifier (${operator}) in substitution`)
    }
  }

  #conditional(name: string, operator: string, nullIsUnset: boolean): string {
    const written = nullIsUnset ? `:${operator}` : operator
    if (operator === '' || !'-+?'.includes(operator))
      throw new Refusal(`unsupported modifier (${written}) in substitution`)
    const word = this.#until('}', false)
    const value = this.#value(name)
    if (value === undefined && this.#settings.keepUnset) return `\${${name}${written}${word}}`
    const isUsable = value !== undefined && !(nullIsUnset && value === '')
    if (operator === '+') return isUsable ? word : ''
    if (isUsable) return this.#made(value)
    if (operator === '-') return word
    throw new Refusal(`${name}: ${word || `is not allowed to be ${value === undefined ? 'unset' : 'empty'}`}`)
  }

  #trimmed(name: string, side: '#' | '%'): string {
    const pattern = this.#until('}', true)
    const value = this.#value(name)
    if (value === undefined && this.#settings.keepUnset) return `\${${name}${side}${pattern}}`
    return this.#made(trimmed(value ?? '', pattern, side))
  }

  #replaced(name: string): string {
    const all = this.#peek() === '/'
    if (all) this.#at++
    const pattern = this.#until('/', true)
    const replacement = this.#until('}', true)
    const value = this.#value(name)
    if (value === undefined && this.#settings.keepUnset) return `\${${name}/${pattern}/${replacement}}`
    return this.#made(replaced(value ?? '', [pattern, replacement], { all, charge: this.#settings.charge }))
  }

  #name(): string {
    special.lastIndex = this.#at
    const name = special.exec(this.#text)?.[0] ?? ''
    this.#at += name.length
    return name
  }

  #value(name: string): string | undefined {
    return this.#settings.lookup(name)
  }

  #unset(written: string): string {
    return this.#settings.keepUnset ? written : ''
  }

  #made(piece: string): string {
    this.#settings.charge(piece.length)
    return piece
  }

  #peek(): string | undefined {
    const code = this.#text.codePointAt(this.#at)
    return code === undefined ? undefined : String.fromCodePoint(code)
  }

  /** The next character, which is taken; '' at the end. */
  #next(): string {
    const char = this.#peek() ?? ''
    this.#at += char.length
    return char
  }
}
