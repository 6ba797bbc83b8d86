import type { CgroupLayout } from '../host/index.js'
import { failure, fine, type HostCheck, warning } from './doctor-check.js'
import type { KernelSettings } from './doctor-settings.js'

/** What limits need; version 2 has the last two without controllers. */
const wanted = ['memory', 'cpu', 'cpuset', 'pids'] as const
const wantedOfVersion1 = ['devices', 'freezer'] as const

/** Whether limits can be set, and by whom. */
export function judgeCgroups({ kind, hierarchies }: CgroupLayout, settings: KernelSettings): HostCheck {
  const readOnly = hierarchies.filter(({ mountpoint }) => !settings.canWrite(mountpoint))
  if (readOnly.length > 0) {
    const places = readOnly.map(({ mountpoint }) => mountpoint)
    return failure(
      'cgroups',
      `cannot be written: ${places.join(', ')}`,
      'containers cannot be put into cgroups of their own',
      places.map((place) => `mount -o remount,rw ${place}`).join(' && '),
    )
  }
  const has = (controller: string) => hierarchies.some(({ controllers }) => controllers.includes(controller))
  const missing = [...wanted, ...(kind === 'v2' ? [] : wantedOfVersion1)].filter((controller) => !has(controller))
  const names = { v1: 'version 1', hybrid: 'version 1, with version 2 beside it', v2: 'version 2' }
  if (missing.length === 0) return fine('cgroups', names[kind])
  return warning(
    'cgroups',
    `${names[kind]}, without ${missing.join(', ')}`,
    'what they limit cannot be limited: options such as --memory, --cpus and --pids-limit are refused, or without effect',
    remedy(missing, kind, settings),
  )
}

function remedy(missing: readonly string[], kind: CgroupLayout['kind'], { read }: KernelSettings): string {
  const known = (read('/proc/cgroups') ?? '').split('\n').map((line) => line.split('\t'))
  const isEnabled = (controller: string) => known.some(([name, , , enabled]) => name === controller && enabled === '1')
  if (kind !== 'v2' && missing.every(isEnabled))
    return missing
      .map((name) => `mkdir -p /sys/fs/cgroup/${name} && mount -t cgroup -o ${name} ${name} /sys/fs/cgroup/${name}`)
      .join(' && ')
  const words = missing.map((name) => `cgroup_enable=${name}`).join(' ')
  return `sed -i 's/^GRUB_CMDLINE_LINUX="/&${words} /' /etc/default/grub && update-grub && reboot`
}
