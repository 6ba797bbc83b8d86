/* The name server's clock and memory as its tests have them. */
#ifndef INBOARD_TEST_RESOLVER_SYSTEM_H
#define INBOARD_TEST_RESOLVER_SYSTEM_H
#include <stdint.h>

/* How much faster than the real one the clock goes; 0: it stands still but for what is added. */
extern int64_t clock_rate, clock_added_ms;

#endif
