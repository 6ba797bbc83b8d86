/* The birth of the container's first process, and the wait until it has become the program. */
#include "supervisor.h"
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

bool parent_alive(const struct supervisor *s) {
    struct pollfd poll_report = {s->report, 0, 0};
    // A seccomp profile may forbid the question.
    return poll(&poll_report, 1, 0) <= 0;
}

void become_process(struct supervisor *s, int section, int report) {
    close(s->report);
    s->report = report;
    // Asked for first and checked afterwards: the supervisor may die in between.
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (!parent_alive(s)) _exit(128 + SIGKILL);
    prctl(PR_SET_DUMPABLE, 0);
    setsid();
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    // Ignored here since the first start, and what is ignored stays so across execve.
    signal(SIGPIPE, SIG_DFL);
    stdio_in_child(s);
    interpret(s, section, &s->progress->failure);
    _exit(125);
}

static void mark_slots(const struct supervisor *s, int section, bool *needed) {
    struct cursor cursor = plan_section(&s->plan, section);
    for (struct operation operation; plan_next(&cursor, &operation);) {
        const struct op_netlink *netlink = &operation.fields.netlink;
        if (operation.code == OP_NETLINK && netlink->socket == NETLINK_SLOT) needed[netlink->slot] = true;
        if (operation.code == OP_SETNS) needed[operation.fields.setns.slot] = true;
    }
}

void close_slots(struct supervisor *s) {
    bool needed[LIMIT_SLOTS] = {false};
    // A policy to start the program again may come while it runs.
    if (s->plan.mode == MODE_RUN) mark_slots(s, SECTION_CONTAINER, needed);
    mark_slots(s, SECTION_ENDING, needed);
    mark_slots(s, SECTION_TEARDOWN, needed);
    for (int i = 0; i < LIMIT_SLOTS; i++)
        if (!needed[i]) close_and_forget(&s->slots[i]);
}

int do_clone(struct supervisor *s, const struct op_clone *op) {
    autoclose cgroup = -1;
    struct clone_arguments arguments = {
        .flags = op->flags | CLONE_WITH_PIDFD | CLONE_CLEARED_SIGNALS,
        .pidfd = (uint64_t)(uintptr_t)&s->pidfd,
        .exit_signal = SIGCHLD,
    };
    if (op->cgroup[0] != 0) {
        cgroup = open(op->cgroup, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (cgroup < 0) return -1;
        arguments.flags |= CLONE_IN_CGROUP;
        arguments.cgroup = (uint64_t)cgroup;
    }
    int report[2];
    if (stdio_open(s) < 0 || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, report) < 0) return -1;
    s->report = report[0];
    memset(s->progress, 0, sizeof *s->progress);
    s->pid = (pid_t)syscall(NR_CLONE3, &arguments, sizeof arguments);
    if (s->pid == 0) become_process(s, SECTION_CONTAINER, report[1]);
    int error = errno;
    signal(SIGPIPE, SIG_IGN);
    close(report[1]);
    stdio_in_parent(s);
    return s->pid < 0 ? fail(error) : 0;
}

int do_unshare(struct supervisor *s, const struct op_unshare *op) {
    (void)s;
    return (int)syscall(SYS_unshare, op->flags);
}

int do_setns(struct supervisor *s, const struct op_setns *op) {
    root_forget(s);
    return (int)syscall(SYS_setns, s->slots[op->slot], op->flags);
}

union descriptor_message {
    char bytes[CMSG_SPACE(sizeof(int))];
    struct cmsghdr align;
};

int send_descriptor(int socket, int fd) {
    char byte = 0;
    struct iovec data = {&byte, 1};
    union descriptor_message control = {0};
    struct msghdr message = {.msg_iov = &data,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof control.bytes};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof fd);
    memcpy(CMSG_DATA(header), &fd, sizeof fd);
    return sendmsg(socket, &message, MSG_NOSIGNAL) < 0 ? -1 : 0;
}

/* The next descriptor that the other side sends; -1 at the end of its messages. */
int receive_descriptor(int socket) {
    char byte;
    struct iovec data = {&byte, 1};
    union descriptor_message control = {0};
    struct msghdr message = {.msg_iov = &data,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof control.bytes};
    ssize_t received;
    do received = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
    while (received < 0 && errno == EINTR);
    struct cmsghdr *header = received > 0 ? CMSG_FIRSTHDR(&message) : NULL;
    if (header == NULL || header->cmsg_type != SCM_RIGHTS) return -1;
    int fd;
    memcpy(&fd, CMSG_DATA(header), sizeof fd);
    return fd;
}

/* ECONNRESET: it has not read everything that it was sent. */
bool peer_gone(void) { return errno == EPIPE || errno == ECONNRESET; }

int do_release(struct supervisor *s) {
    char go = 0;
    return send(s->report, &go, 1, MSG_NOSIGNAL) < 0 && !peer_gone() ? -1 : 0;
}

int do_await_release(struct supervisor *s) {
    char go;
    ssize_t received;
    do received = recv(s->report, &go, 1, 0);
    while (received < 0 && errno == EINTR);
    return received == 1 ? 0 : fail(ENOTCONN);
}

int do_lend_root(struct supervisor *s) {
    struct frame lent = {FRAME_STARTED, 3, {(uint64_t)getpid(), realtime_ns(), 0}, NULL, 0};
    clients_send(s, 0, &lent);
    if (s->client[0].fd < 0) return fail(ENOTCONN);
    // The engine says nothing: what comes is the end, also of an engine that was killed.
    struct pollfd end = {s->client[0].fd, POLLIN, 0};
    while (poll(&end, 1, -1) < 0 && errno == EINTR) continue;
    return 0;
}

static uint32_t opcode_at(const struct plan *plan, uint32_t step) {
    struct cursor cursor = plan_section(plan, SECTION_CONTAINER);
    struct operation operation = {.step = NO_STEP};
    while (operation.step != step && plan_next(&cursor, &operation)) continue;
    return operation.code;
}

/* The report ends when the program is executed, and also when the child dies: `executing` tells which. */
int await_exec(struct supervisor *s, struct failure *failure) {
    for (int fd; (fd = receive_descriptor(s->report)) >= 0;) stdio_console(s, fd);
    close_and_forget(&s->report);
    *failure = s->progress->failure;
    if (failure->count > 0) return -1;
    if (s->progress->executing) return 0;
    *failure = (struct failure){.step = s->progress->step,
                                .section = SECTION_CONTAINER,
                                .count = 1,
                                .error = ECHILD};
    failure->opcode = opcode_at(&s->plan, failure->step);
    return -1;
}

void kill_and_reap(struct supervisor *s) {
    if (s->pidfd < 0) return;
    sys_pidfd_signal(s->pidfd, SIGKILL);
    while (waitpid(s->pid, NULL, __WALL) < 0 && errno == EINTR) continue;
    close_and_forget(&s->pidfd);
    s->pid = 0;
}
