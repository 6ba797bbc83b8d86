import { ShellPattern } from './shell-pattern.js'

/** `${name#pattern}`, `##`, `%`, `%%`: the value without what matches at its beginning or end. */
export function trimmed(value: string, pattern: string, side: '#' | '%'): string {
  const isLongest = pattern.startsWith(side)
  const parsed = ShellPattern.parse(isLongest ? pattern.slice(1) : pattern)
  const reach = isLongest ? 'longest' : 'shortest'
  if (side === '#') {
    const chars = [...value]
    return chars.slice(parsed.matchAt(chars, 0, reach) ?? 0).join('')
  }
  // From the end, what is shortest is found first only when all is read backwards.
  const chars = [...value].reverse()
  const end = parsed.reversed().matchAt(chars, 0, reach) ?? 0
  return chars.slice(end).reverse().join('')
}

/**
 * `${name/pattern/replacement}`, or `//` for all matches.
 *
 * @param charge is told of every character that is made, and may throw
 */
export function replaced(
  value: string,
  [pattern, replacement]: readonly [pattern: string, replacement: string],
  { all, charge }: { readonly all: boolean; readonly charge: (size: number) => void },
): string {
  const parsed = ShellPattern.parse(pattern)
  const chars = [...value]
  const pieces: string[] = []
  let rest = 0
  for (let from = 0; from <= chars.length; ) {
    const [start, end] = parsed.find(chars, from) ?? []
    if (start === undefined || end === undefined) break
    // An empty match where the last one ended is none.
    const isNew = end > start || start > rest || pieces.length === 0
    if (isNew) {
      charge(replacement.length)
      pieces.push(chars.slice(rest, start).join(''), replacement)
      rest = end
    }
    if (!all) break
    from = end > start ? end : end + 1
  }
  return [...pieces, chars.slice(rest).join('')].join('')
}
