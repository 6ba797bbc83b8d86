/** From and to, the same for a single port. */
export type PortRange = readonly [first: number, last: number]

/** `80` or `80-90`, within 0 to 65535; undefined for anything else. */
export function portRange(text: string): PortRange | undefined {
  const [, first = '', last = first] = /^(\d{1,9})(?:-(\d{1,9}))?$/.exec(text) ?? []
  const range = [Number(first), Number(last)] as const
  return first !== '' && range[0] <= range[1] && range[1] <= 65_535 ? range : undefined
}

/** The ports of a range, in order. */
export function portsOf([first, last]: PortRange): number[] {
  return Array.from({ length: last - first + 1 }, (_, at) => first + at)
}
