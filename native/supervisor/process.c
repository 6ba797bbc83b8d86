/* What the process is when it becomes the program: its limits, its user, its powers. */
#include "supervisor.h"
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/keyctl.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

int do_rlimit(struct supervisor *s, const struct op_rlimit *op) {
    (void)s;
    struct rlimit limit = {op->soft, op->hard};
    return setrlimit((int)op->resource, &limit);
}

int do_oom_score_adj(struct supervisor *s, const struct op_oom_score_adj *op) {
    char text[16];
    int32_t value = (int32_t)op->value;
    size_t length = (size_t)(put_number(put_text(text, value < 0 ? "-" : ""),
                                        (uint64_t)(value < 0 ? -(int64_t)value : value)) -
                             text);
    autoclose fd = proc_open(s, "self/oom_score_adj", O_WRONLY, 0);
    return (fd >= 0 && write(fd, text, length) > 0) || op->optional ? 0 : -1;
}

int do_session_keyring(struct supervisor *s, const struct op_session_keyring *op) {
    (void)s;
    return syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, op->name) >= 0 || errno == ENOSYS ? 0 : -1;
}

int do_no_new_privileges(struct supervisor *s) {
    (void)s;
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

int do_seccomp(struct supervisor *s, const struct op_seccomp *op) {
    (void)s;
    size_t count = op->filter->length / sizeof(struct sock_filter);
    if (op->filter->length % sizeof(struct sock_filter) != 0 || count > BPF_MAXINSNS) return fail(EINVAL);
    struct sock_fprog program = {(unsigned short)count, (void *)(uintptr_t)op->filter->data};
    return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, op->flags, &program);
}

int do_capability_bounds(struct supervisor *s, const struct op_capability_bounds *op) {
    (void)s;
    for (unsigned capability = 0; capability < 64; capability++) {
        if (op->bounding >> capability & 1) continue;
        if (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) == 0) continue;
        if (errno == EINVAL) break; // past the kernel's last one
        return -1;
    }
    return prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
}

/* A program that has changed its user opens /dev/stdout again, which leads to these pipes. */
static void give_stdio(uid_t uid) {
    struct stat status;
    for (int fd = 0; fd < 3; fd++)
        if (fstat(fd, &status) == 0 && S_ISFIFO(status.st_mode) && status.st_uid != uid)
            fchown(fd, uid, (gid_t)-1);
}

int do_user(struct supervisor *s, const struct op_user *op) {
    size_t count = op->groups->length / sizeof(uint32_t);
    if (op->groups->length % sizeof(uint32_t) != 0) return fail(EINVAL);
    give_stdio((uid_t)op->uid);
    if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0) return -1;
    // The library's calls would look for other threads, and for names.
    if (syscall(SYS_setgroups, count, op->groups->data) < 0) return -1;
    if (syscall(SYS_setresgid, op->gid, op->gid, op->gid) < 0) return -1;
    if (syscall(SYS_setresuid, op->uid, op->uid, op->uid) < 0) return -1;
    // Both are reset by the kernel when the user changes.
    prctl(PR_SET_DUMPABLE, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    return parent_alive(s) ? 0 : fail(EOWNERDEAD);
}

int do_capabilities(struct supervisor *s, const struct op_capabilities *op) {
    (void)s;
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct data[2];
    for (int i = 0; i < 2; i++) {
        data[i].effective = (uint32_t)(op->effective >> 32 * i);
        data[i].permitted = (uint32_t)(op->permitted >> 32 * i);
        data[i].inheritable = (uint32_t)(op->inheritable >> 32 * i);
    }
    if (syscall(SYS_capset, &header, data) < 0) return -1;
    for (unsigned capability = 0; capability < 64; capability++)
        if (op->ambient >> capability & 1 &&
            prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0) < 0)
            return -1;
    return 0;
}

static int make_working_directory(struct supervisor *s, const struct op_working_directory *op) {
    const char *name;
    autoclose existing = root_open(s, op->path, O_PATH | O_DIRECTORY, 0);
    if (existing >= 0) return 0;
    if (errno != ENOENT) return -1;
    autoclose parent = root_parent(s, op->path, 0, true, &name);
    if (parent < 0) return -1;
    if (mkdirat(parent, name, 0755) < 0) {
        // The name is a symlink to what does not exist yet.
        autoclose made = errno == EEXIST ? root_make_directories(s, op->path) : -1;
        return made < 0 ? -1 : 0;
    }
    if (op->uid == 0 && op->gid == 0) return 0;
    return fchownat(parent, name, (uid_t)op->uid, (gid_t)op->gid, AT_SYMLINK_NOFOLLOW);
}

int do_working_directory(struct supervisor *s, const struct op_working_directory *op) {
    char path[4096];
    if (op->create && make_working_directory(s, op) < 0) return -1;
    autoclose fd = root_open(s, op->path, O_PATH | O_DIRECTORY, 0);
    if (fd < 0 || fchdir(fd) < 0) return -1;
    // The kernel says "(unreachable)" of a directory that is not below the root.
    long length = syscall(SYS_getcwd, path, sizeof path);
    if (length < 0) return -1;
    return path[0] == '/' ? 0 : fail(EXDEV);
}

int do_umask(struct supervisor *s, const struct op_umask *op) {
    (void)s;
    umask((mode_t)op->mask);
    return 0;
}
