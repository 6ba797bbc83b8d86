import { existsSync, readdirSync } from 'node:fs'
import type { ContainerCgroup } from '../container/context.js'
import { type CgroupLayout, detectCgroups, ensureParent, removeParent } from '../host/index.js'
import { type ContainerCgroups, cgroupDirectories, type Freezer, freezerOf, type Hierarchy } from '../launch/cgroups.js'

/** The engine's own parent cgroups: made at the first start, removed when the last engine of the root is closed. */
export interface CgroupParents {
  /** `custom` for containers that bring a device list of their own. */
  hierarchies(kind: 'default' | 'custom'): readonly Hierarchy[]
  /** A cgroup of the user's, from the root of each hierarchy: made where it is missing, and never removed. */
  below(path: string): readonly Hierarchy[]
  /** The directories that container `id` has, in whichever hierarchies. */
  existing(id: string): ContainerCgroups['directories']
  /** The same, with the controllers of each. */
  of(id: string): readonly ContainerCgroup[]
  /** How this host has its cgroups. */
  layout(): CgroupLayout
  /** What makes container `id` stand still, when it has cgroups. */
  freezer(id: string): Freezer | undefined
  /** All names below the parents: ids of containers. */
  names(): string[]
  /** Where the parents are, those that were not made as well. */
  parents(): string[]
  /** Removes the parents that no container is in. */
  remove(): void
}

const kinds = ['default', 'custom'] as const

/**
 * @param parentOf the cgroup that container `id` asked for instead; '' for none
 * @param layout the host's, detected at the first use when it is not given
 */
export function openCgroupParents(
  rootId: string,
  parentOf: (id: string) => string,
  layout?: CgroupLayout,
): CgroupParents {
  const made = new Map<string, readonly Hierarchy[]>()
  const detected = () => {
    layout ??= detectCgroups()
    return layout
  }
  const name = (kind: 'default' | 'custom') => (kind === 'default' ? `inboard-${rootId}` : `inboard-${rootId}-custom`)
  const placesIn = (directories: readonly string[]) =>
    directories.flatMap((directory) =>
      detected().hierarchies.map(({ mountpoint, version, controllers }) => ({
        parent: `${mountpoint}/${directory}`,
        version,
        controllers,
      })),
    )
  const own = kinds.map(name)
  const placesOf = (id: string) => {
    const parent = parentOf(id)
    return placesIn(parent === '' ? own : [parent])
  }
  return {
    hierarchies(kind) {
      let parents = made.get(kind)
      if (!parents) {
        parents = ensureParent(detected(), name(kind), kind)
        made.set(kind, parents)
      }
      return parents
    },
    below(path) {
      const steps = path.split('/').map((_, index, names) => names.slice(0, index + 1).join('/'))
      return steps.map((step) => ensureParent(detected(), step, 'custom')).at(-1) as readonly Hierarchy[]
    },
    existing: (id) => cgroupDirectories(placesOf(id), id).filter(({ path }) => existsSync(path)),
    layout: detected,
    of: (id) =>
      placesOf(id)
        .map(({ parent, version, controllers }) => ({ version, controllers, path: `${parent}/${id}` }))
        .filter(({ path }) => existsSync(path)),
    freezer: (id) =>
      freezerOf(
        placesOf(id).filter(({ parent }) => existsSync(`${parent}/${id}`)),
        id,
      ),
    names: () => placesIn(own).flatMap(({ parent }) => directoriesIn(parent)),
    parents: () => placesIn(own).map(({ parent }) => parent),
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
