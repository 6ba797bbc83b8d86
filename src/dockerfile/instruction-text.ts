import { Refusal } from './failure.js'
import type { EscapeToken } from './types.js'

/** An instruction taken apart, before its arguments are read. */
export interface InstructionText {
  readonly keyword: string
  /** `--name=value`, without their quotes. */
  readonly flags: readonly string[]
  readonly rest: string
}

const blanks = /[\t\v\f\r ]+/

/** Keyword, flags, and the rest. */
export function splitInstruction(text: string, token: EscapeToken): InstructionText {
  const [keyword = '', rest] = splitOnce(text.trim())
  if (rest === undefined) return { keyword, flags: [], rest: '' }
  const flags: string[] = []
  const at = takeFlags(rest, token, flags)
  return { keyword, flags, rest: rest.slice(at).trim() }
}

/** The first word, and all after the blanks that follow it; undefined when there are none. */
export function splitOnce(text: string): [first: string, rest: string | undefined] {
  const match = blanks.exec(text)
  if (!match) return [text, undefined]
  return [text.slice(0, match.index), text.slice(match.index + match[0].length)]
}

/** All words, as blanks divide them. */
export function splitAll(text: string): string[] {
  return text === '' ? [] : text.split(blanks)
}

/** Where the first word is that is no flag. */
function takeFlags(text: string, token: EscapeToken, flags: string[]): number {
  let at = 0
  for (;;) {
    while (at < text.length && /\s/.test(text[at] as string)) at++
    if (!text.startsWith('--', at)) return at
    const { word, end } = flagAt(text, token, at)
    at = end
    if (word === '--') return at
    flags.push(word)
  }
}

function flagAt(text: string, token: EscapeToken, start: number): { word: string; end: number } {
  let word = ''
  let quote = ''
  let at = start
  for (; at < text.length; at++) {
    const char = text[at] as string
    if (quote === '' && /\s/.test(char)) break
    if (char === token) word += text[++at] ?? ''
    else if (char === quote) quote = ''
    else if (quote === '' && (char === '"' || char === "'")) quote = char
    else word += char
  }
  return { word, end: at }
}

/**
 * The words of ENV, LABEL and ARG: blanks divide them where they are not quoted. Quotes and escapes stay, for the expansion
 * to take away.
 */
export function quotedWords(text: string, token: EscapeToken): string[] {
  const words: string[] = []
  let word = ''
  let quote = ''
  for (let at = 0; at < text.length; at++) {
    const char = text[at] as string
    if (quote === '' && /\s/.test(char)) {
      if (word !== '') words.push(word)
      word = ''
    } else if (char === token && quote !== "'") {
      const isLast = at === text.length - 1
      if (!isLast) word += char + text[++at]
    } else {
      if (quote === '') quote = char === '"' || char === "'" ? char : ''
      else if (char === quote) quote = ''
      word += char
    }
  }
  return word === '' ? words : [...words, word]
}

/** The strings of a JSON array; undefined for what is none. */
export function jsonList(text: string): string[] | undefined {
  if (!text.startsWith('[')) return undefined
  let list: unknown
  try {
    list = JSON.parse(text)
  } catch {
    return undefined
  }
  const isList = Array.isArray(list) && list.every((item) => typeof item === 'string')
  if (!isList) throw new Refusal('when using JSON array syntax, arrays must be comprised of strings only')
  return list as string[]
}
