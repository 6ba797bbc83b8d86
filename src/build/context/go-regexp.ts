import { PatternError } from './go-path.js'

/** As far as they mean the same, without what depends on a flag. */
const escapes: Readonly<Record<string, string>> = {
  a: '\\u{7}',
  f: '\\f',
  n: '\\n',
  r: '\\r',
  t: '\\t',
  v: '\\v',
  d: '0-9',
  s: '\\t\\n\\f\\r ',
  w: '0-9A-Za-z_',
}

const posixClasses: Readonly<Record<string, string>> = {
  alnum: '0-9A-Za-z',
  alpha: 'A-Za-z',
  ascii: '\\u{0}-\\u{7f}',
  blank: '\\t ',
  cntrl: '\\u{0}-\\u{1f}\\u{7f}',
  digit: '0-9',
  graph: '!-~',
  lower: 'a-z',
  print: ' -~',
  punct: '!-\\/:-@\\[-`\\{-~',
  space: '\\t\\n\\v\\f\\r ',
  upper: 'A-Z',
  word: '0-9A-Za-z_',
  xdigit: '0-9A-Fa-f',
}

/**
 * A regular expression of Go's, as patterns of ignore files become: literal text, `.*`, classes, escapes and optional groups.
 * Stars stand only where the pattern's own do, so there is nothing that takes exponential time.
 *
 * @throws {PatternError} for what Go does not compile
 */
export function compileGoRegexp(source: string): RegExp {
  const runes = Array.from(source)
  let text = ''
  for (let at = 0; at < runes.length; ) {
    const rune = runes[at] as string
    if (rune === '[') {
      const { end, compiled } = compileClass(runes, at + 1)
      text += compiled
      at = end
    } else if (rune === '\\') {
      text += compileEscape(runes[at + 1])
      at += 2
    } else {
      // Where a dot is no character of the pattern it is Go's, which takes all but a line feed.
      text += rune === '.' ? '[^\\n]' : '^$()*?'.includes(rune) ? rune : literal(rune)
      at++
    }
  }
  return new RegExp(text, 'u')
}

function literal(rune: string): string {
  return `\\u{${(rune.codePointAt(0) as number).toString(16)}}`
}

function compileEscape(rune: string | undefined): string {
  const known = rune === undefined ? undefined : escapes[rune.toLowerCase()]
  if (rune === 'A') return '^'
  if (rune === 'z') return '$'
  if (rune === 'b' || rune === 'B') return `\\${rune}`
  if (known !== undefined && 'dsw'.includes(rune as string)) return `[${known}]`
  if (known !== undefined && 'DSW'.includes(rune as string)) return `[^${known}]`
  if (known !== undefined && rune === (rune as string).toLowerCase()) return known
  return literal(punctuation(rune))
}

/** What an escape makes literal. */
function punctuation(rune: string | undefined): string {
  if (rune === undefined || !/^[!-/:-@[-`{-~ \t]$/.test(rune)) throw new PatternError('syntax error in pattern')
  return rune
}

/** @param from behind the bracket. */
function compileClass(runes: readonly string[], from: number): { end: number; compiled: string } {
  const negated = runes[from] === '^'
  let at = negated ? from + 1 : from
  const first = at
  let members = ''
  while (runes[at] !== ']' || at === first) {
    const named = /^\[:(\^?)(\w+):\]/.exec(runes.slice(at, at + 12).join(''))
    if (named !== null) {
      members += posixClass(named[1] === '^', named[2] as string)
      at += named[0].length
      continue
    }
    const low = member(runes, at)
    at = low.end
    if (low.set !== undefined || runes[at] !== '-' || runes[at + 1] === ']') {
      members += low.set ?? literal(low.rune)
      continue
    }
    const high = member(runes, at + 1)
    at = high.end
    if (high.set !== undefined || (high.rune.codePointAt(0) ?? 0) < (low.rune.codePointAt(0) ?? 0))
      throw new PatternError('syntax error in pattern')
    members += `${literal(low.rune)}-${literal(high.rune)}`
  }
  return { end: at + 1, compiled: `[${negated ? '^' : ''}${members}]` }
}

function posixClass(negated: boolean, name: string): string {
  const members = posixClasses[name]
  if (members === undefined || negated) throw new PatternError('syntax error in pattern')
  return members
}

/** One rune of a class, or with an escape a set of them. */
function member(runes: readonly string[], at: number): { end: number; rune: string; set?: string } {
  const rune = runes[at]
  if (rune === undefined) throw new PatternError('syntax error in pattern')
  if (rune !== '\\') return { end: at + 1, rune }
  const escaped = runes[at + 1]
  const set = escaped === undefined ? undefined : escapes[escaped]
  if (set !== undefined) return { end: at + 2, rune: '', set }
  return { end: at + 2, rune: punctuation(escaped) }
}
