/* The journal of events, which engines and supervisors append to. */
#ifndef INBOARD_JOURNAL_H
#define INBOARD_JOURNAL_H
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include "plan.h"

enum { JOURNAL_VALUE_BYTES = 96, JOURNAL_WAITING = 32 };

/* A line without its time. */
struct journal_line {
    const char *text;
    char value[JOURNAL_VALUE_BYTES];
};

struct journal {
    struct op_journal at; /* path NULL: nobody is told */
    bool has_started;     /* and its end was not told yet */
    /* Lines that the disk had no room for, or that somebody kept the lock from. The oldest is dropped for the
     * newest. */
    struct journal_line waiting[JOURNAL_WAITING];
    unsigned count;
    int64_t due_ms; /* when they are tried again, on the monotonic clock */
    /* The texts that have replaced the plan's, as they are mapped; no bytes: none have. */
    struct plan texts;
    ino_t texts_inode;
};

/* Appends the first lines, each whole and later than all before; how many of them. What was torn is taken
 * away first. */
unsigned journal_append(const struct op_journal *at, const struct journal_line *lines, unsigned count);

#endif
