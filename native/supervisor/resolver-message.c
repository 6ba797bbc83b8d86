/* DNS messages (RFC 1035, 6891). Of queries the header, the question and EDNS's record are read; of upstream
 * answers no more than is needed to tell whose they are. No compression pointer is ever followed. */
#include <string.h>
#include "resolver.h"

enum { HEADER = 12, OPT_BYTES = 11, TTL_SECONDS = 600, NAME_WIRE_MAX = 255, LABEL_MAX = 63 };
enum { FLAG_RESPONSE = 0x8000, FLAG_TRUNCATED = 0x0200, FLAG_RECURSION = 0x0100, FLAG_AVAILABLE = 0x0080 };
enum { MASK_OPCODE = 0x7800, FLAG_CHECKING_DISABLED = 0x0010, FLAG_DNSSEC_OK = 0x8000 };

static uint16_t get16(const uint8_t *from) { return (uint16_t)(from[0] << 8 | from[1]); }

static void put16(uint8_t *to, unsigned value) {
    to[0] = (uint8_t)(value >> 8);
    to[1] = (uint8_t)value;
}

uint16_t message_id(const uint8_t *message) { return get16(message); }

void message_set_id(uint8_t *message, uint16_t id) { put16(message, id); }

enum rcode answer_rcode(const uint8_t *answer) { return answer[3] & 15; }

static uint8_t lower(uint8_t byte) { return byte >= 'A' && byte <= 'Z' ? byte | 0x20 : byte; }

static void add_label(struct query *query, const uint8_t *label, size_t length) {
    if (query->name_length > 0) query->name[query->name_length++] = '.';
    for (size_t i = 0; i < length; i++) {
        query->plain &= label[i] != '.';
        query->name[query->name_length++] = (char)lower(label[i]);
    }
}

/* Reads the name at the header's end; where it ends, or 0. */
static size_t read_name(struct query *query) {
    size_t at = HEADER;
    query->plain = true;
    query->name_length = 0;
    while (at < query->length && at - HEADER < NAME_WIRE_MAX) {
        size_t length = query->message[at++];
        if (length == 0) return at;
        if (length > LABEL_MAX || length > query->length - at || at + length - HEADER >= NAME_WIRE_MAX)
            return 0;
        add_label(query, query->message + at, length);
        at += length;
    }
    return 0;
}

/* Where the name at `at` ends, or 0. */
static size_t skip_name(const struct query *query, size_t at) {
    while (at < query->length) {
        size_t length = query->message[at++];
        if (length == 0) return at;
        if (length >= 0xc0) return at < query->length ? at + 1 : 0;
        if (length > LABEL_MAX || length > query->length - at) return 0;
        at += length;
    }
    return 0;
}

/* Where the record at `at` ends, or 0. Its version of EDNS goes into `version`. */
static size_t read_record(struct query *query, size_t at, unsigned *version) {
    size_t name_end = skip_name(query, at);
    if (name_end == 0 || query->length - name_end < 10) return 0;
    const uint8_t *fields = query->message + name_end;
    size_t data = get16(fields + 8);
    if (data > query->length - name_end - 10) return 0;
    if (get16(fields) == TYPE_OPT) {
        if (query->edns || name_end != at + 1) return 0;
        query->edns = true;
        query->udp_size = get16(fields + 2);
        *version = fields[5];
        query->dnssec_ok = (get16(fields + 6) & FLAG_DNSSEC_OK) != 0;
    }
    return name_end + 10 + data;
}

static enum rcode read_records(struct query *query, unsigned count) {
    unsigned version = 0;
    size_t at = query->question_end;
    for (; count > 0; count--) {
        at = read_record(query, at, &version);
        if (at == 0) return RCODE_FORMAT_ERROR;
    }
    return version == 0 ? RCODE_SUCCESS : RCODE_BAD_VERSION;
}

enum rcode query_parse(struct query *query, const uint8_t *message, size_t length) {
    // A query has an answer in a transfer or a notification only, and EDNS's and a signature's records behind
    // them.
    enum { ANSWERS_MAX = 1, AUTHORITIES_MAX = 1, ADDITIONALS_MAX = 2 };
    query->message = message;
    query->length = length;
    query->edns = query->dnssec_ok = false;
    query->question_end = 0;
    if (length < HEADER || message[2] & FLAG_RESPONSE >> 8) return RCODE_DROP;
    if (get16(message + 2) & MASK_OPCODE) return RCODE_NOT_IMPLEMENTED;
    unsigned answers = get16(message + 6), authorities = get16(message + 8),
             additionals = get16(message + 10);
    if (get16(message + 4) != 1 || answers > ANSWERS_MAX || authorities > AUTHORITIES_MAX ||
        additionals > ADDITIONALS_MAX)
        return RCODE_FORMAT_ERROR;
    size_t end = read_name(query);
    if (end == 0 || length - end < 4) return RCODE_FORMAT_ERROR;
    query->type = get16(message + end);
    query->class = get16(message + end + 2);
    query->question_end = end + 4;
    return read_records(query, answers + authorities + additionals);
}

static bool refuses(enum rcode rcode) {
    return rcode == RCODE_FORMAT_ERROR || rcode == RCODE_SERVER_FAILURE || rcode == RCODE_NOT_IMPLEMENTED ||
           rcode == RCODE_REFUSED;
}

bool answer_matches(const struct query *query, uint16_t id, const uint8_t *answer, size_t length) {
    if (length < HEADER || !(answer[2] & FLAG_RESPONSE >> 8) || get16(answer) != id) return false;
    if (get16(answer + 2) & MASK_OPCODE) return false;
    // A server that refuses to look at a query need not repeat its question.
    if (get16(answer + 4) == 0) return refuses(answer_rcode(answer));
    if (get16(answer + 4) != 1 || length < query->question_end) return false;
    for (size_t i = HEADER; i < query->question_end; i++) {
        bool name = i < query->question_end - 4;
        uint8_t asked = query->message[i];
        if (name ? lower(asked) != lower(answer[i]) : asked != answer[i]) return false;
    }
    return true;
}

void reply_begin(struct reply *reply, uint8_t *to, size_t limit, const struct query *query) {
    *reply = (struct reply){.to = to, .limit = limit - (query->edns ? OPT_BYTES : 0)};
    reply->length = query->question_end;
    memset(to, 0, HEADER);
    memcpy(to, query->message, 2);
    memcpy(to + HEADER, query->message + HEADER, query->question_end - HEADER);
    put16(to + 4, 1);
}

bool reply_add(struct reply *reply, uint16_t type, const uint8_t *data, size_t length) {
    enum { FIXED = 12, QUESTION_POINTER = 0xc000 | HEADER };
    if (FIXED + length > reply->limit - reply->length) {
        reply->truncated = true;
        return false;
    }
    uint8_t *to = reply->to + reply->length;
    put16(to, QUESTION_POINTER);
    put16(to + 2, type);
    put16(to + 4, CLASS_IN);
    put16(to + 6, 0);
    put16(to + 8, TTL_SECONDS);
    put16(to + 10, (unsigned)length);
    memcpy(to + FIXED, data, length);
    reply->length += FIXED + length;
    reply->answers++;
    return true;
}

static void add_edns(struct reply *reply, const struct query *query, enum rcode rcode) {
    uint8_t *to = reply->to + reply->length;
    to[0] = 0;
    put16(to + 1, TYPE_OPT);
    put16(to + 3, QUERY_MAX);
    to[5] = (uint8_t)(rcode >> 4);
    to[6] = 0;
    put16(to + 7, query->dnssec_ok ? FLAG_DNSSEC_OK : 0);
    put16(to + 9, 0);
    put16(reply->to + 10, 1);
    reply->length += OPT_BYTES;
}

size_t reply_end(struct reply *reply, const struct query *query, enum rcode rcode) {
    unsigned asked = get16(query->message + 2) & (FLAG_RECURSION | FLAG_CHECKING_DISABLED);
    put16(reply->to + 2, FLAG_RESPONSE | FLAG_AVAILABLE | asked | (reply->truncated ? FLAG_TRUNCATED : 0) |
                             ((unsigned)rcode & 15));
    put16(reply->to + 6, reply->answers);
    if (query->edns) add_edns(reply, query, rcode);
    return reply->length;
}

size_t answer_error(const struct query *query, enum rcode rcode, uint8_t *to) {
    struct reply reply;
    reply_begin(&reply, to, 512, query);
    return reply_end(&reply, query, rcode);
}

size_t answer_malformed(const uint8_t *message, enum rcode rcode, uint8_t to[12]) {
    memset(to, 0, HEADER);
    memcpy(to, message, 2);
    put16(to + 2, FLAG_RESPONSE | (get16(message + 2) & (MASK_OPCODE | FLAG_RECURSION)) | (unsigned)rcode);
    return HEADER;
}

size_t encode_name(uint8_t to[256], struct slice name) {
    size_t length = 0;
    while (name.length > 0) {
        const char *dot = memchr(name.at, '.', name.length);
        size_t label = dot != NULL ? (size_t)(dot - name.at) : name.length;
        if (label == 0 || label > LABEL_MAX || length + label + 2 > NAME_WIRE_MAX) return 0;
        to[length++] = (uint8_t)label;
        memcpy(to + length, name.at, label);
        length += label;
        name.at += label + (dot != NULL);
        name.length -= label + (dot != NULL);
    }
    to[length++] = 0;
    return length;
}
