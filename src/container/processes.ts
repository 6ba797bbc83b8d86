import { readFileSync } from 'node:fs'
import { endianness } from 'node:os'

/** A process as `/proc/PID/stat` and `status` tell it. Times are in ticks of a hundredth of a second. @see proc_pid_stat(5) */
export interface ProcessFacts {
  readonly pid: number
  readonly command: string
  readonly state: string
  readonly ppid: number
  readonly pgrp: number
  readonly session: number
  /** A device number; 0: none. */
  readonly tty: number
  readonly tpgid: number
  readonly flags: number
  readonly utime: number
  readonly stime: number
  readonly priority: number
  readonly nice: number
  readonly threads: number
  /** Since the boot. */
  readonly startTime: number
  readonly virtualBytes: number
  readonly residentKb: number
  readonly lockedKb: number
  readonly processor: number
  readonly realtimePriority: number
  readonly policy: number
  /** Real, effective, saved, of the filesystem. */
  readonly uids: readonly number[]
  readonly gids: readonly number[]
  /** Arguments; none of a kernel's thread or a zombie. */
  readonly arguments: readonly string[]
  /** Where in the kernel it waits; '' : it does not, or nobody may know. */
  readonly waitsIn: string
}

/** What of the host the columns of processes depend on. */
export interface ProcessHost {
  /** Seconds since the epoch. */
  readonly bootedAt: number
  readonly uptimeSeconds: number
  readonly memoryKb: number
  readonly pageBytes: number
  /** By id. */
  readonly users: ReadonlyMap<number, string>
  readonly groups: ReadonlyMap<number, string>
}

/** What processes of this host have in common, at this moment. */
export function processHost(): ProcessHost {
  const number = (path: string, pattern: RegExp) => Number(pattern.exec(readFileSync(path, 'utf8'))?.[1])
  return {
    bootedAt: number('/proc/stat', /^btime (\d+)/m),
    uptimeSeconds: number('/proc/uptime', /^([\d.]+)/),
    memoryKb: number('/proc/meminfo', /^MemTotal:\s+(\d+)/m),
    pageBytes: pageBytes(readFileSync('/proc/self/auxv')),
    users: accountNames('/etc/passwd'),
    groups: accountNames('/etc/group'),
  }
}

const AT_PAGESZ = 6n

/** @see getauxval(3) */
export function pageBytes(vector: Buffer): number {
  const word = (at: number) => (endianness() === 'LE' ? vector.readBigUInt64LE(at) : vector.readBigUInt64BE(at))
  for (let at = 0; at + 16 <= vector.length; at += 16) if (word(at) === AT_PAGESZ) return Number(word(at + 8))
  return 4096
}

function accountNames(path: string): Map<number, string> {
  const names = new Map<number, string>()
  for (const line of readOrNothing(path).split('\n')) {
    const [name = '', , id = ''] = line.split(':')
    if (/^\d+$/.test(id) && !names.has(Number(id))) names.set(Number(id), name)
  }
  return names
}

/** Undefined when there is no such process (any more). */
export function readProcess(pid: number): ProcessFacts | undefined {
  const directory = `/proc/${pid}`
  const stat = readOrNothing(`${directory}/stat`)
  const status = readOrNothing(`${directory}/status`)
  if (stat === '' || status === '') return undefined
  return {
    ...parseStat(stat),
    ...parseStatus(status),
    arguments: readOrNothing(`${directory}/cmdline`).split('\0').slice(0, -1),
    waitsIn: readOrNothing(`${directory}/wchan`).replace(/^0$/, ''),
  }
}

/** The program's name stands in parentheses, and may have some itself. */
export function parseStat(stat: string) {
  const [open, close] = [stat.indexOf('('), stat.lastIndexOf(')')]
  const [state = '?', ...rest] = stat
    .slice(close + 2)
    .trimEnd()
    .split(' ')
  // Numbered as in the manual page, where the state is the third field.
  const field = (number: number) => Number(rest[number - 4] ?? 0)
  return {
    pid: Number(stat.slice(0, open)),
    command: stat.slice(open + 1, close),
    state,
    ppid: field(4),
    pgrp: field(5),
    session: field(6),
    tty: field(7),
    tpgid: field(8),
    flags: field(9),
    utime: field(14),
    stime: field(15),
    priority: field(18),
    nice: field(19),
    threads: field(20),
    startTime: field(22),
    virtualBytes: field(23),
    processor: field(39),
    realtimePriority: field(40),
    policy: field(41),
  }
}

export function parseStatus(status: string) {
  const words = (name: string) => new RegExp(`^${name}:\\s+(.*)$`, 'm').exec(status)?.[1]?.split(/\s+/) ?? []
  return {
    uids: words('Uid').map(Number),
    gids: words('Gid').map(Number),
    residentKb: Number(words('VmRSS')[0] ?? 0),
    lockedKb: Number(words('VmLck')[0] ?? 0),
  }
}

/** '' for what is not there, any more or at all. */
export function readOrNothing(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if (gone.has((error as NodeJS.ErrnoException).code)) return ''
    throw error
  }
}

const gone: ReadonlySet<unknown> = new Set(['ENOENT', 'ESRCH', 'ENODEV', 'EACCES', 'EPERM'])
