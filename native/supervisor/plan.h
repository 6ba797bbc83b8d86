/* The launch plan: checked whole before anything of it is executed, then walked in place. */
#ifndef INBOARD_PLAN_H
#define INBOARD_PLAN_H
#include <stdbool.h>
#include <stddef.h>
#include "protocol.gen.h"

#define SECTION_LAST SECTION_TEARDOWN
#define NO_STEP 0xffffffffu

struct section {
    uint32_t offset, end; /* of its operations, in the plan */
    uint32_t step;        /* of its first operation */
};

struct plan {
    const unsigned char *bytes;
    uint32_t length, mode, fault_step, fault_kind, fault_round, fault_point;
    uint32_t step, code; /* where decoding stopped, when it failed */
    struct section sections[SECTION_LAST + 1];
};

struct operation {
    uint32_t step, code;
    union op_fields fields;
};

struct cursor {
    const struct plan *plan;
    uint32_t offset, end, step;
};

/* Checks the 8-byte aligned plan completely; -1 with EBADMSG if anything about it is not as the protocol
 * says. */
int plan_decode(struct plan *plan, const void *bytes, size_t length);
struct cursor plan_section(const struct plan *plan, int section);
/* The next operation of a section of a plan that has been decoded; 0 at its end. */
int plan_next(struct cursor *cursor, struct operation *operation);
/* Whether an operation is executed at each start of the program. */
bool plan_again(uint32_t code);
/* What the operation is about: a path or name of the plan, or "". */
const char *plan_subject(const struct operation *operation);

#endif
