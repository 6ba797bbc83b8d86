/* The container's network namespace: made beside its mounts, which take as long, and held until its end. */
#include "supervisor.h"
#include <linux/netlink.h>
#include <linux/sockios.h>
#include <sched.h>
#include <sys/ioctl.h>

/* That of the socket, which is opened in ours if it is not open. This costs a tenth of opening
 * /proc/self/ns/net. */
static int namespace_of(int *fd) {
    if (*fd < 0) *fd = netlink_open(NETLINK_ROUTE);
    return *fd < 0 ? -1 : ioctl(*fd, SIOCGSKNS);
}

void network_initialize(struct network *network) {
    network->home = network->namespace = network->host = network->container = network->filter = -1;
    network->queries[0] = network->queries[1] = -1;
    for (int i = 0; i < HELPERS; i++) network->helpers[i].watch = network->helpers[i].pidfd = -1;
}

/* In the container's namespace for a moment; sockets stay in the one they were made in. */
int network_enter(const struct network *network) {
    return network->namespace < 0 ? fail(ENOTCONN) : setns(network->namespace, CLONE_NEWNET);
}

int network_leave(const struct network *network) {
    int error = errno;
    if (setns(network->home, CLONE_NEWNET) < 0) return -1;
    errno = error;
    return 0;
}

/* No neighbour tells a container where its routes lead (CVE-2020-13401). Of any interface that comes, also to
 * one that runs, and also where it has no IPv6 address. */
static int refuse_advertisements(void) {
    autoclose accept = open("/proc/sys/net/ipv6/conf/default/accept_ra", O_WRONLY | O_CLOEXEC);
    if (accept < 0) return errno == ENOENT ? 0 : -1;
    return write_whole(accept, "0", 1);
}

static int make_namespace(struct network *network) {
    network->home = namespace_of(&network->host);
    if (network->home < 0 || unshare(CLONE_NEWNET) < 0) return -1;
    network->namespace = namespace_of(&network->container);
    int refused = refuse_advertisements();
    return network_leave(network) < 0 || network->namespace < 0 ? -1 : refused;
}

/* A child that is dead by now has said why. */
int do_network_namespace(struct supervisor *s) {
    // That of a program that is started again is there still.
    bool made = s->network.namespace >= 0;
    if (made && s->restarts == 0) return fail(EEXIST);
    if (!made && make_namespace(&s->network) < 0) return -1;
    return send_descriptor(s->report, s->network.namespace) < 0 && !peer_gone() ? -1 : 0;
}

int do_network_join(struct supervisor *s) {
    autoclose namespace = receive_descriptor(s->report);
    return namespace < 0 ? fail(ENOTCONN) : setns(namespace, CLONE_NEWNET);
}

int do_network_end(struct supervisor *s) {
    struct network *network = &s->network;
    helpers_end(network);
    for (unsigned i = 0; i < network->ports; i++) close_and_forget(&network->port[i].fd);
    network->ports = 0;
    for (int i = 0; i < 2; i++) close_and_forget(&network->queries[i]);
    close_and_forget(&network->container);
    // Behind the resolver, whose sockets would count.
    if (network_enter(network) == 0) {
        connections_end(false);
        network_leave(network);
    }
    close_and_forget(&network->namespace);
    return 0;
}
