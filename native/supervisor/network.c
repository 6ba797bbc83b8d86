/* Networks: a namespace made beside the container's mounts, which take as long. */
#include "supervisor.h"
#include <linux/netlink.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/time.h>

/* How many acknowledgements the batch asks for; -1 when it is not a sequence of messages. */
static int acknowledgements(const struct blob *messages) {
    int count = 0;
    for (uint32_t at = 0; at < messages->length;) {
        const struct nlmsghdr *message = (const void *)(messages->data + at);
        uint32_t left = messages->length - at;
        if (left < sizeof *message || message->nlmsg_len < sizeof *message || message->nlmsg_len > left)
            return fail(EBADMSG);
        count += (message->nlmsg_flags & NLM_F_ACK) != 0;
        at += NLMSG_ALIGN(message->nlmsg_len);
    }
    return count;
}

static int await_acknowledgements(int fd, int expected) {
    _Alignas(struct nlmsghdr) char answer[8192];
    while (expected > 0) {
        ssize_t length = recv(fd, answer, sizeof answer, 0);
        if (length < 0 && errno == EINTR) continue;
        if (length < 0) return -1;
        unsigned left = (unsigned)length;
        for (struct nlmsghdr *message = (void *)answer; NLMSG_OK(message, left);
             message = NLMSG_NEXT(message, left)) {
            if (message->nlmsg_type != NLMSG_ERROR) continue;
            int error = ((struct nlmsgerr *)NLMSG_DATA(message))->error;
            if (error != 0) return fail(-error);
            expected--;
        }
    }
    return 0;
}

static int execute_batch(const struct blob *messages) {
    struct timeval patience = {.tv_sec = 10};
    int expected = acknowledgements(messages);
    if (expected < 0) return -1;
    autoclose fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    if (fd < 0) return -1;
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    if (send(fd, messages->data, messages->length, 0) < 0) return -1;
    return await_acknowledgements(fd, expected);
}

static int own_namespace(void) { return openat(AT_FDCWD, "/proc/self/ns/net", O_RDONLY | O_CLOEXEC); }

/* In a new namespace for a moment; the sockets that are open stay in the old one. A child that is dead by now has
 * said why. */
int do_network_namespace(struct supervisor *s, const struct op_network_namespace *op) {
    autoclose home = own_namespace();
    if (home < 0 || unshare(CLONE_NEWNET) < 0) return -1;
    autoclose made = own_namespace();
    if (made < 0 || (op->messages->length > 0 && execute_batch(op->messages) < 0)) return -1;
    if (setns(home, CLONE_NEWNET) < 0) return -1;
    return send_descriptor(s->report, made) < 0 && !peer_gone() ? -1 : 0;
}

int do_network_join(struct supervisor *s) {
    autoclose namespace = receive_descriptor(s->report);
    return namespace < 0 ? fail(ENOTCONN) : setns(namespace, CLONE_NEWNET);
}
