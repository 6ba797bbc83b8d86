/* Docker's json-file log: one object a line, in parts when the line is long. */
#ifndef INBOARD_LOG_H
#define INBOARD_LOG_H
#include <stddef.h>
#include <stdint.h>
#include <time.h>

enum { LOG_PART_BYTES = 16 * 1024, LOG_BATCH_BYTES = 128 * 1024, LOG_TIME_BYTES = 40 };

struct log_stream {
    const char *name;
    uint32_t length; /* of the line that has not ended yet */
    char line[LOG_PART_BYTES];
};

struct log {
    int fd;
    uint64_t bytes; /* of the file */
    struct log_stream streams[2];
    time_t second; /* that `date` is about */
    char date[32];
    size_t batched;
    char batch[LOG_BATCH_BYTES];
};

void log_open(struct log *log, int fd, uint64_t bytes);
/* Logs the lines that end in `data`, and keeps the rest for later; one write, or more for very much data. */
void log_output(struct log *log, int stream, const char *data, size_t length);
/* Logs what is left of the stream's last line, which has no newline. */
void log_end(struct log *log, int stream);

/* JSON as Docker's jsonlog writes it; at most six bytes for each one of the text. Returns the end of what was
 * written. */
char *log_escape(char *to, const char *text, size_t length);
/* RFC 3339 in UTC with nanoseconds, without trailing zeros. */
size_t log_time(struct log *log, char *to, const struct timespec *at);

#endif
