/* The control socket's frames, as bytes: nothing here does input or output. */
#ifndef INBOARD_FRAMES_H
#define INBOARD_FRAMES_H
#include "protocol.gen.h"

enum { FRAME_HEADER_BYTES = 8, FRAME_MAX_FIELDS = 8, REQUEST_MAX_FIELDS = 3 };

enum frame_result {
    FRAME_INCOMPLETE,
    FRAME_COMPLETE, /* type and fields are valid */
    FRAME_INPUT,    /* what was just taken is data of a stdin frame */
    FRAME_MALFORMED
};

/* Assembles the frames of one client; zeroed to begin with. */
struct frame_reader {
    unsigned char bytes[FRAME_HEADER_BYTES + REQUEST_MAX_FIELDS * 8];
    uint32_t have;
    uint32_t input_left; /* bytes of a stdin frame that are yet to come */
    uint32_t type;
    uint64_t fields[REQUEST_MAX_FIELDS];
};

/* How many bytes the reader can take next; never more than belong to the current frame. */
uint32_t frame_wants(const struct frame_reader *reader);
enum frame_result frame_take(struct frame_reader *reader, const unsigned char *data, uint32_t length);

/* Writes the header and the fields of a frame whose tail follows; the number of bytes written. */
uint32_t frame_begin(unsigned char *to, uint32_t type, const uint64_t *fields, uint32_t count,
                     uint32_t tail_length);

#endif
