import type { ContainerConfig } from './options.js'

/** Kernel files that tell about, or reach, what no namespace separates. */
const maskedPaths: readonly string[] = [
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

const readonlyPaths: readonly string[] = ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger']

/** What a container does not see, or cannot write to, of what the kernel shows. */
export function hiddenPaths({ privileged, security }: Pick<ContainerConfig, 'privileged' | 'security'>) {
  if (privileged) return { maskedPaths: [], readonlyPaths: [] }
  const open = security.systemPathsUnconfined
  return {
    maskedPaths: security.maskedPaths ?? (open ? [] : maskedPaths),
    readonlyPaths: security.readonlyPaths ?? (open ? [] : readonlyPaths),
  }
}
