/* Connections that outlive their program. What such a one has still to send keeps the namespace, and all
 * interfaces in it, for minutes, since nothing reaches the container any more: so they are cut off. */
#include "supervisor.h"
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* The container chooses how many there are; more than this go when they give up by themselves. */
enum { CONNECTIONS_MAX = 4096, STATISTICS_BYTES = 512, ANSWER_BYTES = 16 * 1024 };

struct diagnosis {
    struct nlmsghdr header;
    struct inet_diag_req_v2 request;
};

/* Whether the namespace still has TCP sockets; asking for each walks the tables of the whole machine. */
static bool any_left(const char *path, const char *field) {
    char text[STATISTICS_BYTES];
    autoclose file = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t length = file < 0 ? -1 : read(file, text, sizeof text - 1);
    if (length <= 0) return false;
    text[length] = 0;
    const char *found = strstr(text, field);
    return found != NULL && strtoul(found + strlen(field), NULL, 10) > 0;
}

static int ask(int socket, uint16_t type, uint16_t flags, const struct inet_diag_req_v2 *request) {
    struct diagnosis message = {
        .header = {.nlmsg_len = sizeof message,
                   .nlmsg_type = type,
                   .nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags)},
        .request = *request,
    };
    return send(socket, &message, sizeof message, 0) < 0 ? -1 : 0;
}

static void cut(int socket, const struct inet_diag_msg *connection) {
    const struct inet_diag_req_v2 request = {
        .sdiag_family = connection->idiag_family,
        .sdiag_protocol = IPPROTO_TCP,
        .idiag_states = ~0u,
        .id = connection->id,
    };
    ask(socket, SOCK_DESTROY, 0, &request);
}

/* One datagram of the dump; false when it was the last. */
static bool cut_some(int dump, int destroy, unsigned *count) {
    _Alignas(struct nlmsghdr) char answer[ANSWER_BYTES];
    ssize_t received = recv(dump, answer, sizeof answer, MSG_DONTWAIT);
    if (received < 0) return false;
    unsigned left = (unsigned)received;
    for (struct nlmsghdr *message = (void *)answer; NLMSG_OK(message, left);
         message = NLMSG_NEXT(message, left)) {
        if (message->nlmsg_type != SOCK_DIAG_BY_FAMILY) return false;
        if (message->nlmsg_len < NLMSG_LENGTH(sizeof(struct inet_diag_msg)) || ++*count > CONNECTIONS_MAX)
            return false;
        cut(destroy, NLMSG_DATA(message));
    }
    return true;
}

static void cut_all(uint8_t family, uint32_t kept, unsigned *count) {
    autoclose dump = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
    autoclose destroy = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
    const struct inet_diag_req_v2 request = {
        .sdiag_family = family,
        .sdiag_protocol = IPPROTO_TCP,
        .idiag_states = ~kept,
    };
    if (dump < 0 || destroy < 0 || ask(dump, SOCK_DIAG_BY_FAMILY, NLM_F_DUMP, &request) < 0) return;
    while (cut_some(dump, destroy, count)) continue;
}

/* In the container's network namespace, when its program has ended. Sockets in TIME_WAIT hold nothing but their ports,
 * which matters to a program that is started again. */
void connections_end(bool again) {
    const uint32_t kept = 1u << TCP_LISTEN | (again ? 0 : 1u << TCP_TIME_WAIT);
    unsigned count = 0;
    if (again || any_left("/proc/thread-self/net/sockstat", "TCP: inuse ")) cut_all(AF_INET, kept, &count);
    if (again || any_left("/proc/thread-self/net/sockstat6", "TCP6: inuse ")) cut_all(AF_INET6, kept, &count);
}
