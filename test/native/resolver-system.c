/* In place of native/supervisor/resolver-system.c: memory whose ends the address sanitizer watches, a clock
 * that can be hurried. */
#include "resolver-system.h"
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include "resolver.h"

enum { WATCHED_MAX = 1 << 20 };

int64_t clock_rate = 1, clock_added_ms;

void *system_take(size_t size) {
    if (size <= WATCHED_MAX) return calloc(1, size);
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

void system_give(void *memory, size_t size) {
    if (size <= WATCHED_MAX)
        free(memory);
    else
        munmap(memory, size);
}

int64_t system_clock_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return ((int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000) * clock_rate + clock_added_ms;
}

int system_wait(int epoll, struct epoll_event *events, int count, int64_t timeout_ms) {
    return epoll_wait(epoll, events, count,
                      clock_rate == 0 ? 0 : (int)((timeout_ms + clock_rate - 1) / clock_rate));
}
