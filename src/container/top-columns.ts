import type { ProcessFacts, ProcessHost } from './processes.js'

/** A column of ps. */
export interface Column {
  readonly title: string
  value(process: ProcessFacts, host: ProcessHost, width: number): string
}

const ticksPerSecond = 100

const number = (title: string, of: (process: ProcessFacts) => number): Column => ({
  title,
  value: (process) => String(of(process)),
})

/** A name that is longer than its column ends in a plus sign; a user without a name is told by number. */
const account = (title: string, kind: 'users' | 'groups', which: 0 | 1 | 2): Column => ({
  title,
  value(process, host, width) {
    const id = (kind === 'users' ? process.uids : process.gids)[which] ?? 0
    const name = host[kind].get(id) ?? String(id)
    return name.length > width ? `${name.slice(0, width - 1)}+` : name
  },
})

const command = (title: string, isWhole: boolean): Column => ({
  title,
  value: (process) => printable(isWhole ? commandLine(process) : programName(process)),
})

const time = (title: string, format: (seconds: number) => string): Column => ({
  title,
  value: ({ utime, stime }) => format(Math.trunc((utime + stime) / ticksPerSecond)),
})

const elapsed = (process: ProcessFacts, { uptimeSeconds }: ProcessHost) =>
  Math.max(0, uptimeSeconds - process.startTime / ticksPerSecond)

/** Of all the time that it has lived; in thousandths. */
function cpuShare(process: ProcessFacts, host: ProcessHost): number {
  const seconds = elapsed(process, host)
  return seconds > 0 ? Math.trunc(((process.utime + process.stime) * 1000) / ticksPerSecond / seconds) : 0
}

const startedAt = ({ startTime }: ProcessFacts, { bootedAt }: ProcessHost) =>
  new Date((bootedAt + Math.trunc(startTime / ticksPerSecond)) * 1000)

const now = ({ bootedAt, uptimeSeconds }: ProcessHost) => new Date((bootedAt + uptimeSeconds) * 1000)

/** By the names that `-o` knows them by. @see ps(1) */
export const columns: ReadonlyMap<string, Column> = new Map(
  Object.entries({
    pid: number('PID', ({ pid }) => pid),
    ppid: number('PPID', ({ ppid }) => ppid),
    pgid: number('PGID', ({ pgrp }) => pgrp),
    pgrp: number('PGRP', ({ pgrp }) => pgrp),
    sid: number('SID', ({ session }) => session),
    sess: number('SESS', ({ session }) => session),
    session: number('SESS', ({ session }) => session),
    tpgid: number('TPGID', ({ tpgid }) => tpgid),
    uid: number('UID', ({ uids }) => uids[1] ?? 0),
    euid: number('EUID', ({ uids }) => uids[1] ?? 0),
    ruid: number('RUID', ({ uids }) => uids[0] ?? 0),
    suid: number('SUID', ({ uids }) => uids[2] ?? 0),
    gid: number('GID', ({ gids }) => gids[1] ?? 0),
    egid: number('EGID', ({ gids }) => gids[1] ?? 0),
    rgid: number('RGID', ({ gids }) => gids[0] ?? 0),
    sgid: number('SGID', ({ gids }) => gids[2] ?? 0),
    user: account('USER', 'users', 1),
    euser: account('EUSER', 'users', 1),
    uname: account('USER', 'users', 1),
    ruser: account('RUSER', 'users', 0),
    suser: account('SUSER', 'users', 2),
    group: account('GROUP', 'groups', 1),
    egroup: account('EGROUP', 'groups', 1),
    rgroup: account('RGROUP', 'groups', 0),
    sgroup: account('SGROUP', 'groups', 2),
    comm: command('COMMAND', false),
    ucomm: command('COMMAND', false),
    ucmd: command('CMD', false),
    args: command('COMMAND', true),
    command: command('COMMAND', true),
    cmd: command('CMD', true),
    time: time('TIME', longTime),
    cputime: time('TIME', longTime),
    bsdtime: time('TIME', (seconds) => `${Math.trunc(seconds / 60)}:${two(seconds % 60)}`),
    times: time('TIME', String),
    cputimes: time('TIME', String),
    etime: { title: 'ELAPSED', value: (process, host) => shortTime(elapsed(process, host)) },
    etimes: { title: 'ELAPSED', value: (process, host) => String(Math.trunc(elapsed(process, host))) },
    start: { title: 'STARTED', value: (process, host) => startText(startedAt(process, host), now(host)) },
    lstart: { title: 'STARTED', value: (process, host) => calendarText(startedAt(process, host)) },
    stime: { title: 'STIME', value: (process, host) => dayText(startedAt(process, host), now(host)) },
    start_time: { title: 'START', value: (process, host) => dayText(startedAt(process, host), now(host)) },
    rss: number('RSS', ({ residentKb }) => residentKb),
    rssize: number('RSS', ({ residentKb }) => residentKb),
    rsz: number('RSZ', ({ residentKb }) => residentKb),
    vsz: number('VSZ', ({ virtualBytes }) => Math.trunc(virtualBytes / 1024)),
    vsize: number('VSZ', ({ virtualBytes }) => Math.trunc(virtualBytes / 1024)),
    sz: { title: 'SZ', value: ({ virtualBytes }, { pageBytes }) => String(Math.trunc(virtualBytes / pageBytes)) },
    pcpu: { title: '%CPU', value: (process, host) => tenths(cpuShare(process, host)) },
    '%cpu': { title: '%CPU', value: (process, host) => tenths(cpuShare(process, host)) },
    c: { title: 'C', value: (process, host) => String(Math.min(99, Math.trunc(cpuShare(process, host) / 10))) },
    cp: { title: 'CP', value: (process, host) => String(Math.min(999, cpuShare(process, host))) },
    pmem: { title: '%MEM', value: memoryShare },
    '%mem': { title: '%MEM', value: memoryShare },
    stat: { title: 'STAT', value: statText },
    state: { title: 'S', value: ({ state }) => state },
    s: { title: 'S', value: ({ state }) => state },
    nice: number('NI', ({ nice }) => nice),
    ni: number('NI', ({ nice }) => nice),
    priority: number('PRI', ({ priority }) => priority),
    pri: number('PRI', ({ priority }) => 39 - priority),
    opri: number('PRI', ({ priority }) => 60 + priority),
    rtprio: {
      title: 'RTPRIO',
      value: ({ policy, realtimePriority }) => (isRealtime(policy) ? String(realtimePriority) : '-'),
    },
    cls: { title: 'CLS', value: ({ policy }) => classes[policy] ?? '?' },
    class: { title: 'CLS', value: ({ policy }) => classes[policy] ?? '?' },
    policy: { title: 'POL', value: ({ policy }) => classes[policy] ?? '?' },
    psr: number('PSR', ({ processor }) => processor),
    nlwp: number('NLWP', ({ threads }) => threads),
    thcount: number('THCNT', ({ threads }) => threads),
    f: flags('F'),
    flag: flags('F'),
    flags: flags('F'),
    addr: { title: 'ADDR', value: () => '-' },
    wchan: { title: 'WCHAN', value: ({ waitsIn }, _, width) => waitText(waitsIn, width) },
    tty: { title: 'TT', value: ({ tty }) => ttyName(tty) },
    tt: { title: 'TT', value: ({ tty }) => ttyName(tty) },
    tname: { title: 'TTY', value: ({ tty }) => ttyName(tty) },
  } satisfies Record<string, Column>),
)

/** How wide a column is that is cut: as ps has it. */
export const defaultWidths: ReadonlyMap<string, number> = new Map([['wchan', 6]])
export const defaultWidth = 8

const classes: readonly string[] = ['TS', 'FF', 'RR', 'B', 'ISO', 'IDL', 'DLN']
const isRealtime = (policy: number) => policy === 1 || policy === 2

function flags(title: string): Column {
  return number(title, ({ flags }) => (flags >>> 6) & 7)
}

function programName({ command, state }: ProcessFacts): string {
  return state === 'Z' ? `${command} <defunct>` : command
}

function commandLine(process: ProcessFacts): string {
  if (process.arguments.length > 0) return process.arguments.join(' ').trimEnd()
  return process.state === 'Z' ? `[${process.command}] <defunct>` : `[${process.command}]`
}

/** What a program calls itself must not reach a terminal. */
const printable = (text: string) => text.replaceAll(/\p{Cc}/gu, '?')

const two = (value: number) => String(value).padStart(2, '0')

/** `[D-]HH:MM:SS` */
function longTime(seconds: number): string {
  const days = Math.trunc(seconds / 86_400)
  const clock = [(seconds % 86_400) / 3600, (seconds % 3600) / 60, seconds % 60].map((part) => two(Math.trunc(part)))
  return `${days > 0 ? `${days}-` : ''}${clock.join(':')}`
}

/** `[[D-]HH:]MM:SS` */
function shortTime(seconds: number): string {
  return longTime(Math.trunc(seconds)).replace(/^00:/, '')
}

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']
const days = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat']

const clockText = (date: Date) => [date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(':')

/** The time of today, the day of this year, else the year. */
function dayText(start: Date, present: Date): string {
  if (start.getFullYear() !== present.getFullYear()) return String(start.getFullYear())
  const isToday = start.getMonth() === present.getMonth() && start.getDate() === present.getDate()
  return isToday ? clockText(start).slice(0, 5) : `${months[start.getMonth()]}${two(start.getDate())}`
}

/** The time of the last 24 hours, else the day. */
function startText(start: Date, present: Date): string {
  const isRecent = present.getTime() - start.getTime() < 86_400_000
  return isRecent ? clockText(start) : `${months[start.getMonth()]} ${two(start.getDate())}`
}

function calendarText(date: Date): string {
  const day = String(date.getDate()).padStart(2)
  return `${days[date.getDay()]} ${months[date.getMonth()]} ${day} ${clockText(date)} ${date.getFullYear()}`
}

function tenths(share: number): string {
  return share > 999 ? String(Math.trunc(share / 10)) : `${Math.trunc(share / 10)}.${share % 10}`
}

function memoryShare({ residentKb }: ProcessFacts, { memoryKb }: ProcessHost): string {
  return tenths(Math.min(999, Math.trunc((residentKb * 1000) / memoryKb)))
}

function statText({ state, nice, lockedKb, session, pid, threads, pgrp, tpgid }: ProcessFacts): string {
  const marks = [
    nice < 0 ? '<' : nice > 0 ? 'N' : '',
    lockedKb > 0 ? 'L' : '',
    session === pid ? 's' : '',
    threads > 1 ? 'l' : '',
    pgrp === tpgid ? '+' : '',
  ]
  return `${state}${marks.join('')}`
}

function waitText(name: string, width: number): string {
  return name === '' ? '-' : name.replace(/^(?:sys_|do_)?_*/, '').slice(0, width)
}

/** @see Documentation/admin-guide/devices.txt of the kernel */
export function ttyName(device: number): string {
  const major = (device >>> 8) & 0xfff
  const minor = (device & 0xff) | ((device >>> 12) & 0xfff00)
  if (major >= 136 && major <= 143) return `pts/${minor + (major - 136) * 256}`
  if (major === 4) return minor < 64 ? `tty${minor}` : `ttyS${minor - 64}`
  return '?'
}
