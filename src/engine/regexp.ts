import { createRequire } from 'node:module'
import type { RE2JS } from 're2js'

/** What has no meaning of its own in a regular expression. */
const literal = /^[\w/:@ -]*$/

/**
 * Tells texts of which a part is matched, as Go's regular expressions do it, which Docker takes: without anything that takes
 * more than linear time, whoever gives the expression.
 *
 * @throws {Error} with Go's message: error parsing regexp: missing closing ): `(`
 * @see https://github.com/google/re2/wiki/Syntax
 */
export function compileRegexp(pattern: string): (text: string) => boolean {
  if (literal.test(pattern)) return (text) => text.includes(pattern)
  const compiled = load().compile(pattern)
  return (text) => compiled.matcher(text).find()
}

/** Only for who needs it. */
function load(): typeof RE2JS {
  const library = createRequire(import.meta.url)('re2js') as { readonly RE2JS: typeof RE2JS }
  return library.RE2JS
}
