// The one table of what the engine may ask of the supervisor. `generate.mjs` turns it into the encoder
// (`src/launch/protocol.gen.ts`) and the decoder's schema (`native/supervisor/protocol.gen.h`).
//
// A plan is little-endian and 8-byte aligned throughout:
//
//   header   u32 magic "INBP"   u32 fingerprint (of this table)   u32 length (whole plan)   u32 mode
//            u32 faultStep (0xffffffff: none)   u32 faultKind (0 none, 1 fail with EIO, 2 SIGKILL itself)
//            u32 faultRound (how often the program was started again by then)   u32 faultPoint (faultPoints, instead of a step)
//   then operations, each
//            u32 opcode   u32 length (of the fields, a multiple of 8)   fields in the table's order
//
//   u64      8 bytes (two's complement for negative numbers)
//   str      u32 length without NUL, u32 0, bytes, NUL, zero padding to 8; holds no NUL inside
//   bytes    u32 length, u32 0, bytes, zero padding to 8
//   list     u32 length of the data, u32 count, data = count NUL-terminated strings, zero padding to 8
//
// `section` operations divide the plan. Sections appear at most once, in this order. A *step* is an operation's index in
// the plan, counted from 0, `section` operations included; failures and failpoints name steps.
//
//   prepare    the supervisor, in the host's namespaces, before the container exists
//   beside     the supervisor, after the clone and at the same time as the container section
//   container  the container's first process (mode run), the exec'd process (exec), or the supervisor itself (task)
//   probe      the process of a health check, each time
//   monitor    the supervisor, once the program is confirmed to run
//   ending     the supervisor, when the program has ended, before anyone is told, or could not be started: what others
//              would take for a sign of life (names, ports, addresses on a bridge). Every operation is tried, "already gone" is success
//   teardown   the supervisor, after that; likewise
//
// A program that is started again within its run (`restart_policy`) goes through those operations of prepare and beside
// that say `again`, and through the whole container section; everything else is there still.
//
// A *slot* is an index into the supervisor's descriptor table. The engine fills slots 0.. with the descriptors it
// passes at spawn; `tree_open` and `device_node` fill further ones. All are close-on-exec.

export const magic = 0x50424e49

export const modes = { run: 0, exec: 1, task: 2 }

export const sections = { prepare: 1, beside: 2, container: 3, probe: 4, monitor: 5, ending: 6, teardown: 7 }

/** Bounds that the decoder enforces; the encoder refuses to exceed them. */
export const limits = {
  planBytes: 64 * 1024 * 1024,
  operations: 65536,
  fields: 10,
  slots: 1024,
  clients: 4096,
}

/** Descriptors at spawn: 0-2 are /dev/null, then these, then the slots. */
export const descriptors = { plan: 3, status: 4, lock: 5, firstSlot: 6 }

/** `flags` of `mount`, `tree_attach` and the path operations: how the target inside the container's root is found. */
export const targetFlags = {
  /** Refuse any symlink in the path. */
  noSymlinks: 1,
  /** Create a missing target as a directory (and its missing parents, 0755 root). */
  createDirectory: 2,
  /** Create a missing target as an empty file (and its missing parents). Both: as the attached tree's root is. */
  createFile: 4,
  /** ENODEV, ENOENT and EPERM of the mount are success: the kernel lacks the filesystem. */
  optional: 8,
}

/** `recursive` of `tree_attach`: what reaches the mounts below the tree's root as well; and whether `tree_share` comes later. */
export const treeFlags = {
  attributes: 1,
  propagation: 2,
  sharedLater: 4,
}

export const stdioKinds = { null: 0, pipes: 1, tty: 2, slots: 3 }

export const stdioFlags = {
  /** Give the process a stdin; without it stdin is /dev/null (pipes) or unread (tty). */
  stdin: 1,
  /** The status connection is attached from the first byte. */
  attached: 2,
  /** Close stdin when the last client that has attached it has sent its end or gone (who has only gone does not end a terminal's). Without it stdin never ends. */
  stdinOnce: 4,
  /** A client that reads slowly slows the process down, instead of being spilled to a file. */
  backpressure: 8,
}

/** Whose socket a batch of `netlink` goes through. */
export const netlinkSockets = {
  /** An rtnetlink socket of the supervisor's in the host's network namespace. */
  host: 0,
  /** An rtnetlink socket in the namespace that `network_namespace` has made. */
  container: 1,
  /** The netlink socket in a slot (nfnetlink: who closes one after a change may wait, so the engine keeps it open). */
  slot: 2,
  /** An nfnetlink socket of the supervisor's own in the host's network namespace. */
  filter: 3,
}

/**
 * Whether the program is started again when it has ended. `unlessStopped` differs from `always` only after a reboot. `once`
 * comes while it runs: at its next end, without a delay; then it is `no`, whatever has become of who asked for it.
 */
export const restartPolicies = { no: 0, onFailure: 1, always: 2, unlessStopped: 3, once: 4 }

/** How the log is kept. */
export const logFormats = { jsonFile: 0, local: 1 }

/** What the supervisor tells the journal of events. */
export const moments = {
  /** The program runs: for the first time in this run, or again. */
  started: 1,
  /** It has ended. The value is the exit code. */
  died: 2,
  /** The kernel has killed something in it for lack of memory. */
  oom: 3,
  paused: 4,
  unpaused: 5,
  /** A health check: its process is made, and starts. The value is the id that it has as an exec. */
  probeCreated: 6,
  probeStarted: 7,
  /** It has ended. The value is its id, the two strings' quotes and the comma between them, and its exit code: `ID","exitCode":"0`. */
  probeDied: 8,
  /** The value is `healthy` or `unhealthy`. */
  health: 9,
}

/** Between the steps of a plan: where the supervisor is made to kill itself; tests only. */
export const faultPoints = {
  none: 0,
  /** The program is confirmed; neither on record nor told. */
  confirmed: 1,
  /** That it runs is on record. */
  running: 2,
  /** It has ended, and nobody knows. */
  ended: 3,
  /** What comes is on record: the end of the run, or that it is started again. */
  recorded: 4,
  /** It was told. */
  told: 5,
  /** What was left of the program is killed, and not reaped. */
  killed: 6,
  reaped: 7,
  /** The wait for the next start is over. */
  waited: 8,
}

export const protocols = { tcp: 6, udp: 17, sctp: 132 }

export const operations = [
  // ---- structure -------------------------------------------------------------------------------------------------
  { code: 1, name: 'section', fields: { kind: 'u64' }, doc: 'Begins a section.' },

  // ---- prepare ---------------------------------------------------------------------------------------------------
  {
    code: 10,
    name: 'run_directory',
    in: ['prepare'],
    fields: { path: 'str' },
    doc: 'Opens the existing 0700 run directory: `state` and `exit` records are renamed into it, `sock` is bound and listened on in it (mode 0600).',
  },
  {
    code: 95,
    name: 'exec_record',
    in: ['beside'],
    fields: { directory: 'str', socket: 'str' },
    doc: 'Exec mode: binds the name `socket` (mode 0600) in the existing 0700 directory and listens on it. The file of the lock is the record: a line is appended when the program runs, and one when it has ended; room for both is taken now.',
  },
  {
    code: 11,
    name: 'make_directory',
    in: ['beside', 'prepare', 'teardown', 'container'],
    fields: { path: 'str', mode: 'u64', existOk: 'u64' },
    doc: 'mkdir(2) on a path the engine owns; the mode is exact whatever the umask.',
  },
  {
    code: 12,
    name: 'write_file',
    in: ['prepare', 'container', 'teardown'],
    fields: { path: 'str', mode: 'u64', data: 'bytes' },
    doc: 'Creates or truncates (O_CREAT|O_TRUNC|O_NOFOLLOW) a file in a directory the engine owns, with the exact mode.',
  },
  {
    code: 13,
    name: 'write_knob',
    in: ['beside', 'prepare', 'monitor', 'teardown'],
    fields: { path: 'str', value: 'str', optional: 'u64' },
    doc: 'One write(2) to an existing kernel file (a cgroup knob). `optional`: any failure is success.',
  },
  {
    code: 14,
    name: 'open_log',
    in: ['beside', 'prepare'],
    fields: {
      path: 'str',
      mode: 'u64',
      format: 'u64',
      maximumBytes: 'u64',
      files: 'u64',
      compress: 'u64',
      attributes: 'str',
    },
    doc: "Opens (append, create) the log; all output of the container goes there too. Format jsonFile is Docker's: one object a line: log, stream, time; lines over 16 KiB in parts. A file that has reached `maximumBytes` (0: no limit) becomes `path`.1, and that `path`.2, up to `files` in all; with `compress`, `path`.1.gz soon. `attributes` is put into every object, before its time: empty, or members with their commas. Format local is described in log.h.",
  },
  {
    code: 15,
    name: 'stdio',
    in: ['prepare'],
    fields: { kind: 'u64', flags: 'u64', rows: 'u64', columns: 'u64', slotIn: 'u64', slotOut: 'u64', slotErr: 'u64' },
    doc: 'How the process gets its descriptors 0-2. Kind slots: the given slots, untouched by the supervisor. Kind tty: `console` makes it.',
  },
  {
    code: 16,
    name: 'oom_counter',
    in: ['beside', 'prepare'],
    fields: { path: 'str' },
    doc: 'The memory.oom_control (v1) or memory.events (v2) whose `oom_kill` count, when it is above zero at exit, makes the exit record say so.',
  },
  {
    code: 47,
    name: 'freezer',
    in: ['beside', 'prepare'],
    fields: { path: 'str', frozen: 'str', thawed: 'str' },
    doc: 'The cgroup knob (freezer.state, cgroup.freeze) that suspends the container while clients ask for it by `freeze`, and what to write there.',
  },
  {
    code: 46,
    name: 'device_filter',
    in: ['prepare'],
    fields: { cgroup: 'str', program: 'bytes' },
    doc: 'Loads an eBPF program (BPF_PROG_TYPE_CGROUP_DEVICE, struct bpf_insn[]) and attaches it to a cgroup v2 directory.',
  },
  {
    code: 17,
    name: 'clone',
    in: ['prepare'],
    again: true,
    fields: { flags: 'u64', cgroup: 'str' },
    doc: 'clone3 with a pidfd; ends the section. A `cgroup` that is not empty is a cgroup v2 directory to be born in (CLONE_INTO_CGROUP).',
  },
  {
    code: 18,
    name: 'network_namespace',
    in: ['beside'],
    again: true,
    fields: {},
    doc: 'Makes a network namespace, opens an rtnetlink socket in it, keeps both until `network_end`, and hands the namespace to `network_join` at once.',
  },
  {
    code: 61,
    name: 'netlink',
    in: ['beside', 'ending', 'teardown'],
    fields: { socket: 'u64', slot: 'u64', messages: 'bytes', link: 'str', linkAt: 'bytes', namespaceAt: 'u64' },
    doc: "Sends a batch of netlink messages and awaits the acknowledgements it asks for. Before that, the index of the interface `link` of that namespace is written at each offset of `linkAt` (u32 each), and the descriptor of the container's namespace at `namespaceAt` (0xffffffff: nowhere). In ending and teardown ENOENT, ENODEV and ESRCH are success.",
  },
  {
    code: 62,
    name: 'port',
    in: ['beside'],
    fields: { slot: 'u64', protocol: 'u64', address: 'bytes', port: 'u64' },
    doc: "Keeps the bound socket (TCP: it listens) in a slot until `network_end`: a published port is held. What reaches the socket itself, because no rule of the firewall leads it elsewhere, is relayed to the container's address (4 or 16 bytes) and port, by a process that is forked at the first of it.",
  },
  {
    code: 63,
    name: 'relay',
    in: ['beside'],
    fields: { filter: 'bytes' },
    doc: 'The seccomp filter (struct sock_filter[]) of the relay process; it has no capabilities, and no user but nobody.',
  },
  {
    code: 64,
    name: 'resolver',
    in: ['beside'],
    fields: {
      directory: 'str',
      view: 'str',
      filter: 'bytes',
      rules: 'bytes',
      udpAt: 'bytes',
      tcpAt: 'bytes',
      open: 'u64',
    },
    doc: "How the container's names are resolved: by a process that is forked at the first query to 127.0.0.11:53 in its network namespace, sees only `directory`, and reads `view` in it. Its sockets have any free ports of 127.0.0.11; `rules`, a batch of nfnetlink messages for that namespace, lead port 53 to them, whose numbers are written, in the network's order, at the offsets of `udpAt` and `tcpAt` (u32 each; two bytes of zeros follow). Where the kernel knows no such rules (ENOENT, EOPNOTSUPP, EPROTONOSUPPORT) they have port 53 itself. With `open` 0 all of that is made later, by the frame `resolve`.",
  },
  {
    code: 65,
    name: 'names_add',
    in: ['beside'],
    fields: { path: 'str', header: 'str', id: 'str', line: 'str' },
    doc: 'Puts a line that begins with `id` and a space into a record file, for any that it has there; a missing file begins with the line `header`. Both come without their newline. Under flock(2) of `path`.lock; written aside and renamed.',
  },
  {
    code: 66,
    name: 'names_remove',
    in: ['ending', 'teardown'],
    fields: { directory: 'str', view: 'str', id: 'str' },
    doc: 'Removes the lines of `id` from the record files of all networks that `view` in `directory` names, then removes `view`.',
  },
  {
    code: 67,
    name: 'network_end',
    in: ['ending'],
    fields: {},
    doc: 'Ends the resolver and the relay, closes their sockets, the held ports and the network namespace.',
  },
  {
    code: 19,
    name: 'release',
    in: ['beside'],
    again: true,
    fields: {},
    doc: 'Lets the container section go past its `await_release`.',
  },

  // ---- container: before the root changes (host paths) --------------------------------------------------------------
  {
    code: 20,
    name: 'cgroup_join',
    in: ['container', 'probe'],
    fields: { path: 'str' },
    doc: 'Writes "0" to the given `tasks` (v1) or `cgroup.procs` (v2) file. Single-threaded, so `tasks` moves the whole process without the RCU wait of cgroup.procs.',
  },
  { code: 21, name: 'unshare', in: ['container'], fields: { flags: 'u64' }, doc: 'unshare(2).' },
  {
    code: 22,
    name: 'setns',
    in: ['prepare', 'container'],
    fields: { slot: 'u64', flags: 'u64' },
    doc: 'setns(2) with a pidfd or a namespace descriptor.',
  },
  {
    code: 23,
    name: 'root_propagation',
    in: ['container'],
    fields: { flags: 'u64' },
    doc: 'mount(NULL, "/", NULL, flags, NULL).',
  },
  {
    code: 24,
    name: 'tree_open',
    in: ['container'],
    fields: { slot: 'u64', path: 'str', below: 'str', recursive: 'u64' },
    doc: 'open_tree(OPEN_TREE_CLONE) of a host path into a slot, to be attached after the pivot; with `below` of what is there in that directory, resolved as if it were the root (openat2, RESOLVE_IN_ROOT|RESOLVE_NO_MAGICLINKS).',
  },
  {
    code: 48,
    name: 'tree_take',
    in: ['container'],
    fields: { slot: 'u64', slotOwner: 'u64', path: 'str' },
    doc: 'open_tree(OPEN_TREE_CLONE) of a tmpfs of another container, the one whose first process is `slotOwner` (a pidfd), in its mount namespace, found without symlinks; EXDEV when something else is there.',
  },
  {
    code: 25,
    name: 'root_mount',
    in: ['container'],
    fields: { directory: 'str', source: 'str', target: 'str', fstype: 'str', flags: 'u64', data: 'str' },
    doc: "chdir(directory), then mount(2): the container's root filesystem, by engine-owned paths relative to `directory`.",
  },
  {
    code: 26,
    name: 'pivot_root',
    in: ['container'],
    fields: { directory: 'str' },
    doc: 'chdir, pivot_root(".", "."), umount2(".", MNT_DETACH), chdir("/"): from here every path is inside the container.',
  },

  // ---- container: after the root has changed (hostile paths, resolved by openat2 with RESOLVE_IN_ROOT|RESOLVE_NO_MAGICLINKS) -
  {
    code: 30,
    name: 'mount',
    in: ['container'],
    fields: { source: 'str', target: 'str', fstype: 'str', flags: 'u64', data: 'str', targetFlags: 'u64' },
    doc: 'Mounts a new filesystem on the opened target, never on its path.',
  },
  {
    code: 31,
    name: 'tree_attach',
    in: ['container'],
    fields: {
      slot: 'u64',
      target: 'str',
      attrSet: 'u64',
      attrClear: 'u64',
      propagation: 'u64',
      recursive: 'u64',
      targetFlags: 'u64',
    },
    doc: 'mount_setattr(2) on the detached tree (MOUNT_ATTR_*, propagation MS_*; each with AT_RECURSIVE where `recursive`, of treeFlags, says so), then move_mount(2) onto the opened target. With `sharedLater` its root is private for now, and the slot stays.',
  },
  {
    code: 32,
    name: 'tree_share',
    in: ['container'],
    fields: { slot: 'u64', slotPeer: 'u64' },
    doc: "Makes an attached tree's root a peer of the tree in `slotPeer` (MOVE_MOUNT_SET_GROUP), so that what was mounted below it before is not mounted on the host as well; shared in a group of its own where the peer is private.",
  },
  {
    code: 33,
    name: 'device_node',
    in: ['container'],
    fields: { path: 'str', mode: 'u64', device: 'u64', uid: 'u64', gid: 'u64' },
    doc: 'mknod(2), exact mode, in an opened parent that was reached without symlinks; an existing node of the same kind and number is success. mode has the S_IF bits; device is makedev(3).',
  },
  {
    code: 34,
    name: 'symlink',
    in: ['container'],
    fields: { target: 'str', path: 'str' },
    doc: 'symlinkat(2); an existing name is left.',
  },
  {
    code: 35,
    name: 'mask',
    in: ['container'],
    fields: { path: 'str' },
    doc: 'Hides a path: a file under the verified null device, a directory under an empty read-only tmpfs (size=4k,nr_inodes=1). A missing path is success.',
  },
  {
    code: 36,
    name: 'read_only',
    in: ['container'],
    fields: { path: 'str' },
    doc: 'Binds a path onto itself read-only, recursively, keeping nosuid,nodev,noexec. A missing path is success.',
  },
  {
    code: 37,
    name: 'remount',
    in: ['container'],
    fields: { target: 'str', flags: 'u64' },
    doc: 'mount(MS_REMOUNT|MS_BIND|flags) of the opened target.',
  },
  {
    code: 38,
    name: 'sysctl',
    in: ['container'],
    fields: { name: 'str', value: 'str' },
    doc: 'Writes /proc/sys/<name with slashes>, verified to be on procfs.',
  },
  { code: 39, name: 'hostname', in: ['container'], fields: { name: 'str' }, doc: 'sethostname(2).' },
  { code: 40, name: 'domainname', in: ['container'], fields: { name: 'str' }, doc: 'setdomainname(2).' },
  {
    code: 42,
    name: 'console',
    in: ['container'],
    fields: { uid: 'u64', bind: 'u64' },
    doc: 'Opens a pty pair of the devpts on /dev/pts, owned by uid, hands the master to the supervisor, makes the slave stdio and the controlling terminal; `bind`: mounts it on /dev/console.',
  },
  {
    code: 44,
    name: 'network_join',
    in: ['container'],
    fields: {},
    doc: 'Awaits the namespace of `network_namespace` and enters it; sysfs is mounted after it. What is configured in it afterwards is awaited by a second `await_release`.',
  },
  {
    code: 45,
    name: 'await_release',
    in: ['container'],
    fields: {},
    doc: 'Waits for `release`. What is awaited comes in the order of the beside section.',
  },
  {
    code: 94,
    name: 'lend_root',
    in: ['container'],
    fields: {},
    doc: 'Task mode: tells by `started` that this process has its root, and waits for the end of the connection: the engine opens that root and its mount namespace by /proc meanwhile.',
  },

  // ---- container: the process itself ---------------------------------------------------------------------------------
  {
    code: 50,
    name: 'rlimit',
    in: ['container', 'probe'],
    fields: { resource: 'u64', soft: 'u64', hard: 'u64' },
    doc: 'setrlimit(2).',
  },
  {
    code: 51,
    name: 'oom_score_adj',
    in: ['container', 'prepare', 'probe'],
    fields: { value: 'u64', optional: 'u64' },
    doc: '/proc/self/oom_score_adj; in `prepare` of the supervisor itself.',
  },
  {
    code: 52,
    name: 'session_keyring',
    in: ['container', 'probe'],
    fields: { name: 'str' },
    doc: 'keyctl(KEYCTL_JOIN_SESSION_KEYRING); ENOSYS is success.',
  },
  { code: 53, name: 'no_new_privileges', in: ['container', 'probe'], fields: {}, doc: 'prctl(PR_SET_NO_NEW_PRIVS).' },
  {
    code: 54,
    name: 'seccomp',
    in: ['container', 'probe'],
    fields: { flags: 'u64', filter: 'bytes' },
    doc: 'seccomp(SECCOMP_SET_MODE_FILTER) of struct sock_filter[].',
  },
  {
    code: 55,
    name: 'capability_bounds',
    in: ['container', 'probe'],
    fields: { bounding: 'u64' },
    doc: 'Drops every capability outside the mask from the bounding set and clears the ambient set.',
  },
  {
    code: 56,
    name: 'user',
    in: ['container', 'probe'],
    fields: { uid: 'u64', gid: 'u64', groups: 'bytes' },
    doc: 'setgroups, setresgid, setresuid (keeping capabilities). groups: u32 each.',
  },
  {
    code: 57,
    name: 'capabilities',
    in: ['container', 'monitor', 'probe'],
    fields: { effective: 'u64', permitted: 'u64', inheritable: 'u64', ambient: 'u64' },
    doc: 'capset(2), then the ambient set.',
  },
  {
    code: 58,
    name: 'working_directory',
    in: ['container', 'probe'],
    fields: { path: 'str', create: 'u64', uid: 'u64', gid: 'u64' },
    doc: 'chdir, with the directory made when it is missing and `create`; then getcwd(3) must begin with "/": a directory outside the root is refused (EXDEV).',
  },
  { code: 59, name: 'umask', in: ['container', 'probe'], fields: { mask: 'u64' }, doc: 'umask(2).' },
  {
    code: 60,
    name: 'execute',
    in: ['container', 'probe'],
    fields: { file: 'str', path: 'str', argv: 'list', envp: 'list' },
    doc: 'execve(2), the last operation. A file without a slash is looked up in `path` (colon-separated), after the user has changed.',
  },

  // ---- monitor -------------------------------------------------------------------------------------------------------
  {
    code: 70,
    name: 'title',
    in: ['monitor', 'prepare', 'container'],
    fields: { text: 'str' },
    doc: 'The name of the supervisor in ps(1) (PR_SET_NAME, 15 bytes).',
  },

  {
    code: 71,
    name: 'restart_policy',
    in: ['monitor'],
    fields: { policy: 'u64', maximum: 'u64' },
    doc: 'Whether the program is started again when it has ended (restartPolicies), and how often in a row at most (onFailure; 0: any number). After 100 ms, twice as long each time up to a minute; from the beginning after a run of 10 s.',
  },
  {
    code: 72,
    name: 'health',
    in: ['monitor'],
    fields: {
      interval: 'u64',
      timeout: 'u64',
      startPeriod: 'u64',
      startInterval: 'u64',
      retries: 'u64',
      expired: 'str',
      cgroup: 'str',
    },
    doc: 'The process of the probe section is run `interval` after the start and after the end of the one before (`startInterval` while it has not been healthy during `startPeriod`), all in ms; after `timeout` it is killed, and its output is `expired`. `retries` failures in a row, not those of the beginning during `startPeriod`, make the container unhealthy, one success healthy. The last results are kept in the record `health`. `cgroup`: the v2 directory below which it is born, or empty.',
  },
  {
    code: 73,
    name: 'journal',
    in: ['prepare'],
    fields: { path: 'str', lock: 'str', maximumBytes: 'u64', files: 'u64' },
    doc: 'The journal of events that `event` is about: opened when something happens, appended to under flock(2) of `lock`. A file that a line would make longer than `maximumBytes` becomes `path`.1, and that `path`.2, up to `files` in all.',
  },
  {
    code: 74,
    name: 'event',
    in: ['prepare', 'container'],
    fields: { moment: 'u64', text: 'str' },
    doc: 'The beginning of a line of the journal for a moment (moments); its time follows. The byte 1 in it stands for the value. A task plan of such operations in the file `events` of the run directory, in its container section, replaces those of this one.',
  },
  {
    code: 75,
    name: 'join_program',
    in: ['probe'],
    fields: { flags: 'u64' },
    doc: "setns(2) into those namespaces of the container's first process.",
  },
  {
    code: 76,
    name: 'own_cgroup',
    in: ['prepare'],
    fields: { path: 'str', session: 'u64' },
    doc: "The cgroup directory that `signal` with `everyone` kills, when it is not the teardown's. `session`: only those in it that are of the process's session.",
  },

  {
    code: 77,
    name: 'lifeline',
    in: ['prepare'],
    fields: {},
    doc: 'The program does not outlive the connection of the engine that spawned us: when that ends, everybody in the cgroup is killed, and the program is not started again.',
  },

  {
    code: 78,
    name: 'change_owner',
    in: ['container'],
    fields: { path: 'str', uid: 'u64', gid: 'u64' },
    doc: 'lchown(2) of a file in a directory that the engine owns.',
  },

  // ---- teardown ------------------------------------------------------------------------------------------------------
  {
    code: 80,
    name: 'cgroup_kill',
    in: ['teardown'],
    fields: { path: 'str' },
    doc: 'Kills what is left in a cgroup directory: cgroup.kill, else SIGKILL by pid until `cgroup.procs` is empty (bounded).',
  },
  {
    code: 81,
    name: 'cgroup_remove',
    in: ['teardown'],
    fields: { path: 'str' },
    doc: 'rmdir of a cgroup directory and the ones below it, waiting (bounded) while EBUSY.',
  },
  {
    code: 82,
    name: 'remove_tree',
    in: ['teardown'],
    fields: { path: 'str' },
    doc: 'Removes a file or a directory tree by descriptor, following no symlink and crossing no mount.',
  },
  {
    code: 84,
    name: 'cgroup_leave',
    in: ['teardown'],
    fields: { path: 'str' },
    doc: 'rmdir of a cgroup directory; that somebody is in it still (EBUSY) is success.',
  },
  { code: 83, name: 'remove_file', in: ['teardown'], fields: { path: 'str' }, doc: 'unlink(2).' },

  // ---- the keeper of what ends with its owner: a task whose container section is `await_end` -----------------------------
  {
    code: 120,
    name: 'name_lock',
    in: ['container'],
    fields: { path: 'str' },
    doc: 'Gives the file of the lock a name, if it has none: it was opened with O_TMPFILE, so that nothing is left of it when nobody comes to this.',
  },
  {
    code: 110,
    name: 'await_end',
    in: ['container'],
    fields: { directory: 'str' },
    doc: 'The last operation of its section. Sends `started`, and waits until the connection of the engine that spawned us ends, in whatever way. Then the task plans that are in the directory are executed, whose names begin with the digit of their turn: first the sections `ending` of all, then the sections `teardown` of those that begin with 1, with 2, with 3; then the section teardown of this plan, and, with the lock given back, that of the plan `4-root`. What a plan has locked is free at its end. A file that is no plan is passed over. What follows a guard is a number of operations, `skip`, that are passed over when it says so.',
  },
  {
    code: 111,
    name: 'tell',
    in: ['ending'],
    fields: { path: 'str', frame: 'bytes' },
    doc: 'Sends a frame to the supervisor that listens in a run directory; that there is none is success.',
  },
  {
    code: 112,
    name: 'claim_run',
    in: ['teardown'],
    fields: { path: 'str', frame: 'bytes', patience: 'u64', skip: 'u64' },
    doc: 'Takes the lock of a run directory that is there, telling its supervisor the frame until that has gone. Fails, and skips, when so many ms after the end of the connection it is still held.',
  },
  {
    code: 113,
    name: 'undo_run',
    in: ['teardown'],
    fields: { path: 'str', skip: 'u64' },
    doc: 'Executes the sections ending and teardown of the task plan in a file, if it is there; skips when something of it fails.',
  },
  {
    code: 114,
    name: 'unmount',
    in: ['teardown'],
    fields: { path: 'str' },
    doc: 'Unmounts all that is mounted at a path, first of all from the groups that it propagates to; of what is in use, lazily.',
  },
  {
    code: 115,
    name: 'remove_matching',
    in: ['teardown'],
    fields: { directory: 'str', prefix: 'str', suffix: 'str' },
    doc: 'remove_tree of all that is in the directory, begins with the prefix, which is not empty, and ends with the suffix.',
  },
  {
    code: 121,
    name: 'remove_free_locks',
    in: ['teardown'],
    fields: { directory: 'str' },
    doc: 'Removes the files in a directory whose lock (flock(2)) nobody has.',
  },
  {
    code: 122,
    name: 'remove_idle_runs',
    in: ['teardown'],
    fields: { directory: 'str' },
    doc: 'Removes the run directories in a directory, whose names do not begin with a dot, that nobody has locked, and that have nothing but their lock and the marks `removed` and `copied`: who made them was killed before anything was begun, or when all was undone.',
  },
  {
    code: 116,
    name: 'guard_lock',
    in: ['teardown'],
    fields: { path: 'str', patience: 'u64', skip: 'u64' },
    doc: 'Takes the lock (flock(2)) of a file, until the end of the plan; skips when somebody has it so many ms after the end of the connection. That there is no such file is as good.',
  },
  {
    code: 117,
    name: 'guard_empty',
    in: ['teardown'],
    fields: { directory: 'str', patience: 'u64', skip: 'u64' },
    doc: 'Skips when a directory is there and has something in it, for so many ms after the end of the connection.',
  },
  {
    code: 118,
    name: 'guard_text',
    in: ['teardown'],
    fields: { path: 'str', text: 'str', skip: 'u64' },
    doc: 'Skips unless the file is there and its beginning (4 KiB) has the text in it.',
  },
  {
    code: 119,
    name: 'guard_tables',
    in: ['teardown'],
    fields: { prefix: 'str', own: 'str', skip: 'u64' },
    doc: 'Skips when nftables has a table whose name begins with the prefix, and is not `own`, or cannot be asked.',
  },
  {
    code: 123,
    name: 'guard_link',
    in: ['teardown'],
    fields: { name: 'str', group: 'u64', skip: 'u64' },
    doc: 'Skips unless there is an interface of that name, of that group.',
  },
  {
    code: 124,
    name: 'guard_ports',
    in: ['teardown'],
    fields: { bridge: 'str', patience: 'u64', skip: 'u64' },
    doc: 'Skips when a bridge has ports for so many ms after the end of the connection, or the kernel cannot be asked.',
  },
]

/**
 * Frames of the control socket (`sock` in the run directory, and the status socket of the engine that spawned):
 * u8 type, u8 0, u16 0, u32 payload length, payload. Integers are little-endian u64 unless said otherwise.
 */
export const frames = {
  // supervisor → client
  hello: {
    code: 1,
    fields: ['fingerprint', 'phase', 'pid', 'startedAtNs', 'logBytes', 'restarts', 'paused', 'logDropped'],
    doc: 'First frame on an accepted connection. phase: 0 starting, 1 running, 2 exited, 3 restarting. logBytes: of everything that was ever logged in this run, rotated files included. logDropped: bytes of output that the log could not take.',
  },
  started: {
    code: 2,
    fields: ['pid', 'startedAtNs', 'restarts'],
    doc: 'The program runs (its exec was confirmed): for the first time, or again. Realtime nanoseconds. restarts: how often it was started again in this run.',
  },
  failed: {
    code: 3,
    fields: ['step', 'opcode', 'errno', 'section'],
    tail: 'str',
    doc: 'A step failed; tail: the path or name it was about. The teardown has run or follows. Of a start within a run: exited comes next, about the program before.',
  },
  stdout: { code: 4, tail: 'bytes', doc: 'Raw output.' },
  stderr: { code: 5, tail: 'bytes', doc: 'Raw output.' },
  exited: {
    code: 6,
    fields: ['signaled', 'status', 'oomKilled', 'finishedAtNs', 'restarts', 'logDropped', 'startedAtNs'],
    doc: 'The end of the run, after all output. status: exit code, or signal number when signaled is 1. startedAtNs: of the last start.',
  },
  torndown: {
    code: 7,
    fields: ['failures', 'step', 'errno'],
    doc: 'The teardown has run; the first failure, if any. The supervisor exits after it.',
  },
  attached: { code: 8, fields: ['logBytes'], doc: 'Answers attach: output after this many bytes of the log follows.' },
  completed: { code: 9, fields: [], doc: 'Task mode: all steps done.' },
  frozen: {
    code: 10,
    fields: ['hold', 'errno'],
    doc: 'Answers freeze: whether the client holds the container now; errno 0: done.',
  },
  restarting: {
    code: 12,
    fields: ['signaled', 'status', 'oomKilled', 'finishedAtNs', 'restarts', 'delay'],
    doc: 'The program has ended, as in exited, and is started again after `delay` ms. Then comes started, or exited after all.',
  },
  done: {
    code: 13,
    fields: ['errno'],
    doc: 'Answers signal and policy, in their order. 0: it was done; ESRCH: there is no program any more.',
  },
  health: {
    code: 14,
    fields: ['status', 'streak'],
    doc: 'After each health check, to all clients. status: 1 starting, 2 healthy, 3 unhealthy; streak: failures in a row.',
  },
  resolving: {
    code: 11,
    fields: ['errno'],
    doc: 'Answers resolve. 0: the sockets are open; EADDRINUSE: the container has a name server on port 53 itself, and the kernel no rules that lead past it; ENODEV: its plan has no `resolver`.',
  },
  // client → supervisor
  attach: {
    code: 32,
    fields: ['streams'],
    doc: 'Bits: 1 stdin, 2 stdout, 4 stderr; in place of those before. 0 lets go of all.',
  },
  stdin: { code: 33, tail: 'bytes', doc: 'Input, with backpressure by the socket.' },
  stdinEnd: { code: 34, fields: [], doc: 'No more input from this client.' },
  resize: { code: 35, fields: ['rows', 'columns'], doc: 'TIOCSWINSZ of the terminal.' },
  signal: {
    code: 36,
    fields: ['signal', 'everyone', 'final'],
    doc: 'Signals the main process by pidfd (0: nobody); everyone: all in its cgroups as well (SIGKILL only); final: it is not started again, whatever its policy, and not waited for when it is about to be. Answered by done.',
  },
  resolve: {
    code: 38,
    fields: [],
    doc: 'Opens the sockets of the resolver, for a container that came to a network with names while it ran.',
  },
  policy: {
    code: 39,
    fields: ['policy', 'maximum'],
    doc: 'Another restart_policy, from now on. Answered by done.',
  },
  freeze: {
    code: 37,
    fields: ['hold', 'lasting'],
    doc: 'Suspends the container as long as this client, or another one, holds it: until hold 0, the end of the connection, or a SIGKILL. lasting: for all clients, until somebody says hold 0 and lasting; the record says `paused`. Answered by frozen; errno EALREADY when it is, or is not, paused already.',
  },
}

/**
 * The record `health` of the run directory, renamed into place: u64s, little-endian. First these, then for each of the
 * `count` (at most `results`) last checks, the oldest first, its `result` and `length` bytes that it has printed, at most
 * `outputBytes`, and "..." where there were more.
 */
export const healthRecord = {
  /** status, streak: as in the frame `health`. */
  head: ['status', 'streak', 'count'],
  /**
   * Times: realtime. exitCode: -1 when it had to be killed, or could not be launched. failedOpcode: of the step that failed
   * (0: none did), with failedErrno; what is printed is then what that was about.
   */
  result: ['startNs', 'endNs', 'exitCode', 'failedOpcode', 'failedErrno', 'length'],
  results: 5,
  outputBytes: 4096,
}

/** Text records in the run directory: `key value` lines, renamed into place. */
export const records = {
  /** status: 1 running, 3 restarting; then signaled to finishedAtNs are of the last end, and restartAtNs is when it goes on. */
  state: [
    'startedAtNs',
    'pid',
    'startTicks',
    'supervisorPid',
    'status',
    'paused',
    'restarts',
    'signaled',
    'exitStatus',
    'oomKilled',
    'finishedAtNs',
    'restartAtNs',
  ],
  /**
   * logDropped: bytes of output that the log could not take. failed*: why the program could not be started again, when it
   * could not; as in the frame `failed`, the subject without control characters.
   */
  exit: [
    'signaled',
    'status',
    'oomKilled',
    'finishedAtNs',
    'restarts',
    'logDropped',
    'startedAtNs',
    'failedStep',
    'failedOpcode',
    'failedErrno',
    'failedSection',
    'failedSubject',
  ],
}
