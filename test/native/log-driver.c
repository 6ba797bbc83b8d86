/* Logs what comes on standard input, and tells after each read: bytes logged in all, bytes dropped.
 * `log-driver PATH FORMAT MAXIMUM_BYTES FILES ATTRIBUTES DIRECTORY [compress]`: then until that is done. */
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "log.h"

static struct log log_;

static void tell(void) {
    printf("%llu %llu\n", (unsigned long long)log_.bytes, (unsigned long long)log_.dropped);
    fflush(stdout);
}

static void compress(void) {
    while (log_patience_ms(&log_) >= 0 || log_.compressor_watch >= 0) {
        struct pollfd ended = {log_.compressor_watch, POLLIN, 0};
        poll(&ended, 1, log_patience_ms(&log_));
        log_serve(&log_, ended.revents != 0);
    }
}

int main(int argc, char **argv) {
    static char data[64 * 1024];
    if (argc < 7) return 2;
    struct op_open_log options = {.path = argv[1],
                                  .mode = 0640,
                                  .format = strtoull(argv[2], NULL, 10),
                                  .maximum_bytes = strtoull(argv[3], NULL, 10),
                                  .files = strtoull(argv[4], NULL, 10),
                                  .compress = argc > 7,
                                  .attributes = argv[5]};
    log_initialize(&log_);
    if (log_open(&log_, &options, open(argv[6], O_PATH | O_DIRECTORY)) < 0) {
        perror("log_open");
        return 1;
    }
    for (ssize_t length; (length = read(0, data, sizeof data)) > 0; tell()) log_output(&log_, 0, data, (size_t)length);
    log_end(&log_, 0);
    compress();
    tell();
    return 0;
}
