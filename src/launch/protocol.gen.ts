// Generated from native/protocol/operations.mjs by native/protocol/generate.mjs.
import { type FrameLayout, frameCodec } from './frame-codec.js'
import { PlanEncoder, type PlanOptions } from './plan-encoder.js'

export const magic = 0x50424e49
/** Of the table that both sides were generated from; a supervisor refuses a plan with another one. */
export const fingerprint = 0xb1bada10
export const modes = {
  run: 0,
  exec: 1,
  task: 2,
} as const
export const sections = {
  prepare: 1,
  beside: 2,
  container: 3,
  probe: 4,
  monitor: 5,
  ending: 6,
  teardown: 7,
} as const
export const limits = {
  planBytes: 67108864,
  operations: 65536,
  fields: 10,
  slots: 1024,
  clients: 4096,
} as const
export const descriptors = {
  plan: 3,
  status: 4,
  lock: 5,
  firstSlot: 6,
} as const
export const targetFlags = {
  noSymlinks: 1,
  createDirectory: 2,
  createFile: 4,
  optional: 8,
} as const
export const treeFlags = {
  attributes: 1,
  propagation: 2,
  sharedLater: 4,
} as const
export const stdioKinds = {
  null: 0,
  pipes: 1,
  tty: 2,
  slots: 3,
} as const
export const stdioFlags = {
  stdin: 1,
  attached: 2,
  stdinOnce: 4,
  backpressure: 8,
} as const
export const netlinkSockets = {
  host: 0,
  container: 1,
  slot: 2,
  filter: 3,
} as const
export const restartPolicies = {
  no: 0,
  onFailure: 1,
  always: 2,
  unlessStopped: 3,
  once: 4,
} as const
export const logFormats = {
  jsonFile: 0,
  local: 1,
} as const
export const moments = {
  started: 1,
  died: 2,
  oom: 3,
  paused: 4,
  unpaused: 5,
  probeCreated: 6,
  probeStarted: 7,
  probeDied: 8,
  health: 9,
} as const
export const faultPoints = {
  none: 0,
  confirmed: 1,
  running: 2,
  ended: 3,
  recorded: 4,
  told: 5,
  killed: 6,
  reaped: 7,
  waited: 8,
} as const
export const protocols = {
  tcp: 6,
  udp: 17,
  sctp: 132,
} as const

export type ModeName = keyof typeof modes
export type SectionName = keyof typeof sections

/** Opcodes by operation name. */
export const opcodes = {
  section: 1,
  run_directory: 10,
  exec_record: 95,
  make_directory: 11,
  write_file: 12,
  write_knob: 13,
  open_log: 14,
  stdio: 15,
  oom_counter: 16,
  freezer: 47,
  device_filter: 46,
  clone: 17,
  network_namespace: 18,
  netlink: 61,
  port: 62,
  relay: 63,
  resolver: 64,
  names_add: 65,
  names_remove: 66,
  network_end: 67,
  release: 19,
  cgroup_join: 20,
  unshare: 21,
  setns: 22,
  root_propagation: 23,
  tree_open: 24,
  tree_take: 48,
  root_mount: 25,
  pivot_root: 26,
  mount: 30,
  tree_attach: 31,
  tree_share: 32,
  device_node: 33,
  symlink: 34,
  mask: 35,
  read_only: 36,
  remount: 37,
  sysctl: 38,
  hostname: 39,
  domainname: 40,
  console: 42,
  network_join: 44,
  await_release: 45,
  lend_root: 94,
  rlimit: 50,
  oom_score_adj: 51,
  session_keyring: 52,
  no_new_privileges: 53,
  seccomp: 54,
  capability_bounds: 55,
  user: 56,
  capabilities: 57,
  working_directory: 58,
  umask: 59,
  execute: 60,
  title: 70,
  restart_policy: 71,
  health: 72,
  journal: 73,
  event: 74,
  join_program: 75,
  own_cgroup: 76,
  lifeline: 77,
  change_owner: 78,
  cgroup_kill: 80,
  cgroup_remove: 81,
  remove_tree: 82,
  cgroup_leave: 84,
  remove_file: 83,
  name_lock: 120,
  await_end: 110,
  tell: 111,
  claim_run: 112,
  undo_run: 113,
  unmount: 114,
  remove_matching: 115,
  remove_free_locks: 121,
  remove_idle_runs: 122,
  guard_lock: 116,
  guard_empty: 117,
  guard_text: 118,
  guard_tables: 119,
  guard_link: 123,
  guard_ports: 124,
} as const

export type OperationName = keyof typeof opcodes

/** Operation names by opcode. */
export const operationNames: Readonly<Record<number, OperationName>> = {
  1: 'section',
  10: 'run_directory',
  95: 'exec_record',
  11: 'make_directory',
  12: 'write_file',
  13: 'write_knob',
  14: 'open_log',
  15: 'stdio',
  16: 'oom_counter',
  47: 'freezer',
  46: 'device_filter',
  17: 'clone',
  18: 'network_namespace',
  61: 'netlink',
  62: 'port',
  63: 'relay',
  64: 'resolver',
  65: 'names_add',
  66: 'names_remove',
  67: 'network_end',
  19: 'release',
  20: 'cgroup_join',
  21: 'unshare',
  22: 'setns',
  23: 'root_propagation',
  24: 'tree_open',
  48: 'tree_take',
  25: 'root_mount',
  26: 'pivot_root',
  30: 'mount',
  31: 'tree_attach',
  32: 'tree_share',
  33: 'device_node',
  34: 'symlink',
  35: 'mask',
  36: 'read_only',
  37: 'remount',
  38: 'sysctl',
  39: 'hostname',
  40: 'domainname',
  42: 'console',
  44: 'network_join',
  45: 'await_release',
  94: 'lend_root',
  50: 'rlimit',
  51: 'oom_score_adj',
  52: 'session_keyring',
  53: 'no_new_privileges',
  54: 'seccomp',
  55: 'capability_bounds',
  56: 'user',
  57: 'capabilities',
  58: 'working_directory',
  59: 'umask',
  60: 'execute',
  70: 'title',
  71: 'restart_policy',
  72: 'health',
  73: 'journal',
  74: 'event',
  75: 'join_program',
  76: 'own_cgroup',
  77: 'lifeline',
  78: 'change_owner',
  80: 'cgroup_kill',
  81: 'cgroup_remove',
  82: 'remove_tree',
  84: 'cgroup_leave',
  83: 'remove_file',
  120: 'name_lock',
  110: 'await_end',
  111: 'tell',
  112: 'claim_run',
  113: 'undo_run',
  114: 'unmount',
  115: 'remove_matching',
  121: 'remove_free_locks',
  122: 'remove_idle_runs',
  116: 'guard_lock',
  117: 'guard_empty',
  118: 'guard_text',
  119: 'guard_tables',
  123: 'guard_link',
  124: 'guard_ports',
}

/** Keys of the text records in the run directory. */
export const records = {
  state: ['startedAtNs', 'pid', 'startTicks', 'supervisorPid', 'status', 'paused', 'restarts', 'signaled', 'exitStatus', 'oomKilled', 'finishedAtNs', 'restartAtNs'],
  exit: ['signaled', 'status', 'oomKilled', 'finishedAtNs', 'restarts', 'logDropped', 'startedAtNs', 'failedStep', 'failedOpcode', 'failedErrno', 'failedSection', 'failedSubject'],
} as const

/** The record `health` of the run directory: u64s, and what was printed. */
export const healthRecord = {
  head: ['status', 'streak', 'count'],
  result: ['startNs', 'endNs', 'exitCode', 'failedOpcode', 'failedErrno', 'length'],
  results: 5,
  outputBytes: 4096,
} as const

/** Opens the existing 0700 run directory: `state` and `exit` records are renamed into it, `sock` is bound and listened on in it (mode 0600). */
export interface RunDirectory {
  readonly path: string
}

/** Exec mode: binds the name `socket` (mode 0600) in the existing 0700 directory and listens on it. The file of the lock is the record: a line is appended when the program runs, and one when it has ended; room for both is taken now. */
export interface ExecRecord {
  readonly directory: string
  readonly socket: string
}

/** mkdir(2) on a path the engine owns; the mode is exact whatever the umask. */
export interface MakeDirectory {
  readonly path: string
  readonly mode: number | bigint
  readonly existOk: number | bigint
}

/** Creates or truncates (O_CREAT|O_TRUNC|O_NOFOLLOW) a file in a directory the engine owns, with the exact mode. */
export interface WriteFile {
  readonly path: string
  readonly mode: number | bigint
  readonly data: Uint8Array
}

/** One write(2) to an existing kernel file (a cgroup knob). `optional`: any failure is success. */
export interface WriteKnob {
  readonly path: string
  readonly value: string
  readonly optional: number | bigint
}

/** Opens (append, create) the log; all output of the container goes there too. Format jsonFile is Docker's: one object a line: log, stream, time; lines over 16 KiB in parts. A file that has reached `maximumBytes` (0: no limit) becomes `path`.1, and that `path`.2, up to `files` in all; with `compress`, `path`.1.gz soon. `attributes` is put into every object, before its time: empty, or members with their commas. Format local is described in log.h. */
export interface OpenLog {
  readonly path: string
  readonly mode: number | bigint
  readonly format: number | bigint
  readonly maximumBytes: number | bigint
  readonly files: number | bigint
  readonly compress: number | bigint
  readonly attributes: string
}

/** How the process gets its descriptors 0-2. Kind slots: the given slots, untouched by the supervisor. Kind tty: `console` makes it. */
export interface Stdio {
  readonly kind: number | bigint
  readonly flags: number | bigint
  readonly rows: number | bigint
  readonly columns: number | bigint
  readonly slotIn: number | bigint
  readonly slotOut: number | bigint
  readonly slotErr: number | bigint
}

/** The memory.oom_control (v1) or memory.events (v2) whose `oom_kill` count, when it is above zero at exit, makes the exit record say so. */
export interface OomCounter {
  readonly path: string
}

/** The cgroup knob (freezer.state, cgroup.freeze) that suspends the container while clients ask for it by `freeze`, and what to write there. */
export interface Freezer {
  readonly path: string
  readonly frozen: string
  readonly thawed: string
}

/** Loads an eBPF program (BPF_PROG_TYPE_CGROUP_DEVICE, struct bpf_insn[]) and attaches it to a cgroup v2 directory. */
export interface DeviceFilter {
  readonly cgroup: string
  readonly program: Uint8Array
}

/** clone3 with a pidfd; ends the section. A `cgroup` that is not empty is a cgroup v2 directory to be born in (CLONE_INTO_CGROUP). */
export interface Clone {
  readonly flags: number | bigint
  readonly cgroup: string
}

/** Sends a batch of netlink messages and awaits the acknowledgements it asks for. Before that, the index of the interface `link` of that namespace is written at each offset of `linkAt` (u32 each), and the descriptor of the container's namespace at `namespaceAt` (0xffffffff: nowhere). In ending and teardown ENOENT, ENODEV and ESRCH are success. */
export interface Netlink {
  readonly socket: number | bigint
  readonly slot: number | bigint
  readonly messages: Uint8Array
  readonly link: string
  readonly linkAt: Uint8Array
  readonly namespaceAt: number | bigint
}

/** Keeps the bound socket (TCP: it listens) in a slot until `network_end`: a published port is held. What reaches the socket itself, because no rule of the firewall leads it elsewhere, is relayed to the container's address (4 or 16 bytes) and port, by a process that is forked at the first of it. */
export interface Port {
  readonly slot: number | bigint
  readonly protocol: number | bigint
  readonly address: Uint8Array
  readonly port: number | bigint
}

/** The seccomp filter (struct sock_filter[]) of the relay process; it has no capabilities, and no user but nobody. */
export interface Relay {
  readonly filter: Uint8Array
}

/** How the container's names are resolved: by a process that is forked at the first query to 127.0.0.11:53 in its network namespace, sees only `directory`, and reads `view` in it. Its sockets have any free ports of 127.0.0.11; `rules`, a batch of nfnetlink messages for that namespace, lead port 53 to them, whose numbers are written, in the network's order, at the offsets of `udpAt` and `tcpAt` (u32 each; two bytes of zeros follow). Where the kernel knows no such rules (ENOENT, EOPNOTSUPP, EPROTONOSUPPORT) they have port 53 itself. With `open` 0 all of that is made later, by the frame `resolve`. */
export interface Resolver {
  readonly directory: string
  readonly view: string
  readonly filter: Uint8Array
  readonly rules: Uint8Array
  readonly udpAt: Uint8Array
  readonly tcpAt: Uint8Array
  readonly open: number | bigint
}

/** Puts a line that begins with `id` and a space into a record file, for any that it has there; a missing file begins with the line `header`. Both come without their newline. Under flock(2) of `path`.lock; written aside and renamed. */
export interface NamesAdd {
  readonly path: string
  readonly header: string
  readonly id: string
  readonly line: string
}

/** Removes the lines of `id` from the record files of all networks that `view` in `directory` names, then removes `view`. */
export interface NamesRemove {
  readonly directory: string
  readonly view: string
  readonly id: string
}

/** Writes "0" to the given `tasks` (v1) or `cgroup.procs` (v2) file. Single-threaded, so `tasks` moves the whole process without the RCU wait of cgroup.procs. */
export interface CgroupJoin {
  readonly path: string
}

/** unshare(2). */
export interface Unshare {
  readonly flags: number | bigint
}

/** setns(2) with a pidfd or a namespace descriptor. */
export interface Setns {
  readonly slot: number | bigint
  readonly flags: number | bigint
}

/** mount(NULL, "/", NULL, flags, NULL). */
export interface RootPropagation {
  readonly flags: number | bigint
}

/** open_tree(OPEN_TREE_CLONE) of a host path into a slot, to be attached after the pivot; with `below` of what is there in that directory, resolved as if it were the root (openat2, RESOLVE_IN_ROOT|RESOLVE_NO_MAGICLINKS). */
export interface TreeOpen {
  readonly slot: number | bigint
  readonly path: string
  readonly below: string
  readonly recursive: number | bigint
}

/** open_tree(OPEN_TREE_CLONE) of a tmpfs of another container, the one whose first process is `slotOwner` (a pidfd), in its mount namespace, found without symlinks; EXDEV when something else is there. */
export interface TreeTake {
  readonly slot: number | bigint
  readonly slotOwner: number | bigint
  readonly path: string
}

/** chdir(directory), then mount(2): the container's root filesystem, by engine-owned paths relative to `directory`. */
export interface RootMount {
  readonly directory: string
  readonly source: string
  readonly target: string
  readonly fstype: string
  readonly flags: number | bigint
  readonly data: string
}

/** chdir, pivot_root(".", "."), umount2(".", MNT_DETACH), chdir("/"): from here every path is inside the container. */
export interface PivotRoot {
  readonly directory: string
}

/** Mounts a new filesystem on the opened target, never on its path. */
export interface Mount {
  readonly source: string
  readonly target: string
  readonly fstype: string
  readonly flags: number | bigint
  readonly data: string
  readonly targetFlags: number | bigint
}

/** mount_setattr(2) on the detached tree (MOUNT_ATTR_*, propagation MS_*; each with AT_RECURSIVE where `recursive`, of treeFlags, says so), then move_mount(2) onto the opened target. With `sharedLater` its root is private for now, and the slot stays. */
export interface TreeAttach {
  readonly slot: number | bigint
  readonly target: string
  readonly attrSet: number | bigint
  readonly attrClear: number | bigint
  readonly propagation: number | bigint
  readonly recursive: number | bigint
  readonly targetFlags: number | bigint
}

/** Makes an attached tree's root a peer of the tree in `slotPeer` (MOVE_MOUNT_SET_GROUP), so that what was mounted below it before is not mounted on the host as well; shared in a group of its own where the peer is private. */
export interface TreeShare {
  readonly slot: number | bigint
  readonly slotPeer: number | bigint
}

/** mknod(2), exact mode, in an opened parent that was reached without symlinks; an existing node of the same kind and number is success. mode has the S_IF bits; device is makedev(3). */
export interface DeviceNode {
  readonly path: string
  readonly mode: number | bigint
  readonly device: number | bigint
  readonly uid: number | bigint
  readonly gid: number | bigint
}

/** symlinkat(2); an existing name is left. */
export interface Symlink {
  readonly target: string
  readonly path: string
}

/** Hides a path: a file under the verified null device, a directory under an empty read-only tmpfs (size=4k,nr_inodes=1). A missing path is success. */
export interface Mask {
  readonly path: string
}

/** Binds a path onto itself read-only, recursively, keeping nosuid,nodev,noexec. A missing path is success. */
export interface ReadOnly {
  readonly path: string
}

/** mount(MS_REMOUNT|MS_BIND|flags) of the opened target. */
export interface Remount {
  readonly target: string
  readonly flags: number | bigint
}

/** Writes /proc/sys/<name with slashes>, verified to be on procfs. */
export interface Sysctl {
  readonly name: string
  readonly value: string
}

/** sethostname(2). */
export interface Hostname {
  readonly name: string
}

/** setdomainname(2). */
export interface Domainname {
  readonly name: string
}

/** Opens a pty pair of the devpts on /dev/pts, owned by uid, hands the master to the supervisor, makes the slave stdio and the controlling terminal; `bind`: mounts it on /dev/console. */
export interface Console {
  readonly uid: number | bigint
  readonly bind: number | bigint
}

/** setrlimit(2). */
export interface Rlimit {
  readonly resource: number | bigint
  readonly soft: number | bigint
  readonly hard: number | bigint
}

/** /proc/self/oom_score_adj; in `prepare` of the supervisor itself. */
export interface OomScoreAdj {
  readonly value: number | bigint
  readonly optional: number | bigint
}

/** keyctl(KEYCTL_JOIN_SESSION_KEYRING); ENOSYS is success. */
export interface SessionKeyring {
  readonly name: string
}

/** seccomp(SECCOMP_SET_MODE_FILTER) of struct sock_filter[]. */
export interface Seccomp {
  readonly flags: number | bigint
  readonly filter: Uint8Array
}

/** Drops every capability outside the mask from the bounding set and clears the ambient set. */
export interface CapabilityBounds {
  readonly bounding: number | bigint
}

/** setgroups, setresgid, setresuid (keeping capabilities). groups: u32 each. */
export interface User {
  readonly uid: number | bigint
  readonly gid: number | bigint
  readonly groups: Uint8Array
}

/** capset(2), then the ambient set. */
export interface Capabilities {
  readonly effective: number | bigint
  readonly permitted: number | bigint
  readonly inheritable: number | bigint
  readonly ambient: number | bigint
}

/** chdir, with the directory made when it is missing and `create`; then getcwd(3) must begin with "/": a directory outside the root is refused (EXDEV). */
export interface WorkingDirectory {
  readonly path: string
  readonly create: number | bigint
  readonly uid: number | bigint
  readonly gid: number | bigint
}

/** umask(2). */
export interface Umask {
  readonly mask: number | bigint
}

/** execve(2), the last operation. A file without a slash is looked up in `path` (colon-separated), after the user has changed. */
export interface Execute {
  readonly file: string
  readonly path: string
  readonly argv: readonly string[]
  readonly envp: readonly string[]
}

/** The name of the supervisor in ps(1) (PR_SET_NAME, 15 bytes). */
export interface Title {
  readonly text: string
}

/** Whether the program is started again when it has ended (restartPolicies), and how often in a row at most (onFailure; 0: any number). After 100 ms, twice as long each time up to a minute; from the beginning after a run of 10 s. */
export interface RestartPolicy {
  readonly policy: number | bigint
  readonly maximum: number | bigint
}

/** The process of the probe section is run `interval` after the start and after the end of the one before (`startInterval` while it has not been healthy during `startPeriod`), all in ms; after `timeout` it is killed, and its output is `expired`. `retries` failures in a row, not those of the beginning during `startPeriod`, make the container unhealthy, one success healthy. The last results are kept in the record `health`. `cgroup`: the v2 directory below which it is born, or empty. */
export interface Health {
  readonly interval: number | bigint
  readonly timeout: number | bigint
  readonly startPeriod: number | bigint
  readonly startInterval: number | bigint
  readonly retries: number | bigint
  readonly expired: string
  readonly cgroup: string
}

/** The journal of events that `event` is about: opened when something happens, appended to under flock(2) of `lock`. A file that a line would make longer than `maximumBytes` becomes `path`.1, and that `path`.2, up to `files` in all. */
export interface Journal {
  readonly path: string
  readonly lock: string
  readonly maximumBytes: number | bigint
  readonly files: number | bigint
}

/** The beginning of a line of the journal for a moment (moments); its time follows. The byte 1 in it stands for the value. A task plan of such operations in the file `events` of the run directory, in its container section, replaces those of this one. */
export interface Event {
  readonly moment: number | bigint
  readonly text: string
}

/** setns(2) into those namespaces of the container's first process. */
export interface JoinProgram {
  readonly flags: number | bigint
}

/** The cgroup directory that `signal` with `everyone` kills, when it is not the teardown's. `session`: only those in it that are of the process's session. */
export interface OwnCgroup {
  readonly path: string
  readonly session: number | bigint
}

/** lchown(2) of a file in a directory that the engine owns. */
export interface ChangeOwner {
  readonly path: string
  readonly uid: number | bigint
  readonly gid: number | bigint
}

/** Kills what is left in a cgroup directory: cgroup.kill, else SIGKILL by pid until `cgroup.procs` is empty (bounded). */
export interface CgroupKill {
  readonly path: string
}

/** rmdir of a cgroup directory and the ones below it, waiting (bounded) while EBUSY. */
export interface CgroupRemove {
  readonly path: string
}

/** Removes a file or a directory tree by descriptor, following no symlink and crossing no mount. */
export interface RemoveTree {
  readonly path: string
}

/** rmdir of a cgroup directory; that somebody is in it still (EBUSY) is success. */
export interface CgroupLeave {
  readonly path: string
}

/** unlink(2). */
export interface RemoveFile {
  readonly path: string
}

/** Gives the file of the lock a name, if it has none: it was opened with O_TMPFILE, so that nothing is left of it when nobody comes to this. */
export interface NameLock {
  readonly path: string
}

/** The last operation of its section. Sends `started`, and waits until the connection of the engine that spawned us ends, in whatever way. Then the task plans that are in the directory are executed, whose names begin with the digit of their turn: first the sections `ending` of all, then the sections `teardown` of those that begin with 1, with 2, with 3; then the section teardown of this plan, and, with the lock given back, that of the plan `4-root`. What a plan has locked is free at its end. A file that is no plan is passed over. What follows a guard is a number of operations, `skip`, that are passed over when it says so. */
export interface AwaitEnd {
  readonly directory: string
}

/** Sends a frame to the supervisor that listens in a run directory; that there is none is success. */
export interface Tell {
  readonly path: string
  readonly frame: Uint8Array
}

/** Takes the lock of a run directory that is there, telling its supervisor the frame until that has gone. Fails, and skips, when so many ms after the end of the connection it is still held. */
export interface ClaimRun {
  readonly path: string
  readonly frame: Uint8Array
  readonly patience: number | bigint
  readonly skip: number | bigint
}

/** Executes the sections ending and teardown of the task plan in a file, if it is there; skips when something of it fails. */
export interface UndoRun {
  readonly path: string
  readonly skip: number | bigint
}

/** Unmounts all that is mounted at a path, first of all from the groups that it propagates to; of what is in use, lazily. */
export interface Unmount {
  readonly path: string
}

/** remove_tree of all that is in the directory, begins with the prefix, which is not empty, and ends with the suffix. */
export interface RemoveMatching {
  readonly directory: string
  readonly prefix: string
  readonly suffix: string
}

/** Removes the files in a directory whose lock (flock(2)) nobody has. */
export interface RemoveFreeLocks {
  readonly directory: string
}

/** Removes the run directories in a directory, whose names do not begin with a dot, that nobody has locked, and that have nothing but their lock and the marks `removed` and `copied`: who made them was killed before anything was begun, or when all was undone. */
export interface RemoveIdleRuns {
  readonly directory: string
}

/** Takes the lock (flock(2)) of a file, until the end of the plan; skips when somebody has it so many ms after the end of the connection. That there is no such file is as good. */
export interface GuardLock {
  readonly path: string
  readonly patience: number | bigint
  readonly skip: number | bigint
}

/** Skips when a directory is there and has something in it, for so many ms after the end of the connection. */
export interface GuardEmpty {
  readonly directory: string
  readonly patience: number | bigint
  readonly skip: number | bigint
}

/** Skips unless the file is there and its beginning (4 KiB) has the text in it. */
export interface GuardText {
  readonly path: string
  readonly text: string
  readonly skip: number | bigint
}

/** Skips when nftables has a table whose name begins with the prefix, and is not `own`, or cannot be asked. */
export interface GuardTables {
  readonly prefix: string
  readonly own: string
  readonly skip: number | bigint
}

/** Skips unless there is an interface of that name, of that group. */
export interface GuardLink {
  readonly name: string
  readonly group: number | bigint
  readonly skip: number | bigint
}

/** Skips when a bridge has ports for so many ms after the end of the connection, or the kernel cannot be asked. */
export interface GuardPorts {
  readonly bridge: string
  readonly patience: number | bigint
  readonly skip: number | bigint
}

/** Builds a launch plan: one call per operation, in order, then `finish`. */
export class PlanWriter extends PlanEncoder<OperationName> {
  constructor() {
    super({ magic, fingerprint, planBytes: limits.planBytes, operations: limits.operations })
  }

  /** Ends the plan. The bytes are a view of the writer's buffer: write nothing more afterwards. */
  finish(options: Omit<PlanOptions, 'mode'> & { readonly mode: ModeName }): Uint8Array {
    return this.seal({ ...options, mode: modes[options.mode] })
  }

  /** Begins a section. */
  section(kind: SectionName): void {
    this.begin(1, 'section')
    this.u64(sections[kind])
    this.end()
  }

  /** Opens the existing 0700 run directory: `state` and `exit` records are renamed into it, `sock` is bound and listened on in it (mode 0600). (prepare) */
  runDirectory(fields: RunDirectory): void {
    this.begin(10, 'run_directory')
    this.str(fields.path)
    this.end()
  }

  /** Exec mode: binds the name `socket` (mode 0600) in the existing 0700 directory and listens on it. The file of the lock is the record: a line is appended when the program runs, and one when it has ended; room for both is taken now. (beside) */
  execRecord(fields: ExecRecord): void {
    this.begin(95, 'exec_record')
    this.str(fields.directory)
    this.str(fields.socket)
    this.end()
  }

  /** mkdir(2) on a path the engine owns; the mode is exact whatever the umask. (beside, prepare, teardown, container) */
  makeDirectory(fields: MakeDirectory): void {
    this.begin(11, 'make_directory')
    this.str(fields.path)
    this.u64(fields.mode)
    this.u64(fields.existOk)
    this.end()
  }

  /** Creates or truncates (O_CREAT|O_TRUNC|O_NOFOLLOW) a file in a directory the engine owns, with the exact mode. (prepare, container, teardown) */
  writeFile(fields: WriteFile): void {
    this.begin(12, 'write_file')
    this.str(fields.path)
    this.u64(fields.mode)
    this.bytes(fields.data)
    this.end()
  }

  /** One write(2) to an existing kernel file (a cgroup knob). `optional`: any failure is success. (beside, prepare, monitor, teardown) */
  writeKnob(fields: WriteKnob): void {
    this.begin(13, 'write_knob')
    this.str(fields.path)
    this.str(fields.value)
    this.u64(fields.optional)
    this.end()
  }

  /** Opens (append, create) the log; all output of the container goes there too. Format jsonFile is Docker's: one object a line: log, stream, time; lines over 16 KiB in parts. A file that has reached `maximumBytes` (0: no limit) becomes `path`.1, and that `path`.2, up to `files` in all; with `compress`, `path`.1.gz soon. `attributes` is put into every object, before its time: empty, or members with their commas. Format local is described in log.h. (beside, prepare) */
  openLog(fields: OpenLog): void {
    this.begin(14, 'open_log')
    this.str(fields.path)
    this.u64(fields.mode)
    this.u64(fields.format)
    this.u64(fields.maximumBytes)
    this.u64(fields.files)
    this.u64(fields.compress)
    this.str(fields.attributes)
    this.end()
  }

  /** How the process gets its descriptors 0-2. Kind slots: the given slots, untouched by the supervisor. Kind tty: `console` makes it. (prepare) */
  stdio(fields: Stdio): void {
    this.begin(15, 'stdio')
    this.u64(fields.kind)
    this.u64(fields.flags)
    this.u64(fields.rows)
    this.u64(fields.columns)
    this.u64(fields.slotIn)
    this.u64(fields.slotOut)
    this.u64(fields.slotErr)
    this.end()
  }

  /** The memory.oom_control (v1) or memory.events (v2) whose `oom_kill` count, when it is above zero at exit, makes the exit record say so. (beside, prepare) */
  oomCounter(fields: OomCounter): void {
    this.begin(16, 'oom_counter')
    this.str(fields.path)
    this.end()
  }

  /** The cgroup knob (freezer.state, cgroup.freeze) that suspends the container while clients ask for it by `freeze`, and what to write there. (beside, prepare) */
  freezer(fields: Freezer): void {
    this.begin(47, 'freezer')
    this.str(fields.path)
    this.str(fields.frozen)
    this.str(fields.thawed)
    this.end()
  }

  /** Loads an eBPF program (BPF_PROG_TYPE_CGROUP_DEVICE, struct bpf_insn[]) and attaches it to a cgroup v2 directory. (prepare) */
  deviceFilter(fields: DeviceFilter): void {
    this.begin(46, 'device_filter')
    this.str(fields.cgroup)
    this.bytes(fields.program)
    this.end()
  }

  /** clone3 with a pidfd; ends the section. A `cgroup` that is not empty is a cgroup v2 directory to be born in (CLONE_INTO_CGROUP). (prepare) */
  clone(fields: Clone): void {
    this.begin(17, 'clone')
    this.u64(fields.flags)
    this.str(fields.cgroup)
    this.end()
  }

  /** Makes a network namespace, opens an rtnetlink socket in it, keeps both until `network_end`, and hands the namespace to `network_join` at once. (beside) */
  networkNamespace(): void {
    this.begin(18, 'network_namespace')
    this.end()
  }

  /** Sends a batch of netlink messages and awaits the acknowledgements it asks for. Before that, the index of the interface `link` of that namespace is written at each offset of `linkAt` (u32 each), and the descriptor of the container's namespace at `namespaceAt` (0xffffffff: nowhere). In ending and teardown ENOENT, ENODEV and ESRCH are success. (beside, ending, teardown) */
  netlink(fields: Netlink): void {
    this.begin(61, 'netlink')
    this.u64(fields.socket)
    this.u64(fields.slot)
    this.bytes(fields.messages)
    this.str(fields.link)
    this.bytes(fields.linkAt)
    this.u64(fields.namespaceAt)
    this.end()
  }

  /** Keeps the bound socket (TCP: it listens) in a slot until `network_end`: a published port is held. What reaches the socket itself, because no rule of the firewall leads it elsewhere, is relayed to the container's address (4 or 16 bytes) and port, by a process that is forked at the first of it. (beside) */
  port(fields: Port): void {
    this.begin(62, 'port')
    this.u64(fields.slot)
    this.u64(fields.protocol)
    this.bytes(fields.address)
    this.u64(fields.port)
    this.end()
  }

  /** The seccomp filter (struct sock_filter[]) of the relay process; it has no capabilities, and no user but nobody. (beside) */
  relay(fields: Relay): void {
    this.begin(63, 'relay')
    this.bytes(fields.filter)
    this.end()
  }

  /** How the container's names are resolved: by a process that is forked at the first query to 127.0.0.11:53 in its network namespace, sees only `directory`, and reads `view` in it. Its sockets have any free ports of 127.0.0.11; `rules`, a batch of nfnetlink messages for that namespace, lead port 53 to them, whose numbers are written, in the network's order, at the offsets of `udpAt` and `tcpAt` (u32 each; two bytes of zeros follow). Where the kernel knows no such rules (ENOENT, EOPNOTSUPP, EPROTONOSUPPORT) they have port 53 itself. With `open` 0 all of that is made later, by the frame `resolve`. (beside) */
  resolver(fields: Resolver): void {
    this.begin(64, 'resolver')
    this.str(fields.directory)
    this.str(fields.view)
    this.bytes(fields.filter)
    this.bytes(fields.rules)
    this.bytes(fields.udpAt)
    this.bytes(fields.tcpAt)
    this.u64(fields.open)
    this.end()
  }

  /** Puts a line that begins with `id` and a space into a record file, for any that it has there; a missing file begins with the line `header`. Both come without their newline. Under flock(2) of `path`.lock; written aside and renamed. (beside) */
  namesAdd(fields: NamesAdd): void {
    this.begin(65, 'names_add')
    this.str(fields.path)
    this.str(fields.header)
    this.str(fields.id)
    this.str(fields.line)
    this.end()
  }

  /** Removes the lines of `id` from the record files of all networks that `view` in `directory` names, then removes `view`. (ending, teardown) */
  namesRemove(fields: NamesRemove): void {
    this.begin(66, 'names_remove')
    this.str(fields.directory)
    this.str(fields.view)
    this.str(fields.id)
    this.end()
  }

  /** Ends the resolver and the relay, closes their sockets, the held ports and the network namespace. (ending) */
  networkEnd(): void {
    this.begin(67, 'network_end')
    this.end()
  }

  /** Lets the container section go past its `await_release`. (beside) */
  release(): void {
    this.begin(19, 'release')
    this.end()
  }

  /** Writes "0" to the given `tasks` (v1) or `cgroup.procs` (v2) file. Single-threaded, so `tasks` moves the whole process without the RCU wait of cgroup.procs. (container, probe) */
  cgroupJoin(fields: CgroupJoin): void {
    this.begin(20, 'cgroup_join')
    this.str(fields.path)
    this.end()
  }

  /** unshare(2). (container) */
  unshare(fields: Unshare): void {
    this.begin(21, 'unshare')
    this.u64(fields.flags)
    this.end()
  }

  /** setns(2) with a pidfd or a namespace descriptor. (prepare, container) */
  setns(fields: Setns): void {
    this.begin(22, 'setns')
    this.u64(fields.slot)
    this.u64(fields.flags)
    this.end()
  }

  /** mount(NULL, "/", NULL, flags, NULL). (container) */
  rootPropagation(fields: RootPropagation): void {
    this.begin(23, 'root_propagation')
    this.u64(fields.flags)
    this.end()
  }

  /** open_tree(OPEN_TREE_CLONE) of a host path into a slot, to be attached after the pivot; with `below` of what is there in that directory, resolved as if it were the root (openat2, RESOLVE_IN_ROOT|RESOLVE_NO_MAGICLINKS). (container) */
  treeOpen(fields: TreeOpen): void {
    this.begin(24, 'tree_open')
    this.u64(fields.slot)
    this.str(fields.path)
    this.str(fields.below)
    this.u64(fields.recursive)
    this.end()
  }

  /** open_tree(OPEN_TREE_CLONE) of a tmpfs of another container, the one whose first process is `slotOwner` (a pidfd), in its mount namespace, found without symlinks; EXDEV when something else is there. (container) */
  treeTake(fields: TreeTake): void {
    this.begin(48, 'tree_take')
    this.u64(fields.slot)
    this.u64(fields.slotOwner)
    this.str(fields.path)
    this.end()
  }

  /** chdir(directory), then mount(2): the container's root filesystem, by engine-owned paths relative to `directory`. (container) */
  rootMount(fields: RootMount): void {
    this.begin(25, 'root_mount')
    this.str(fields.directory)
    this.str(fields.source)
    this.str(fields.target)
    this.str(fields.fstype)
    this.u64(fields.flags)
    this.str(fields.data)
    this.end()
  }

  /** chdir, pivot_root(".", "."), umount2(".", MNT_DETACH), chdir("/"): from here every path is inside the container. (container) */
  pivotRoot(fields: PivotRoot): void {
    this.begin(26, 'pivot_root')
    this.str(fields.directory)
    this.end()
  }

  /** Mounts a new filesystem on the opened target, never on its path. (container) */
  mount(fields: Mount): void {
    this.begin(30, 'mount')
    this.str(fields.source)
    this.str(fields.target)
    this.str(fields.fstype)
    this.u64(fields.flags)
    this.str(fields.data)
    this.u64(fields.targetFlags)
    this.end()
  }

  /** mount_setattr(2) on the detached tree (MOUNT_ATTR_*, propagation MS_*; each with AT_RECURSIVE where `recursive`, of treeFlags, says so), then move_mount(2) onto the opened target. With `sharedLater` its root is private for now, and the slot stays. (container) */
  treeAttach(fields: TreeAttach): void {
    this.begin(31, 'tree_attach')
    this.u64(fields.slot)
    this.str(fields.target)
    this.u64(fields.attrSet)
    this.u64(fields.attrClear)
    this.u64(fields.propagation)
    this.u64(fields.recursive)
    this.u64(fields.targetFlags)
    this.end()
  }

  /** Makes an attached tree's root a peer of the tree in `slotPeer` (MOVE_MOUNT_SET_GROUP), so that what was mounted below it before is not mounted on the host as well; shared in a group of its own where the peer is private. (container) */
  treeShare(fields: TreeShare): void {
    this.begin(32, 'tree_share')
    this.u64(fields.slot)
    this.u64(fields.slotPeer)
    this.end()
  }

  /** mknod(2), exact mode, in an opened parent that was reached without symlinks; an existing node of the same kind and number is success. mode has the S_IF bits; device is makedev(3). (container) */
  deviceNode(fields: DeviceNode): void {
    this.begin(33, 'device_node')
    this.str(fields.path)
    this.u64(fields.mode)
    this.u64(fields.device)
    this.u64(fields.uid)
    this.u64(fields.gid)
    this.end()
  }

  /** symlinkat(2); an existing name is left. (container) */
  symlink(fields: Symlink): void {
    this.begin(34, 'symlink')
    this.str(fields.target)
    this.str(fields.path)
    this.end()
  }

  /** Hides a path: a file under the verified null device, a directory under an empty read-only tmpfs (size=4k,nr_inodes=1). A missing path is success. (container) */
  mask(fields: Mask): void {
    this.begin(35, 'mask')
    this.str(fields.path)
    this.end()
  }

  /** Binds a path onto itself read-only, recursively, keeping nosuid,nodev,noexec. A missing path is success. (container) */
  readOnly(fields: ReadOnly): void {
    this.begin(36, 'read_only')
    this.str(fields.path)
    this.end()
  }

  /** mount(MS_REMOUNT|MS_BIND|flags) of the opened target. (container) */
  remount(fields: Remount): void {
    this.begin(37, 'remount')
    this.str(fields.target)
    this.u64(fields.flags)
    this.end()
  }

  /** Writes /proc/sys/<name with slashes>, verified to be on procfs. (container) */
  sysctl(fields: Sysctl): void {
    this.begin(38, 'sysctl')
    this.str(fields.name)
    this.str(fields.value)
    this.end()
  }

  /** sethostname(2). (container) */
  hostname(fields: Hostname): void {
    this.begin(39, 'hostname')
    this.str(fields.name)
    this.end()
  }

  /** setdomainname(2). (container) */
  domainname(fields: Domainname): void {
    this.begin(40, 'domainname')
    this.str(fields.name)
    this.end()
  }

  /** Opens a pty pair of the devpts on /dev/pts, owned by uid, hands the master to the supervisor, makes the slave stdio and the controlling terminal; `bind`: mounts it on /dev/console. (container) */
  console(fields: Console): void {
    this.begin(42, 'console')
    this.u64(fields.uid)
    this.u64(fields.bind)
    this.end()
  }

  /** Awaits the namespace of `network_namespace` and enters it; sysfs is mounted after it. What is configured in it afterwards is awaited by a second `await_release`. (container) */
  networkJoin(): void {
    this.begin(44, 'network_join')
    this.end()
  }

  /** Waits for `release`. What is awaited comes in the order of the beside section. (container) */
  awaitRelease(): void {
    this.begin(45, 'await_release')
    this.end()
  }

  /** Task mode: tells by `started` that this process has its root, and waits for the end of the connection: the engine opens that root and its mount namespace by /proc meanwhile. (container) */
  lendRoot(): void {
    this.begin(94, 'lend_root')
    this.end()
  }

  /** setrlimit(2). (container, probe) */
  rlimit(fields: Rlimit): void {
    this.begin(50, 'rlimit')
    this.u64(fields.resource)
    this.u64(fields.soft)
    this.u64(fields.hard)
    this.end()
  }

  /** /proc/self/oom_score_adj; in `prepare` of the supervisor itself. (container, prepare, probe) */
  oomScoreAdj(fields: OomScoreAdj): void {
    this.begin(51, 'oom_score_adj')
    this.u64(fields.value)
    this.u64(fields.optional)
    this.end()
  }

  /** keyctl(KEYCTL_JOIN_SESSION_KEYRING); ENOSYS is success. (container, probe) */
  sessionKeyring(fields: SessionKeyring): void {
    this.begin(52, 'session_keyring')
    this.str(fields.name)
    this.end()
  }

  /** prctl(PR_SET_NO_NEW_PRIVS). (container, probe) */
  noNewPrivileges(): void {
    this.begin(53, 'no_new_privileges')
    this.end()
  }

  /** seccomp(SECCOMP_SET_MODE_FILTER) of struct sock_filter[]. (container, probe) */
  seccomp(fields: Seccomp): void {
    this.begin(54, 'seccomp')
    this.u64(fields.flags)
    this.bytes(fields.filter)
    this.end()
  }

  /** Drops every capability outside the mask from the bounding set and clears the ambient set. (container, probe) */
  capabilityBounds(fields: CapabilityBounds): void {
    this.begin(55, 'capability_bounds')
    this.u64(fields.bounding)
    this.end()
  }

  /** setgroups, setresgid, setresuid (keeping capabilities). groups: u32 each. (container, probe) */
  user(fields: User): void {
    this.begin(56, 'user')
    this.u64(fields.uid)
    this.u64(fields.gid)
    this.bytes(fields.groups)
    this.end()
  }

  /** capset(2), then the ambient set. (container, monitor, probe) */
  capabilities(fields: Capabilities): void {
    this.begin(57, 'capabilities')
    this.u64(fields.effective)
    this.u64(fields.permitted)
    this.u64(fields.inheritable)
    this.u64(fields.ambient)
    this.end()
  }

  /** chdir, with the directory made when it is missing and `create`; then getcwd(3) must begin with "/": a directory outside the root is refused (EXDEV). (container, probe) */
  workingDirectory(fields: WorkingDirectory): void {
    this.begin(58, 'working_directory')
    this.str(fields.path)
    this.u64(fields.create)
    this.u64(fields.uid)
    this.u64(fields.gid)
    this.end()
  }

  /** umask(2). (container, probe) */
  umask(fields: Umask): void {
    this.begin(59, 'umask')
    this.u64(fields.mask)
    this.end()
  }

  /** execve(2), the last operation. A file without a slash is looked up in `path` (colon-separated), after the user has changed. (container, probe) */
  execute(fields: Execute): void {
    this.begin(60, 'execute')
    this.str(fields.file)
    this.str(fields.path)
    this.list(fields.argv)
    this.list(fields.envp)
    this.end()
  }

  /** The name of the supervisor in ps(1) (PR_SET_NAME, 15 bytes). (monitor, prepare, container) */
  title(fields: Title): void {
    this.begin(70, 'title')
    this.str(fields.text)
    this.end()
  }

  /** Whether the program is started again when it has ended (restartPolicies), and how often in a row at most (onFailure; 0: any number). After 100 ms, twice as long each time up to a minute; from the beginning after a run of 10 s. (monitor) */
  restartPolicy(fields: RestartPolicy): void {
    this.begin(71, 'restart_policy')
    this.u64(fields.policy)
    this.u64(fields.maximum)
    this.end()
  }

  /** The process of the probe section is run `interval` after the start and after the end of the one before (`startInterval` while it has not been healthy during `startPeriod`), all in ms; after `timeout` it is killed, and its output is `expired`. `retries` failures in a row, not those of the beginning during `startPeriod`, make the container unhealthy, one success healthy. The last results are kept in the record `health`. `cgroup`: the v2 directory below which it is born, or empty. (monitor) */
  health(fields: Health): void {
    this.begin(72, 'health')
    this.u64(fields.interval)
    this.u64(fields.timeout)
    this.u64(fields.startPeriod)
    this.u64(fields.startInterval)
    this.u64(fields.retries)
    this.str(fields.expired)
    this.str(fields.cgroup)
    this.end()
  }

  /** The journal of events that `event` is about: opened when something happens, appended to under flock(2) of `lock`. A file that a line would make longer than `maximumBytes` becomes `path`.1, and that `path`.2, up to `files` in all. (prepare) */
  journal(fields: Journal): void {
    this.begin(73, 'journal')
    this.str(fields.path)
    this.str(fields.lock)
    this.u64(fields.maximumBytes)
    this.u64(fields.files)
    this.end()
  }

  /** The beginning of a line of the journal for a moment (moments); its time follows. The byte 1 in it stands for the value. A task plan of such operations in the file `events` of the run directory, in its container section, replaces those of this one. (prepare, container) */
  event(fields: Event): void {
    this.begin(74, 'event')
    this.u64(fields.moment)
    this.str(fields.text)
    this.end()
  }

  /** setns(2) into those namespaces of the container's first process. (probe) */
  joinProgram(fields: JoinProgram): void {
    this.begin(75, 'join_program')
    this.u64(fields.flags)
    this.end()
  }

  /** The cgroup directory that `signal` with `everyone` kills, when it is not the teardown's. `session`: only those in it that are of the process's session. (prepare) */
  ownCgroup(fields: OwnCgroup): void {
    this.begin(76, 'own_cgroup')
    this.str(fields.path)
    this.u64(fields.session)
    this.end()
  }

  /** The program does not outlive the connection of the engine that spawned us: when that ends, everybody in the cgroup is killed, and the program is not started again. (prepare) */
  lifeline(): void {
    this.begin(77, 'lifeline')
    this.end()
  }

  /** lchown(2) of a file in a directory that the engine owns. (container) */
  changeOwner(fields: ChangeOwner): void {
    this.begin(78, 'change_owner')
    this.str(fields.path)
    this.u64(fields.uid)
    this.u64(fields.gid)
    this.end()
  }

  /** Kills what is left in a cgroup directory: cgroup.kill, else SIGKILL by pid until `cgroup.procs` is empty (bounded). (teardown) */
  cgroupKill(fields: CgroupKill): void {
    this.begin(80, 'cgroup_kill')
    this.str(fields.path)
    this.end()
  }

  /** rmdir of a cgroup directory and the ones below it, waiting (bounded) while EBUSY. (teardown) */
  cgroupRemove(fields: CgroupRemove): void {
    this.begin(81, 'cgroup_remove')
    this.str(fields.path)
    this.end()
  }

  /** Removes a file or a directory tree by descriptor, following no symlink and crossing no mount. (teardown) */
  removeTree(fields: RemoveTree): void {
    this.begin(82, 'remove_tree')
    this.str(fields.path)
    this.end()
  }

  /** rmdir of a cgroup directory; that somebody is in it still (EBUSY) is success. (teardown) */
  cgroupLeave(fields: CgroupLeave): void {
    this.begin(84, 'cgroup_leave')
    this.str(fields.path)
    this.end()
  }

  /** unlink(2). (teardown) */
  removeFile(fields: RemoveFile): void {
    this.begin(83, 'remove_file')
    this.str(fields.path)
    this.end()
  }

  /** Gives the file of the lock a name, if it has none: it was opened with O_TMPFILE, so that nothing is left of it when nobody comes to this. (container) */
  nameLock(fields: NameLock): void {
    this.begin(120, 'name_lock')
    this.str(fields.path)
    this.end()
  }

  /** The last operation of its section. Sends `started`, and waits until the connection of the engine that spawned us ends, in whatever way. Then the task plans that are in the directory are executed, whose names begin with the digit of their turn: first the sections `ending` of all, then the sections `teardown` of those that begin with 1, with 2, with 3; then the section teardown of this plan, and, with the lock given back, that of the plan `4-root`. What a plan has locked is free at its end. A file that is no plan is passed over. What follows a guard is a number of operations, `skip`, that are passed over when it says so. (container) */
  awaitEnd(fields: AwaitEnd): void {
    this.begin(110, 'await_end')
    this.str(fields.directory)
    this.end()
  }

  /** Sends a frame to the supervisor that listens in a run directory; that there is none is success. (ending) */
  tell(fields: Tell): void {
    this.begin(111, 'tell')
    this.str(fields.path)
    this.bytes(fields.frame)
    this.end()
  }

  /** Takes the lock of a run directory that is there, telling its supervisor the frame until that has gone. Fails, and skips, when so many ms after the end of the connection it is still held. (teardown) */
  claimRun(fields: ClaimRun): void {
    this.begin(112, 'claim_run')
    this.str(fields.path)
    this.bytes(fields.frame)
    this.u64(fields.patience)
    this.u64(fields.skip)
    this.end()
  }

  /** Executes the sections ending and teardown of the task plan in a file, if it is there; skips when something of it fails. (teardown) */
  undoRun(fields: UndoRun): void {
    this.begin(113, 'undo_run')
    this.str(fields.path)
    this.u64(fields.skip)
    this.end()
  }

  /** Unmounts all that is mounted at a path, first of all from the groups that it propagates to; of what is in use, lazily. (teardown) */
  unmount(fields: Unmount): void {
    this.begin(114, 'unmount')
    this.str(fields.path)
    this.end()
  }

  /** remove_tree of all that is in the directory, begins with the prefix, which is not empty, and ends with the suffix. (teardown) */
  removeMatching(fields: RemoveMatching): void {
    this.begin(115, 'remove_matching')
    this.str(fields.directory)
    this.str(fields.prefix)
    this.str(fields.suffix)
    this.end()
  }

  /** Removes the files in a directory whose lock (flock(2)) nobody has. (teardown) */
  removeFreeLocks(fields: RemoveFreeLocks): void {
    this.begin(121, 'remove_free_locks')
    this.str(fields.directory)
    this.end()
  }

  /** Removes the run directories in a directory, whose names do not begin with a dot, that nobody has locked, and that have nothing but their lock and the marks `removed` and `copied`: who made them was killed before anything was begun, or when all was undone. (teardown) */
  removeIdleRuns(fields: RemoveIdleRuns): void {
    this.begin(122, 'remove_idle_runs')
    this.str(fields.directory)
    this.end()
  }

  /** Takes the lock (flock(2)) of a file, until the end of the plan; skips when somebody has it so many ms after the end of the connection. That there is no such file is as good. (teardown) */
  guardLock(fields: GuardLock): void {
    this.begin(116, 'guard_lock')
    this.str(fields.path)
    this.u64(fields.patience)
    this.u64(fields.skip)
    this.end()
  }

  /** Skips when a directory is there and has something in it, for so many ms after the end of the connection. (teardown) */
  guardEmpty(fields: GuardEmpty): void {
    this.begin(117, 'guard_empty')
    this.str(fields.directory)
    this.u64(fields.patience)
    this.u64(fields.skip)
    this.end()
  }

  /** Skips unless the file is there and its beginning (4 KiB) has the text in it. (teardown) */
  guardText(fields: GuardText): void {
    this.begin(118, 'guard_text')
    this.str(fields.path)
    this.str(fields.text)
    this.u64(fields.skip)
    this.end()
  }

  /** Skips when nftables has a table whose name begins with the prefix, and is not `own`, or cannot be asked. (teardown) */
  guardTables(fields: GuardTables): void {
    this.begin(119, 'guard_tables')
    this.str(fields.prefix)
    this.str(fields.own)
    this.u64(fields.skip)
    this.end()
  }

  /** Skips unless there is an interface of that name, of that group. (teardown) */
  guardLink(fields: GuardLink): void {
    this.begin(123, 'guard_link')
    this.str(fields.name)
    this.u64(fields.group)
    this.u64(fields.skip)
    this.end()
  }

  /** Skips when a bridge has ports for so many ms after the end of the connection, or the kernel cannot be asked. (teardown) */
  guardPorts(fields: GuardPorts): void {
    this.begin(124, 'guard_ports')
    this.str(fields.bridge)
    this.u64(fields.patience)
    this.u64(fields.skip)
    this.end()
  }
}

/** First frame on an accepted connection. phase: 0 starting, 1 running, 2 exited, 3 restarting. logBytes: of everything that was ever logged in this run, rotated files included. logDropped: bytes of output that the log could not take. */
export interface HelloFrame {
  readonly type: 'hello'
  readonly fingerprint: number
  readonly phase: number
  readonly pid: number
  readonly startedAtNs: bigint
  readonly logBytes: number
  readonly restarts: number
  readonly paused: number
  readonly logDropped: number
}

/** The program runs (its exec was confirmed): for the first time, or again. Realtime nanoseconds. restarts: how often it was started again in this run. */
export interface StartedFrame {
  readonly type: 'started'
  readonly pid: number
  readonly startedAtNs: bigint
  readonly restarts: number
}

/** A step failed; tail: the path or name it was about. The teardown has run or follows. Of a start within a run: exited comes next, about the program before. */
export interface FailedFrame {
  readonly type: 'failed'
  readonly step: number
  readonly opcode: number
  readonly errno: number
  readonly section: number
  readonly text: string
}

/** Raw output. */
export interface StdoutFrame {
  readonly type: 'stdout'
  readonly data: Uint8Array
}

/** Raw output. */
export interface StderrFrame {
  readonly type: 'stderr'
  readonly data: Uint8Array
}

/** The end of the run, after all output. status: exit code, or signal number when signaled is 1. startedAtNs: of the last start. */
export interface ExitedFrame {
  readonly type: 'exited'
  readonly signaled: number
  readonly status: number
  readonly oomKilled: number
  readonly finishedAtNs: bigint
  readonly restarts: number
  readonly logDropped: number
  readonly startedAtNs: bigint
}

/** The teardown has run; the first failure, if any. The supervisor exits after it. */
export interface TorndownFrame {
  readonly type: 'torndown'
  readonly failures: number
  readonly step: number
  readonly errno: number
}

/** Answers attach: output after this many bytes of the log follows. */
export interface AttachedFrame {
  readonly type: 'attached'
  readonly logBytes: number
}

/** Task mode: all steps done. */
export interface CompletedFrame {
  readonly type: 'completed'
}

/** Answers freeze: whether the client holds the container now; errno 0: done. */
export interface FrozenFrame {
  readonly type: 'frozen'
  readonly hold: number
  readonly errno: number
}

/** The program has ended, as in exited, and is started again after `delay` ms. Then comes started, or exited after all. */
export interface RestartingFrame {
  readonly type: 'restarting'
  readonly signaled: number
  readonly status: number
  readonly oomKilled: number
  readonly finishedAtNs: bigint
  readonly restarts: number
  readonly delay: number
}

/** Answers signal and policy, in their order. 0: it was done; ESRCH: there is no program any more. */
export interface DoneFrame {
  readonly type: 'done'
  readonly errno: number
}

/** After each health check, to all clients. status: 1 starting, 2 healthy, 3 unhealthy; streak: failures in a row. */
export interface HealthFrame {
  readonly type: 'health'
  readonly status: number
  readonly streak: number
}

/** Answers resolve. 0: the sockets are open; EADDRINUSE: the container has a name server on port 53 itself, and the kernel no rules that lead past it; ENODEV: its plan has no `resolver`. */
export interface ResolvingFrame {
  readonly type: 'resolving'
  readonly errno: number
}

/** Bits: 1 stdin, 2 stdout, 4 stderr; in place of those before. 0 lets go of all. */
export interface AttachFrame {
  readonly type: 'attach'
  readonly streams: number
}

/** Input, with backpressure by the socket. */
export interface StdinFrame {
  readonly type: 'stdin'
  readonly data: Uint8Array
}

/** No more input from this client. */
export interface StdinEndFrame {
  readonly type: 'stdinEnd'
}

/** TIOCSWINSZ of the terminal. */
export interface ResizeFrame {
  readonly type: 'resize'
  readonly rows: number
  readonly columns: number
}

/** Signals the main process by pidfd (0: nobody); everyone: all in its cgroups as well (SIGKILL only); final: it is not started again, whatever its policy, and not waited for when it is about to be. Answered by done. */
export interface SignalFrame {
  readonly type: 'signal'
  readonly signal: number
  readonly everyone: number
  readonly final: number
}

/** Opens the sockets of the resolver, for a container that came to a network with names while it ran. */
export interface ResolveFrame {
  readonly type: 'resolve'
}

/** Another restart_policy, from now on. Answered by done. */
export interface PolicyFrame {
  readonly type: 'policy'
  readonly policy: number
  readonly maximum: number
}

/** Suspends the container as long as this client, or another one, holds it: until hold 0, the end of the connection, or a SIGKILL. lasting: for all clients, until somebody says hold 0 and lasting; the record says `paused`. Answered by frozen; errno EALREADY when it is, or is not, paused already. */
export interface FreezeFrame {
  readonly type: 'freeze'
  readonly hold: number
  readonly lasting: number
}

/** What travels on the control socket, told apart by `type`. */
export type Frame =
  | HelloFrame
  | StartedFrame
  | FailedFrame
  | StdoutFrame
  | StderrFrame
  | ExitedFrame
  | TorndownFrame
  | AttachedFrame
  | CompletedFrame
  | FrozenFrame
  | RestartingFrame
  | DoneFrame
  | HealthFrame
  | ResolvingFrame
  | AttachFrame
  | StdinFrame
  | StdinEndFrame
  | ResizeFrame
  | SignalFrame
  | ResolveFrame
  | PolicyFrame
  | FreezeFrame

/** Frame codes by name. */
export const frameCodes = {
  hello: 1,
  started: 2,
  failed: 3,
  stdout: 4,
  stderr: 5,
  exited: 6,
  torndown: 7,
  attached: 8,
  completed: 9,
  frozen: 10,
  restarting: 12,
  done: 13,
  health: 14,
  resolving: 11,
  attach: 32,
  stdin: 33,
  stdinEnd: 34,
  resize: 35,
  signal: 36,
  resolve: 38,
  policy: 39,
  freeze: 37,
} as const

const layouts: readonly FrameLayout[] = [
  { name: 'hello', code: 1, fields: ['fingerprint', 'phase', 'pid', 'startedAtNs', 'logBytes', 'restarts', 'paused', 'logDropped'], tail: undefined },
  { name: 'started', code: 2, fields: ['pid', 'startedAtNs', 'restarts'], tail: undefined },
  { name: 'failed', code: 3, fields: ['step', 'opcode', 'errno', 'section'], tail: 'str' },
  { name: 'stdout', code: 4, fields: [], tail: 'bytes' },
  { name: 'stderr', code: 5, fields: [], tail: 'bytes' },
  { name: 'exited', code: 6, fields: ['signaled', 'status', 'oomKilled', 'finishedAtNs', 'restarts', 'logDropped', 'startedAtNs'], tail: undefined },
  { name: 'torndown', code: 7, fields: ['failures', 'step', 'errno'], tail: undefined },
  { name: 'attached', code: 8, fields: ['logBytes'], tail: undefined },
  { name: 'completed', code: 9, fields: [], tail: undefined },
  { name: 'frozen', code: 10, fields: ['hold', 'errno'], tail: undefined },
  { name: 'restarting', code: 12, fields: ['signaled', 'status', 'oomKilled', 'finishedAtNs', 'restarts', 'delay'], tail: undefined },
  { name: 'done', code: 13, fields: ['errno'], tail: undefined },
  { name: 'health', code: 14, fields: ['status', 'streak'], tail: undefined },
  { name: 'resolving', code: 11, fields: ['errno'], tail: undefined },
  { name: 'attach', code: 32, fields: ['streams'], tail: undefined },
  { name: 'stdin', code: 33, fields: [], tail: 'bytes' },
  { name: 'stdinEnd', code: 34, fields: [], tail: undefined },
  { name: 'resize', code: 35, fields: ['rows', 'columns'], tail: undefined },
  { name: 'signal', code: 36, fields: ['signal', 'everyone', 'final'], tail: undefined },
  { name: 'resolve', code: 38, fields: [], tail: undefined },
  { name: 'policy', code: 39, fields: ['policy', 'maximum'], tail: undefined },
  { name: 'freeze', code: 37, fields: ['hold', 'lasting'], tail: undefined },
]

/** `encodeFrame(frame)`: header and payload. `decodeFrame(type, payload)`: the frame; RangeError when it is malformed. */
export const { encodeFrame, decodeFrame } = frameCodec<Frame>(layouts)
