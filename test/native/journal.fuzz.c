/* Whatever a journal has come to hold, a line that is appended to it is whole, on a line of its own, and the
 * last. */
#include "journal-helpers.h"
#include <stdlib.h>

static const char text[] = "{\"a\":\"\1\",";

static void check(int fd, off_t before) {
    static const char beginning[] = "{\"a\":\"value\",\"time\":";
    char last[257];
    off_t size = lseek(fd, 0, SEEK_END);
    off_t from = size > (off_t)sizeof last - 1 ? size - (off_t)sizeof last + 1 : 0;
    ssize_t length = pread(fd, last, (size_t)(size - from), from);
    if (length <= 2 || size > before + (off_t)sizeof last) abort();
    if (last[length - 1] != '\n' || last[length - 2] != '}') abort();
    const char *newline = memrchr(last, '\n', (size_t)length - 1);
    const char *start = newline == NULL ? last : newline + 1;
    if ((newline == NULL && from > 0) || strncmp(start, beginning, sizeof beginning - 1) != 0) abort();
}

static char path[64], lock[64];

static void forget(void) {
    unlink(path);
    unlink(lock);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length) {
    struct journal_line line = {text, "value"};
    if (path[0] == 0) {
        snprintf(path, sizeof path, "/dev/shm/journal-fuzz-%d", getpid());
        snprintf(lock, sizeof lock, "%s.lock", path);
        atexit(forget);
    }
    int journal = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (journal < 0 || write(journal, data, length) != (ssize_t)length) abort();
    struct op_journal at = {path, lock, UINT64_MAX, 4};
    if (journal_append(&at, &line, 1) != 1) abort();
    check(journal, (off_t)length);
    close(journal);
    return 0;
}
