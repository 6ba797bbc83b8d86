/* Cuts output into lines, and gathers them until what was read at once is logged at once. */
#include "log.h"
#include <string.h>

static void add_entry(struct log *log, struct log_stream *stream, const char *text, size_t length,
                      bool goes_on) {
    if (log->marks == LOG_BATCH_ENTRIES || log->batched >= LOG_FULL_BYTES ||
        log->batched + log_entry_room(log, length) > sizeof log->batch)
        log_flush(log);
    if (log->bytes + log->batched >= log->rotate_at) {
        log_flush(log);
        log_rotate(log);
    }
    char *end = log_entry(log, log->batch + log->batched, stream, text, length, goes_on);
    log->batched = (size_t)(end - log->batch);
    log->mark[log->marks++] = (struct log_mark){(uint32_t)log->batched, (uint32_t)length};
}

/* Takes up to the end of a line or of a part; how much of `data` that was. */
static size_t take_line(struct log *log, struct log_stream *at, const char *data, size_t length,
                        const struct timespec *now) {
    size_t room = LOG_PART_BYTES - at->length;
    size_t limit = length < room ? length : room;
    const char *newline = memchr(data, '\n', limit);
    size_t taken = newline != NULL ? (size_t)(newline - data) + 1 : limit;
    bool ends = newline != NULL || limit == room;
    if (!at->cut) at->at = *now;
    if (at->length > 0 || !ends) {
        memcpy(at->line + at->length, data, taken);
        at->length += (uint32_t)taken;
    }
    if (!ends) return taken;
    if (at->length > 0)
        add_entry(log, at, at->line, at->length, newline == NULL);
    else
        add_entry(log, at, data, taken, newline == NULL);
    at->length = 0;
    at->cut = newline == NULL;
    return taken;
}

void log_output(struct log *log, int stream, const char *data, size_t length) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    for (size_t from = 0; from < length;)
        from += take_line(log, &log->streams[stream], data + from, length - from, &now);
    log_flush(log);
}

void log_end(struct log *log, int stream) {
    struct log_stream *at = &log->streams[stream];
    if (at->length > 0) add_entry(log, at, at->line, at->length, false);
    at->length = 0;
    at->cut = false;
    log_flush(log);
}
