/* Tells the journal of events what happens to the container. */
#include "supervisor.h"

int do_journal(struct supervisor *s, const struct op_journal *op) {
    s->journal = op->path;
    return 0;
}

/* Found in the plan when its moment comes. */
int do_event(struct supervisor *s, const struct op_event *op) {
    (void)s;
    (void)op;
    return 0;
}

void journal_event(struct supervisor *s, unsigned moment, const char *value) {
    (void)s;
    (void)moment;
    (void)value;
}
