/* Output that a client does not read at once waits in an unlinked file, so that it delays nobody else. */
#include "supervisor.h"
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>

enum { PUNCH_BYTES = 4 * 1024 * 1024 };

/* Beside the log, which is on a disk, or in the run directory; in memory when there is neither. */
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
    return fd >= 0 ? fd : memfd_create("output", MFD_CLOEXEC);
}

int spill_append(struct supervisor *s, struct spill *spill, const void *data, size_t length) {
    if (spill->fd < 0) spill->fd = open_file(s);
    if (spill->fd < 0) return -1;
    for (const char *from = data; length > 0;) {
        ssize_t written = pwrite(spill->fd, from, length, (off_t)spill->tail);
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return -1;
        spill->tail += (uint64_t)written;
        from += written;
        length -= (size_t)written;
    }
    return 0;
}

static void release_space(struct spill *spill) {
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
}
