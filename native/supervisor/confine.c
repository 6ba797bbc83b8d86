/* The life of a helper: it gives up everything but what it was forked for, and only then looks at what came.
 */
#include "supervisor.h"
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif

enum { NOBODY = 65534, ADDRESS_BYTES = 256 << 20, FILES = 8192 };

/* The plan holds the program's environment, these buffers what it printed and was told. */
static void forget_container(struct supervisor *s) {
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t from = (uintptr_t)&s->io, end = (uintptr_t)(s + 1);
    uintptr_t first = (from + page - 1) / page * page, last = end / page * page;
    madvise((void *)first, last - first, MADV_DONTNEED);
    memset((void *)from, 0, first - from);
    memset((void *)last, 0, end - last);
    munmap((void *)(uintptr_t)s->plan.bytes, s->plan.length);
}

/* The lowest one that is kept, from `from` on. */
static unsigned next_kept(const int *kept, unsigned count, unsigned from) {
    unsigned next = UINT_MAX;
    for (unsigned i = 0; i < count; i++)
        if (kept[i] >= 0 && (unsigned)kept[i] >= from && (unsigned)kept[i] < next) next = (unsigned)kept[i];
    return next;
}

static void close_others(const int *kept, unsigned count) {
    for (unsigned from = 0, next;; from = next + 1) {
        next = next_kept(kept, count, from);
        if (next > from) syscall(NR_CLOSE_RANGE, from, next == UINT_MAX ? next : next - 1, 0);
        if (next == UINT_MAX) return;
    }
}

static int limit(int resource, rlim_t value) {
    struct rlimit now;
    if (getrlimit(resource, &now) < 0) return -1;
    if (value > now.rlim_max) value = now.rlim_max;
    return setrlimit(resource, &(struct rlimit){value, value});
}

static int set_limits(void) {
#ifndef SANITIZED
    if (limit(RLIMIT_AS, ADDRESS_BYTES) < 0) return -1;
#endif
    if (limit(RLIMIT_FSIZE, 0) < 0 || limit(RLIMIT_CORE, 0) < 0 || limit(RLIMIT_NPROC, 0) < 0) return -1;
    return limit(RLIMIT_NOFILE, FILES);
}

/* The same operations as make a container's program what it is. */
static int give_up_powers(struct supervisor *s, pid_t parent, const struct blob *filter) {
    static const struct blob none;
    struct op_user nobody = {NOBODY, NOBODY, &none};
    if (do_capability_bounds(s, &(struct op_capability_bounds){0}) < 0 || do_user(s, &nobody) < 0) return -1;
    if (do_capabilities(s, &(struct op_capabilities){0}) < 0 || do_no_new_privileges(s) < 0) return -1;
    // Our death ends it, also if we died before that was asked for.
    if (getppid() != parent) return fail(EOWNERDEAD);
    return do_seccomp(s, &(struct op_seccomp){.filter = filter});
}

union filter {
    struct blob blob;
    char bytes[sizeof(struct blob) + FILTER_BYTES];
};

/* Out of the plan, before that is forgotten. */
static void copy_filter(union filter *to, const struct blob *filter) {
    memcpy(to->bytes, filter, sizeof *filter + filter->length);
}

static int enter_root(int directory) { return fchdir(directory) < 0 || chroot(".") < 0 ? -1 : chdir("/"); }

static int resolve(struct supervisor *s, pid_t parent, const union filter *filter) {
    char view[NAME_MAX + 1];
    struct network *network = &s->network;
    struct resolver_setup setup = {network->queries[0], network->queries[1], -1, view};
    put_text(view, network->resolver.view);
    setup.directory = open(network->resolver.directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (setup.directory < 0 || network_enter(network) < 0 || enter_root(setup.directory) < 0) return -1;
    forget_container(s);
    close_others((int[]){setup.udp, setup.tcp, setup.directory}, 3);
    if (set_limits() < 0 || give_up_powers(s, parent, &filter->blob) < 0) return -1;
    return resolver_run(&setup);
}

static int relay(struct supervisor *s, pid_t parent, const union filter *filter) {
    int kept[LIMIT_SLOTS];
    struct relay_setup setup = {s->network.port, s->network.ports};
    for (unsigned i = 0; i < setup.count; i++) kept[i] = setup.ports[i].fd;
    forget_container(s);
    close_others(kept, setup.count);
    if (set_limits() < 0 || give_up_powers(s, parent, &filter->blob) < 0) return -1;
    return relay_run(&setup);
}

void helper_main(struct supervisor *s, struct helper *helper, pid_t parent) {
    union filter filter;
    bool names = helper == &s->network.helpers[HELPER_RESOLVER];
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    prctl(PR_SET_NAME, names ? "inboard-dns" : "inboard-relay");
    copy_filter(&filter, helper->filter);
    _exit(names ? resolve(s, parent, &filter) : relay(s, parent, &filter));
}
