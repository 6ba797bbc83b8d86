/* Connections through the relay: what one end sends goes to the other as fast as that takes it, and no
 * faster. */
#include "relay.h"
#include "sys.h"
#include <netinet/tcp.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>

static void set_option(int fd, int level, int option, int value) {
    setsockopt(fd, level, option, &value, sizeof value);
}

/* A peer that has gone without a word is missed after some minutes; a container that does not answer after
 * half of one. */
static void prepare(int fd) {
    set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, 15);
    set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, 15);
    set_option(fd, IPPROTO_TCP, TCP_SYNCNT, 4);
    set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
}

static bool is_stream(const struct relay_port *port) { return port->protocol != IPPROTO_UDP; }

static void watch_ports(struct relay *r, int operation) {
    for (unsigned i = 0; i < r->setup->count; i++)
        if (is_stream(&r->setup->ports[i]))
            relay_watch(r, operation, r->setup->ports[i].fd, EPOLLIN, WATCHED_PORT, i, 0, 0);
}

void stream_open_all(struct relay *r) {
    for (unsigned i = 0; i < STREAMS_MAX; i++) {
        r->stream[i].fd[SIDE_CLIENT] = r->stream[i].fd[SIDE_CONTAINER] = -1;
        r->stream[i].next = (uint16_t)(i + 1 < STREAMS_MAX ? i + 1 : NONE);
    }
    r->free_stream = 0;
    r->accepting = true;
    watch_ports(r, EPOLL_CTL_ADD);
}

/* Connections wait in the kernel meanwhile. */
static void stop_accepting(struct relay *r, int64_t resume) {
    r->resume = resume;
    if (r->accepting) watch_ports(r, EPOLL_CTL_DEL);
    r->accepting = false;
}

void stream_resume(struct relay *r) {
    r->resume = 0;
    if (!r->accepting) watch_ports(r, EPOLL_CTL_ADD);
    r->accepting = true;
}

/* A peer of what has failed is to see a failure, too, and no end. */
static void reset(int fd) {
    struct linger none = {.l_onoff = 1};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof none);
}

static void stream_close(struct relay *r, struct stream *stream) {
    size_t index = (size_t)(stream - r->stream);
    close_and_forget(&stream->fd[SIDE_CLIENT]);
    close_and_forget(&stream->fd[SIDE_CONTAINER]);
    madvise(r->buffer[index], sizeof r->buffer[index], MADV_DONTNEED);
    *stream = (struct stream){.fd = {-1, -1}, .generation = stream->generation + 1, .next = r->free_stream};
    r->free_stream = (uint16_t)index;
    r->streams--;
    if (!r->accepting && r->streams <= STREAMS_RESUME) stream_resume(r);
}

static void stream_abort(struct relay *r, struct stream *stream) {
    reset(stream->fd[SIDE_CLIENT]);
    reset(stream->fd[SIDE_CONTAINER]);
    stream_close(r, stream);
}

static bool is_empty(const struct flow *flow) { return flow->start == flow->end; }

/* Out of the set is also what the kernel would tell of again and again: that an end is gone, while the other
 * takes its time. */
static int want(struct relay *r, struct stream *stream, enum side side, uint32_t events) {
    uint32_t before = stream->watched[side];
    if (events == before) return 0;
    stream->watched[side] = events;
    int operation = events == 0 ? EPOLL_CTL_DEL : before == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
    return relay_watch(r, operation, stream->fd[side], events, WATCHED_STREAM, (unsigned)(stream - r->stream),
                       side, stream->generation);
}

static int want_side(struct relay *r, struct stream *stream, enum side side) {
    const struct flow *from = &stream->flow[side], *to = &stream->flow[!side];
    uint32_t events = (is_empty(from) && !from->ended ? EPOLLIN : 0u) | (is_empty(to) ? 0u : EPOLLOUT);
    if (stream->connecting) events = side == SIDE_CONTAINER ? EPOLLOUT : 0;
    return want(r, stream, side, events);
}

/* Tells ends what has ended, and decides what is waited for next. */
static void settle(struct relay *r, struct stream *stream) {
    for (int side = 0; side < 2; side++) {
        struct flow *flow = &stream->flow[side];
        if (!flow->ended || flow->shut || !is_empty(flow)) continue;
        shutdown(stream->fd[!side], SHUT_WR);
        flow->shut = true;
    }
    if (stream->flow[SIDE_CLIENT].shut && stream->flow[SIDE_CONTAINER].shut)
        stream_close(r, stream);
    else if (want_side(r, stream, SIDE_CLIENT) < 0 || want_side(r, stream, SIDE_CONTAINER) < 0)
        stream_abort(r, stream);
}

/* How much an end takes now; -1: it is gone. */
static ssize_t give(int fd, const uint8_t *bytes, size_t length) {
    ssize_t sent = send(fd, bytes, length, MSG_NOSIGNAL);
    return sent < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : sent;
}

/* On from one end to the other. What that does not take is kept, and read is nothing until it has. */
static int pull(struct relay *r, struct stream *stream, enum side side) {
    struct flow *flow = &stream->flow[side];
    if (flow->ended || !is_empty(flow)) return 0;
    ssize_t length = recv(stream->fd[side], r->scratch, STREAM_BYTES, 0);
    if (length < 0) return errno == EAGAIN || errno == EINTR ? 0 : -1;
    flow->ended = length == 0;
    ssize_t sent = length == 0 ? 0 : give(stream->fd[!side], r->scratch, (size_t)length);
    if (sent < 0) return -1;
    flow->start = 0;
    flow->end = (uint32_t)(length - sent);
    if (flow->end > 0) memcpy(r->buffer[stream - r->stream][side], r->scratch + sent, flow->end);
    return 0;
}

/* What was kept for an end. */
static int push(struct relay *r, struct stream *stream, enum side to) {
    struct flow *flow = &stream->flow[!to];
    if (is_empty(flow)) return 0;
    const uint8_t *kept = r->buffer[stream - r->stream][!to];
    ssize_t sent = give(stream->fd[to], kept + flow->start, flow->end - flow->start);
    if (sent < 0) return -1;
    flow->start += (uint32_t)sent;
    return 0;
}

static int finish_connecting(struct stream *stream) {
    int error = 0;
    socklen_t length = sizeof error;
    if (getsockopt(stream->fd[SIDE_CONTAINER], SOL_SOCKET, SO_ERROR, &error, &length) < 0) return -1;
    if (error != 0) return fail(error);
    stream->connecting = false;
    return 0;
}

static int advance(struct relay *r, struct stream *stream, enum side side, uint32_t events) {
    if (stream->connecting) return finish_connecting(stream);
    if (events & EPOLLERR) return -1;
    if ((events & (EPOLLOUT | EPOLLHUP)) && push(r, stream, side) < 0) return -1;
    return events & (EPOLLIN | EPOLLHUP) ? pull(r, stream, side) : 0;
}

void stream_event(struct relay *r, unsigned index, enum side side, uint32_t events) {
    struct stream *stream = &r->stream[index];
    if (advance(r, stream, side, events) < 0)
        stream_abort(r, stream);
    else
        settle(r, stream);
}

static void stream_open(struct relay *r, const struct relay_port *port, int client, int container) {
    struct stream *stream = &r->stream[r->free_stream];
    r->free_stream = stream->next;
    r->streams++;
    stream->fd[SIDE_CLIENT] = client;
    stream->fd[SIDE_CONTAINER] = container;
    stream->connecting = true;
    prepare(client);
    prepare(container);
    if (relay_connect(port, container) < 0)
        stream_abort(r, stream);
    else
        settle(r, stream);
}

/* What cannot be carried on is not accepted: it can wait. False when there are no more, or no means for one.
 */
static bool accept_one(struct relay *r, const struct relay_port *port) {
    autoclose container = relay_socket(port, SOCK_STREAM);
    int client = container < 0 ? -1 : accept4(port->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (client >= 0) {
        stream_open(r, port, client, container);
        container = -1;
        return true;
    }
    // A connection may be gone before it is taken.
    if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) stop_accepting(r, r->now + EXHAUSTED_MS);
    return false;
}

void stream_accept(struct relay *r, const struct relay_port *port) {
    for (int i = 0; i < BATCH && r->accepting && accept_one(r, port); i++)
        if (r->streams == STREAMS_MAX) stop_accepting(r, 0);
}
