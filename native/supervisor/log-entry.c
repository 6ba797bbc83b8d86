/* An entry of the log as bytes: nothing here does input or output. */
#include "log.h"
#include <string.h>

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

typedef signed char bytes16 __attribute__((vector_size(16)));

/* Sixteen bytes at a time. Those above 0x7f are negative; < and > differ in one bit, & and " likewise. */
static bool are_plain(bytes16 bytes) {
    union {
        bytes16 bytes;
        uint64_t words[2];
    } special = {.bytes = (bytes < 0x20) | ((bytes | 2) == '>') | ((bytes & ~4) == '"') | (bytes == '\\')};
    return (special.words[0] | special.words[1]) == 0;
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
        for (bytes16 bytes; i + sizeof bytes <= length; i += sizeof bytes, to += sizeof bytes) {
            memcpy(&bytes, from + i, sizeof bytes);
            if (!are_plain(bytes)) break;
            memcpy(to, &bytes, sizeof bytes);
        }
        while (i < length && is_plain(from[i])) *to++ = (char)from[i++];
        if (i == length) break;
        if (from[i] < 0x80)
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

static char *append(char *to, const char *text) {
    size_t length = strlen(text);
    memcpy(to, text, length);
    return to + length;
}

static const char object_begins[] = "{\"log\":\"";

/* What follows the text is the same for all lines of a stream that are read at once. */
static void make_suffix(struct log *log, const struct log_stream *stream) {
    if (log->suffixed == stream && log->suffix_at.tv_sec == stream->at.tv_sec &&
        log->suffix_at.tv_nsec == stream->at.tv_nsec)
        return;
    char *to = append(append(log->suffix, "\",\"stream\":\""), stream->name);
    to = append(append(append(to, "\","), log->options.attributes), "\"time\":\"");
    to += log_time(log, to, &stream->at);
    to = append(to, "\"}\n");
    log->suffix_length = (size_t)(to - log->suffix);
    log->suffixed = stream;
    log->suffix_at = stream->at;
}

static char *json_entry(struct log *log, char *to, const struct log_stream *stream, const char *text,
                        size_t length) {
    make_suffix(log, stream);
    memcpy(to, object_begins, sizeof object_begins - 1);
    to = log_escape(to + sizeof object_begins - 1, text, length);
    memcpy(to, log->suffix, log->suffix_length);
    return to + log->suffix_length;
}

static char *local_entry(const struct log *log, char *to, const struct log_stream *stream, const char *text,
                         size_t length, bool goes_on) {
    const struct {
        uint32_t length;
        uint8_t stream, goes_on;
        uint16_t zero;
        uint64_t time;
    } head = {(uint32_t)length, stream == &log->streams[0] ? 1 : 2, goes_on, 0,
              (uint64_t)stream->at.tv_sec * 1000000000u + (uint64_t)stream->at.tv_nsec};
    _Static_assert(sizeof head == LOG_FRAME_HEAD_BYTES, "the head of a frame has no padding");
    memcpy(to, &head, sizeof head);
    memcpy(to + sizeof head, text, length);
    memcpy(to + sizeof head + length, &head.length, sizeof head.length);
    return to + LOG_FRAME_BYTES + length;
}

size_t log_entry_room(const struct log *log, size_t length) {
    return log->options.format == LOG_FORMAT_LOCAL ? length + LOG_FRAME_BYTES : 6 * length + log->around;
}

char *log_entry(struct log *log, char *to, const struct log_stream *stream, const char *text, size_t length,
                bool goes_on) {
    return log->options.format == LOG_FORMAT_LOCAL
               ? local_entry(log, to, stream, text, length, goes_on)
               : json_entry(log, to, stream, text, length);
}
