import type { Workspace } from '../workspace.js'

/** Something that runs `true` in a container of its own and removes it. */
export interface Peer {
  readonly name: string
  /** One complete run, call to everything removed, in milliseconds. */
  run(): Promise<number>
  /** A slow peer is run less often. */
  readonly slow?: boolean
}

/** Opens a peer, its clean-up registered with the workspace; a reason, when this machine has no such thing. */
export type OpenPeer = (workspace: Workspace) => Promise<Peer | { readonly skipped: string }>
