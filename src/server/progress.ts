/** A bar has so many characters. */
const width = 50

const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB']

/**
 * The fields of a document of progress that count bytes, as Docker has them: the numbers, and a text for those who only show it.
 *
 * @param total undefined when nobody knows
 */
export function progressFields(
  current: number,
  total?: number,
): { readonly progressDetail: object; readonly progress?: string } {
  if (current <= 0 && !total) return { progressDetail: {} }
  return {
    progressDetail: { ...(current > 0 && { current }), ...(total && { total }) },
    progress: total ? `${bar(current / total)} ${counts(current, total)}` : humanSize(current).padStart(8),
  }
}

function bar(part: number): string {
  const done = Math.min(Math.trunc(Math.trunc(part * 100) / 2), width)
  return `[${'='.repeat(done)}>${' '.repeat(width - done)}]`
}

/** A total that has been passed is none. */
function counts(current: number, total: number): string {
  const done = humanSize(current).padStart(8)
  return current > total ? done : `${done}/${humanSize(total)}`
}

/** Four digits and a unit of a thousand: `36.45kB`. */
export function humanSize(bytes: number): string {
  let size = bytes
  let at = 0
  for (; size >= 1000 && at < units.length - 1; at++) size /= 1000
  return `${Number(size.toPrecision(4))}${units[at]}`
}
