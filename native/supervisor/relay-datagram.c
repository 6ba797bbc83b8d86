/* Datagrams through the relay: each client has a socket of its own towards the container, so that answers
 * find their way. */
#include "relay.h"
#include "sys.h"
#include <string.h>
#include <sys/epoll.h>

union control {
    struct cmsghdr header;
    uint8_t bytes[CMSG_SPACE(sizeof(struct in6_pktinfo)) + CMSG_SPACE(sizeof(struct in_pktinfo))];
};

void datagram_open_all(struct relay *r) {
    memset(r->bucket, 0xff, sizeof r->bucket);
    r->newest = r->oldest = NONE;
    r->free_client = 0;
    for (unsigned i = 0; i < CLIENTS_MAX; i++) {
        r->client[i].fd = -1;
        r->client[i].next = (uint16_t)(i + 1 < CLIENTS_MAX ? i + 1 : NONE);
    }
    for (unsigned i = 0; i < r->setup->count; i++) {
        const struct relay_port *port = &r->setup->ports[i];
        if (port->protocol != IPPROTO_UDP) continue;
        relay_watch(r, EPOLL_CTL_ADD, port->fd, EPOLLIN, WATCHED_PORT, i, 0, 0);
    }
}

static uint32_t mix(uint32_t hash, const void *bytes, size_t length) {
    for (size_t i = 0; i < length; i++) hash = (hash ^ ((const uint8_t *)bytes)[i]) * 16777619u;
    return hash;
}

static uint16_t *bucket_of(struct relay *r, const struct client *like) {
    uint32_t hash = mix(r->seed, &like->port, sizeof like->port);
    hash = mix(hash, &like->peer, sizeof like->peer);
    hash = mix(hash, &like->local, sizeof like->local);
    return &r->bucket[(hash ^ hash >> 16) % BUCKETS];
}

static bool same(const struct client *a, const struct client *b) {
    return a->port == b->port && memcmp(&a->peer, &b->peer, sizeof a->peer) == 0 &&
           memcmp(&a->local, &b->local, sizeof a->local) == 0;
}

static void unlink_use(struct relay *r, struct client *client) {
    *(client->newer == NONE ? &r->newest : &r->client[client->newer].older) = client->older;
    *(client->older == NONE ? &r->oldest : &r->client[client->older].newer) = client->newer;
}

static void link_use(struct relay *r, struct client *client) {
    uint16_t index = (uint16_t)(client - r->client);
    client->used = r->now;
    client->newer = NONE;
    client->older = r->newest;
    *(r->newest == NONE ? &r->oldest : &r->client[r->newest].newer) = index;
    r->newest = index;
}

static void use(struct relay *r, struct client *client) {
    unlink_use(r, client);
    link_use(r, client);
}

static void forget(struct relay *r, struct client *client) {
    uint16_t index = (uint16_t)(client - r->client);
    uint16_t *link = bucket_of(r, client);
    while (*link != index) link = &r->client[*link].next;
    *link = client->next;
    unlink_use(r, client);
    close_and_forget(&client->fd);
    client->generation++;
    client->next = r->free_client;
    r->free_client = index;
    r->clients--;
}

void datagram_expire(struct relay *r) {
    while (r->oldest != NONE && r->now - r->client[r->oldest].used >= CLIENT_MS)
        forget(r, &r->client[r->oldest]);
}

static struct client *find(struct relay *r, const struct client *like) {
    for (uint16_t at = *bucket_of(r, like); at != NONE; at = r->client[at].next)
        if (same(&r->client[at], like)) return &r->client[at];
    return NULL;
}

/* One that was not heard of for the longest time makes room. */
static struct client *add(struct relay *r, const struct client *like) {
    if (r->free_client == NONE) forget(r, &r->client[r->oldest]);
    uint16_t index = r->free_client;
    struct client *client = &r->client[index];
    uint32_t generation = client->generation;
    autoclose fd = relay_socket(&r->setup->ports[like->port], SOCK_DGRAM);
    if (fd < 0 || relay_connect(&r->setup->ports[like->port], fd) < 0) return NULL;
    if (relay_watch(r, EPOLL_CTL_ADD, fd, EPOLLIN, WATCHED_CLIENT, index, 0, generation) < 0) return NULL;
    uint16_t *bucket = bucket_of(r, like);
    r->free_client = client->next;
    *client = *like;
    client->fd = fd;
    client->generation = generation;
    fd = -1;
    client->next = *bucket;
    *bucket = index;
    r->clients++;
    link_use(r, client);
    return client;
}

/* Which of our addresses a datagram was sent to, as held ports tell: its sender takes answers from that one
 * only. */
static void read_local(struct msghdr *message, union endpoint *local) {
    for (struct cmsghdr *part = CMSG_FIRSTHDR(message); part; part = CMSG_NXTHDR(message, part)) {
        if (part->cmsg_level == IPPROTO_IP && part->cmsg_type == IP_PKTINFO) {
            struct in_pktinfo info;
            memcpy(&info, CMSG_DATA(part), sizeof info);
            local->v4.sin_family = AF_INET;
            local->v4.sin_addr = info.ipi_spec_dst;
        } else if (part->cmsg_level == IPPROTO_IPV6 && part->cmsg_type == IPV6_PKTINFO) {
            struct in6_pktinfo info;
            memcpy(&info, CMSG_DATA(part), sizeof info);
            if (IN6_IS_ADDR_MULTICAST(&info.ipi6_addr)) continue;
            local->v6.sin6_family = AF_INET6;
            local->v6.sin6_addr = info.ipi6_addr;
            if (IN6_IS_ADDR_LINKLOCAL(&info.ipi6_addr)) local->v6.sin6_scope_id = info.ipi6_ifindex;
        }
    }
}

static size_t put_part(union control *control, int level, int type, const void *data, size_t length) {
    control->header.cmsg_level = level;
    control->header.cmsg_type = type;
    control->header.cmsg_len = CMSG_LEN(length);
    memcpy(CMSG_DATA(&control->header), data, length);
    return CMSG_SPACE(length);
}

static size_t put_local(union control *control, const union endpoint *local) {
    if (local->any.sa_family == AF_INET) {
        struct in_pktinfo info = {.ipi_spec_dst = local->v4.sin_addr};
        return put_part(control, IPPROTO_IP, IP_PKTINFO, &info, sizeof info);
    }
    if (local->any.sa_family != AF_INET6) return 0;
    struct in6_pktinfo info = {.ipi6_addr = local->v6.sin6_addr, .ipi6_ifindex = local->v6.sin6_scope_id};
    return put_part(control, IPPROTO_IPV6, IPV6_PKTINFO, &info, sizeof info);
}

/* The length of the next one to a port, and who it is from; -1: there is none. */
static ssize_t receive(struct relay *r, struct client *from) {
    union control control;
    struct iovec part = {r->scratch, sizeof r->scratch};
    struct msghdr message = {.msg_name = &from->peer,
                             .msg_namelen = sizeof from->peer,
                             .msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof control};
    ssize_t length = recvmsg(r->setup->ports[from->port].fd, &message, MSG_DONTWAIT);
    if (length < 0) return -1;
    from->peer_length = message.msg_namelen;
    read_local(&message, &from->local);
    return length;
}

/* What cannot be sent on is lost, as datagrams are. */
void datagram_forward(struct relay *r, unsigned port) {
    for (int i = 0; i < BATCH; i++) {
        struct client like;
        // All bytes of addresses are compared.
        memset(&like, 0, sizeof like);
        like.port = (uint16_t)port;
        ssize_t length = receive(r, &like);
        if (length < 0) return;
        struct client *client = find(r, &like);
        if (client)
            use(r, client);
        else
            client = add(r, &like);
        if (client) send(client->fd, r->scratch, (size_t)length, MSG_DONTWAIT | MSG_NOSIGNAL);
    }
}

static void answer(struct relay *r, struct client *client, size_t length) {
    union control control = {0};
    struct iovec part = {r->scratch, length};
    struct msghdr message = {.msg_name = &client->peer,
                             .msg_namelen = client->peer_length,
                             .msg_iov = &part,
                             .msg_iovlen = 1};
    message.msg_controllen = put_local(&control, &client->local);
    message.msg_control = message.msg_controllen > 0 ? &control : NULL;
    sendmsg(r->setup->ports[client->port].fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* An error is that of a datagram before, which the container did not want; it may want the next. */
void datagram_answer(struct relay *r, unsigned index) {
    struct client *client = &r->client[index];
    for (int i = 0; i < BATCH; i++) {
        ssize_t length = recv(client->fd, r->scratch, sizeof r->scratch, MSG_DONTWAIT);
        if (length < 0) return;
        use(r, client);
        answer(r, client, (size_t)length);
    }
}
