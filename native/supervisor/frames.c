#define PROTOCOL_REQUESTS
#include "frames.h"
#include <string.h>

static uint32_t payload_length(const struct frame_reader *reader) {
    uint32_t length;
    memcpy(&length, reader->bytes + 4, sizeof length);
    return length;
}

uint32_t frame_wants(const struct frame_reader *reader) {
    if (reader->input_left > 0) return reader->input_left;
    if (reader->have < FRAME_HEADER_BYTES) return FRAME_HEADER_BYTES - reader->have;
    return FRAME_HEADER_BYTES + payload_length(reader) - reader->have;
}

static enum frame_result complete(struct frame_reader *reader) {
    reader->have = 0;
    memcpy(reader->fields, reader->bytes + FRAME_HEADER_BYTES, sizeof reader->fields);
    return FRAME_COMPLETE;
}

static enum frame_result take_header(struct frame_reader *reader) {
    const unsigned char *header = reader->bytes;
    uint32_t length = payload_length(reader);
    int expected = header[0] <= FRAME_LAST ? request_lengths[header[0]] : 0;
    if (expected == 0 || header[1] != 0 || header[2] != 0 || header[3] != 0) return FRAME_MALFORMED;
    reader->type = header[0];
    if (expected < 0) {
        reader->have = 0;
        reader->input_left = length;
        return FRAME_INCOMPLETE;
    }
    if (length != (uint32_t)expected - 1) return FRAME_MALFORMED;
    return length == 0 ? complete(reader) : FRAME_INCOMPLETE;
}

enum frame_result frame_take(struct frame_reader *reader, const unsigned char *data, uint32_t length) {
    if (length == 0 || length > frame_wants(reader)) return FRAME_MALFORMED;
    if (reader->input_left > 0) {
        reader->input_left -= length;
        return FRAME_INPUT;
    }
    memcpy(reader->bytes + reader->have, data, length);
    reader->have += length;
    if (reader->have < FRAME_HEADER_BYTES) return FRAME_INCOMPLETE;
    if (reader->have == FRAME_HEADER_BYTES) return take_header(reader);
    return frame_wants(reader) == 0 ? complete(reader) : FRAME_INCOMPLETE;
}

uint32_t frame_begin(unsigned char *to, uint32_t type, const uint64_t *fields, uint32_t count,
                     uint32_t tail_length) {
    uint32_t payload = count * 8 + tail_length;
    memset(to, 0, FRAME_HEADER_BYTES);
    to[0] = (unsigned char)type;
    memcpy(to + 4, &payload, sizeof payload);
    if (count > 0) memcpy(to + FRAME_HEADER_BYTES, fields, count * 8);
    return FRAME_HEADER_BYTES + count * 8;
}
