import { readFileSync } from 'node:fs'
import { release } from 'node:os'
import { binaries } from './addon.js'
import { parseCapabilities } from './limits.js'
import { unsupported } from './unsupported.js'

/** What the engine needs to know of its host. */
export interface HostFacts {
  readonly kernelRelease: string
  readonly effectiveUid: number
  readonly effectiveCapabilities: bigint
  /** errno by system call, of calls that the kernel refuses before they do anything. */
  readonly syscallErrors: Readonly<Record<string, number>>
  /** Whether overlay filesystems can be mounted, as far as the kernel says; without them snapshots are copies. */
  readonly overlay: boolean
}

let facts: HostFacts | undefined

/**
 * Asks the kernel, by trying and not by its version, whether it has what containers need. The answer is kept.
 *
 * @throws UnsupportedHostError naming the first feature that is missing and the command that mends it
 */
export function probeHost(): HostFacts {
  if (!facts) {
    const found = hostFacts()
    judgeHost(found)
    facts = found
  }
  return facts
}

export function hostFacts(): HostFacts {
  const { native } = binaries()
  return {
    kernelRelease: release(),
    effectiveUid: native.geteuid(),
    effectiveCapabilities: parseCapabilities(readFileSync('/proc/thread-self/status', 'utf8')).effective,
    syscallErrors: native.probeSyscalls(),
    overlay: /\toverlay$/m.test(readFileSync('/proc/filesystems', 'utf8')),
  }
}

const ENOSYS = 38
const EPERM = 1
const EINVAL = 22

const neededCapabilities: Readonly<Record<string, bigint>> = {
  CAP_CHOWN: 0n,
  CAP_DAC_OVERRIDE: 1n,
  CAP_FOWNER: 3n,
  CAP_KILL: 5n,
  CAP_SETGID: 6n,
  CAP_SETUID: 7n,
  CAP_SETPCAP: 8n,
  CAP_NET_ADMIN: 12n,
  CAP_SYS_CHROOT: 18n,
  CAP_SYS_ADMIN: 21n,
  CAP_MKNOD: 27n,
}

/** Throws for the first thing that the host lacks. */
export function judgeHost(host: HostFacts): void {
  judgePrivileges(host)
  for (const [syscall, errno] of Object.entries(host.syscallErrors)) judgeSyscall(host, syscall, errno)
}

function judgePrivileges({ effectiveUid, effectiveCapabilities }: HostFacts): void {
  const missing = Object.keys(neededCapabilities).filter(
    (name) => !((effectiveCapabilities >> (neededCapabilities[name] ?? 0n)) & 1n),
  )
  if (missing.length === 0) return
  if (effectiveUid !== 0) {
    const command = ['sudo', '-E', process.execPath, ...process.argv.slice(1)].join(' ')
    throw unsupported('root', `Containers are made by root, and this process runs as uid ${effectiveUid}`, command)
  }
  throw unsupported(
    missing.join(','),
    `This process is root but lacks ${missing.join(', ')}, as in a container with few privileges`,
    'start the surrounding container with: docker run --privileged',
  )
}

function judgeSyscall({ kernelRelease }: HostFacts, syscall: string, errno: number): void {
  if (errno === EPERM) {
    throw unsupported(
      syscall,
      `The system call ${syscall} is forbidden here, probably by the seccomp profile of a surrounding container`,
      'start the surrounding container with: docker run --privileged --security-opt seccomp=unconfined',
    )
  }
  if (errno === ENOSYS || (errno === EINVAL && acceptsArguments.has(syscall))) {
    throw unsupported(
      syscall,
      `The kernel (${kernelRelease}) lacks the system call ${syscall}; inboard needs Linux 5.12 or newer`,
      'apt-get install -y linux-image-amd64 && reboot (or the kernel package of your distribution)',
    )
  }
}

/** Probed with valid arguments that change nothing: EINVAL says that the kernel does not know the flag. */
const acceptsArguments: ReadonlySet<string> = new Set(['close_range', 'seccomp'])
