/* The kernel interfaces that older C libraries do not wrap, and descriptors that close with their scope. */
#ifndef INBOARD_SYS_H
#define INBOARD_SYS_H
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

/* Numbers of 424 and above are the same on every architecture. */
#define NR_PIDFD_SEND_SIGNAL 424
#define NR_OPEN_TREE 428
#define NR_MOVE_MOUNT 429
#define NR_CLONE3 435
#define NR_CLOSE_RANGE 436
#define NR_OPENAT2 437
#define NR_MOUNT_SETATTR 442

#define OPEN_TREE_CLONED 1u
#define OPEN_TREE_CLOSING O_CLOEXEC
#define TREE_RECURSIVE 0x8000u
#define TREE_EMPTY_PATH 0x1000u
#define MOVE_FROM_EMPTY_PATH 4u
#define MOVE_TO_EMPTY_PATH 0x40u
#define MOVE_SET_GROUP 0x100u

#define MOUNT_READ_ONLY 1u
#define MOUNT_NO_SUID 2u
#define MOUNT_NO_DEV 4u
#define MOUNT_NO_EXEC 8u
#define MOUNT_ATIME_MASK 0x70u
#define MOUNT_NO_ATIME 0x10u
#define MOUNT_STRICT_ATIME 0x20u
#define MOUNT_NO_DIR_ATIME 0x80u

#define RESOLVE_NO_CROSSING 1u
#define RESOLVE_NO_MAGIC 2u
#define RESOLVE_NO_LINKS 4u
#define RESOLVE_BELOW 8u
#define RESOLVE_ROOTED 16u

#define CLONE_WITH_PIDFD 0x1000u
#define CLONE_CLEARED_SIGNALS 0x100000000ull
#define CLONE_IN_CGROUP 0x200000000ull
#define CLOSE_RANGE_MARK 4u

struct mount_attributes {
    uint64_t set, clear, propagation, userns_fd;
};

struct clone_arguments {
    uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid, set_tid_size,
        cgroup;
};

struct open_how {
    uint64_t flags, mode, resolve;
};

static inline int sys_openat2(int directory, const char *path, uint64_t flags, uint64_t mode,
                              uint64_t resolve) {
    struct open_how how = {flags | O_CLOEXEC, mode, resolve};
    return (int)syscall(NR_OPENAT2, directory, path, &how, sizeof how);
}

static inline int sys_open_tree(int directory, const char *path, unsigned flags) {
    return (int)syscall(NR_OPEN_TREE, directory, path, flags | OPEN_TREE_CLONED | OPEN_TREE_CLOSING);
}

/* Attaches a detached tree onto an opened target, both by descriptor. */
static inline int sys_attach(int tree, int target) {
    return (int)syscall(NR_MOVE_MOUNT, tree, "", target, "", MOVE_FROM_EMPTY_PATH | MOVE_TO_EMPTY_PATH);
}

/* Makes a mount a peer of another. Linux 5.15 and newer. */
static inline int sys_join_group(int peer, int mount) {
    const unsigned flags = MOVE_FROM_EMPTY_PATH | MOVE_TO_EMPTY_PATH | MOVE_SET_GROUP;
    return (int)syscall(NR_MOVE_MOUNT, peer, "", mount, "", flags);
}

static inline int sys_mount_setattr(int fd, unsigned flags, struct mount_attributes *attributes) {
    return (int)syscall(NR_MOUNT_SETATTR, fd, "", flags | TREE_EMPTY_PATH, attributes, sizeof *attributes);
}

static inline int sys_pidfd_signal(int pidfd, int signal) {
    return (int)syscall(NR_PIDFD_SEND_SIGNAL, pidfd, signal, NULL, 0);
}

/* Keeps errno, so that a scope may end while an error is on its way out. */
static inline void close_scoped(const int *fd) {
    int saved = errno;
    if (*fd >= 0) close(*fd);
    errno = saved;
}
#define autoclose __attribute__((cleanup(close_scoped))) int

static inline void close_and_forget(int *fd) {
    if (*fd >= 0) close(*fd);
    *fd = -1;
}

static inline int fail(int error) {
    errno = error;
    return -1;
}

#endif
