import { UnsupportedHostError } from '../errors/index.js'
import type { ConfiguredMount, ContainerConfig } from './options.js'
import type { Mount } from './types.js'

/** Files on the host that are bound over the image's, so that names resolve. */
export interface ManagedFiles {
  readonly hosts: string
  readonly hostname: string
  readonly resolvConf: string
}

/** Where the init program is in the container. */
export const initTarget = '/sbin/docker-init'

/**
 * A container's mounts in Docker's order: the kernel's filesystems, the init program, then what was asked for and the managed
 * files, the shallow ones first. What is asked for takes the place of a default mount.
 *
 * @throws {UnsupportedHostError} when an init program is asked for and the host has none
 */
export function containerMounts(config: ContainerConfig, files: ManagedFiles, initPath: string | undefined): Mount[] {
  const asked = askedMounts(config, files)
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
    ...(ipcMode === 'host' ? [] : [{ destination: '/dev/shm', type: 'tmpfs', source: 'shm', options: shm }]),
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

function askedMounts(config: ContainerConfig, files: ManagedFiles): Mount[] {
  const { mounts, readOnly, ipcMode } = config
  const binds = mounts.filter(({ type }) => type === 'bind').map(askedMount)
  const tmpfs = mounts.filter(({ type }) => type === 'tmpfs').map(askedMount)
  const shared = [
    ...managedMounts(files, readOnly),
    ...(ipcMode === 'host' ? [bindMount('/dev/shm', '/dev/shm', false)] : []),
  ]
  const targets = new Set(mounts.map(({ target }) => target))
  return [...binds, ...shared.filter(({ destination }) => !targets.has(destination)), ...tmpfs]
}

function askedMount(mount: ConfiguredMount): Mount {
  if (mount.type === 'tmpfs')
    return { destination: mount.target, type: 'tmpfs', source: 'tmpfs', options: mount.options }
  return bindMount(mount.source, mount.target, mount.readOnly, mount.propagation, mount.recursive)
}

function managedMounts({ hosts, hostname, resolvConf }: ManagedFiles, readOnly: boolean): Mount[] {
  return [
    bindMount(resolvConf, '/etc/resolv.conf', readOnly),
    bindMount(hostname, '/etc/hostname', readOnly),
    bindMount(hosts, '/etc/hosts', readOnly),
  ]
}

function bindMount(
  source: string,
  destination: string,
  readOnly: boolean,
  propagation = 'rprivate',
  recursive = true,
): Mount {
  const options = [recursive ? 'rbind' : 'bind', ...(readOnly ? ['ro'] : []), propagation]
  return { destination, type: 'bind', source, options }
}
