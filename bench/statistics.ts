/** The value below which a fraction of the others lie. */
export function quantile(values: readonly number[], fraction: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.floor((sorted.length - 1) * fraction)] ?? Number.NaN
}

export const median = (values: readonly number[]): number => quantile(values, 0.5)

/** Prints rows under their titles, the first column left and the others right. */
export function printTable(titles: readonly string[], rows: readonly (readonly string[])[]): void {
  const widths = titles.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)))
  const line = (row: readonly string[]) =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0)))
      .join('  ')
  console.log(line(titles))
  console.log(widths.map((width) => '-'.repeat(width)).join('  '))
  for (const row of rows) console.log(line(row))
}

/** Prints one figure beside its target. */
export function printTarget(
  what: string,
  figure: number,
  limit: number,
  unit = '',
  sense: 'atMost' | 'atLeast' = 'atMost',
): void {
  const met = sense === 'atMost' ? figure <= limit : figure >= limit
  const verdict = Number.isNaN(figure) ? 'not measured' : met ? 'met' : 'missed'
  console.log(`${what}: ${figure.toFixed(3)}${unit} (${sense === 'atMost' ? '≤' : '≥'} ${limit}${unit}): ${verdict}`)
}
