/* Where a container asks for names: 127.0.0.11:53. Its own name servers can have that port of all addresses,
 * so the resolver's sockets have others, and rules of the container's namespace lead there. */
#include "supervisor.h"
#include <arpa/inet.h>
#include <limits.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

enum { ANY_PORT = 0, DOMAIN_PORT = 53, BACKLOG = 64, RULES_BYTES = 8192 };

static int open_socket(int type, in_port_t port) {
    static const int on = 1;
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(port),
                                  .sin_addr.s_addr = htonl(0x7f00000b)};
    int fd = socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return -1;
    // The loopback may be down yet.
    setsockopt(fd, IPPROTO_IP, IP_FREEBIND, &on, sizeof on);
    // Root's name server can have port 53, too; no other user of the container can take it from us.
    if (port == DOMAIN_PORT) setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
    if (bind(fd, (void *)&address, sizeof address) == 0 && (type != SOCK_STREAM || listen(fd, BACKLOG) == 0))
        return fd;
    close_scoped(&fd);
    return -1;
}

static int open_sockets(struct network *network, in_port_t port) {
    static const int types[2] = {SOCK_DGRAM, SOCK_STREAM};
    for (int i = 0; i < 2; i++) {
        int fd = network->queries[i] = open_socket(types[i], port);
        if (fd < 0 || helper_watch(&network->helpers[HELPER_RESOLVER], fd) < 0) return -1;
    }
    return 0;
}

static void close_sockets(struct network *network) {
    int error = errno;
    for (int i = 0; i < 2; i++) close_and_forget(&network->queries[i]);
    errno = error;
}

static int put_port(char *rules, uint32_t length, const struct blob *offsets, int fd) {
    struct sockaddr_in address;
    socklen_t size = sizeof address;
    if (getsockname(fd, (void *)&address, &size) < 0) return -1;
    return netlink_put(rules, length, offsets, address.sin_port);
}

static int add_rules(const struct network *network) {
    char rules[RULES_BYTES];
    const struct op_resolver *op = &network->resolver;
    uint32_t length = op->rules->length;
    if (length > sizeof rules) return fail(EMSGSIZE);
    memcpy(rules, op->rules->data, length);
    if (put_port(rules, length, op->udp_at, network->queries[0]) < 0) return -1;
    if (put_port(rules, length, op->tcp_at, network->queries[1]) < 0) return -1;
    autoclose fd = netlink_open(NETLINK_NETFILTER);
    return fd < 0 ? -1 : netlink_send(fd, rules, length);
}

static bool without_rules(int error) {
    return error == ENOENT || error == EOPNOTSUPP || error == EPROTONOSUPPORT;
}

/* In the container's namespace. The rules come last: what could not be opened can be asked for again. */
static int open_inside(struct network *network) {
    if (open_sockets(network, ANY_PORT) < 0) return -1;
    if (add_rules(network) == 0) return 0;
    if (!without_rules(errno)) return -1;
    close_sockets(network);
    return open_sockets(network, DOMAIN_PORT);
}

int queries_open(struct network *network) {
    if (network->queries[0] >= 0) return 0;
    if (network->helpers[HELPER_RESOLVER].watch < 0) return fail(ENODEV);
    if (network_enter(network) < 0) return -1;
    int opened = open_inside(network);
    if (opened < 0) close_sockets(network);
    return network_leave(network) < 0 ? -1 : opened;
}

int do_resolver(struct supervisor *s, const struct op_resolver *op) {
    if (strlen(op->view) > NAME_MAX) return fail(ENAMETOOLONG);
    s->network.resolver = *op;
    if (helper_set_up(&s->network.helpers[HELPER_RESOLVER], op->filter) < 0) return -1;
    return op->open ? queries_open(&s->network) : 0;
}
