import { match } from './go-path.js'
import { compileGoRegexp } from './go-regexp.js'

/** A line of an ignore file. */
export interface IgnorePattern {
  /** Without the `!` of an exception. */
  readonly text: string
  readonly isException: boolean
  /** Whether it matches a path itself; parents are asked for by themselves. */
  matches(path: string): boolean
}

/**
 * Compiles a cleaned pattern as moby/patternmatcher does: a regular expression where there are wildcards, a comparison where
 * there are none, and for two stars at one end only a comparison of the other end, which is less strict.
 *
 * @throws {PatternError} when `filepath.Match` or Go's regular expressions do not take it
 */
export function compilePattern(pattern: string): IgnorePattern {
  const isException = pattern.startsWith('!')
  const text = isException ? pattern.slice(1) : pattern
  // It is asked only for what it says of mistakes.
  match(text, '.')
  return { text, isException, matches: predicate(text) }
}

function predicate(text: string): (path: string) => boolean {
  const { kind, source } = translate(text)
  switch (kind) {
    case 'exact':
      return (path) => path === text
    case 'prefix':
      return (path) => path.startsWith(text.slice(0, -2))
    case 'suffix': {
      const suffix = text.slice(2)
      return (path) => path.endsWith(suffix) || (suffix.startsWith('/') && path === suffix.slice(1))
    }
    case 'regexp': {
      const regexp = compileGoRegexp(source)
      return (path) => regexp.test(path)
    }
    default:
      throw new Error(`unreachable: ${kind satisfies never}`)
  }
}

type Kind = 'exact' | 'prefix' | 'suffix' | 'regexp'

/** What a pattern has to be compared by, and its regular expression in Go's syntax. */
function translate(text: string): { kind: Kind; source: string } {
  const runes = Array.from(text)
  let kind: Kind = 'exact'
  let source = '^'
  for (let at = 0; at < runes.length; ) {
    const from = at
    const rune = runes[at++] as string
    if (rune === '*' && runes[at] === '*') {
      at += runes[at + 1] === '/' ? 2 : 1
      const isLast = at >= runes.length
      source += isLast ? '.*' : '(.*/)?'
      if (from === 0) kind = 'suffix'
      else kind = isLast && kind === 'exact' ? 'prefix' : 'regexp'
    } else if (rune === '*' || rune === '?') {
      source += rune === '*' ? '[^/]*' : '[^/]'
      kind = 'regexp'
    } else if (rune === '\\' && at < runes.length) {
      source += `\\${runes[at++]}`
      kind = 'regexp'
    } else {
      source += '.+()|{}$\\'.includes(rune) ? `\\${rune}` : rune
      if (rune === '[' || rune === ']') kind = 'regexp'
    }
  }
  return { kind, source: `${source}$` }
}
