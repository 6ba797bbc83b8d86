/**
 * What the addon (`native/addon`) exports: kernel primitives, with numbers and bytes that TypeScript has already checked.
 * Every failure throws an `Error` with `code` ('ENOENT', ...), `errno` (positive), `syscall` and, where there is one, `path`.
 * Descriptors are plain numbers, always close-on-exec; close them with `fs.closeSync`.
 * Times are `[seconds, nanoseconds]`. All functions are synchronous unless they return a promise (run on the thread pool).
 */
export interface Native {
  /** A sealed (write, grow, shrink, seal) memfd that holds `data`; mode 0500 so that it can be executed. */
  memfdSealed(name: string, data: Uint8Array): number

  /**
   * vfork + execve of `executable` on a pool thread. The child is in its own session, signals unblocked and default, cwd `/`,
   * descriptors: 0-2 /dev/null, 3 a sealed memfd of `plan`, 4 the other end of the returned `status` stream socket, 5 `lock`,
   * 6.. `slots` in order. The caller keeps (and must close) `lock` and `slots`.
   */
  spawn(executable: number, argv0: string, plan: Uint8Array, lock: number, slots: readonly number[]): Promise<Spawned>
  /** Waits for a child that is known to be ending; its wait status. ECHILD if it is not (any more) a child. */
  reap(pid: number): Promise<number>

  /**
   * Makes the directory `path` (0700) with a file `lock` (0600) in it, flock(LOCK_EX)ed: the lock's descriptor. Made aside as
   * `.new-<name>-<pid>` and renamed, so that nobody sees it unlocked; EEXIST when there is one. Undoes itself on failure.
   */
  makeLockedDirectory(path: string): number
  /** The same of a file (0600) with that content, itself locked: a descriptor that appends to it. */
  makeLockedFile(path: string, content: string): number
  /** flock(2): 'shared' | 'exclusive' | 'unlock'; false when it would block and `wait` is false. */
  flock(fd: number, kind: 'shared' | 'exclusive' | 'unlock', wait: boolean): boolean
  /** Whether some open description holds an exclusive flock on `path`; undefined when there is no such file. */
  isLocked(path: string): boolean | undefined
  /**
   * Whether the file `lock` of a directory is there and locked, looked at first; then the texts of files in it, of at most
   * 64 KiB, undefined for those that are not there.
   */
  readLockedDirectory(
    path: string,
    names: readonly string[],
  ): readonly [locked: boolean, ...texts: (string | undefined)[]]

  openat2(directory: number, path: string, flags: number, mode: number, resolve: number): number
  /**
   * openat2(2) on a pool thread, for what may ask a server: the descriptor, and the type of the filesystem that it is on, as
   * statfs(2) has it. `directory` has to stay open meanwhile.
   */
  openBelow(
    directory: number,
    path: string,
    flags: number,
    mode: number,
    resolve: number,
  ): Promise<readonly [fd: number, filesystem: number]>
  /**
   * A new file beneath `directory`, never one that is there (EEXIST) nor one behind a symlink, with its content, owner, mode and
   * times: what openat2, write, fchown, fchmod, utimensat and close do, for one crossing from JavaScript instead of six.
   */
  makeFile(
    directory: number,
    name: string,
    content: Uint8Array,
    mode: number,
    uid: number,
    gid: number,
    atime: Time,
    mtime: Time,
  ): void
  mkdirat(directory: number, name: string, mode: number): void
  mknodat(directory: number, name: string, mode: number, major: number, minor: number): void
  symlinkat(target: string, directory: number, name: string): void
  /** linkat(2) without following `oldName`. */
  linkat(oldDirectory: number, oldName: string, newDirectory: number, newName: string): void
  /** unlinkat(2); `directory` true: AT_REMOVEDIR. */
  unlinkat(directory: number, name: string, isDirectory: boolean): void
  renameat2(oldDirectory: number, oldName: string, newDirectory: number, newName: string, flags: number): void
  /** fchownat(AT_SYMLINK_NOFOLLOW); an empty name means the descriptor itself. */
  chownAt(directory: number, name: string, uid: number, gid: number): void
  /** chmod of a name that is not a symlink (refused with ELOOP when it is); an empty name means the descriptor itself. */
  chmodAt(directory: number, name: string, mode: number): void
  /** utimensat(AT_SYMLINK_NOFOLLOW). */
  utimesAt(directory: number, name: string, atime: Time, mtime: Time): void
  /** Extended attributes of a name, never following a symlink in its last component; an empty name: the descriptor itself. */
  setxattrAt(directory: number, name: string, attribute: string, value: Uint8Array): void
  getxattrAt(directory: number, name: string, attribute: string): Uint8Array | undefined
  listxattrAt(directory: number, name: string): string[]
  removexattrAt(directory: number, name: string, attribute: string): void
  /** fstatat(AT_SYMLINK_NOFOLLOW|AT_EMPTY_PATH); undefined when there is no such name. */
  statAt(directory: number, name: string): Stat | undefined
  readlinkAt(directory: number, name: string): string
  /** The entries of an open directory, `.` and `..` left out. type: the DT_* number. Names are latin1-safe: bytes that are not UTF-8 come as lone surrogates U+DC80..U+DCFF. */
  readDirectory(fd: number): { name: string; type: number }[]
  /**
   * The names of a directory with what statx(2) says of each and symlinks' targets, packed as `unpackScan` reads them; on a
   * pool thread. The directory is opened below `root` as openat2(2) does with `resolve`, never through a symlink at its end.
   * E2BIG: there are more than `maxEntries`.
   */
  scanDirectory(root: number, path: string, resolve: number, maxEntries: number): Promise<Uint8Array>
  /** Removes a file or tree by descriptor: no symlink followed, no mount crossed. A missing path is success. */
  removeTree(path: string): Promise<void>
  /**
   * The same of a name of an open directory, which has to stay open meanwhile. Other work of the pool gets its turn again and
   * again. EINTR: the first element of `stop` is not 0 any more.
   */
  removeTreeAt(directory: number, name: string, stop: Uint8Array): Promise<void>
  /**
   * The bytes of a tree's files, those with several names once, symlinks with their targets' lengths; 0 when there is no
   * such directory. No symlink is followed, no mount crossed.
   */
  treeSize(path: string): Promise<number>
  /**
   * copy_file_range(2) until `length` bytes or end of file, falling back to read/write; the number copied.
   *
   * @param offset where in both files; absent: at the position of each
   */
  copyRange(from: number, to: number, length: number, offset?: number): number
  /** The next run of a file's data at or after `offset`, by SEEK_DATA and SEEK_HOLE; undefined when there is none. */
  dataAfter(fd: number, offset: number): readonly [start: number, end: number] | undefined
  /** syncfs(2) of the filesystem that holds the descriptor. */
  syncfs(fd: number): Promise<void>
  statfs(path: string): { type: number; blockSize: number; blocks: number; free: number; available: number }
  /** Whether a directory has no entries, found with as few of them as the kernel gives at a time. */
  isEmptyDirectory(path: string): boolean

  /** mount(2) on a pool thread: servers and devices may take their time. What is said about an existing mount needs no `source`. */
  mount(source: string, target: string, fstype: string, flags: number, data: string): Promise<void>
  /** umount2(2), likewise. */
  unmount(target: string, flags: number): Promise<void>
  /**
   * The device number of the mount whose root `path` is, in the calling process's mount namespace; undefined when it is none,
   * or not there. Follows no symlink in the last component, and asks no filesystem: of one whose server is gone it says so too.
   */
  mountedAt(path: string): { readonly major: number; readonly minor: number } | undefined
  /**
   * Makes the next free loop device one over the file (a path or an open descriptor). It goes with its last user: a mount,
   * or a descriptor such as `fd`, which is the caller's to close.
   */
  loopAttach(file: string | number, options: LoopOptions): { readonly path: string; readonly fd: number }

  /**
   * Opens a netlink socket (close-on-exec; EXT_ACK, CAP_ACK and strict checks on, a large receive buffer) in the calling
   * thread's network namespace, or in the one that `namespace` is a descriptor of: then on a thread of its own.
   */
  netlinkOpen(protocol: number, namespace?: number): number
  /**
   * Sends a batch and gathers all that the kernel answers: until every message that asks for an acknowledgement has one and
   * every dump is done. On a pool thread; one exchange at a time for a socket. Bounded: ENOBUFS beyond 64 MiB.
   */
  netlinkExchange(fd: number, messages: Uint8Array): Promise<Uint8Array>
  /** Reads and forgets whatever waits on a netlink socket. */
  netlinkDrain(fd: number): void
  /**
   * Binds, and for TCP and SCTP listens on, a port of the calling thread's network namespace: it is held. SO_REUSEADDR for
   * TCP, IPV6_V6ONLY; for UDP IP_PKTINFO or IPV6_RECVPKTINFO; close-on-exec, non-blocking. Fails with the errno: EADDRINUSE, EADDRNOTAVAIL, EPROTONOSUPPORT.
   *
   * @param refusedMark what has this mark of the firewall's does not come to it; 0, when absent: there is none
   * @param namespace a descriptor of another network namespace, whose port it is: then on a thread of its own
   */
  holdPort(
    protocol: number,
    address: Uint8Array,
    port: number,
    refusedMark?: number,
    namespace?: number,
  ): { readonly fd: number; readonly port: number }
  /**
   * A TCP socket of the network namespace that `namespace` is a descriptor of, where it stays whoever uses it: neither bound nor
   * connected, close-on-exec, non-blocking. Made on a thread of its own. EAFNOSUPPORT: the kernel has no IPv6.
   */
  tcpSocket(family: 4 | 6, namespace: number): number
  /** Moves the calling thread to a network namespace: the descriptor's, or a new one with its loopback up. For tests. */
  enterNetwork(namespace?: number): void

  pidfdOpen(pid: number): number
  pidfdSignal(pidfd: number, signal: number): void
  /** pipe2(O_CLOEXEC): [read, write]. */
  pipe(): [number, number]
  geteuid(): number
  /** The errno (0: none) of harmless calls of the newer system calls the engine needs: ENOSYS and a filter's EPERM show. */
  probeSyscalls(): Record<string, number>
}

export interface LoopOptions {
  readonly readOnly: boolean
  readonly offset?: number
  readonly sizeLimit?: number
  /** Past the page cache of the file. */
  readonly directIo?: boolean
}

export type Time = readonly [seconds: number, nanoseconds: number]

export interface Spawned {
  readonly pid: number
  /** Our end of the status connection: a stream socket. */
  readonly status: number
}

export interface Stat {
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly size: number
  /** Of 512 bytes. */
  readonly blocks: number
  readonly nlink: number
  readonly dev: number
  readonly ino: number
  readonly major: number
  readonly minor: number
  readonly mtime: Time
  readonly atime: Time
}
