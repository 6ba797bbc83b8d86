/* Undoes what a process has left that has ended, in whatever way: it has put a plan for each thing into a directory. What is
 * locked by somebody else is left alone, and everything can be done again. */
#include "supervisor.h"
#include <dirent.h>
#include <poll.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

static const char last_plan[] = "4-root";

enum { FIRST_TURN = '1', LAST_TURN = '3', NAMES_BYTES = 4096, DEEPEST_PLAN = 2, PAUSE_NS = 500000, TELL_EVERY = 16 };
enum { TEXT_BYTES = 4096, MOUNTS_AT_ONE_PLACE = 64 };

int do_name_lock(struct supervisor *s, const struct op_name_lock *op) {
    char path[40];
    (void)s;
    put_number(put_text(path, "/proc/self/fd/"), FD_LOCK);
    return linkat(AT_FDCWD, path, AT_FDCWD, op->path, AT_SYMLINK_FOLLOW) == 0 || errno == EEXIST ? 0 : -1;
}

int do_await_end(struct supervisor *s, const struct op_await_end *op) {
    struct frame ready = {FRAME_STARTED, 3, {(uint64_t)getpid(), realtime_ns(), 0}, NULL, 0};
    clients_send(s, 0, &ready);
    // The engine says nothing: what comes is the end.
    struct pollfd end = {s->client[0].fd, POLLIN, 0};
    while (end.fd >= 0 && poll(&end, 1, -1) < 0 && errno == EINTR) continue;
    s->keeper.directory = op->directory;
    s->keeper.ended_ms = monotonic_ms();
    return 0;
}

struct name_entry {
    uint64_t inode, offset;
    unsigned short length;
    unsigned char type;
    char name[];
};

typedef void visit_name(struct supervisor *s, int directory, const char *name, const void *argument);

static void each_name(struct supervisor *s, int directory, visit_name *visit, const void *argument) {
    _Alignas(struct name_entry) char entries[NAMES_BYTES];
    if (lseek(directory, 0, SEEK_SET) < 0) return;
    for (long length; (length = syscall(SYS_getdents64, directory, entries, sizeof entries)) > 0;) {
        for (long at = 0; at < length;) {
            const struct name_entry *entry = (const void *)(entries + at);
            at += entry->length;
            if (strcmp(entry->name, ".") != 0 && strcmp(entry->name, "..") != 0)
                visit(s, directory, entry->name, argument);
        }
    }
}

/* The same of a directory that may not be there. */
static int sweep(struct supervisor *s, const char *path, visit_name *visit, const void *argument) {
    autoclose directory = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (directory < 0) return errno == ENOENT ? 0 : -1;
    each_name(s, directory, visit, argument);
    return 0;
}

static int map_plan(int directory, const char *name, struct plan *plan) {
    struct stat status;
    autoclose fd = openat(directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &status) < 0) return -1;
    if (!S_ISREG(status.st_mode) || status.st_size <= 0 || status.st_size > LIMIT_PLAN_BYTES) return fail(EBADMSG);
    size_t length = (size_t)status.st_size;
    void *bytes = mmap(NULL, length, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
    if (bytes == MAP_FAILED) return -1;
    if (plan_decode(plan, bytes, length) == 0 && plan->mode == MODE_TASK) return 0;
    munmap(bytes, length);
    return fail(EBADMSG);
}

static void let_go(struct keeper *keeper) {
    while (keeper->locks > 0) close(keeper->lock[--keeper->locks]);
}

/* Executes sections of another plan, which is unmapped then; how many of their operations have failed. */
static int execute(struct supervisor *s, const struct plan *inner, int first, int last) {
    struct plan outer = s->plan;
    uint32_t failures = s->undone.count;
    s->plan = *inner;
    s->keeper.depth++;
    for (int section = first; section <= last; section++) interpret(s, section, &s->undone);
    s->keeper.depth--;
    s->plan = outer;
    munmap((void *)(uintptr_t)inner->bytes, inner->length);
    if (s->keeper.depth == 0) let_go(&s->keeper);
    return (int)(s->undone.count - failures);
}

/* The same of the plan in a file; -1 when that is none. */
static int execute_file(struct supervisor *s, int directory, const char *name, int first, int last) {
    struct plan plan;
    if (s->keeper.depth == DEEPEST_PLAN) return fail(ELOOP);
    return map_plan(directory, name, &plan) < 0 ? -1 : execute(s, &plan, first, last);
}

struct turn {
    char first, last;
    int section;
};

static void take_turn(struct supervisor *s, int directory, const char *name, const void *argument) {
    const struct turn *turn = argument;
    // What is no plan belongs to a thing that was never made.
    if (name[0] >= turn->first && name[0] <= turn->last) execute_file(s, directory, name, turn->section, turn->section);
}

void keeper_undo(struct supervisor *s) {
    if (s->keeper.directory == NULL) return;
    autoclose directory = open(s->keeper.directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (directory < 0) return;
    const struct turn all = {FIRST_TURN, LAST_TURN, SECTION_ENDING};
    each_name(s, directory, take_turn, &all);
    for (char first = FIRST_TURN; first <= LAST_TURN; first++) {
        const struct turn turn = {first, first, SECTION_TEARDOWN};
        each_name(s, directory, take_turn, &turn);
    }
    struct plan root;
    bool is_last = map_plan(directory, last_plan, &root) == 0;
    // What the owner had is gone: nobody has to wait for what may follow.
    interpret(s, SECTION_TEARDOWN, &s->undone);
    close(FD_LOCK);
    if (is_last) execute(s, &root, SECTION_TEARDOWN, SECTION_TEARDOWN);
}

bool keeper_is_late(const struct supervisor *s, uint64_t patience) {
    int64_t waited = monotonic_ms() - s->keeper.ended_ms;
    return waited < 0 || (uint64_t)waited >= patience;
}

void keeper_pause(void) {
    struct timespec rest = {0, PAUSE_NS};
    nanosleep(&rest, NULL);
}

/* By a name relative to the directory, because a socket's address holds only 108 bytes. */
static int connect_in(int fd, const char *path) {
    static const struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "sock"};
    autoclose directory = open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (directory < 0 || fchdir(directory) < 0) return -1;
    int result = connect(fd, (const void *)&address, sizeof address);
    int error = errno;
    if (chdir("/") < 0) return -1;
    return result < 0 ? fail(error) : 0;
}

static int tell(const char *path, const struct blob *frame) {
    autoclose fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || connect_in(fd, path) < 0) return -1;
    return send(fd, frame->data, frame->length, MSG_NOSIGNAL) < 0 ? -1 : 0;
}

int do_tell(struct supervisor *s, const struct op_tell *op) {
    (void)s;
    bool told = tell(op->path, op->frame) == 0;
    // Who has just no time is told again.
    return told || errno == ENOENT || errno == ECONNREFUSED || errno == EAGAIN ? 0 : -1;
}

static bool is_still(int fd, int directory, const char *name) {
    struct stat held, named;
    return fstat(fd, &held) == 0 && fstatat(directory, name, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
           held.st_ino == named.st_ino && held.st_dev == named.st_dev;
}

/* 1: it is ours; 0: there is none (any more); -1: EWOULDBLOCK when somebody has it. */
static int lock_once(struct keeper *keeper, int directory, const char *name) {
    if (keeper->locks == KEEPER_LOCKS) return fail(ENOLCK);
    int fd = openat(directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) return errno == ENOENT ? 0 : -1;
    if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        close_scoped(&fd);
        return -1;
    }
    if (is_still(fd, directory, name)) {
        keeper->lock[keeper->locks++] = fd;
        return 1;
    }
    close(fd);
    return fail(EWOULDBLOCK);
}

int do_claim_run(struct supervisor *s, const struct op_claim_run *op) {
    for (unsigned attempt = 0;; attempt++) {
        autoclose directory = open(op->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (directory < 0 && errno == ENOENT) return 0;
        int taken = directory < 0 ? -1 : lock_once(&s->keeper, directory, "lock");
        if (taken >= 0) return 0;
        int error = errno;
        if (error != EWOULDBLOCK || keeper_is_late(s, op->patience)) {
            s->keeper.skip = op->skip;
            return fail(error);
        }
        // It may just have begun to listen.
        if (attempt % TELL_EVERY == TELL_EVERY - 1) tell(op->path, op->frame);
        keeper_pause();
    }
}

int do_undo_run(struct supervisor *s, const struct op_undo_run *op) {
    int failures = execute_file(s, AT_FDCWD, op->path, SECTION_ENDING, SECTION_TEARDOWN);
    // Whoever made the directory has not come to leaving a plan in it: there is nothing else.
    s->keeper.skip = failures > 0 ? op->skip : 0;
    return 0;
}

int do_unmount(struct supervisor *s, const struct op_unmount *op) {
    (void)s;
    for (int i = 0; i < MOUNTS_AT_ONE_PLACE; i++) {
        // What is mounted below belongs to others, and would be unmounted there too.
        if (mount(NULL, op->path, NULL, MS_PRIVATE | MS_REC, NULL) < 0)
            return errno == EINVAL || errno == ENOENT ? 0 : -1;
        if (umount2(op->path, UMOUNT_NOFOLLOW) == 0) continue;
        if (errno != EBUSY || umount2(op->path, UMOUNT_NOFOLLOW | MNT_DETACH) < 0) return -1;
    }
    return fail(EBUSY);
}

static void remove_if_matching(struct supervisor *s, int directory, const char *name, const void *argument) {
    (void)s;
    const struct op_remove_matching *op = argument;
    size_t length = strlen(name), prefix = strlen(op->prefix), suffix = strlen(op->suffix);
    if (length < prefix + suffix || strncmp(name, op->prefix, prefix) != 0) return;
    if (strcmp(name + length - suffix, op->suffix) == 0) remove_tree_at(directory, name);
}

int do_remove_matching(struct supervisor *s, const struct op_remove_matching *op) {
    return op->prefix[0] == 0 ? fail(EINVAL) : sweep(s, op->directory, remove_if_matching, op);
}

static void remove_if_free(struct supervisor *s, int directory, const char *name, const void *argument) {
    (void)argument;
    if (lock_once(&s->keeper, directory, name) != 1) return;
    // Who waits for it takes the next one of that name.
    unlinkat(directory, name, 0);
    close(s->keeper.lock[--s->keeper.locks]);
}

int do_remove_free_locks(struct supervisor *s, const struct op_remove_free_locks *op) {
    return sweep(s, op->directory, remove_if_free, NULL);
}

static void note_content(struct supervisor *s, int directory, const char *name, const void *argument) {
    (void)directory;
    (void)argument;
    if (strcmp(name, "lock") != 0 && strcmp(name, "removed") != 0 && strcmp(name, "copied") != 0) s->output[0] = 1;
}

static void remove_if_idle(struct supervisor *s, int directory, const char *name, const void *argument) {
    (void)argument;
    // Somebody makes it, and is about to lock it.
    if (name[0] == '.') return;
    autoclose run = openat(directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (run < 0 || lock_once(&s->keeper, run, "lock") != 1) return;
    s->output[0] = 0;
    each_name(s, run, note_content, NULL);
    if (s->output[0] == 0) remove_tree_at(directory, name);
    close(s->keeper.lock[--s->keeper.locks]);
}

int do_remove_idle_runs(struct supervisor *s, const struct op_remove_idle_runs *op) {
    return sweep(s, op->directory, remove_if_idle, NULL);
}

int do_guard_lock(struct supervisor *s, const struct op_guard_lock *op) {
    int taken;
    while ((taken = lock_once(&s->keeper, AT_FDCWD, op->path)) < 0 && errno == EWOULDBLOCK && !keeper_is_late(s, op->patience))
        keeper_pause();
    if (taken < 0) s->keeper.skip = op->skip;
    return 0;
}

static void note_name(struct supervisor *s, int directory, const char *name, const void *argument) {
    (void)directory;
    (void)name;
    (void)argument;
    s->output[0] = 1;
}

static bool is_empty(struct supervisor *s, const char *path) {
    autoclose directory = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (directory < 0) return errno == ENOENT;
    s->output[0] = 0;
    each_name(s, directory, note_name, NULL);
    return s->output[0] == 0;
}

int do_guard_empty(struct supervisor *s, const struct op_guard_empty *op) {
    while (!is_empty(s, op->directory)) {
        if (keeper_is_late(s, op->patience)) {
            s->keeper.skip = op->skip;
            break;
        }
        keeper_pause();
    }
    return 0;
}

int do_guard_text(struct supervisor *s, const struct op_guard_text *op) {
    char text[TEXT_BYTES];
    if (read_text(op->path, text, sizeof text) < 0 || strstr(text, op->text) == NULL) s->keeper.skip = op->skip;
    return 0;
}
