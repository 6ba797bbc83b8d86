import { readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { unsupported } from './unsupported.js'

/** One mounted cgroup hierarchy. */
export interface CgroupHierarchy {
  /** 1 or 2. */
  readonly version: 1 | 2
  /** The controllers mounted together (v1) or available (v2); `name=systemd` for a named hierarchy. */
  readonly controllers: readonly string[]
  /** Where it is mounted on this host. */
  readonly mountpoint: string
  /** Which cgroup of the hierarchy the mountpoint shows: `/`, or the surrounding container's. */
  readonly root: string
  /** Its name below /sys/fs/cgroup: `memory`, `cpu,cpuacct`, `systemd`; empty where v2 is mounted there itself. */
  readonly mountName: string
  /** The data argument of mounting it: `memory`, `none,name=systemd`; empty for v2. */
  readonly mountData: string
}

/**
 * How this host has its cgroups. `hybrid` has v1 controllers and a v2 hierarchy beside them, mostly with no controllers
 * of its own: it serves `cgroup.kill` and freezing.
 */
export interface CgroupLayout {
  readonly kind: 'v1' | 'hybrid' | 'v2'
  /** All of them, v2 last. */
  readonly hierarchies: readonly CgroupHierarchy[]
  /** The v2 hierarchy, if there is one. */
  readonly unified?: CgroupHierarchy
}

/**
 * Detects the layout from the mounts that this process sees.
 *
 * @throws UnsupportedHostError when no cgroup hierarchy is mounted
 * @see cgroups(7), proc(5) on mountinfo
 */
export function detectCgroups(): CgroupLayout {
  return cgroupLayout(
    readFileSync('/proc/self/mountinfo', 'utf8'),
    readFileSync('/proc/self/cgroup', 'utf8'),
    availableControllers,
  )
}

/** The layout by the contents of the two files; `available` tells the controllers at a v2 mountpoint. */
export function cgroupLayout(
  mountinfo: string,
  membership: string,
  available: (mountpoint: string) => readonly string[],
): CgroupLayout {
  const known = controllerSets(membership)
  const hierarchies = new Map<string, CgroupHierarchy>()
  for (const mount of parseMountinfo(mountinfo)) {
    const hierarchy = mount.fstype === 'cgroup2' ? unifiedHierarchy(mount, available) : legacyHierarchy(mount, known)
    // A hierarchy may be mounted more than once; the first mount is the usual place.
    const key = hierarchy && `${hierarchy.version} ${hierarchy.version === 1 ? hierarchy.mountData : ''}`
    if (key && !hierarchies.has(key)) hierarchies.set(key, hierarchy)
  }
  const all = [...hierarchies.values()].sort((one, other) => one.version - other.version)
  const unified = all.find(({ version }) => version === 2)
  if (all.length === 0) {
    throw unsupported('cgroups', 'No cgroup hierarchy is mounted', 'mount -t cgroup2 none /sys/fs/cgroup')
  }
  return { kind: !unified ? 'v1' : all.length > 1 ? 'hybrid' : 'v2', hierarchies: all, ...(unified && { unified }) }
}

interface Mount {
  readonly root: string
  readonly mountpoint: string
  readonly fstype: string
  readonly options: readonly string[]
}

function parseMountinfo(mountinfo: string): Mount[] {
  return mountinfo.split('\n').flatMap((line) => {
    const [before = '', after = ''] = line.split(' - ', 2)
    const [, , , root, mountpoint] = before.split(' ')
    const [fstype, , options] = after.split(' ')
    if ((fstype !== 'cgroup' && fstype !== 'cgroup2') || !root || !mountpoint) return []
    return [
      { root: unescapeOctal(root), mountpoint: unescapeOctal(mountpoint), fstype, options: options?.split(',') ?? [] },
    ]
  })
}

/** mountinfo writes space, tab, newline and backslash as three octal digits. */
const unescapeOctal = (text: string) =>
  text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)))

/** The controllers of each v1 hierarchy, in the kernel's order. */
const controllerSets = (membership: string): string[][] =>
  membership.split('\n').flatMap((line) => {
    const controllers = line.split(':')[1]
    return controllers ? [controllers.split(',')] : []
  })

function unifiedHierarchy(mount: Mount, available: (mountpoint: string) => readonly string[]): CgroupHierarchy {
  const { root, mountpoint } = mount
  const mountName = mountpoint === '/sys/fs/cgroup' ? '' : basename(mountpoint)
  return { version: 2, controllers: available(mountpoint), mountpoint, root, mountName, mountData: '' }
}

/** Undefined for a mount of a hierarchy that this process has no place in, a leftover of another mount namespace. */
function legacyHierarchy(mount: Mount, known: readonly string[][]): CgroupHierarchy | undefined {
  const controllers = known.find((set) => set.every((controller) => mount.options.includes(controller)))
  if (!controllers) return undefined
  const [first = ''] = controllers
  const named = first.startsWith('name=')
  return {
    version: 1,
    controllers,
    mountpoint: mount.mountpoint,
    root: mount.root,
    mountName: named ? first.slice('name='.length) : controllers.join(','),
    mountData: named ? `none,${first}` : controllers.join(','),
  }
}

function availableControllers(mountpoint: string): string[] {
  return readFileSync(`${mountpoint}/cgroup.controllers`, 'utf8').split(/\s+/).filter(Boolean)
}
