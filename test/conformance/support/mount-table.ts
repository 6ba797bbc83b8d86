import { existsSync, readFileSync, statSync } from 'node:fs'
import { lines } from './facts.js'

/** A line of mountinfo without what differs from start to start: ids, device numbers, peer groups. */
interface MountLine {
  readonly root: string
  readonly target: string
  readonly options: string
  readonly filesystem: string
}

/** Docker 28's. */
export const maskedPaths = [
  '/proc/asound',
  '/proc/acpi',
  '/proc/interrupts',
  '/proc/kcore',
  '/proc/keys',
  '/proc/latency_stats',
  '/proc/timer_list',
  '/proc/timer_stats',
  '/proc/sched_debug',
  '/proc/scsi',
  '/sys/firmware',
  '/sys/devices/virtual/powercap',
]
const readonlyPaths = ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger']

/** Files and directories of the host: on which filesystem they are is the host's affair. */
const hostFiles = new Set(['/etc/hosts', '/etc/hostname', '/etc/resolv.conf', '/sbin/docker-init', '/b'])

/** What a container's mountinfo says, comparable: sorted by target. */
export function mountTable(mountinfo: string): string[] {
  return format(parse(mountinfo))
}

/**
 * What inboard's table shall be where Docker's is `mountinfo`. Different on purpose, and tighter:
 * - a cgroup namespace of its own, so that the hierarchies' roots are `/`; the tmpfs that holds them is read-only;
 * - Docker 28's masked paths, each where the host has it (/proc/interrupts and powercap are new, the tmpfs holds nothing);
 * - the hierarchies are those of this host.
 */
export function expectedTable(mountinfo: string): string[] {
  const docker = parse(mountinfo)
  const masks = docker.some(({ target }) => target === '/proc/keys')
  const hidden = new Set([...maskedPaths, ...readonlyPaths])
  const kept = docker.filter(
    ({ target, filesystem }) => !hidden.has(target) && !isHierarchy(filesystem) && target !== cgroups,
  )
  return format([...kept, ...cgroupMounts(), ...(masks ? maskMounts() : [])])
}

const cgroups = '/sys/fs/cgroup'
const isHierarchy = (filesystem: string) => /^cgroup2? /.test(filesystem)

function parse(mountinfo: string): MountLine[] {
  return lines(mountinfo).map((line) => {
    const [own = '', filesystem = ''] = line.split(' - ')
    const [, , , root = '', target = '', options = ''] = own.split(' ')
    if (hostFiles.has(target)) return { root: '*', target, options, filesystem: '*' }
    if (filesystem.startsWith('overlay')) return { root, target, options, filesystem: 'overlay overlay' }
    // Shared with the host in one variant, whose size is the host's.
    if (target === '/dev/shm' && filesystem.startsWith('tmpfs tmpfs'))
      return { root, target, options, filesystem: 'tmpfs tmpfs' }
    // The host's own when the network is: there is one sysfs for a network namespace.
    if (filesystem.startsWith('sysfs')) return { root, target, options, filesystem: 'sysfs sysfs' }
    return { root, target, options, filesystem }
  })
}

function format(table: readonly MountLine[]): string[] {
  return table.map(({ root, target, options, filesystem }) => `${target} ${root} ${options} - ${filesystem}`).sort()
}

const strict = 'nosuid,nodev,noexec,relatime'

function cgroupMounts(): MountLine[] {
  const host = parse(readFileSync('/proc/self/mountinfo', 'utf8'))
  const hierarchies = host.filter(({ filesystem }) => filesystem.startsWith('cgroup '))
  if (hierarchies.length === 0)
    return [{ root: '/', target: cgroups, options: `ro,${strict}`, filesystem: 'cgroup2 cgroup rw' }]
  const mounts = hierarchies.map(({ target, filesystem }) => ({
    root: '/',
    target,
    options: `ro,${strict}`,
    filesystem: `cgroup cgroup ${filesystem.split(' ')[2]}`,
  }))
  return [{ root: '/', target: cgroups, options: `ro,${strict}`, filesystem: 'tmpfs tmpfs rw,mode=755' }, ...mounts]
}

function maskMounts(): MountLine[] {
  const readonly = readonlyPaths
    .filter((path) => existsSync(path))
    .map((path) => ({
      root: path.slice('/proc'.length),
      target: path,
      options: `ro,${strict}`,
      filesystem: 'proc proc rw',
    }))
  const masked = maskedPaths
    .filter((path) => existsSync(path))
    .map((path) =>
      statSync(path).isDirectory()
        ? { root: '/', target: path, options: 'ro,relatime', filesystem: 'tmpfs tmpfs ro,size=4k,nr_inodes=1' }
        : { root: '/null', target: path, options: 'rw,nosuid', filesystem: 'tmpfs tmpfs rw,size=65536k,mode=755' },
    )
  return [...readonly, ...masked]
}
