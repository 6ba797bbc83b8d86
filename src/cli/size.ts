/** Bytes as Docker's client shows what is reclaimed: four digits, units of a thousand. */
export function decimalSize(bytes: number): string {
  return sized(bytes, 1000, ['B', 'kB', 'MB', 'GB', 'TB', 'PB'])
}

/** And memory: units of 1,024. */
export function binarySize(bytes: number): string {
  return sized(bytes, 1024, ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'])
}

function sized(bytes: number, base: number, units: readonly string[]): string {
  const exponent = Math.min(bytes < 1 ? 0 : Math.floor(Math.log(bytes) / Math.log(base)), units.length - 1)
  return `${Number((bytes / base ** exponent).toPrecision(4))}${units[exponent]}`
}
