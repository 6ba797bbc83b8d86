import { readdirSync, rmdirSync } from 'node:fs'
import { join } from 'node:path'

const mounted = '/sys/fs/cgroup'

/** Removes the cgroup `name` below the root of every hierarchy, and what is in it; the peers leave theirs behind. */
export function removeCgroup(name: string): void {
  for (const hierarchy of ['.', ...directories(mounted)]) {
    if (directories(join(mounted, hierarchy)).includes(name)) removeTree(join(mounted, hierarchy, name))
  }
}

function removeTree(path: string): void {
  for (const child of directories(path)) removeTree(join(path, child))
  rmdirSync(path)
}

function directories(path: string): string[] {
  return readdirSync(path, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
}
