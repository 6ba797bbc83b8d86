import { existsSync, readdirSync } from 'node:fs'
import { type CgroupLayout, detectCgroups, ensureParent, removeParent } from '../host/index.js'
import { type ContainerCgroups, cgroupDirectories, type Freezer, freezerOf, type Hierarchy } from '../launch/cgroups.js'

/** The engine's own parent cgroups: made at the first start, removed when the last engine of the root is closed. */
export interface CgroupParents {
  /** `custom` for containers that bring a device list of their own. */
  hierarchies(kind: 'default' | 'custom'): readonly Hierarchy[]
  /** The directories that container `id` has, in whichever hierarchies. */
  existing(id: string): ContainerCgroups['directories']
  /** What makes container `id` stand still, when it has cgroups. */
  freezer(id: string): Freezer | undefined
  /** All names below the parents: ids of containers. */
  names(): string[]
  /** Removes the parents that no container is in. */
  remove(): void
}

const kinds = ['default', 'custom'] as const

/** @param layout the host's, detected at the first use when it is not given */
export function openCgroupParents(rootId: string, layout?: CgroupLayout): CgroupParents {
  const made = new Map<string, readonly Hierarchy[]>()
  const detected = () => {
    layout ??= detectCgroups()
    return layout
  }
  const name = (kind: 'default' | 'custom') => (kind === 'default' ? `inboard-${rootId}` : `inboard-${rootId}-custom`)
  const places = () =>
    kinds.flatMap((kind) =>
      detected().hierarchies.map(({ mountpoint, version, controllers }) => ({
        parent: `${mountpoint}/${name(kind)}`,
        version,
        controllers,
      })),
    )
  return {
    hierarchies(kind) {
      let parents = made.get(kind)
      if (!parents) {
        parents = ensureParent(detected(), name(kind), kind)
        made.set(kind, parents)
      }
      return parents
    },
    existing: (id) => cgroupDirectories(places(), id).filter(({ path }) => existsSync(path)),
    freezer: (id) => {
      const own = places().filter(({ parent }) => existsSync(`${parent}/${id}`))
      return freezerOf(own, id)
    },
    names: () => places().flatMap(({ parent }) => directoriesIn(parent)),
    remove() {
      for (const kind of kinds) removeParent(detected(), name(kind))
      made.clear()
    },
  }
}

function directoriesIn(parent: string): string[] {
  try {
    const entries = readdirSync(parent, { withFileTypes: true })
    return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}
