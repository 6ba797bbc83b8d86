/* The record files of networks with names: which container answers to what. Read by resolvers at any time, so
 * each is replaced as a whole; written by supervisors and engines, one at a time. */
#include "supervisor.h"
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>

enum { PATIENCE_MS = 10000, LONGEST_PAUSE_NS = 4 * 1000 * 1000, BUFFER_BYTES = 16 * 1024 };

/* A record file whose writers wait for us. */
struct record {
    char path[PATH_MAX], aside[PATH_MAX];
    int lock;
};

static void record_close(const struct record *record) { close_scoped(&record->lock); }
#define autorecord __attribute__((cleanup(record_close))) struct record

static int lock_within(int fd, int64_t end_ms) {
    long pause_ns = 50 * 1000;
    while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        if (errno != EWOULDBLOCK && errno != EINTR) return -1;
        if (monotonic_ms() > end_ms) return fail(ETIMEDOUT);
        nanosleep(&(struct timespec){.tv_nsec = pause_ns}, NULL);
        if (pause_ns < LONGEST_PAUSE_NS) pause_ns *= 2;
    }
    return 0;
}

/* Holds `path`.lock: the file that has that name, not one that was removed while we waited for it. Resolvers
 * must not be able to open it: whoever can, can keep all others waiting. */
static int take_lock(struct record *record) {
    char path[PATH_MAX + 8];
    int64_t end_ms = monotonic_ms() + PATIENCE_MS;
    put_text(put_text(path, record->path), ".lock");
    for (struct stat status = {0}; status.st_nlink == 0;) {
        close_and_forget(&record->lock);
        record->lock = open(path, O_RDONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (record->lock < 0 || lock_within(record->lock, end_ms) < 0 || fstat(record->lock, &status) < 0)
            return -1;
    }
    return 0;
}

static int record_open(struct record *record, const char *directory, size_t length, const char *name) {
    record->lock = -1;
    if (length + strlen(name) + sizeof "/.new-" > sizeof record->path) return fail(ENAMETOOLONG);
    memcpy(record->path, directory, length);
    memcpy(record->aside, directory, length);
    put_text(put_text(record->path + length, "/"), name);
    put_text(put_text(record->aside + length, "/.new-"), name);
    return take_lock(record);
}

/* One that was killed while it wrote has left its own aside. */
static int open_aside(const struct record *record) {
    return open(record->aside, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);
}

/* Lines on their way from one file to another, but for those of `id`. */
struct copy {
    int from, to;
    const char *id;
    size_t id_length;
    bool inside, dropping; /* a line; and that one is of `id` */
    bool dropped;          /* any */
    size_t have;
    char bytes[BUFFER_BYTES];
};

static bool of_id(const struct copy *copy, const char *line, size_t left) {
    return left > copy->id_length && memcmp(line, copy->id, copy->id_length) == 0 &&
           line[copy->id_length] == ' ';
}

/* Writes the lines of the buffer that are kept. What can't be told yet, unless it is the file's `last`, is
 * moved to its beginning. */
static int copy_lines(struct copy *copy, bool last) {
    size_t at = 0, kept = 0;
    while (at < copy->have) {
        size_t left = copy->have - at;
        if (!copy->inside && !last && left <= copy->id_length) break;
        if (!copy->inside) copy->dropping = of_id(copy, copy->bytes + at, left);
        const char *end = memchr(copy->bytes + at, '\n', left);
        size_t length = end == NULL ? left : (size_t)(end - (copy->bytes + at)) + 1;
        copy->inside = end == NULL;
        copy->dropped |= copy->dropping;
        if (!copy->dropping) {
            memmove(copy->bytes + kept, copy->bytes + at, length);
            kept += length;
        }
        at += length;
    }
    if (write_whole(copy->to, copy->bytes, kept) < 0) return -1;
    copy->have -= at;
    memmove(copy->bytes, copy->bytes + at, copy->have);
    return 0;
}

static int copy_others(struct copy *copy) {
    for (;;) {
        ssize_t length = read(copy->from, copy->bytes + copy->have, sizeof copy->bytes - copy->have);
        if (length < 0 && errno == EINTR) continue;
        if (length < 0) return -1;
        copy->have += (size_t)length;
        if (copy_lines(copy, length == 0) < 0) return -1;
        if (length == 0) return 0;
    }
}

static int write_line(int fd, const char *line) {
    return write_whole(fd, line, strlen(line)) < 0 ? -1 : write_whole(fd, "\n", 1);
}

static void copy_begin(struct copy *copy, int from, int to, const char *id) {
    copy->from = from;
    copy->to = to;
    copy->id = id;
    copy->id_length = strlen(id);
    copy->inside = copy->dropping = copy->dropped = false;
    copy->have = 0;
}

static int record_add(const struct record *record, const struct op_names_add *op) {
    autoclose from = open(record->path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (from < 0 && errno != ENOENT) return -1;
    autoclose to = open_aside(record);
    struct copy copy;
    copy_begin(&copy, from, to, op->id);
    if (to < 0 || (from < 0 ? write_line(to, op->header) : copy_others(&copy)) < 0) return -1;
    if (copy.inside && !copy.dropping && write_whole(to, "\n", 1) < 0) return -1;
    return write_line(to, op->line) < 0 ? -1 : rename(record->aside, record->path);
}

int do_names_add(struct supervisor *s, const struct op_names_add *op) {
    (void)s;
    const char *slash = strrchr(op->path, '/');
    if (slash == NULL || strlen(op->id) >= BUFFER_BYTES) return fail(EINVAL);
    autorecord record;
    if (record_open(&record, op->path, (size_t)(slash - op->path), slash + 1) < 0) return -1;
    if (record_add(&record, op) == 0) return 0;
    int error = errno;
    unlink(record.aside);
    return fail(error);
}

/* A file that has no line of `id` stays as it is. */
static int record_remove(const struct record *record, const char *id) {
    autoclose from = open(record->path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (from < 0) return errno == ENOENT ? 0 : -1;
    autoclose to = open_aside(record);
    struct copy copy;
    copy_begin(&copy, from, to, id);
    if (to >= 0 && copy_others(&copy) == 0)
        if (copy.dropped ? rename(record->aside, record->path) == 0 : unlink(record->aside) == 0) return 0;
    int error = errno;
    unlink(record->aside);
    return fail(error);
}

/* A network that has gone has taken its names along, and the lock must not be made again. */
static int remove_from(const char *directory, const char *network, const char *id) {
    char path[PATH_MAX];
    if (network[0] == '.' || strchr(network, '/') != NULL) return fail(EBADMSG);
    if (strlen(directory) + strlen(network) + 2 > sizeof path) return fail(ENAMETOOLONG);
    put_text(put_text(put_text(path, directory), "/"), network);
    if (access(path, F_OK) < 0) return errno == ENOENT ? 0 : -1;
    autorecord record;
    if (record_open(&record, directory, strlen(directory), network) < 0) return -1;
    return record_remove(&record, id);
}

/* The view is the engine's: a few hundred bytes for each network of a container. */
static int each_network(const struct op_names_remove *op, char *view) {
    static const char key[] = "network ";
    int error = 0;
    for (char *line = view, *next; line[0] != 0; line = next) {
        size_t length = strcspn(line, "\n");
        next = line + length + (line[length] != 0);
        line[length] = 0;
        if (strncmp(line, key, sizeof key - 1) != 0) continue;
        if (remove_from(op->directory, line + sizeof key - 1, op->id) < 0 && error == 0) error = errno;
    }
    return error == 0 ? 0 : fail(error);
}

int do_names_remove(struct supervisor *s, const struct op_names_remove *op) {
    autoclose directory = open(op->directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
    autoclose view = directory < 0 ? -1 : openat(directory, op->view, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (view < 0) return errno == ENOENT ? 0 : -1;
    if (strlen(op->id) >= BUFFER_BYTES) return fail(EINVAL);
    ssize_t length = read(view, s->output, sizeof s->output - 1);
    if (length < 0) return -1;
    if ((size_t)length == sizeof s->output - 1) return fail(EFBIG);
    s->output[length] = 0;
    if (each_network(op, s->output) < 0) return -1;
    return unlinkat(directory, op->view, 0) == 0 || errno == ENOENT ? 0 : -1;
}
