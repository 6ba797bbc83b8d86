/** What moves a terminal's cursor, or turns its writing round. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is taken out.
const unprintable = /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g

/** Text of a stranger, to be shown: in bounds, with blanks for what a terminal would obey. */
export function printable(text: string, maxLength: number): string {
  return text.slice(0, maxLength).replace(unprintable, ' ')
}

/** A stranger's word in quotes: in bounds, with escapes for what a terminal would obey. */
export function quoted(text: string, maxLength = 200): string {
  return escaped(JSON.stringify(text.length > maxLength ? `${text.slice(0, maxLength)}...` : text))
}

/** JSON as it is, with escapes also for what JSON itself lets through. */
export function escaped(json: string): string {
  return json.replace(unprintable, (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`)
}
