import { createHash } from 'node:crypto'

/** What a key is made of: JSON. */
export type KeyPart = string | number | boolean | undefined | readonly KeyPart[] | { readonly [name: string]: KeyPart }

/** Keys of another version are of steps that were done otherwise. */
const version = 'inboard.step.1'

/** The key of what is decided by nothing but these: the order of names in objects does not count. */
export function keyOf(parts: KeyPart): string {
  return `sha256:${createHash('sha256').update(version).update(canonical(parts)).digest('hex')}`
}

function canonical(part: KeyPart): string {
  if (part === undefined) return 'null'
  if (typeof part !== 'object') return JSON.stringify(part)
  if (Array.isArray(part)) return `[${part.map(canonical).join()}]`
  const fields = Object.entries(part)
    .filter(([, value]) => value !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
  return `{${fields.map(([name, value]) => `${JSON.stringify(name)}:${canonical(value)}`).join()}}`
}
