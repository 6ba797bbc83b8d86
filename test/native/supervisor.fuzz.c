/* libFuzzer over all that parses what others send: plans, client frames, and output on its way into the log.
   The first byte chooses which. */
#include "frames.h"
#include "log.h"
#include "plan.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void fuzz_plan(const uint8_t *data, size_t size) {
    struct plan plan;
    unsigned char *copy = aligned_alloc(8, (size + 7) & ~(size_t)7);
    if (size > 0) memcpy(copy, data, size);
    // The checks behind the header are the interesting ones.
    const uint32_t head[] = {PLAN_MAGIC, PLAN_FINGERPRINT, (uint32_t)size};
    if (size >= sizeof head) memcpy(copy, head, sizeof head);
    if (plan_decode(&plan, copy, size) == 0) {
        for (int section = 1; section <= SECTION_LAST; section++) {
            struct cursor cursor = plan_section(&plan, section);
            for (struct operation operation; plan_next(&cursor, &operation);)
                if (strlen(plan_subject(&operation)) > size) abort();
        }
    } else if (errno != EBADMSG)
        abort();
    free(copy);
}

static void fuzz_frames(const uint8_t *data, size_t size) {
    struct frame_reader reader;
    memset(&reader, 0, sizeof reader);
    for (size_t from = 0; from < size;) {
        size_t wanted = frame_wants(&reader);
        if (wanted == 0) abort();
        size_t taken = wanted < size - from ? wanted : size - from;
        unsigned char *piece = malloc(taken);
        memcpy(piece, data + from, taken);
        enum frame_result result = frame_take(&reader, piece, (uint32_t)taken);
        free(piece);
        if (result == FRAME_MALFORMED) return;
        from += taken;
    }
}

static void fuzz_log(const uint8_t *data, size_t size) {
    static struct log log;
    static const struct op_open_log options = {.path = "/dev/null", .mode = 0640, .attributes = ""};
    log_initialize(&log);
    if (log_open(&log, &options, -1) < 0) abort();
    log.options.format = size > 1 && data[1] & 1 ? LOG_FORMAT_LOCAL : LOG_FORMAT_JSON_FILE;
    size_t piece = size > 0 ? 1 + data[0] * 64u : 1;
    for (size_t from = 0; from < size; from += piece)
        log_output(&log, data[from] & 1, (const char *)data + from,
                   piece < size - from ? piece : size - from);
    log_end(&log, 0);
    log_end(&log, 1);
    close(log.fd);
    log.places = 0;
    char *escaped = malloc(6 * size + 1);
    char *end = log_escape(escaped, (const char *)data, size);
    for (const char *at = escaped; at < end; at++)
        if ((unsigned char)*at < 0x20) abort();
    free(escaped);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static void (*const targets[])(const uint8_t *, size_t) = {fuzz_plan, fuzz_frames, fuzz_log};
    if (size > 0) targets[data[0] % 3](data + 1, size - 1);
    return 0;
}
