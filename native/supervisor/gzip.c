#include "gzip.h"
#include "sys.h"
#include <stdbool.h>
#include <string.h>

enum { SHORTEST = 4, LONGEST = 258, LOOKS = 24, GOOD_LENGTH = 128 };

static void flush(struct gzip *gzip) {
    for (size_t written = 0; written < gzip->out_length && gzip->error == 0;) {
        ssize_t length = write(gzip->to, gzip->out + written, gzip->out_length - written);
        if (length > 0)
            written += (size_t)length;
        else if (length == 0 || errno != EINTR)
            gzip->error = length == 0 ? EIO : errno;
    }
    gzip->out_length = 0;
}

static void put_byte(struct gzip *gzip, unsigned char byte) {
    if (gzip->out_length == sizeof gzip->out) flush(gzip);
    gzip->out[gzip->out_length++] = byte;
}

void gzip_bits(struct gzip *gzip, uint32_t value, unsigned count) {
    gzip->bits |= (uint64_t)value << gzip->bit_count;
    gzip->bit_count += count;
    for (; gzip->bit_count >= 8; gzip->bit_count -= 8, gzip->bits >>= 8) put_byte(gzip, (unsigned char)gzip->bits);
}

static void fill_byte(struct gzip *gzip) { gzip_bits(gzip, 0, (8 - gzip->bit_count) % 8); }

static uint32_t checksum(const unsigned char *from, size_t length) {
    uint32_t table[256], sum = ~0u;
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t value = i;
        for (int bit = 0; bit < 8; bit++) value = value >> 1 ^ (value & 1 ? 0xedb88320u : 0);
        table[i] = value;
    }
    for (size_t i = 0; i < length; i++) sum = table[(sum ^ from[i]) & 0xff] ^ sum >> 8;
    return ~sum;
}

static uint32_t hash_at(const unsigned char *at) {
    uint32_t word;
    memcpy(&word, at, sizeof word);
    return word * 2654435761u >> 17;
}

/* Notes that what is at `at` was seen there. */
static void note(struct gzip *gzip, size_t at) {
    if (gzip->length - at < SHORTEST) return;
    uint64_t *newest = &gzip->newest[hash_at(gzip->from + at)];
    uint64_t back = *newest == 0 ? 0 : at + 1 - *newest;
    gzip->before[at % GZIP_WINDOW] = back < GZIP_WINDOW ? (uint16_t)back : 0;
    *newest = at + 1;
}

static size_t same_length(const unsigned char *one, const unsigned char *other, size_t limit) {
    size_t length = 0;
    while (length < limit && one[length] == other[length]) length++;
    return length;
}

/* The longest of some places where the same was before; `length` 0: there is none. */
static struct gzip_token find(const struct gzip *gzip, size_t at) {
    struct gzip_token best = {0, gzip->from[at]};
    size_t limit = gzip->length - at < LONGEST ? gzip->length - at : LONGEST;
    if (limit < SHORTEST) return best;
    uint64_t newest = gzip->newest[hash_at(gzip->from + at)];
    size_t back = newest == 0 ? 0 : at + 1 - newest;
    for (int looks = 0; back > 0 && back < GZIP_WINDOW && looks < LOOKS; looks++) {
        size_t length = same_length(gzip->from + at - back, gzip->from + at, limit);
        if (length >= SHORTEST && length > best.length) best = (struct gzip_token){(uint16_t)length, (uint16_t)back};
        if (length >= GOOD_LENGTH || length == limit) break;
        size_t further = gzip->before[(at - back) % GZIP_WINDOW];
        back = further == 0 ? 0 : back + further;
    }
    return best;
}

static void deflate(struct gzip *gzip) {
    for (size_t at = 0; at < gzip->length && gzip->error == 0;) {
        struct gzip_token token = find(gzip, at);
        gzip->token[gzip->tokens++] = token;
        for (size_t end = at + (token.length > 0 ? token.length : 1); at < end; at++) note(gzip, at);
        if (gzip->tokens == GZIP_TOKENS) gzip_block(gzip, false);
    }
    gzip_block(gzip, true);
    fill_byte(gzip);
}

static void put_header(struct gzip *gzip, const char *extra) {
    static const unsigned char head[] = {0x1f, 0x8b, 8, 4, 0, 0, 0, 0, 0, 0xff};
    size_t length = strlen(extra);
    for (size_t i = 0; i < sizeof head; i++) put_byte(gzip, head[i]);
    gzip_bits(gzip, (uint32_t)length, 16);
    for (size_t i = 0; i < length; i++) put_byte(gzip, (unsigned char)extra[i]);
}

int gzip_file(struct gzip *gzip, int to, const unsigned char *from, size_t length, const char *extra) {
    if (strlen(extra) > UINT16_MAX) return fail(EINVAL);
    memset(gzip, 0, sizeof *gzip);
    gzip->from = from;
    gzip->length = length;
    gzip->to = to;
    put_header(gzip, extra);
    deflate(gzip);
    gzip_bits(gzip, checksum(from, length), 32);
    gzip_bits(gzip, (uint32_t)length, 32);
    flush(gzip);
    return gzip->error == 0 ? 0 : fail(gzip->error);
}
