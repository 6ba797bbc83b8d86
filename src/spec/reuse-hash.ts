import { createHash } from 'node:crypto'
import type { ContainerConfig } from './options.js'

/** Labels of a container that is found again: its key, and what its options come to. */
export const reuseLabels = { key: 'inboard.reuse', hash: 'inboard.reuse.hash' } as const

/** What the names in a container's options stand for at a moment. */
export interface ReuseIdentity {
  /** The name that was asked for; '' : any. */
  readonly name: string
  /** The image's ID. */
  readonly image: string
  /** Of the snapshot that it is a clone of; '' : none. */
  readonly snapshot: string
  /** Ids of networks and linked containers. */
  readonly connected: readonly string[]
}

/**
 * What a container's options come to: the same text for two that are the same, however they were written. Holds nothing of
 * what it is made of.
 *
 * @returns 64 hex digits
 */
export function reuseHash(config: ContainerConfig, identity: ReuseIdentity): string {
  // What the image was called, and who looks on, make no other container of it.
  const { image: _name, attached: _attached, env, ...rest } = config
  return createHash('sha256')
    .update(canonical({ ...rest, env: variables(env), identity }))
    .digest('hex')
}

/** Of several with one name the last one counts; one without a value takes the image's away. */
function variables(env: readonly string[]): Record<string, string | null> {
  return Object.fromEntries(
    env.map((text) => {
      const at = text.indexOf('=')
      return at < 0 ? [text, null] : [text.slice(0, at), text.slice(at + 1)]
    }),
  )
}

/** JSON with the members of objects in order. */
function canonical(value: unknown): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  if (Array.isArray(value)) return `[${value.map(canonical).join()}]`
  const members = Object.entries(value)
    .filter(([, one]) => one !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
  return `{${members.map(([name, one]) => `${JSON.stringify(name)}:${canonical(one)}`).join()}}`
}
