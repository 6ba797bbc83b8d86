import type { Database } from './database.js'

/** The table of workspaces: containers that are steps of a build. A row goes with its container. */
export interface WorkspaceStore {
  /** In the transaction that inserts the container. */
  insert(container: string, build: string): void
  /** Whether a container is one. */
  has(container: string): boolean
  /** The build that a container is a step of. */
  buildOf(container: string): string | undefined
  /** The builds that have some. */
  builds(): string[]
  /** Those of a build: containers' ids. */
  of(build: string): string[]
}

export function openWorkspaces(database: Database): WorkspaceStore {
  const { prepare } = database
  const insert = prepare<[string, string], never>('INSERT INTO workspaces (container, build) VALUES (?, ?)')
  const byId = prepare<[string], { build: string }>('SELECT build FROM workspaces WHERE container = ?')
  const builds = prepare<[], { build: string }>('SELECT DISTINCT build FROM workspaces')
  const of = prepare<[string], { container: string }>('SELECT container FROM workspaces WHERE build = ?')
  return {
    insert: (container, build) => void insert.run(container, build),
    has: (container) => byId.get(container) !== undefined,
    buildOf: (container) => byId.get(container)?.build,
    builds: () => builds.all().map(({ build }) => build),
    of: (build) => of.all(build).map(({ container }) => container),
  }
}
