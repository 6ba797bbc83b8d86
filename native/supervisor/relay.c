/* The relay: what reaches the socket of a published port itself, since no rule of the firewall led it to the
 * container, is carried there: connections byte by byte, datagrams one by one. */
#include "relay.h"
#include "sys.h"
#include <limits.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <time.h>

static int64_t clock_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static uint64_t pack(enum watched kind, unsigned index, unsigned side, uint32_t generation) {
    return (uint64_t)generation << 32 | (uint64_t)index << 8 | (uint64_t)side << 4 | (uint64_t)kind;
}

int relay_watch(struct relay *r, int operation, int fd, uint32_t events, enum watched kind, unsigned index,
                unsigned side, uint32_t generation) {
    struct epoll_event event = {.events = events, .data.u64 = pack(kind, index, side, generation)};
    return epoll_ctl(r->epoll, operation, fd, &event);
}

static socklen_t container_address(const struct relay_port *port, union endpoint *address) {
    memset(address, 0, sizeof *address);
    if (port->family == AF_INET) {
        address->v4.sin_family = AF_INET;
        address->v4.sin_port = htons(port->port);
        memcpy(&address->v4.sin_addr, port->address, sizeof address->v4.sin_addr);
        return sizeof address->v4;
    }
    address->v6.sin6_family = AF_INET6;
    address->v6.sin6_port = htons(port->port);
    memcpy(&address->v6.sin6_addr, port->address, sizeof address->v6.sin6_addr);
    return sizeof address->v6;
}

int relay_socket(const struct relay_port *port, int type) {
    return socket(port->family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, port->protocol);
}

int relay_connect(const struct relay_port *port, int fd) {
    union endpoint address;
    socklen_t length = container_address(port, &address);
    return connect(fd, &address.any, length) < 0 && errno != EINPROGRESS ? -1 : 0;
}

static void serve_port(struct relay *r, unsigned index) {
    const struct relay_port *port = &r->setup->ports[index];
    if (port->protocol == IPPROTO_UDP)
        datagram_forward(r, index);
    else
        stream_accept(r, port);
}

/* What is gone may still be told of, in the same turn. */
static void serve(struct relay *r, const struct epoll_event *event) {
    unsigned index = event->data.u64 >> 8 & 0xffff, side = event->data.u64 >> 4 & 1;
    uint32_t generation = (uint32_t)(event->data.u64 >> 32);
    switch ((enum watched)(event->data.u64 & 0xf)) {
    case WATCHED_PORT: serve_port(r, index); return;
    case WATCHED_STREAM:
        if (r->stream[index].generation == generation) stream_event(r, index, (enum side)side, event->events);
        return;
    case WATCHED_CLIENT:
        if (r->client[index].generation == generation) datagram_answer(r, index);
        return;
    }
}

static int64_t earlier(int64_t a, int64_t b) { return a < b ? a : b; }

static int patience(const struct relay *r) {
    int64_t until = INT64_MAX;
    if (r->streams == 0 && r->clients == 0) until = r->active + IDLE_MS;
    if (r->oldest != NONE) until = earlier(until, r->client[r->oldest].used + CLIENT_MS);
    if (r->resume > 0) until = earlier(until, r->resume);
    if (until == INT64_MAX) return -1;
    return until <= r->now ? 0 : (int)(until - r->now);
}

/* Waits for work and does it; false when there was none for so long that the process may end. */
static bool turn(struct relay *r) {
    struct epoll_event events[BATCH];
    int count = epoll_pwait(r->epoll, events, BATCH, patience(r), NULL);
    r->now = clock_ms();
    for (int i = 0; i < count; i++) serve(r, &events[i]);
    if (count > 0) r->active = r->now;
    datagram_expire(r);
    if (r->resume > 0 && r->now >= r->resume) stream_resume(r);
    return r->streams > 0 || r->clients > 0 || r->now - r->active < IDLE_MS;
}

static int open_all(struct relay *r) {
    r->now = r->active = clock_ms();
    r->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (r->epoll < 0 || getrandom(&r->seed, sizeof r->seed, 0) < 0) return -1;
    stream_open_all(r);
    datagram_open_all(r);
    return 0;
}

/* The pages of what is never used are never there. */
int relay_run(const struct relay_setup *setup) {
    struct relay *r =
        mmap(NULL, sizeof *r, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (r == MAP_FAILED) return 1;
    r->setup = setup;
    if (open_all(r) < 0) return 1;
    while (turn(r)) continue;
    return 0;
}
