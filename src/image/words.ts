/** The name in `NAME=value`. */
export function variableName(variable: string): string {
  return variable.split('=', 1)[0] as string
}

/** A Dockerfile's words: blanks divide, quotes and backslashes keep them together and vanish. */
export function splitWords(text: string): string[] {
  const words: string[] = []
  let word: string | undefined
  let quote = ''
  for (let at = 0; at < text.length; at++) {
    const char = text[at] as string
    const escapes = char === '\\' && quote !== "'" && at + 1 < text.length
    if (escapes) word = (word ?? '') + text[++at]
    else if (quote !== '') {
      if (char === quote) quote = ''
      else word += char
    } else if (char === '"' || char === "'") {
      quote = char
      word ??= ''
    } else if (/\s/.test(char)) {
      if (word !== undefined) words.push(word)
      word = undefined
    } else word = (word ?? '') + char
  }
  if (word !== undefined) words.push(word)
  return words
}
