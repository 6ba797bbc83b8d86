#include "log.h"
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>
#include "sys.h"

static const char hexadecimal[] = "0123456789abcdef";

/* The length of the well-formed UTF-8 sequence at `text`, or 0: overlong forms and surrogates are not
 * well-formed. */
static size_t sequence_length(const unsigned char *text, size_t length) {
    unsigned lead = text[0], low = 0x80, high = 0xbf;
    size_t need = lead >= 0xf0 && lead <= 0xf4  ? 4
                  : lead >= 0xe0 && lead < 0xf0 ? 3
                  : lead >= 0xc2 && lead < 0xe0 ? 2
                                                : 0;
    if (need == 0 || need > length) return 0;
    if (lead == 0xe0) low = 0xa0;
    if (lead == 0xed) high = 0x9f;
    if (lead == 0xf0) low = 0x90;
    if (lead == 0xf4) high = 0x8f;
    if (text[1] < low || text[1] > high) return 0;
    for (size_t i = 2; i < need; i++)
        if ((text[i] & 0xc0) != 0x80) return 0;
    return need;
}

static bool is_plain(unsigned char byte) {
    return byte >= 0x20 && byte < 0x80 && byte != '"' && byte != '\\' && byte != '<' && byte != '>' &&
           byte != '&';
}

static char *escape_ascii(char *to, unsigned char byte) {
    *to++ = '\\';
    if (byte == '"' || byte == '\\')
        *to++ = (char)byte;
    else if (byte == '\n')
        *to++ = 'n';
    else if (byte == '\r')
        *to++ = 'r';
    else {
        memcpy(to, "u00", 3);
        to[3] = hexadecimal[byte >> 4];
        to[4] = hexadecimal[byte & 15];
        to += 5;
    }
    return to;
}

static char *escape_sequence(char *to, const unsigned char *text, size_t need) {
    if (need == 0) {
        memcpy(to, "\\ufffd", 6);
        return to + 6;
    }
    // U+2028 and U+2029 end lines in JavaScript, so Go's encoder escapes them.
    if (need == 3 && text[0] == 0xe2 && text[1] == 0x80 && (text[2] & ~1u) == 0xa8) {
        memcpy(to, "\\u202", 5);
        to[5] = hexadecimal[text[2] & 15];
        return to + 6;
    }
    memcpy(to, text, need);
    return to + need;
}

char *log_escape(char *to, const char *text, size_t length) {
    const unsigned char *from = (const unsigned char *)text;
    for (size_t i = 0; i < length;) {
        if (is_plain(from[i]))
            *to++ = (char)from[i++];
        else if (from[i] < 0x80)
            to = escape_ascii(to, from[i++]);
        else {
            size_t need = sequence_length(from + i, length - i);
            to = escape_sequence(to, from + i, need);
            i += need == 0 ? 1 : need;
        }
    }
    return to;
}

static char *digits(char *to, unsigned value, int width) {
    for (int i = width - 1; i >= 0; i--, value /= 10) to[i] = (char)('0' + value % 10);
    return to + width;
}

static void format_date(struct log *log, time_t second) {
    struct tm utc;
    gmtime_r(&second, &utc);
    char *to = digits(log->date, (unsigned)utc.tm_year + 1900, 4);
    const int parts[] = {utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec};
    for (int i = 0; i < 5; i++) {
        *to++ = "--T::"[i];
        to = digits(to, (unsigned)parts[i], 2);
    }
    *to = 0;
    log->second = second;
}

size_t log_time(struct log *log, char *to, const struct timespec *at) {
    if (at->tv_sec != log->second) format_date(log, at->tv_sec);
    size_t length = strlen(log->date);
    memcpy(to, log->date, length);
    if (at->tv_nsec > 0) {
        to[length++] = '.';
        digits(to + length, (unsigned)at->tv_nsec, 9);
        length += 9;
        while (to[length - 1] == '0') length--;
    }
    to[length++] = 'Z';
    return length;
}

static void flush(struct log *log) {
    for (size_t from = 0; from < log->batched;) {
        ssize_t written = write(log->fd, log->batch + from, log->batched - from);
        if (written < 0 && errno == EINTR) continue;
        // A full disk loses log lines; the container runs on.
        if (written <= 0) break;
        from += (size_t)written;
        log->bytes += (size_t)written;
    }
    log->batched = 0;
}

static char *append(char *to, const char *text) {
    size_t length = strlen(text);
    memcpy(to, text, length);
    return to + length;
}

/* One object for one line or part of a line, which is never longer than LOG_PART_BYTES. */
static void add_entry(struct log *log, int stream, const char *text, size_t length) {
    enum { AROUND = 96 };
    if (log->batched + 6 * length + AROUND > sizeof log->batch) flush(log);
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    char *to = append(log->batch + log->batched, "{\"log\":\"");
    to = append(log_escape(to, text, length), "\",\"stream\":\"");
    to = append(append(to, log->streams[stream].name), "\",\"time\":\"");
    to += log_time(log, to, &now);
    to = append(to, "\"}\n");
    log->batched = (size_t)(to - log->batch);
}

/* Takes up to the end of a line or of a part; how much of `data` that was. */
static size_t take_line(struct log *log, int stream, const char *data, size_t length) {
    struct log_stream *at = &log->streams[stream];
    size_t room = LOG_PART_BYTES - at->length;
    size_t limit = length < room ? length : room;
    const char *newline = memchr(data, '\n', limit);
    size_t taken = newline != NULL ? (size_t)(newline - data) + 1 : limit;
    bool ends = newline != NULL || limit == room;
    if (at->length == 0 && ends) {
        add_entry(log, stream, data, taken);
        return taken;
    }
    memcpy(at->line + at->length, data, taken);
    at->length += (uint32_t)taken;
    if (ends) {
        add_entry(log, stream, at->line, at->length);
        at->length = 0;
    }
    return taken;
}

void log_output(struct log *log, int stream, const char *data, size_t length) {
    for (size_t from = 0; from < length;) from += take_line(log, stream, data + from, length - from);
    flush(log);
}

void log_end(struct log *log, int stream) {
    struct log_stream *at = &log->streams[stream];
    if (at->length > 0) add_entry(log, stream, at->line, at->length);
    at->length = 0;
    flush(log);
}

void log_open(struct log *log, int fd, uint64_t bytes) {
    log->fd = fd;
    log->bytes = bytes;
    log->second = -1;
    log->streams[0].name = "stdout";
    log->streams[1].name = "stderr";
}
