/* Shows what the supervisor's decoder makes of a plan, for comparison with what was encoded.
   `plan-dump FILE`: one line per operation and field. `plan-dump --damage FILE`: decodes the plan cut at
   every byte and with every byte changed, and says how many of those were accepted. */
#define PROTOCOL_SCHEMA
#include "plan.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void print_bytes(const char *data, uint32_t length) {
    for (uint32_t i = 0; i < length; i++) printf("%02x", (unsigned char)data[i]);
}

static void print_field(int kind, uint64_t raw) {
    const void *pointer = (const void *)(uintptr_t)raw;
    const struct blob *blob = pointer;
    if (kind == FIELD_U64 || kind == FIELD_SLOT) printf(" u64:%" PRIu64, raw);
    if (kind == FIELD_STR) {
        printf(" str:");
        print_bytes(pointer, (uint32_t)strlen(pointer));
    }
    if (kind == FIELD_BYTES || kind == FIELD_LIST) {
        printf(kind == FIELD_BYTES ? " bytes:" : " list%" PRIu32 ":", blob->count);
        print_bytes(blob->data, blob->length);
    }
}

static uint64_t checksum;

/* Touches all that a decoded plan claims to have. */
static void walk(const struct plan *plan, int print) {
    for (int section = 1; section <= SECTION_LAST; section++) {
        struct cursor cursor = plan_section(plan, section);
        for (struct operation operation; plan_next(&cursor, &operation);) {
            const struct op_schema *schema = &op_schemas[operation.code];
            checksum += strlen(plan_subject(&operation));
            if (print) printf("%d %" PRIu32 " %s", section, operation.step, schema->name);
            for (int i = 0; print && i < schema->fields; i++)
                print_field(schema->kinds[i], operation.fields.raw[i]);
            if (print) putchar('\n');
        }
    }
}

static int accepted(const unsigned char *bytes, size_t length) {
    struct plan plan;
    // An allocation of the very size, so that the sanitizer sees any byte too far.
    unsigned char *copy = aligned_alloc(8, (length + 7) & ~(size_t)7);
    if (length % 8 != 0 || copy == NULL) {
        int result = plan_decode(&plan, copy, length);
        free(copy);
        return result == 0;
    }
    memcpy(copy, bytes, length);
    int result = plan_decode(&plan, copy, length);
    if (result == 0)
        walk(&plan, 0);
    else if (errno != EBADMSG)
        abort();
    free(copy);
    return result == 0;
}

static void damage(unsigned char *bytes, size_t length) {
    static const unsigned char flips[] = {0x01, 0x80, 0xff};
    unsigned cuts = 0, changes = 0;
    for (size_t cut = 0; cut < length; cut++) cuts += (unsigned)accepted(bytes, cut);
    for (size_t at = 0; at < length; at++) {
        for (size_t i = 0; i < sizeof flips; i++) {
            bytes[at] ^= flips[i];
            changes += (unsigned)accepted(bytes, length);
            bytes[at] ^= flips[i];
        }
    }
    printf("cuts %zu accepted %u\nchanges %zu accepted %u\n", length, cuts, length * sizeof flips, changes);
}

int main(int argc, char **argv) {
    int damaging = argc == 3 && strcmp(argv[1], "--damage") == 0;
    FILE *file = fopen(argv[argc - 1], "rb");
    unsigned char *bytes = aligned_alloc(8, LIMIT_PLAN_BYTES);
    if (file == NULL || bytes == NULL) return 2;
    size_t length = fread(bytes, 1, LIMIT_PLAN_BYTES, file);
    fclose(file);
    struct plan plan;
    if (plan_decode(&plan, bytes, length) < 0) {
        printf("refused step %" PRIu32 " opcode %" PRIu32 " errno %d\n", plan.step, plan.code, errno);
        free(bytes);
        return 1;
    }
    printf("mode %" PRIu32 " faultStep %" PRIu32 " faultKind %" PRIu32 " faultRound %" PRIu32 " faultPoint %" PRIu32 "\n",
           plan.mode, plan.fault_step, plan.fault_kind, plan.fault_round, plan.fault_point);
    if (damaging)
        damage(bytes, length);
    else
        walk(&plan, 1);
    free(bytes);
    return 0;
}
