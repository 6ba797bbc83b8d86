const maxSymlinks = 40

/** What a path comes to at one of its components. */
export type Step =
  | { readonly kind: 'here' }
  | { readonly kind: 'nothing' }
  | { readonly kind: 'link'; readonly target: string }

/**
 * Where a path leads, its symlinks followed as if `/` were the root they are in; undefined when it leads to nothing or in
 * circles.
 *
 * @param look says what a component is, by the path to it that has no symlinks
 */
export function followLinks(path: string, look: (real: string, isLast: boolean) => Step): string | undefined {
  const pending = path.split('/').reverse()
  let real = ''
  for (let links = 0; pending.length > 0; ) {
    const component = pending.pop() as string
    if (component === '' || component === '.') continue
    if (component === '..') {
      real = real.slice(0, Math.max(real.lastIndexOf('/'), 0))
      continue
    }
    const next = `${real}/${component}`
    const step = look(next, !pending.some((rest) => rest !== ''))
    if (step.kind === 'nothing') return undefined
    if (step.kind === 'here') {
      real = next
      continue
    }
    if (++links > maxSymlinks) return undefined
    if (step.target.startsWith('/')) real = ''
    pending.push(...step.target.split('/').reverse())
  }
  return real || '/'
}
