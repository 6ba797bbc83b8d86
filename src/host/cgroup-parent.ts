import { mkdirSync, readdirSync, readFileSync, renameSync, rmdirSync, statSync, writeFileSync } from 'node:fs'
import { threadId } from 'node:worker_threads'
import type { CgroupHierarchy, CgroupLayout } from './cgroups.js'

/** The engine's own directory in one hierarchy: containers get theirs below it. */
export interface ParentCgroup extends CgroupHierarchy {
  /** The directory on this host. */
  readonly parent: string
}

/** `default`: Docker's device list, inherited by every child. `custom`: all devices, for children that bring their own list. */
export type ParentKind = 'default' | 'custom'

/** Docker's default device list, and the tun device that its runtime adds. */
const defaultDevices = [
  'c *:* m',
  'b *:* m',
  'c 1:3 rwm',
  'c 1:5 rwm',
  'c 1:7 rwm',
  'c 1:8 rwm',
  'c 1:9 rwm',
  'c 5:0 rwm',
  'c 5:1 rwm',
  'c 5:2 rwm',
  'c 10:200 rwm',
  'c 136:* rwm',
]

/**
 * Makes the engine's own cgroup in every hierarchy, unless it is there, and touches nothing else. Any number of processes
 * may do so at once. In a v1 hierarchy the directory appears whole: a device list that changed under a neighbour's running
 * containers would take their devices away for a moment.
 *
 * On v2 the `controllers` returned are those that children can use: fewer than the host has when a surrounding container
 * keeps processes in its own cgroup.
 */
export function ensureParent(layout: CgroupLayout, name: string, kind: ParentKind): ParentCgroup[] {
  return layout.hierarchies.map((hierarchy) => {
    const parent = `${hierarchy.mountpoint}/${name}`
    if (hierarchy.version === 2) return { ...hierarchy, parent, controllers: ensureUnified(hierarchy, parent) }
    if (!exists(parent)) publishLegacy(hierarchy, name, kind)
    return { ...hierarchy, parent }
  })
}

/** Removes the directories of `ensureParent`, but for those that are in use, and what killed processes left half made. */
export function removeParent(layout: CgroupLayout, name: string): void {
  for (const { mountpoint, version } of layout.hierarchies) {
    if (version === 1) sweepAsides(mountpoint, name)
    removeCgroup(`${mountpoint}/${name}`)
  }
}

/** A name that says who is making the directory, so that another process can tell a dead maker's leftover. */
const asideName = (name: string) => `${name}.new-${process.pid}-${threadId}`

function publishLegacy(hierarchy: CgroupHierarchy, name: string, kind: ParentKind): void {
  const { mountpoint } = hierarchy
  const aside = `${mountpoint}/${asideName(name)}`
  removeCgroup(aside)
  mkdirSync(aside, { mode: 0o755 })
  try {
    configureLegacy(hierarchy, aside, kind)
    renameSync(aside, `${mountpoint}/${name}`)
  } catch (error) {
    removeCgroup(aside)
    if (codeOf(error) !== 'EEXIST') throw error
  }
}

function configureLegacy({ controllers, mountpoint }: CgroupHierarchy, aside: string, kind: ParentKind): void {
  if (controllers.includes('cpuset')) {
    // A cpuset begins empty and takes no process until it has both; the clones inherit them.
    for (const file of ['cpus', 'mems']) writeFileSync(`${aside}/cpuset.${file}`, cpusetOf(mountpoint, file))
    writeFileSync(`${aside}/cgroup.clone_children`, '1')
  }
  if (controllers.includes('devices') && kind === 'default') {
    writeFileSync(`${aside}/devices.deny`, 'a')
    for (const rule of defaultDevices) writeFileSync(`${aside}/devices.allow`, rule)
  }
}

/** A cpuset that was never configured has its parent's as the effective one. */
const cpusetOf = (directory: string, file: string) =>
  readFileSync(`${directory}/cpuset.${file}`, 'utf8').trim() ||
  readFileSync(`${directory}/cpuset.effective_${file}`, 'utf8').trim()

function sweepAsides(mountpoint: string, name: string): void {
  const prefix = `${name}.new-`
  for (const entry of readdirSync(mountpoint)) {
    if (entry.startsWith(prefix) && !isAlive(Number.parseInt(entry.slice(prefix.length), 10)))
      removeCgroup(`${mountpoint}/${entry}`)
  }
}

/** The controllers that children of `parent` can use. */
function ensureUnified({ mountpoint, controllers }: CgroupHierarchy, parent: string): string[] {
  enable(mountpoint, controllers)
  try {
    mkdirSync(parent, { mode: 0o755 })
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error
  }
  enable(parent, words(`${parent}/cgroup.controllers`))
  return words(`${parent}/cgroup.subtree_control`)
}

/** One by one, because the kernel takes all of a line or nothing. */
function enable(directory: string, controllers: readonly string[]): void {
  const file = `${directory}/cgroup.subtree_control`
  const enabled = new Set(words(file))
  for (const controller of controllers) {
    if (enabled.has(controller) || !wanted.has(controller)) continue
    try {
      writeFileSync(file, `+${controller}`)
    } catch (error) {
      if (!cannotDelegate.has(codeOf(error))) throw error
    }
  }
}

/** Those that limits of containers are set by; the host's others stay as they are. */
const wanted: ReadonlySet<string> = new Set(['cpu', 'cpuset', 'io', 'memory', 'pids'])

/** EBUSY: the cgroup has processes of its own; EINVAL, EOPNOTSUPP: it is threaded; ENOENT: the controller is bound to v1. */
const cannotDelegate: ReadonlySet<unknown> = new Set(['EBUSY', 'EINVAL', 'ENOTSUP', 'EOPNOTSUPP', 'ENOENT', 'EACCES'])

const words = (path: string) => readFileSync(path, 'utf8').split(/\s+/).filter(Boolean)

const codeOf = (error: unknown) => (error as NodeJS.ErrnoException).code

const exists = (path: string) => statSync(path, { throwIfNoEntry: false }) !== undefined

function isAlive(pid: number): boolean {
  return exists(`/proc/${pid}`)
}

function removeCgroup(directory: string): void {
  try {
    rmdirSync(directory)
  } catch (error) {
    if (!inUseOrGone.has(codeOf(error))) throw error
  }
}

const inUseOrGone: ReadonlySet<unknown> = new Set(['EBUSY', 'ENOTEMPTY', 'ENOENT'])
