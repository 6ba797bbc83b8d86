/* The end of a cgroup: what runs in it is killed, then the directories go. */
#include "supervisor.h"
#include <dirent.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum { ATTEMPTS = 4000, SESSION_ATTEMPTS = 100, DEEPEST_CGROUP = 32, FIRST_PAUSE_NS = 20000, LONGEST_PAUSE_NS = 2000000 };

static void pause_before(int attempt) {
    long pause = FIRST_PAUSE_NS << (attempt < 8 ? attempt : 8);
    struct timespec rest = {0, pause < LONGEST_PAUSE_NS ? pause : LONGEST_PAUSE_NS};
    nanosleep(&rest, NULL);
}

struct cgroup_entry {
    uint64_t inode, offset;
    unsigned short length;
    unsigned char type;
    char name[];
};

/* Calls `visit` for each cgroup below the open directory. */
static int each_child(int directory, int depth, int (*visit)(int directory, const char *name, int depth)) {
    _Alignas(struct cgroup_entry) char entries[2048];
    int result = 0;
    if (depth == DEEPEST_CGROUP) return fail(ELOOP);
    for (long length; (length = syscall(SYS_getdents64, directory, entries, sizeof entries)) > 0;) {
        for (long at = 0; at < length;) {
            const struct cgroup_entry *entry = (const void *)(entries + at);
            at += entry->length;
            if (entry->type == DT_DIR && entry->name[0] != '.')
                result |= visit(directory, entry->name, depth);
        }
    }
    return result;
}

static int open_cgroup(int directory, const char *name) {
    return openat(directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

static bool kill_member(pid_t pid, pid_t session) {
    if (pid <= 1 || (session != 0 && getsid(pid) != session)) return false;
    kill(pid, SIGKILL);
    return true;
}

/* Signals what is listed, of one session only unless that is 0; whether anything was. */
static bool kill_listed(int directory, pid_t session) {
    char text[4096];
    bool any = false;
    autoclose fd = openat(directory, "cgroup.procs", O_RDONLY | O_CLOEXEC);
    size_t kept = 0;
    for (ssize_t length; fd >= 0 && (length = read(fd, text + kept, sizeof text - 1 - kept)) > 0;) {
        char *at = text, *end;
        text[kept + (size_t)length] = 0;
        for (; (end = strchr(at, '\n')) != NULL; at = end + 1)
            any |= kill_member((pid_t)strtol(at, NULL, 10), session);
        // A number that was cut in two.
        kept = strlen(at);
        memmove(text, at, kept + 1);
    }
    return any;
}

static int kill_by_pid(int parent, const char *name, int depth) {
    autoclose directory = open_cgroup(parent, name);
    if (directory < 0) return errno == ENOENT ? 0 : -1;
    int result = each_child(directory, depth + 1, kill_by_pid);
    for (int attempt = 0; kill_listed(directory, 0); attempt++) {
        if (attempt == ATTEMPTS) return fail(EBUSY);
        pause_before(attempt);
    }
    return result;
}

static int kill_cgroup(const char *path) {
    autoclose directory = open_cgroup(AT_FDCWD, path);
    if (directory < 0) return errno == ENOENT ? 0 : -1;
    if (write_existing(directory, "cgroup.kill", "1") == 0) return 0;
    return kill_by_pid(AT_FDCWD, path, 0);
}

/* Who of a session is in a cgroup. */
static void kill_session(const char *path, pid_t session) {
    autoclose directory = open_cgroup(AT_FDCWD, path);
    // Until nobody is there who could have forked meanwhile.
    for (int i = 0; directory >= 0 && i < SESSION_ATTEMPTS && kill_listed(directory, session); i++) pause_before(i);
}

void kill_everyone(const struct supervisor *s) {
    const struct op_own_cgroup *own = &s->own_cgroup;
    if (own->path != NULL) {
        if (own->session)
            kill_session(own->path, s->pid);
        else
            kill_cgroup(own->path);
        return;
    }
    // Who is born into a cgroup after cgroup.kill, the kernel takes for one that has escaped it, and kills.
    bool again = s->plan.mode == MODE_RUN && !s->final;
    struct cursor cursor = plan_section(&s->plan, SECTION_TEARDOWN);
    for (struct operation operation; plan_next(&cursor, &operation);) {
        if (operation.code != OP_CGROUP_KILL) continue;
        const char *path = operation.fields.cgroup_kill.path;
        if (again)
            kill_by_pid(AT_FDCWD, path, 0);
        else
            kill_cgroup(path);
    }
}

int do_own_cgroup(struct supervisor *s, const struct op_own_cgroup *op) {
    s->own_cgroup = *op;
    return 0;
}

int do_cgroup_kill(struct supervisor *s, const struct op_cgroup_kill *op) {
    (void)s;
    return kill_cgroup(op->path);
}

static int remove_cgroup(int parent, const char *name, int depth) {
    for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
        if (unlinkat(parent, name, AT_REMOVEDIR) == 0 || errno == ENOENT) return 0;
        if (errno != EBUSY) return -1;
        autoclose directory = open_cgroup(parent, name);
        if (directory >= 0) each_child(directory, depth + 1, remove_cgroup);
        // The dead are counted until they are reaped, which takes a moment.
        pause_before(attempt);
    }
    return fail(EBUSY);
}

int do_cgroup_remove(struct supervisor *s, const struct op_cgroup_remove *op) {
    (void)s;
    return remove_cgroup(AT_FDCWD, op->path, 0);
}

int do_cgroup_leave(struct supervisor *s, const struct op_cgroup_leave *op) {
    (void)s;
    return rmdir(op->path) == 0 || errno == EBUSY || errno == ENOENT ? 0 : -1;
}
