/* Files that the engine owns, by host paths. */
#include "supervisor.h"
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

int write_whole(int fd, const void *data, size_t length) {
    for (const char *from = data; length > 0;) {
        ssize_t written = write(fd, from, length);
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return -1;
        from += written;
        length -= (size_t)written;
    }
    return 0;
}

char *put_text(char *to, const char *text) {
    size_t length = strlen(text);
    memcpy(to, text, length + 1);
    return to + length;
}

char *put_number(char *to, uint64_t value) {
    char digits[24];
    size_t at = sizeof digits - 1;
    digits[at] = 0;
    do digits[--at] = (char)('0' + value % 10);
    while ((value /= 10) > 0);
    return put_text(to, digits + at);
}

ssize_t read_text(const char *path, char *to, size_t size) {
    autoclose fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t length = fd < 0 ? -1 : read(fd, to, size - 1);
    to[length < 0 ? 0 : length] = 0;
    return length;
}

int write_existing(int directory, const char *path, const char *value) {
    autoclose fd = openat(directory, path, O_WRONLY | O_CLOEXEC);
    if (fd < 0) return -1;
    return write(fd, value, strlen(value)) < 0 ? -1 : 0;
}

int do_make_directory(struct supervisor *s, const struct op_make_directory *op) {
    (void)s;
    if (mkdir(op->path, (mode_t)op->mode) == 0) return 0;
    return errno == EEXIST && op->exist_ok ? 0 : -1;
}

int do_write_file(struct supervisor *s, const struct op_write_file *op) {
    (void)s;
    autoclose fd =
        openat(AT_FDCWD, op->path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, (mode_t)op->mode);
    if (fd < 0 || fchmod(fd, (mode_t)op->mode) < 0) return -1;
    return write_whole(fd, op->data->data, op->data->length);
}

int do_change_owner(struct supervisor *s, const struct op_change_owner *op) {
    (void)s;
    return lchown(op->path, (uid_t)op->uid, (gid_t)op->gid);
}

int do_write_knob(struct supervisor *s, const struct op_write_knob *op) {
    (void)s;
    return write_existing(AT_FDCWD, op->path, op->value) == 0 || op->optional ? 0 : -1;
}

int do_cgroup_join(struct supervisor *s, const struct op_cgroup_join *op) {
    (void)s;
    return write_existing(AT_FDCWD, op->path, "0");
}

int do_open_log(struct supervisor *s, const struct op_open_log *op) {
    s->log_path = op->path;
    return log_open(&s->log, op, s->run_directory);
}

/* Bound by a name relative to the directory, because a socket's address holds only 108 bytes. */
static int bind_here(int listener, const char *name) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(name) >= sizeof address.sun_path) return fail(ENAMETOOLONG);
    put_text(address.sun_path, name);
    // The mode of the socket's file is that of the unbound socket.
    if (fchmod(listener, 0600) < 0) return -1;
    return bind(listener, (void *)&address, sizeof address) < 0 ? -1 : listen(listener, LIMIT_CLIENTS);
}

static int listen_in(struct supervisor *s, const char *directory, const char *name) {
    s->run_directory = openat(AT_FDCWD, directory, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (s->run_directory < 0 || fchdir(s->run_directory) < 0) return -1;
    s->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (s->listener < 0 || bind_here(s->listener, name) < 0) return -1;
    return chdir("/");
}

int do_run_directory(struct supervisor *s, const struct op_run_directory *op) {
    return listen_in(s, op->path, "sock");
}

int do_exec_record(struct supervisor *s, const struct op_exec_record *op) {
    if (record_reserve(FD_LOCK) < 0 || listen_in(s, op->directory, op->socket) < 0) return -1;
    s->record = FD_LOCK;
    return 0;
}

int do_remove_file(struct supervisor *s, const struct op_remove_file *op) {
    (void)s;
    return unlink(op->path) == 0 || errno == ENOENT ? 0 : -1;
}
