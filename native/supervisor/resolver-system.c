/* What the name server has of the kernel beside its sockets and files: the seccomp filter allows mappings of
 * this kind only. */
#include <sys/mman.h>
#include <time.h>
#include "resolver.h"

void *system_take(size_t size) {
    void *memory =
        mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

void system_give(void *memory, size_t size) { munmap(memory, size); }

int64_t system_clock_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int system_wait(int epoll, struct epoll_event *events, int count, int64_t timeout_ms) {
    return epoll_pwait(epoll, events, count, (int)timeout_ms, NULL);
}
