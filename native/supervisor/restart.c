/* Whether and when a program that has ended is started again. */
#include "supervisor.h"

int do_restart_policy(struct supervisor *s, const struct op_restart_policy *op) {
    s->policy = *op;
    return 0;
}
