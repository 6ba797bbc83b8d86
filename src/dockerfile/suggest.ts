const maxDistance = 2
const maxOptions = 200
const maxLength = 64

/** ` (did you mean ...?)` when one of the options is nearly what was written; '' when none is, or it is there itself. */
export function didYouMean(word: string, options: Iterable<string>, prefix = ''): string {
  const nearest = nearestOf(word, options)
  return nearest === undefined ? '' : ` (did you mean ${prefix}${nearest}?)`
}

function nearestOf(word: string, options: Iterable<string>): string | undefined {
  if (word.length > maxLength) return undefined
  let nearest: string | undefined
  let least = maxDistance + 1
  let count = 0
  for (const option of options) {
    if (option === word) return undefined
    if (++count > maxOptions) return nearest
    if (Math.abs(option.length - word.length) >= least) continue
    const distance = editDistance(word, option, least)
    if (distance < least) {
      nearest = option
      least = distance
    }
  }
  return nearest
}

/** How many letters have to be put in, taken out or changed; `bound` stands for all that is as much or more. */
function editDistance(from: string, to: string, bound: number): number {
  const far = from.length + to.length
  let row = Array.from({ length: to.length + 1 }, (_, column) => column)
  for (let line = 1; line <= from.length; line++) {
    const next = new Array<number>(to.length + 1).fill(far)
    next[0] = line
    // Nothing off the diagonal by more than the bound can be near enough.
    for (let column = Math.max(1, line - bound); column <= Math.min(to.length, line + bound); column++) {
      const isSame = from[line - 1] === to[column - 1]
      next[column] = Math.min(
        (row[column - 1] as number) + (isSame ? 0 : 1),
        (row[column] as number) + 1,
        (next[column - 1] as number) + 1,
      )
    }
    row = next
  }
  return row[to.length] as number
}
