import { readFileSync } from 'node:fs'

/** Capability sets as bit masks, by the kernel's names in proc(5). */
export interface CapabilitySets {
  readonly inheritable: bigint
  readonly permitted: bigint
  readonly effective: bigint
  readonly bounding: bigint
  readonly ambient: bigint
}

/** Soft and hard limit; `Infinity` is RLIM_INFINITY. */
export interface Rlimit {
  readonly soft: number
  readonly hard: number
}

/** What a process may give on to its children. */
export interface EngineLimits {
  readonly capabilities: CapabilitySets
  /** By the specification's names: `RLIMIT_NOFILE`. */
  readonly rlimits: Readonly<Record<string, Rlimit>>
}

/** The limits of this process, read anew at each call. @see proc(5), capabilities(7), getrlimit(2) */
export function engineLimits(): EngineLimits {
  return {
    capabilities: parseCapabilities(readFileSync('/proc/thread-self/status', 'utf8')),
    rlimits: parseRlimits(readFileSync('/proc/self/limits', 'utf8')),
  }
}

export function parseCapabilities(status: string): CapabilitySets {
  const mask = (name: string) => BigInt(`0x${new RegExp(`^${name}:\\s*([0-9a-f]+)$`, 'm').exec(status)?.[1] ?? '0'}`)
  return {
    inheritable: mask('CapInh'),
    permitted: mask('CapPrm'),
    effective: mask('CapEff'),
    bounding: mask('CapBnd'),
    ambient: mask('CapAmb'),
  }
}

const rlimitNames: Readonly<Record<string, string>> = {
  'Max cpu time': 'RLIMIT_CPU',
  'Max file size': 'RLIMIT_FSIZE',
  'Max data size': 'RLIMIT_DATA',
  'Max stack size': 'RLIMIT_STACK',
  'Max core file size': 'RLIMIT_CORE',
  'Max resident set': 'RLIMIT_RSS',
  'Max processes': 'RLIMIT_NPROC',
  'Max open files': 'RLIMIT_NOFILE',
  'Max locked memory': 'RLIMIT_MEMLOCK',
  'Max address space': 'RLIMIT_AS',
  'Max file locks': 'RLIMIT_LOCKS',
  'Max pending signals': 'RLIMIT_SIGPENDING',
  'Max msgqueue size': 'RLIMIT_MSGQUEUE',
  'Max nice priority': 'RLIMIT_NICE',
  'Max realtime priority': 'RLIMIT_RTPRIO',
  'Max realtime timeout': 'RLIMIT_RTTIME',
}

export function parseRlimits(table: string): Record<string, Rlimit> {
  const rlimits: Record<string, Rlimit> = {}
  for (const line of table.split('\n')) {
    const [, title = '', soft = '', hard = ''] = /^(Max .+?) {2,}(\S+) +(\S+)/.exec(line) ?? []
    const name = rlimitNames[title]
    if (name) rlimits[name] = { soft: limit(soft), hard: limit(hard) }
  }
  return rlimits
}

const limit = (text: string) => (text === 'unlimited' ? Number.POSITIVE_INFINITY : Number(text))
