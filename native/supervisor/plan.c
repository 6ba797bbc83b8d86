#define PROTOCOL_SCHEMA
#include "plan.h"
#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include "sys.h"

static_assert(sizeof(void *) == sizeof(uint64_t), "fields hold either a number or a pointer");

enum { HEADER_BYTES = 32, OPERATION_BYTES = 8, BLOB_BYTES = 8 };

struct input {
    const unsigned char *bytes;
    uint32_t offset, end;
};

static uint32_t word(const unsigned char *bytes) {
    uint32_t value;
    memcpy(&value, bytes, sizeof value);
    return value;
}

static bool all_zero(const unsigned char *bytes, uint32_t length) {
    for (uint32_t i = 0; i < length; i++)
        if (bytes[i] != 0) return false;
    return true;
}

static bool read_number(struct input *in, uint64_t *value) {
    if (in->end - in->offset < sizeof *value) return false;
    memcpy(value, in->bytes + in->offset, sizeof *value);
    in->offset += sizeof *value;
    return true;
}

/* A blob with `terminators` bytes after its data, all of which and the padding are zero. */
static const struct blob *read_blob(struct input *in, uint32_t terminators) {
    if (in->end - in->offset < BLOB_BYTES) return NULL;
    const struct blob *blob = (const void *)(in->bytes + in->offset);
    uint32_t room = in->end - in->offset - BLOB_BYTES;
    if (blob->length > room || room - blob->length < terminators) return NULL;
    uint32_t size = (blob->length + terminators + 7) & ~7u;
    if (size > room || !all_zero((const unsigned char *)blob->data + blob->length, size - blob->length))
        return NULL;
    in->offset += BLOB_BYTES + size;
    return blob;
}

static bool strings_match(const struct blob *list) {
    uint32_t found = 0;
    for (uint32_t i = 0; i < list->length; i++) found += list->data[i] == 0;
    return found == list->count && (list->length == 0 || list->data[list->length - 1] == 0);
}

static bool read_field(struct input *in, enum field_kind kind, uint64_t *value) {
    if (kind == FIELD_U64) return read_number(in, value);
    if (kind == FIELD_SLOT) return read_number(in, value) && *value < LIMIT_SLOTS;
    const struct blob *blob = read_blob(in, kind == FIELD_STR);
    if (blob == NULL) return false;
    *value = (uintptr_t)blob;
    if (kind == FIELD_LIST) return strings_match(blob);
    if (blob->count != 0) return false;
    if (kind == FIELD_BYTES) return true;
    *value = (uintptr_t)blob->data;
    return memchr(blob->data, 0, blob->length) == NULL;
}

/* Decodes one operation and goes past it. */
static bool read_operation(struct input *in, struct operation *operation) {
    if (in->end - in->offset < OPERATION_BYTES) return false;
    uint32_t code = word(in->bytes + in->offset);
    uint32_t length = word(in->bytes + in->offset + 4);
    in->offset += OPERATION_BYTES;
    operation->code = code;
    if (code > OPCODE_LAST || op_schemas[code].name == NULL) return false;
    if (length > in->end - in->offset || length % 8 != 0) return false;
    struct input fields = {in->bytes, in->offset, in->offset + length};
    for (int i = 0; i < op_schemas[code].fields; i++)
        if (!read_field(&fields, op_schemas[code].kinds[i], &operation->fields.raw[i])) return false;
    in->offset += length;
    return fields.offset == fields.end;
}

static bool header_valid(struct plan *plan, const unsigned char *bytes, size_t length) {
    if (length < HEADER_BYTES || length > LIMIT_PLAN_BYTES || length % 8 != 0) return false;
    plan->bytes = bytes;
    plan->length = (uint32_t)length;
    plan->mode = word(bytes + 12);
    plan->fault_step = word(bytes + 16);
    plan->fault_kind = word(bytes + 20);
    plan->fault_round = word(bytes + 24);
    plan->fault_point = word(bytes + 28);
    return word(bytes) == PLAN_MAGIC && word(bytes + 4) == PLAN_FINGERPRINT && word(bytes + 8) == length &&
           plan->mode <= MODE_TASK && plan->fault_kind <= 2 && plan->fault_point <= FAULT_LAST;
}

/* Sections are in order and once each; `clone` and `execute` end theirs, and only theirs. */
struct order {
    uint32_t section, last;
};

static bool begin_section(struct plan *plan, struct order *order, const struct input *in, uint64_t kind) {
    if (kind <= order->section || kind > SECTION_LAST) return false;
    if (order->section == SECTION_PREPARE && plan->mode != MODE_TASK && order->last != OP_CLONE) return false;
    if (order->section == SECTION_CONTAINER && plan->mode != MODE_TASK && order->last != OP_EXECUTE)
        return false;
    if (order->section == SECTION_PROBE && order->last != OP_EXECUTE) return false;
    order->section = (uint32_t)kind;
    order->last = OP_SECTION;
    plan->sections[kind] = (struct section){in->offset, in->offset, plan->step + 1};
    return true;
}

static bool in_order(struct plan *plan, struct order *order, const struct input *in,
                     const struct operation *operation) {
    uint32_t code = operation->code;
    if (code == OP_SECTION) return begin_section(plan, order, in, operation->fields.section.kind);
    if (order->section == 0 || !(op_schemas[code].sections & 1u << order->section)) return false;
    if (order->last == OP_CLONE || order->last == OP_EXECUTE) return false;
    if (plan->mode == MODE_TASK && (code == OP_CLONE || code == OP_EXECUTE)) return false;
    order->last = code;
    plan->sections[order->section].end = in->offset;
    return true;
}

static bool sections_complete(const struct plan *plan) {
    const struct section *at = plan->sections;
    if (plan->mode == MODE_TASK)
        return at[SECTION_PREPARE].offset == 0 && at[SECTION_BESIDE].offset == 0 &&
               at[SECTION_PROBE].offset == 0 && at[SECTION_MONITOR].offset == 0;
    return at[SECTION_PREPARE].end > at[SECTION_PREPARE].offset &&
           at[SECTION_CONTAINER].end > at[SECTION_CONTAINER].offset;
}

static bool decode(struct plan *plan, const unsigned char *bytes, size_t length) {
    if (!header_valid(plan, bytes, length)) return false;
    struct input in = {bytes, HEADER_BYTES, (uint32_t)length};
    struct order order = {0, OP_SECTION};
    struct operation operation = {0};
    for (; in.offset < in.end; plan->step++) {
        if (plan->step == LIMIT_OPERATIONS) return false;
        bool whole = read_operation(&in, &operation);
        plan->code = operation.code;
        if (!whole || !in_order(plan, &order, &in, &operation)) return false;
    }
    bool ended = plan->mode == MODE_TASK || order.section > SECTION_PROBE || order.last == OP_EXECUTE;
    return ended && sections_complete(plan);
}

int plan_decode(struct plan *plan, const void *bytes, size_t length) {
    memset(plan, 0, sizeof *plan);
    if (decode(plan, bytes, length)) return 0;
    // Nothing of it may be executed, not even the teardown.
    memset(plan->sections, 0, sizeof plan->sections);
    return fail(EBADMSG);
}

struct cursor plan_section(const struct plan *plan, int section) {
    const struct section *at = &plan->sections[section];
    return (struct cursor){plan, at->offset, at->end, at->step};
}

int plan_next(struct cursor *cursor, struct operation *operation) {
    struct input in = {cursor->plan->bytes, cursor->offset, cursor->end};
    if (in.offset >= in.end || !read_operation(&in, operation)) return 0;
    operation->step = cursor->step++;
    cursor->offset = in.offset;
    return 1;
}

bool plan_again(uint32_t code) { return op_schemas[code].again; }

const char *plan_subject(const struct operation *operation) {
    int subject = op_schemas[operation->code].subject;
    return subject < 0 ? "" : (const char *)(uintptr_t)operation->fields.raw[subject];
}
