import type { SeccompProfile, SeccompProfileRule } from '../spec/index.js'

type Argument = NonNullable<SeccompProfileRule['args']>[number]

const allow = (...names: string[]): SeccompProfileRule => ({ names, action: 'SCMP_ACT_ALLOW' })

/** Calls whose arguments all compare as said. */
const allowWith = (name: string, ...args: Argument[]): SeccompProfileRule => ({ ...allow(name), args })

const equal = (index: number, value: number): Argument => ({ index, value, op: 'SCMP_CMP_EQ' })

/** None of the bits is set. */
const without = (index: number, bits: number): Argument => ({
  index,
  value: bits,
  valueTwo: 0,
  op: 'SCMP_CMP_MASKED_EQ',
})

const AF_INET = 2
const AF_INET6 = 10
const SOCK_STREAM = 1
const SOCK_DGRAM = 2
/** SOCK_NONBLOCK and SOCK_CLOEXEC. */
const socketFlags = 0x80800
/** O_WRONLY, O_RDWR, O_CREAT, O_TRUNC, O_APPEND, and O_TMPFILE's own bit. */
const writing = 0x1 | 0x2 | 0x40 | 0x200 | 0x400 | 0x400000
/** PROT_READ | PROT_WRITE. */
const data = 0x3
/** MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE. */
const ownMemory = 0x4022
const NULL = 0

const sockets = [AF_INET, AF_INET6].flatMap((family) =>
  [SOCK_STREAM, SOCK_DGRAM].map((type) =>
    allowWith('socket', equal(0, family), equal(1, type | socketFlags), equal(2, 0)),
  ),
)

/**
 * What the name server of a container may call (`native/supervisor/resolver*.c`): it answers on sockets that it is given,
 * asks others from sockets of its own, and reads files. Anything else ends it, and another is started.
 */
export const resolverProfile: SeccompProfile = {
  defaultAction: 'SCMP_ACT_KILL_PROCESS',
  syscalls: [
    allow('epoll_create1', 'epoll_ctl', 'epoll_pwait', 'clock_gettime', 'getrandom', 'close', 'exit_group'),
    allow('recvmmsg', 'sendmmsg', 'connect'),
    ...sockets,
    allowWith('accept4', equal(1, NULL), equal(3, socketFlags)),
    // Only what is connected is sent to, and heard.
    allowWith('sendto', equal(4, NULL)),
    allowWith('recvfrom', equal(4, NULL)),
    allowWith('openat', without(2, writing)),
    allow('fstat', 'newfstatat', 'read'),
    allowWith('mmap', equal(2, data), equal(3, ownMemory)),
    allow('munmap'),
  ],
}

/** Level and option, each as setsockopt(2) has them. */
const socketOptions = {
  TCP_NODELAY: [6, 1],
  TCP_KEEPIDLE: [6, 4],
  TCP_KEEPINTVL: [6, 5],
  TCP_SYNCNT: [6, 7],
  SO_ERROR: [1, 4],
  SO_KEEPALIVE: [1, 9],
  SO_LINGER: [1, 13],
} as const

const withOption = (call: 'setsockopt' | 'getsockopt', name: keyof typeof socketOptions): SeccompProfileRule => {
  const [level, option] = socketOptions[name]
  return allowWith(call, equal(1, level), equal(2, option))
}

const IPPROTO_TCP = 6
const IPPROTO_UDP = 17
const IPPROTO_SCTP = 132
const MADV_DONTNEED = 4

const relaySockets = [AF_INET, AF_INET6].flatMap((family) =>
  [
    [SOCK_STREAM, IPPROTO_TCP],
    [SOCK_STREAM, IPPROTO_SCTP],
    [SOCK_DGRAM, IPPROTO_UDP],
  ].map(([type = 0, protocol = 0]) =>
    allowWith('socket', equal(0, family), equal(1, type | socketFlags), equal(2, protocol)),
  ),
)

/**
 * What the relay of published ports may call (`native/supervisor/relay*.c`): it carries bytes between sockets, in memory
 * that it takes once. Anything else ends it, and another is started.
 */
export const relayProfile: SeccompProfile = {
  defaultAction: 'SCMP_ACT_KILL_PROCESS',
  syscalls: [
    allow('epoll_create1', 'epoll_ctl', 'epoll_pwait', 'clock_gettime', 'getrandom', 'close', 'exit_group'),
    allow('connect', 'shutdown', 'recvmsg', 'sendmsg'),
    ...relaySockets,
    allowWith('accept4', equal(1, NULL), equal(3, socketFlags)),
    allowWith('sendto', equal(4, NULL)),
    allowWith('recvfrom', equal(4, NULL)),
    withOption('setsockopt', 'TCP_NODELAY'),
    withOption('setsockopt', 'TCP_KEEPIDLE'),
    withOption('setsockopt', 'TCP_KEEPINTVL'),
    withOption('setsockopt', 'TCP_SYNCNT'),
    withOption('setsockopt', 'SO_KEEPALIVE'),
    withOption('setsockopt', 'SO_LINGER'),
    withOption('getsockopt', 'SO_ERROR'),
    allowWith('mmap', equal(2, data), equal(3, ownMemory)),
    allowWith('madvise', equal(2, MADV_DONTNEED)),
  ],
}
