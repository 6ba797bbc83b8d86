import { UnsupportedHostError } from '../errors/index.js'
import type { BindPoint, MountPoint, VolumePoint } from './mount-point.js'
import { isHiding } from './mount-points.js'
import { sharedContainer } from './namespace-modes.js'
import type { ContainerConfig } from './options.js'
import type { Mount } from './types.js'

/** Files on the host that are bound over the image's, so that names resolve. */
export interface ManagedFiles {
  readonly hosts: string
  readonly hostname: string
  readonly resolvConf: string
}

/** Where on the host the files of mount points are that do not say it themselves. */
export interface MountSources {
  /** The directory of a volume. */
  volume(point: VolumePoint): string
}

/** What a container's mounts are made from. */
export interface MountsInput {
  readonly config: ContainerConfig
  /** What was asked for, resolved. */
  readonly mounts: readonly MountPoint[]
  readonly sources: MountSources
  readonly files: ManagedFiles
}

/** Where the init program is in the container. */
export const initTarget = '/sbin/docker-init'

/**
 * A container's mounts in Docker's order: the kernel's filesystems, the init program, then what was asked for and the managed
 * files, the shallow ones first. What is asked for takes the place of a default mount.
 *
 * @throws {UnsupportedHostError} when an init program is asked for and the host has none
 */
export function containerMounts(input: MountsInput, initPath: string | undefined): Mount[] {
  const { config } = input
  const asked = askedMounts(input)
  const targets = new Set(asked.map(({ destination }) => destination))
  const hidden = ({ destination }: Mount) =>
    targets.has(destination) || (targets.has('/dev') && destination.startsWith('/dev/'))
  const base = [...kernelMounts(config), ...initMount(config, initPath)].filter((mount) => !hidden(mount))
  return [...base, ...asked.sort((a, b) => depth(a) - depth(b))]
}

const depth = ({ destination }: Mount) => destination.split('/').length

const strict = ['nosuid', 'noexec', 'nodev'] as const

function kernelMounts({ privileged, shmSize, ipcMode }: ContainerConfig): Mount[] {
  const shm = [...strict, 'mode=1777', `size=${shmSize}`]
  return [
    kernelMount('/proc', 'proc', strict),
    kernelMount('/dev', 'tmpfs', ['nosuid', 'strictatime', 'mode=755', 'size=65536k']),
    kernelMount('/dev/pts', 'devpts', ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620', 'gid=5']),
    kernelMount('/sys', 'sysfs', privileged ? strict : [...strict, 'ro']),
    kernelMount('/sys/fs/cgroup', 'cgroup', [...(privileged ? [] : ['ro']), 'nosuid', 'noexec', 'nodev']),
    kernelMount('/dev/mqueue', 'mqueue', strict),
    ...(ipcMode === 'private' || ipcMode === 'shareable'
      ? [{ destination: '/dev/shm', type: 'tmpfs', source: 'shm', options: shm }]
      : []),
  ]
}

function kernelMount(destination: string, type: string, options: readonly string[]): Mount {
  return { destination, type, source: type, options }
}

function initMount(config: ContainerConfig, initPath: string | undefined): Mount[] {
  if (!usesInit(config)) return []
  if (initPath === undefined)
    throw new UnsupportedHostError(
      'init: the host has no docker-init, tini or catatonit: install one, or leave init out',
      {
        code: 'UNSUPPORTED_HOST',
        details: { feature: 'docker-init', option: 'init', hint: 'apt-get install tini' },
      },
    )
  return [{ destination: initTarget, type: 'bind', source: initPath, options: ['bind', 'ro'] }]
}

/** An init program has orphans to reap only where it is pid 1. */
export function usesInit({ init, pidMode }: ContainerConfig): boolean {
  return init && pidMode === 'private'
}

function askedMounts({ config, mounts, sources, files }: MountsInput): Mount[] {
  const { readOnly, ipcMode } = config
  const hidden = new Set(mounts.filter(isHiding).map(({ destination }) => destination))
  const seen = mounts.filter((point) => isHiding(point) || !hidden.has(point.destination))
  const tmpfs = seen.filter(({ type }) => type === 'tmpfs').map((point) => askedMount(point, sources))
  const others = seen.filter(({ type }) => type !== 'tmpfs').map((point) => askedMount(point, sources))
  const shared = [
    ...managedMounts(files, readOnly),
    ...(ipcMode === 'host' ? [bindMount('/dev/shm', '/dev/shm', false)] : []),
    ...(sharedContainer(ipcMode) === undefined ? [] : [sharedMemory]),
  ]
  const targets = new Set(mounts.map(({ destination }) => destination))
  return [...others, ...shared.filter(({ destination }) => !targets.has(destination)), ...tmpfs]
}

/**
 * What is mounted in a container of files that are kept: volumes, directories of the host and images, the shallow ones first.
 * Nothing of it is shared with the host.
 */
export function keptMounts(mounts: readonly MountPoint[], sources: MountSources): Mount[] {
  return mounts
    .filter(({ type }) => type !== 'tmpfs')
    .map((point) => askedMount(point.type === 'bind' ? { ...point, propagation: 'rprivate' } : point, sources))
    .sort((a, b) => depth(a) - depth(b))
}

/** That of the container whose IPC namespace is shared: taken from there when it starts. */
const sharedMemory: Mount = { destination: '/dev/shm', type: 'shared', source: 'shm', options: [...strict] }

function askedMount(point: MountPoint, sources: MountSources): Mount {
  const { type, destination, readOnly } = point
  switch (type) {
    case 'tmpfs':
      return { destination, type, source: 'tmpfs', options: point.options }
    case 'image':
      return { destination, type, source: point.image, options: ['ro'], ...subpathOf(point) }
    case 'volume':
      return { ...bindMount(sources.volume(point), destination, readOnly), ...subpathOf(point) }
    case 'bind':
      return { destination, type, source: point.source, options: bindOptions(point) }
  }
}

function subpathOf({ subpath }: { readonly subpath: string }): Pick<Mount, 'subpath'> {
  return subpath === '' ? {} : { subpath }
}

function managedMounts({ hosts, hostname, resolvConf }: ManagedFiles, readOnly: boolean): Mount[] {
  return [
    bindMount(resolvConf, '/etc/resolv.conf', readOnly),
    bindMount(hostname, '/etc/hostname', readOnly),
    bindMount(hosts, '/etc/hosts', readOnly),
  ]
}

function bindMount(source: string, destination: string, readOnly: boolean): Mount {
  const options = bindOptions({ readOnly, propagation: 'rprivate', recursive: 'enabled' })
  return { destination, type: 'bind', source, options }
}

/** `rro` is for all mounts of the tree, `ro` for the one at its top. */
function bindOptions({
  readOnly,
  propagation,
  recursive,
}: Pick<BindPoint, 'readOnly' | 'propagation' | 'recursive'>): string[] {
  const readOnlyWord = recursive === 'enabled' || recursive === 'readonly' ? 'rro' : 'ro'
  return [recursive === 'disabled' ? 'bind' : 'rbind', ...(readOnly ? [readOnlyWord] : []), propagation]
}
