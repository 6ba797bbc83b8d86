/* Health checks: the supervisor runs the plan's probe section now and then. */
#ifndef INBOARD_HEALTH_H
#define INBOARD_HEALTH_H
#include "protocol.gen.h"

enum { HEALTH_POLLS = 2 };

struct health {
    struct op_health schedule; /* interval 0: there are no checks */
};

#endif
