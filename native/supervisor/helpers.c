/* The resolver and the relay: what they serve is watched here, and they are forked when something comes. */
#include "supervisor.h"
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>

enum { FORKS_PER_PERIOD = 10, PERIOD_MS = 1000 };

int helper_watch(struct helper *helper, int fd) {
    struct epoll_event readable = {.events = EPOLLIN};
    return epoll_ctl(helper->watch, EPOLL_CTL_ADD, fd, &readable);
}

int helper_set_up(struct helper *helper, const struct blob *filter) {
    if (helper->watch >= 0) return fail(EEXIST);
    if (filter->length > FILTER_BYTES) return fail(EINVAL);
    helper->filter = filter;
    helper->watch = epoll_create1(EPOLL_CLOEXEC);
    return helper->watch < 0 ? -1 : 0;
}

int do_relay(struct supervisor *s, const struct op_relay *op) {
    return helper_set_up(&s->network.helpers[HELPER_RELAY], op->filter);
}

/* Each port takes a slot, so there is room for all. */
int do_port(struct supervisor *s, const struct op_port *op) {
    struct helper *relay = &s->network.helpers[HELPER_RELAY];
    uint32_t length = op->address->length;
    if (s->slots[op->slot] < 0) return fail(EBADF);
    if (op->port > UINT16_MAX || op->protocol > UINT8_MAX || (length != 4 && length != 16))
        return fail(EINVAL);
    struct relay_port *port = &s->network.port[s->network.ports++];
    *port = (struct relay_port){.fd = s->slots[op->slot],
                                .protocol = (uint8_t)op->protocol,
                                .family = length == 4 ? AF_INET : AF_INET6,
                                .port = (uint16_t)op->port};
    memcpy(port->address, op->address->data, length);
    s->slots[op->slot] = -1;
    return relay->watch < 0 ? 0 : helper_watch(relay, port->fd);
}

/* One that dies again and again must not keep us busy: how long it is not forked for. */
static int64_t throttled_ms(const struct helper *helper) {
    if (helper->forks < FORKS_PER_PERIOD) return 0;
    int64_t left = helper->period_ms + PERIOD_MS - monotonic_ms();
    return left > 0 ? left : 0;
}

static void count_fork(struct helper *helper) {
    int64_t now = monotonic_ms();
    if (now - helper->period_ms >= PERIOD_MS) {
        helper->period_ms = now;
        helper->forks = 0;
    }
    helper->forks++;
}

int helpers_patience_ms(const struct network *network) {
    int64_t patience = -1;
    for (int i = 0; i < HELPERS; i++) {
        const struct helper *helper = &network->helpers[i];
        if (helper->watch < 0 || helper->pidfd >= 0) continue;
        int64_t left = throttled_ms(helper);
        if (left > 0 && (patience < 0 || left < patience)) patience = left;
    }
    return (int)patience;
}

struct pollfd helper_poll(const struct helper *helper) {
    if (helper->pidfd >= 0) return (struct pollfd){helper->pidfd, POLLIN, 0};
    return (struct pollfd){helper->watch < 0 || throttled_ms(helper) > 0 ? -1 : helper->watch, POLLIN, 0};
}

static void fork_helper(struct supervisor *s, struct helper *helper) {
    struct clone_arguments arguments = {
        .flags = CLONE_WITH_PIDFD | CLONE_CLEARED_SIGNALS,
        .pidfd = (uint64_t)(uintptr_t)&helper->pidfd,
        .exit_signal = SIGCHLD,
    };
    pid_t parent = getpid();
    count_fork(helper);
    helper->pid = (pid_t)syscall(NR_CLONE3, &arguments, sizeof arguments);
    if (helper->pid == 0) helper_main(s, helper, parent);
    if (helper->pid < 0) helper->pidfd = -1;
}

static void reap(struct helper *helper) {
    while (waitpid(helper->pid, NULL, __WALL) < 0 && errno == EINTR) continue;
    close_and_forget(&helper->pidfd);
}

void helper_serve(struct supervisor *s, struct helper *helper) {
    if (helper->pidfd >= 0)
        reap(helper);
    else
        fork_helper(s, helper);
}

void helpers_end(struct network *network) {
    for (int i = 0; i < HELPERS; i++) {
        struct helper *helper = &network->helpers[i];
        if (helper->pidfd >= 0) {
            sys_pidfd_signal(helper->pidfd, SIGKILL);
            reap(helper);
        }
        close_and_forget(&helper->watch);
    }
}
