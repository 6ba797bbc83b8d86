/* Mounts: the host's before the pivot, by engine-owned paths; afterwards always on an opened target. */
#include "supervisor.h"
#include <linux/magic.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

int do_root_propagation(struct supervisor *s, const struct op_root_propagation *op) {
    (void)s;
    return mount(NULL, "/", NULL, op->flags, NULL);
}

/* By descriptors: what is below the directory may be changed by those who have it mounted already. */
static int open_tree_below(const char *directory, const char *below, unsigned flags) {
    autoclose root = openat(AT_FDCWD, directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (root < 0) return -1;
    autoclose found = open_rooted(root, below, O_PATH, 0);
    return found < 0 ? -1 : sys_open_tree(found, "", flags | TREE_EMPTY_PATH);
}

int do_tree_open(struct supervisor *s, const struct op_tree_open *op) {
    unsigned flags = op->recursive ? TREE_RECURSIVE : 0;
    int fd = op->below[0] == 0 ? sys_open_tree(AT_FDCWD, op->path, flags)
                               : open_tree_below(op->path, op->below, flags);
    if (fd < 0) return -1;
    close_and_forget(&s->slots[op->slot]);
    s->slots[op->slot] = fd;
    return 0;
}

/* With the caller in the owner's mount namespace, whose paths the owner's programs may change. */
static int take_tree(const char *path) {
    autoclose root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    autoclose found = root < 0 ? -1 : open_rooted(root, path, O_PATH | O_DIRECTORY, RESOLVE_NO_LINKS);
    if (found < 0) return -1;
    if (!on_filesystem(found, TMPFS_MAGIC)) return fail(EXDEV);
    return sys_open_tree(found, "", TREE_EMPTY_PATH);
}

int do_tree_take(struct supervisor *s, const struct op_tree_take *op) {
    autoclose home = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
    if (home < 0 || syscall(SYS_setns, s->slots[op->slot_owner], CLONE_NEWNS) < 0) return -1;
    int fd = take_tree(op->path), error = errno;
    if (syscall(SYS_setns, home, CLONE_NEWNS) < 0) return -1;
    if (fd < 0) return fail(error);
    close_and_forget(&s->slots[op->slot]);
    s->slots[op->slot] = fd;
    return 0;
}

int do_root_mount(struct supervisor *s, const struct op_root_mount *op) {
    (void)s;
    if (chdir(op->directory) < 0) return -1;
    return mount(op->source, op->target, op->fstype, op->flags, op->data);
}

int do_pivot_root(struct supervisor *s, const struct op_pivot_root *op) {
    root_forget(s);
    // The old root ends up mounted over the new one, from where it is detached.
    if (chdir(op->directory) < 0 || syscall(SYS_pivot_root, ".", ".") < 0) return -1;
    return umount2(".", MNT_DETACH) < 0 ? -1 : chdir("/");
}

static bool begins_with(const char *path, const char *directory) {
    size_t length = strlen(directory);
    return strncmp(path, directory, length) == 0 && (path[length] == '/' || path[length] == 0);
}

/* Only who names /proc may mount there: a symlink of the image into it would replace files that the kernel answers for. */
static int mount_target(struct supervisor *s, const char *path, uint64_t target_flags, uint64_t flags) {
    int fd = root_target(s, path, target_flags, flags);
    if (fd < 0 || begins_with(path, "/proc") || !on_filesystem(fd, PROC_SUPER_MAGIC)) return fd;
    close(fd);
    return fail(EXDEV);
}

static int mount_here(struct supervisor *s, const struct op_mount *op) {
    autoclose target = mount_target(s, op->target, op->target_flags, O_DIRECTORY);
    // The working directory is the descriptor's place, whatever its path leads to by now.
    if (target < 0 || fchdir(target) < 0) return -1;
    return mount(op->source, ".", op->fstype, op->flags, op->data);
}

int do_mount(struct supervisor *s, const struct op_mount *op) {
    if (mount_here(s, op) == 0) return 0;
    bool lacking = errno == ENODEV || errno == ENOENT || errno == EPERM;
    return lacking && op->target_flags & TARGET_OPTIONAL ? 0 : -1;
}

/* The target is made as what is attached there, when the plan leaves that open. */
static uint64_t target_kind(int tree, uint64_t target_flags) {
    const uint64_t both = TARGET_CREATE_DIRECTORY | TARGET_CREATE_FILE;
    struct stat status;
    if ((target_flags & both) != both || fstat(tree, &status) < 0) return target_flags;
    return target_flags &
           ~(S_ISDIR(status.st_mode) ? (uint64_t)TARGET_CREATE_FILE : (uint64_t)TARGET_CREATE_DIRECTORY);
}

static int set_attributes(int tree, struct mount_attributes attributes, bool recursive) {
    if ((attributes.set | attributes.clear | attributes.propagation) == 0) return 0;
    return sys_mount_setattr(tree, recursive ? TREE_RECURSIVE : 0, &attributes);
}

/* With one call where both reach as far. */
static int set_up_tree(int tree, const struct op_tree_attach *op) {
    bool attributes = op->recursive & TREE_ATTRIBUTES, propagation = op->recursive & TREE_PROPAGATION;
    struct mount_attributes own = {.set = op->attr_set, .clear = op->attr_clear};
    struct mount_attributes shared = {.propagation = op->propagation};
    if (attributes == propagation) {
        own.propagation = op->propagation;
        return set_attributes(tree, own, attributes);
    }
    return set_attributes(tree, own, attributes) < 0 ? -1 : set_attributes(tree, shared, propagation);
}

/* Older kernels take the flag for a mistake before they look at the descriptors. */
static bool can_join_groups(void) { return sys_join_group(-1, -1) < 0 && errno != EINVAL; }

static int attach(struct supervisor *s, int tree, const struct op_tree_attach *op) {
    autoclose target = mount_target(s, op->target, target_kind(tree, op->target_flags), 0);
    return target < 0 ? -1 : sys_attach(tree, target);
}

int do_tree_attach(struct supervisor *s, const struct op_tree_attach *op) {
    const struct mount_attributes private = {.propagation = MS_PRIVATE};
    int *tree = &s->slots[op->slot];
    if (*tree < 0) return fail(EBADF);
    if (set_up_tree(*tree, op) < 0) return -1;
    bool shared_later = op->recursive & TREE_SHARED_LATER && can_join_groups();
    if (shared_later && set_attributes(*tree, private, false) < 0) return -1;
    if (attach(s, *tree, op) < 0) return -1;
    if (!shared_later) close_and_forget(tree);
    return 0;
}

int do_tree_share(struct supervisor *s, const struct op_tree_share *op) {
    const struct mount_attributes shared = {.propagation = MS_SHARED};
    int *tree = &s->slots[op->slot], *peer = &s->slots[op->slot_peer];
    // An attached tree that is not kept is shared already.
    if (*tree >= 0 && sys_join_group(*peer, *tree) < 0 &&
        (errno != EINVAL || set_attributes(*tree, shared, false) < 0))
        return -1;
    close_and_forget(tree);
    close_and_forget(peer);
    return 0;
}

static bool is_kernel_path(const char *path) {
    return begins_with(path, "/proc") || begins_with(path, "/sys");
}

/* What is hidden or made read-only in /proc and /sys must be in /proc and /sys. */
static int open_kernel_path(struct supervisor *s, const char *path) {
    int fd = root_open(s, path, O_PATH, is_kernel_path(path) ? RESOLVE_NO_LINKS : 0);
    if (fd < 0 || !is_kernel_path(path)) return fd;
    bool proc = begins_with(path, "/proc"), sys = !proc;
    if (on_filesystem(fd, proc ? PROC_SUPER_MAGIC : SYSFS_MAGIC)) return fd;
    // A mount of the plan's own, such as the cgroup hierarchies below /sys/fs/cgroup.
    if (sys && (on_filesystem(fd, TMPFS_MAGIC) || on_filesystem(fd, CGROUP_SUPER_MAGIC) ||
                on_filesystem(fd, CGROUP2_SUPER_MAGIC)))
        return fd;
    close(fd);
    return fail(EXDEV);
}

/* One empty file system hides all directories: clones of a mount are cheaper than file systems. */
static int hide_directory(struct supervisor *s, int target) {
    if (s->mask_tree >= 0) {
        autoclose clone = sys_open_tree(s->mask_tree, "", TREE_EMPTY_PATH);
        return clone < 0 ? -1 : sys_attach(clone, target);
    }
    if (fchdir(target) < 0 || mount("tmpfs", ".", "tmpfs", MS_RDONLY, "size=4k,nr_inodes=1") < 0) return -1;
    return 0;
}

/* Only of a path that nobody can have changed meanwhile. */
static int keep_mask_tree(struct supervisor *s, const char *path) {
    if (s->mask_tree >= 0 || !is_kernel_path(path)) return 0;
    s->mask_tree = root_open(s, path, O_PATH | O_DIRECTORY, RESOLVE_NO_LINKS);
    return s->mask_tree < 0 ? -1 : 0;
}

static int hide_file(struct supervisor *s, int target) {
    if (s->null_device < 0) return fail(ENODEV);
    autoclose null = sys_open_tree(s->null_device, "", TREE_EMPTY_PATH);
    return null < 0 ? -1 : sys_attach(null, target);
}

int do_mask(struct supervisor *s, const struct op_mask *op) {
    struct stat status;
    autoclose target = open_kernel_path(s, op->path);
    if (target < 0) return errno == ENOENT ? 0 : -1;
    if (fstat(target, &status) < 0) return -1;
    if (!S_ISDIR(status.st_mode)) return hide_file(s, target);
    return hide_directory(s, target) < 0 ? -1 : keep_mask_tree(s, op->path);
}

int do_read_only(struct supervisor *s, const struct op_read_only *op) {
    struct mount_attributes attributes = {.set = MOUNT_READ_ONLY};
    autoclose target = open_kernel_path(s, op->path);
    if (target < 0) return errno == ENOENT ? 0 : -1;
    autoclose tree = sys_open_tree(target, "", TREE_EMPTY_PATH | TREE_RECURSIVE);
    if (tree < 0 || sys_mount_setattr(tree, TREE_RECURSIVE, &attributes) < 0) return -1;
    return sys_attach(tree, target);
}

/* mount(2)'s flags for one mount, in terms of mount_setattr(2), which takes a descriptor of whatever kind. */
static struct mount_attributes attributes_of(uint64_t flags) {
    static const struct {
        uint64_t flag, attribute;
    } pairs[] = {
        {MS_RDONLY, MOUNT_READ_ONLY}, {MS_NOSUID, MOUNT_NO_SUID},          {MS_NODEV, MOUNT_NO_DEV},
        {MS_NOEXEC, MOUNT_NO_EXEC},   {MS_NODIRATIME, MOUNT_NO_DIR_ATIME},
    };
    struct mount_attributes attributes = {0};
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        *(flags & pairs[i].flag ? &attributes.set : &attributes.clear) |= pairs[i].attribute;
    if (flags & (MS_NOATIME | MS_RELATIME | MS_STRICTATIME)) attributes.clear |= MOUNT_ATIME_MASK;
    if (flags & MS_NOATIME) attributes.set |= MOUNT_NO_ATIME;
    if (flags & MS_STRICTATIME) attributes.set |= MOUNT_STRICT_ATIME;
    return attributes;
}

int do_remount(struct supervisor *s, const struct op_remount *op) {
    struct mount_attributes attributes = attributes_of(op->flags);
    autoclose target = root_open(s, op->target, O_PATH, 0);
    return target < 0 ? -1 : sys_mount_setattr(target, 0, &attributes);
}
