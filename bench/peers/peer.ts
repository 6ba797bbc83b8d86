import type { Workspace } from '../workspace.js'

/** When one run had its result, and when all that it made was gone, in milliseconds from the call. */
export interface Times {
  readonly answered: number
  readonly removed: number
}

/** Something that runs `true` in a container of its own and removes it. */
export interface Peer {
  readonly name: string
  run(): Promise<Times>
  /** A slow peer is run less often. */
  readonly slow?: boolean
}

/** Opens a peer, its clean-up registered with the workspace; a reason, when this machine has no such thing. */
export type OpenPeer = (workspace: Workspace) => Promise<Peer | { readonly skipped: string }>

/** The times of an action that answers when all is removed. */
export function timed(action: () => Promise<unknown>): () => Promise<Times> {
  return async () => {
    const start = performance.now()
    await action()
    const removed = performance.now() - start
    return { answered: removed, removed }
  }
}
