/* gzip (RFC 1952) of one file, by deflate (RFC 1951) with codes made for each block. */
#ifndef INBOARD_GZIP_H
#define INBOARD_GZIP_H
#include <stddef.h>
#include <stdint.h>

enum { GZIP_WINDOW = 32 * 1024, GZIP_TOKENS = 32 * 1024, GZIP_OUT_BYTES = 64 * 1024, GZIP_HASHES = 1 << 15 };

/* A byte of the input (`length` 0: `value` is it), or what was there `value` bytes before, again. */
struct gzip_token {
    uint16_t length, value;
};

struct gzip {
    const unsigned char *from;
    size_t length;
    int to;
    int error; /* of the first write that failed */
    uint64_t newest[GZIP_HASHES]; /* where what has a hash was seen last, plus one */
    uint16_t before[GZIP_WINDOW]; /* how far back it was seen before that; 0: it was not, or too far */
    size_t tokens;
    struct gzip_token token[GZIP_TOKENS];
    uint64_t bits;
    unsigned bit_count;
    size_t out_length;
    unsigned char out[GZIP_OUT_BYTES];
};

/* Writes `length` bytes at `from` to the file `to`, with `extra` (less than 64 KiB of it) in its header. */
int gzip_file(struct gzip *gzip, int to, const unsigned char *from, size_t length, const char *extra);

/* gzip-block.c: writes the tokens as one block. */
void gzip_block(struct gzip *gzip, int is_last);
/* gzip.c: the lowest `count` bits of `value`, the lowest first; at most 32. */
void gzip_bits(struct gzip *gzip, uint32_t value, unsigned count);

#endif
