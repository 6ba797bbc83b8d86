/** Go's `path/filepath` on Unix, as far as contexts are described by it. */

/**
 * `filepath.Clean`: the shortest path with the same meaning, lexically. Empty becomes `.`.
 * @see https://pkg.go.dev/path/filepath#Clean
 */
export function clean(path: string): string {
  const isRooted = path.startsWith('/')
  const kept: string[] = []
  for (const element of path.split('/')) {
    if (element === '' || element === '.') continue
    if (element !== '..') kept.push(element)
    else if (kept.length > 0 && kept.at(-1) !== '..') kept.pop()
    else if (!isRooted) kept.push('..')
  }
  const joined = kept.join('/')
  if (isRooted) return `/${joined}`
  return joined === '' ? '.' : joined
}

/** A pattern that cannot be compiled. `message` has Go's words. */
export class PatternError extends Error {}

const badPattern = () => new PatternError('syntax error in pattern')

/** One element of a pattern. */
type Token =
  | { readonly kind: 'star' }
  | { readonly kind: 'any' }
  | { readonly kind: 'literal'; readonly rune: string }
  | { readonly kind: 'class'; readonly negated: boolean; readonly ranges: readonly (readonly [number, number])[] }

/**
 * `filepath.Match`: whether all of `name` fits the pattern. `*` and `?` stand for no slash.
 *
 * @throws {PatternError} whether or not `name` matches as far as the mistake
 * @see https://pkg.go.dev/path/filepath#Match
 */
export function match(pattern: string, name: string): boolean {
  return matches(parsePattern(pattern), Array.from(name))
}

/** {@link match} for many names. @throws {PatternError} */
export function matcher(pattern: string): (name: string) => boolean {
  const tokens = parsePattern(pattern)
  return (name) => matches(tokens, Array.from(name))
}

/** Whether a path of COPY or ADD is a pattern. */
export function hasWildcards(path: string): boolean {
  return /[*?[]/.test(path.replace(/\\./gs, ''))
}

/** Backtracks to the last star only, so that no pattern takes exponential time. */
function matches(tokens: readonly Token[], runes: readonly string[]): boolean {
  let at = 0
  let token = 0
  let star = -1
  let starred = 0
  while (at < runes.length || token < tokens.length) {
    const one = tokens[token]
    if (one?.kind === 'star') {
      star = token++
      starred = at
    } else if (one !== undefined && at < runes.length && accepts(one, runes[at] as string)) {
      token++
      at++
    } else if (star >= 0 && starred < runes.length && runes[starred] !== '/') {
      at = ++starred
      token = star + 1
    } else {
      return false
    }
  }
  return true
}

function accepts(token: Token, rune: string): boolean {
  switch (token.kind) {
    case 'literal':
      return token.rune === rune
    case 'any':
      return rune !== '/'
    case 'class':
      return token.ranges.some(([low, high]) => low <= codeOf(rune) && codeOf(rune) <= high) !== token.negated
    default:
      return false
  }
}

/** Bytes that are not UTF-8 are all the same to Go. */
function codeOf(rune: string): number {
  const code = rune.codePointAt(0) as number
  return code >= 0xdc80 && code <= 0xdcff ? 0xfffd : code
}

function parsePattern(pattern: string): Token[] {
  const runes = Array.from(pattern)
  const tokens: Token[] = []
  for (let at = 0; at < runes.length; ) {
    const rune = runes[at++] as string
    if (rune === '*') tokens.push({ kind: 'star' })
    else if (rune === '?') tokens.push({ kind: 'any' })
    else if (rune === '[') at = parseClass(runes, at, tokens)
    else if (rune !== '\\') tokens.push({ kind: 'literal', rune })
    else if (at === runes.length) throw badPattern()
    else tokens.push({ kind: 'literal', rune: runes[at++] as string })
  }
  return tokens
}

/** @param from behind the bracket. @returns where the pattern goes on */
function parseClass(runes: readonly string[], from: number, tokens: Token[]): number {
  const negated = runes[from] === '^'
  const ranges: [number, number][] = []
  let at = negated ? from + 1 : from
  const bound = () => {
    const isEscaped = runes[at] === '\\'
    const rune = runes[isEscaped ? at + 1 : at]
    const isSpecial = !isEscaped && (rune === '-' || rune === ']')
    // What is behind it closes the class at the earliest.
    if (rune === undefined || isSpecial || codeOf(rune) === 0xfffd) throw badPattern()
    at += isEscaped ? 2 : 1
    if (at >= runes.length) throw badPattern()
    return codeOf(rune)
  }
  while (runes[at] !== ']' || ranges.length === 0) {
    const low = bound()
    if (runes[at] === '-') {
      at++
      ranges.push([low, bound()])
    } else ranges.push([low, low])
  }
  tokens.push({ kind: 'class', negated, ranges })
  return at + 1
}
