/**
 * A boolean as Go reads it; undefined for what is none.
 *
 * @see https://pkg.go.dev/strconv#ParseBool
 */
export function parseBoolean(text: string): boolean | undefined {
  if (/^(?:1|t|T|TRUE|true|True)$/.test(text)) return true
  return /^(?:0|f|F|FALSE|false|False)$/.test(text) ? false : undefined
}
