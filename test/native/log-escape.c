/* Escapes standard input as a log line's text. `log-escape SECONDS NANOSECONDS`: formats a time instead. */
#include "log.h"
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv) {
    static char text[1 << 20], escaped[6 << 20];
    if (argc == 3) {
        static struct log log;
        struct timespec at = {atol(argv[1]), atol(argv[2])};
        log_initialize(&log);
        fwrite(escaped, 1, log_time(&log, escaped, &at), stdout);
        return 0;
    }
    size_t length = fread(text, 1, sizeof text, stdin);
    fwrite(escaped, 1, (size_t)(log_escape(escaped, text, length) - escaped), stdout);
    return 0;
}
