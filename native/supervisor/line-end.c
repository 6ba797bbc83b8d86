#include "line-end.h"
#include <string.h>
#include <unistd.h>

enum { BLOCK_BYTES = 4096 };

off_t last_line_end(int fd, off_t end) {
    char block[BLOCK_BYTES];
    while (end > 0) {
        off_t from = end > BLOCK_BYTES ? end - BLOCK_BYTES : 0;
        ssize_t length = pread(fd, block, (size_t)(end - from), from);
        if (length <= 0) return -1;
        const char *newline = memrchr(block, '\n', (size_t)length);
        if (newline != NULL) return from + (newline - block) + 1;
        end = from;
    }
    return 0;
}
