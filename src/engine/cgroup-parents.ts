import { readdirSync, rmdirSync } from 'node:fs'
import { type CgroupLayout, detectCgroups, ensureParent, removeParent } from '../host/index.js'
import type { Hierarchy } from '../launch/cgroups.js'

/** The engine's own parent cgroups: made at the first start, removed when the last engine of the root is closed. */
export interface CgroupParents {
  /** `custom` for containers that bring a device list of their own. */
  hierarchies(kind: 'default' | 'custom'): readonly Hierarchy[]
  /** Removes containers' directories that nobody owns. */
  sweep(isOwned: (name: string) => boolean): void
  /** Removes the parents that no container is in. */
  remove(): void
}

export function openCgroupParents(rootId: string): CgroupParents {
  let layout: CgroupLayout | undefined
  const made = new Map<string, readonly Hierarchy[]>()
  const name = (kind: 'default' | 'custom') => (kind === 'default' ? `inboard-${rootId}` : `inboard-${rootId}-custom`)
  return {
    hierarchies(kind) {
      layout ??= detectCgroups()
      let parents = made.get(kind)
      if (!parents) {
        parents = ensureParent(layout, name(kind), kind)
        made.set(kind, parents)
      }
      return parents
    },
    sweep(isOwned) {
      layout ??= detectCgroups()
      for (const kind of ['default', 'custom'] as const)
        for (const { mountpoint } of layout.hierarchies) sweepParent(`${mountpoint}/${name(kind)}`, isOwned)
    },
    remove() {
      layout ??= detectCgroups()
      for (const kind of ['default', 'custom'] as const) removeParent(layout, name(kind))
      made.clear()
    },
  }
}

function sweepParent(parent: string, isOwned: (name: string) => boolean): void {
  for (const entry of entries(parent)) {
    if (!entry.isDirectory() || isOwned(entry.name)) continue
    try {
      rmdirSync(`${parent}/${entry.name}`)
    } catch (error) {
      // Gone, or its last process is not quite: the next open finds it.
      if (!['ENOENT', 'EBUSY', 'ENOTEMPTY'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error
    }
  }
}

function entries(directory: string) {
  try {
    return readdirSync(directory, { withFileTypes: true })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}
