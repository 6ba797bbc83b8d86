import { Refusal } from './failure.js'
import { type LexerSettings, lexWords } from './shell-lexer.js'

/** As a shell reads a line, but for its variables, which stay. */
const plain: LexerSettings = {
  escape: '\\',
  lookup: () => undefined,
  charge: () => {},
  quotes: 'remove',
  keepEscapes: false,
  keepUnset: true,
}

/** The words of a line; none when a quote or brace in it is not closed. */
export function shellWords(line: string, how: Partial<Pick<LexerSettings, 'quotes' | 'keepEscapes'>> = {}): string[] {
  try {
    return lexWords(line, { ...plain, ...how })
  } catch (error) {
    if (error instanceof Refusal) return []
    throw error
  }
}
