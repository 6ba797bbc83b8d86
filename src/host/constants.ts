/** Numbers of the kernel's interface that `node:fs` does not have, the same on x86-64 and arm64 unless said otherwise. */

export const AT_FDCWD = -100

/** open(2). On arm64 two of these numbers stand for each other's neighbours. */
const arm = process.arch === 'arm64'
export const O_RDONLY = 0
export const O_WRONLY = 0o1
export const O_RDWR = 0o2
export const O_CREAT = 0o100
export const O_EXCL = 0o200
export const O_TRUNC = 0o1000
export const O_APPEND = 0o2000
export const O_NONBLOCK = 0o4000
export const O_DIRECTORY = arm ? 0o40000 : 0o200000
export const O_NOFOLLOW = arm ? 0o100000 : 0o400000
export const O_CLOEXEC = 0o2000000
export const O_PATH = 0o10000000
export const O_TMPFILE = 0o20000000 | O_DIRECTORY

/** openat2(2), `resolve`. */
export const RESOLVE_NO_XDEV = 0x01
export const RESOLVE_NO_MAGICLINKS = 0x02
export const RESOLVE_NO_SYMLINKS = 0x04
export const RESOLVE_BENEATH = 0x08
export const RESOLVE_IN_ROOT = 0x10
export const RESOLVE_CACHED = 0x20

/** renameat2(2). */
export const RENAME_NOREPLACE = 1
export const RENAME_EXCHANGE = 2
export const RENAME_WHITEOUT = 4

/** inode(7). */
export const S_IFMT = 0o170000
export const S_IFSOCK = 0o140000
export const S_IFLNK = 0o120000
export const S_IFREG = 0o100000
export const S_IFBLK = 0o060000
export const S_IFDIR = 0o040000
export const S_IFCHR = 0o020000
export const S_IFIFO = 0o010000

/** readdir(3), the `type` of `readDirectory`. */
export const DT_FIFO = 1
export const DT_CHR = 2
export const DT_DIR = 4
export const DT_BLK = 6
export const DT_REG = 8
export const DT_LNK = 10
export const DT_SOCK = 12

/** statfs(2), `type`. */
export const OVERLAYFS_SUPER_MAGIC = 0x794c7630
export const TMPFS_MAGIC = 0x01021994
export const EXT4_SUPER_MAGIC = 0xef53
export const XFS_SUPER_MAGIC = 0x58465342
export const BTRFS_SUPER_MAGIC = 0x9123683e
export const CGROUP2_SUPER_MAGIC = 0x63677270
