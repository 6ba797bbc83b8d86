import type { Propagation } from './options.js'

export const propagations: ReadonlySet<string> = new Set<Propagation>([
  'private',
  'rprivate',
  'shared',
  'rshared',
  'slave',
  'rslave',
])

/** The kinds of words in a mode; each may come once. */
const kinds: readonly ReadonlySet<string>[] = [
  new Set(['ro', 'rw']),
  // SELinux labels and the consistency of shared folders on other systems: nothing to do here.
  new Set(['z', 'Z']),
  new Set(['consistent', 'cached', 'delegated', 'default']),
  new Set(['nocopy']),
  propagations,
]

/** Whether `text` is a mode of `-v`: comma-separated words, at most one of each kind; '' is one. */
export function isVolumeMode(text: string): boolean {
  if (text === '') return true
  const words = text.split(',')
  const known = words.every((word) => kinds.some((kind) => kind.has(word)))
  return known && kinds.every((kind) => words.filter((word) => kind.has(word)).length <= 1)
}
