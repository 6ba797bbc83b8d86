/* Names made inside the container's root: links, devices. */
#include "supervisor.h"
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

static bool is_null_device(const struct stat *status) {
    return S_ISCHR(status->st_mode) && status->st_rdev == makedev(1, 3);
}

/* Keeps the container's null device, which `mask` needs and must not look up by a path. */
static int verify_node(struct supervisor *s, int parent, const char *name, const struct op_device_node *op) {
    struct stat status;
    autoclose node = openat(parent, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (node < 0 || fstat(node, &status) < 0) return -1;
    if ((status.st_mode & S_IFMT) != (op->mode & S_IFMT) || status.st_rdev != op->device) return fail(EEXIST);
    if (is_null_device(&status) && s->null_device < 0) s->null_device = fcntl(node, F_DUPFD_CLOEXEC, 0);
    return 0;
}

int do_device_node(struct supervisor *s, const struct op_device_node *op) {
    const char *name;
    autoclose parent = root_parent(s, op->path, RESOLVE_NO_LINKS, true, &name);
    if (parent < 0) return -1;
    if (mknodat(parent, name, (mode_t)op->mode, (dev_t)op->device) < 0)
        return errno == EEXIST ? verify_node(s, parent, name, op) : -1;
    if ((op->uid != 0 || op->gid != 0) &&
        fchownat(parent, name, (uid_t)op->uid, (gid_t)op->gid, AT_SYMLINK_NOFOLLOW) < 0)
        return -1;
    bool null = S_ISCHR(op->mode) && op->device == makedev(1, 3);
    return null ? verify_node(s, parent, name, op) : 0;
}

int do_symlink(struct supervisor *s, const struct op_symlink *op) {
    const char *name;
    autoclose parent = root_parent(s, op->path, 0, true, &name);
    if (parent < 0) return -1;
    return symlinkat(op->target, parent, name) == 0 || errno == EEXIST ? 0 : -1;
}
