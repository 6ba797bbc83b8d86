import { UnsupportedHostError } from '../errors/index.js'
import { invalidOption } from './invalid.js'
import type { ContainerConfig } from './options.js'

/** All capabilities, at the index of their bit. @see capabilities(7) */
// biome-ignore format: a table
const capabilityNames = [
  'CHOWN', 'DAC_OVERRIDE', 'DAC_READ_SEARCH', 'FOWNER', 'FSETID', 'KILL', 'SETGID', 'SETUID', 'SETPCAP',
  'LINUX_IMMUTABLE', 'NET_BIND_SERVICE', 'NET_BROADCAST', 'NET_ADMIN', 'NET_RAW', 'IPC_LOCK', 'IPC_OWNER', 'SYS_MODULE',
  'SYS_RAWIO', 'SYS_CHROOT', 'SYS_PTRACE', 'SYS_PACCT', 'SYS_ADMIN', 'SYS_BOOT', 'SYS_NICE', 'SYS_RESOURCE', 'SYS_TIME',
  'SYS_TTY_CONFIG', 'MKNOD', 'LEASE', 'AUDIT_WRITE', 'AUDIT_CONTROL', 'SETFCAP', 'MAC_OVERRIDE', 'MAC_ADMIN', 'SYSLOG',
  'WAKE_ALARM', 'BLOCK_SUSPEND', 'AUDIT_READ', 'PERFMON', 'BPF', 'CHECKPOINT_RESTORE',
].map((name) => `CAP_${name}`)

// biome-ignore format: a table
const defaults = [
  'CHOWN', 'DAC_OVERRIDE', 'FSETID', 'FOWNER', 'MKNOD', 'NET_RAW', 'SETGID', 'SETUID', 'SETFCAP', 'SETPCAP',
  'NET_BIND_SERVICE', 'SYS_CHROOT', 'KILL', 'AUDIT_WRITE',
].map((name) => `CAP_${name}`)

/**
 * Capability names as `--cap-add` takes them, in either case and with or without `CAP_`; sorted, each once.
 *
 * @throws {InvalidOptionError} INVALID_OPTION for one that no kernel has
 */
export function parseCapabilities(option: 'capAdd' | 'capDrop', names: readonly string[]): string[] {
  return [...new Set(names.map((name) => parseCapability(option, name)))].sort()
}

function parseCapability(option: 'capAdd' | 'capDrop', name: string): string {
  const upper = name.trim().toUpperCase()
  if (upper === 'ALL' || upper === 'CAP_ALL') return 'ALL'
  const full = upper.startsWith('CAP_') ? upper : `CAP_${upper}`
  if (capabilityNames.includes(full)) return full
  const field = option === 'capAdd' ? 'CapAdd' : 'CapDrop'
  throw invalidOption(
    option,
    `invalid ${field}: unknown capability: "${full}"`,
    "use a name of capabilities(7), such as 'NET_ADMIN', or 'ALL'",
    name,
  )
}

/** Whether a mask has a capability. */
export function hasCapability(mask: bigint, name: string): boolean {
  const bit = capabilityNames.indexOf(name)
  return bit >= 0 && ((mask >> BigInt(bit)) & 1n) === 1n
}

/**
 * The capabilities of a container, by Docker's rules. Where all are asked for, these are all that the engine itself may
 * give.
 *
 * @param given the mask of what the engine may give: its own permitted and bounding sets
 * @throws {UnsupportedHostError} for one that was asked for by name and that the engine may not give
 */
export function grantedCapabilities(
  { privileged, capAdd, capDrop }: Pick<ContainerConfig, 'privileged' | 'capAdd' | 'capDrop'>,
  given: bigint,
): string[] {
  const may = (name: string) => hasCapability(given, name)
  const all = capabilityNames.filter(may)
  if (privileged) return all
  const kept = (name: string) => !capDrop.includes(name)
  if (capAdd.includes('ALL')) return all.filter(kept)
  const refused = capAdd.find((name) => !may(name))
  if (refused !== undefined) throw cannotGive(refused)
  const base = capDrop.includes('ALL') ? [] : defaults.filter(may).filter(kept)
  return [...new Set([...base, ...capAdd])]
}

function cannotGive(name: string): UnsupportedHostError {
  return new UnsupportedHostError(
    `capAdd: ${name} cannot be given: the engine's own process does not have it; run the engine with it, or leave it out`,
    {
      code: 'UNSUPPORTED_HOST',
      details: { feature: name, option: 'capAdd', hint: `capsh --print | grep -i ${name.toLowerCase()}` },
    },
  )
}
