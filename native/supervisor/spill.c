/* Output that a client does not read at once waits in an unlinked file, so that it delays nobody else; in
 * memory, of which it may not take any amount, where no file can be written. */
#include "supervisor.h"
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>

enum { PUNCH_BYTES = 4 * 1024 * 1024, MEMORY_BYTES = 16 * 1024 * 1024, COPY_BYTES = 65536 };

/* Beside the log, which is on a disk, or in the run directory; -1 when there is neither. */
static int open_file(const struct supervisor *s) {
    char directory[4096];
    int fd = -1;
    if (s->log_path != NULL && strlen(s->log_path) < sizeof directory) {
        strcpy(directory, s->log_path);
        char *slash = strrchr(directory, '/');
        if (slash != NULL) slash[0] = 0;
        fd = open(slash == NULL ? "." : directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    }
    if (fd < 0 && s->run_directory >= 0)
        fd = openat(s->run_directory, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    return fd;
}

static int write_at(int fd, const char *data, size_t length, uint64_t position) {
    while (length > 0) {
        ssize_t written = pwrite(fd, data, length, (off_t)position);
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return -1;
        data += written;
        length -= (size_t)written;
        position += (uint64_t)written;
    }
    return 0;
}

static int copy_rest(const struct spill *spill, int target) {
    char data[COPY_BYTES];
    for (uint64_t at = spill->head; at < spill->tail;) {
        uint64_t left = spill->tail - at;
        ssize_t length = pread(spill->fd, data, left < sizeof data ? left : sizeof data, (off_t)at);
        if (length < 0 && errno == EINTR) continue;
        if (length <= 0 || write_at(target, data, (size_t)length, at - spill->head) < 0) return -1;
        at += (uint64_t)length;
    }
    return 0;
}

/* Not of a client that is further behind than memory may hold: that one is let go. */
static int move_to_memory(struct spill *spill) {
    bool fits = !spill->memory && spill->tail - spill->head <= MEMORY_BYTES;
    int fd = fits ? memfd_create("output", MFD_CLOEXEC) : -1;
    if (fd < 0) return -1;
    if (spill->fd >= 0 && copy_rest(spill, fd) < 0) {
        close(fd);
        return -1;
    }
    close_and_forget(&spill->fd);
    *spill = (struct spill){.fd = fd, .tail = spill->tail - spill->head, .memory = true};
    return 0;
}

int spill_append(struct supervisor *s, struct spill *spill, const void *data, size_t length) {
    if (spill->fd < 0) spill->fd = open_file(s);
    // A full disk ends nobody's connection: with it, the input of the program would end.
    if ((spill->fd < 0 || write_at(spill->fd, data, length, spill->tail) < 0) &&
        (move_to_memory(spill) < 0 || write_at(spill->fd, data, length, spill->tail) < 0))
        return -1;
    spill->tail += length;
    return 0;
}

bool spill_full(const struct spill *spill) {
    return spill->memory && spill->tail - spill->head >= MEMORY_BYTES;
}

static void release_space(struct spill *spill) {
    // The disk may have room again.
    if (spill->head == spill->tail && spill->memory) return spill_close(spill);
    if (spill->head == spill->tail) {
        spill->head = spill->tail = spill->punched = 0;
        if (ftruncate(spill->fd, 0) == 0) return;
    }
    if (spill->head - spill->punched < PUNCH_BYTES) return;
    fallocate(spill->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)spill->punched,
              (off_t)(spill->head - spill->punched));
    spill->punched = spill->head;
}

int spill_send(struct spill *spill, int socket) {
    off_t offset = (off_t)spill->head;
    ssize_t sent = sendfile(socket, spill->fd, &offset, (size_t)(spill->tail - spill->head));
    if (sent < 0) return errno == EAGAIN || errno == EINTR ? 0 : -1;
    spill->head += (uint64_t)sent;
    release_space(spill);
    return 0;
}

void spill_close(struct spill *spill) {
    close_and_forget(&spill->fd);
    spill->head = spill->tail = spill->punched = 0;
    spill->memory = false;
}
