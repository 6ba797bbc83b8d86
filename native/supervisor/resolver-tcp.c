/* Clients' connections: queries one after the other, each behind its length (RFC 7766). A query is taken only
 * when there is room for the longest answers to it and to those before it. */
#include <errno.h>
#include <string.h>
#include "resolver.h"
#include "sys.h"

enum { ACCEPT_PAUSE_MS = 100 };

static int index_of(const struct resolver *r, const struct connection *c) { return (int)(c - r->connection); }

static size_t waiting(const struct connection *c) { return c->out_end - c->out_from; }

static bool has_room(const struct connection *c) {
    return OUT_BYTES - waiting(c) >= (size_t)(c->pending + 1) * FRAME_MAX;
}

static void drop(struct resolver *r, struct connection *c) {
    close_and_forget(&c->fd);
    c->generation++;
    r->connections--;
    if (c->pending > 0) forward_cancel(r, index_of(r, c));
    system_give(c->out, OUT_BYTES);
    c->out = NULL;
}

static void append(struct connection *c, const uint8_t *message, size_t length) {
    if (OUT_BYTES - c->out_end < length + 2) {
        memmove(c->out, c->out + c->out_from, waiting(c));
        c->out_end -= c->out_from;
        c->out_from = 0;
    }
    c->out[c->out_end] = (uint8_t)(length >> 8);
    c->out[c->out_end + 1] = (uint8_t)length;
    memcpy(c->out + c->out_end + 2, message, length);
    c->out_end += length + 2;
}

/* False when the client is gone. */
static bool flush(struct resolver *r, struct connection *c) {
    while (waiting(c) > 0) {
        ssize_t sent = send(c->fd, c->out + c->out_from, waiting(c), MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) continue;
        if (sent < 0) return errno == EAGAIN;
        c->out_from += (size_t)sent;
        c->active = r->now;
    }
    c->out_from = c->out_end = 0;
    return true;
}

static void take_query(struct resolver *r, struct connection *c, const uint8_t *message, size_t length) {
    struct origin origin = {.connection = index_of(r, c)};
    c->active = r->now;
    size_t answer = resolver_answer(r, message, length, &origin, r->scratch);
    if (answer > 0) append(c, r->scratch, answer);
}

/* Takes the whole queries that are there, as long as there is room. What can't be one is the end. */
static void take_queries(struct resolver *r, struct connection *c) {
    size_t at = 0;
    while (c->in_length - at >= 2 && has_room(c)) {
        size_t length = (size_t)(c->in[at] << 8 | c->in[at + 1]);
        if (length == 0 || length > QUERY_MAX) {
            c->ended = true;
            at = c->in_length;
        }
        if (c->in_length - at < 2 + length) break;
        take_query(r, c, c->in + at + 2, length);
        at += 2 + length;
    }
    memmove(c->in, c->in + at, c->in_length - at);
    c->in_length -= at;
}

static bool done(const struct connection *c) { return c->ended && c->pending == 0 && waiting(c) == 0; }

static bool watch(struct resolver *r, struct connection *c) {
    bool reads = !c->ended && has_room(c) && c->in_length < sizeof c->in;
    uint32_t events = (reads ? EPOLLIN : 0u) | (waiting(c) > 0 ? EPOLLOUT : 0u);
    if (events == c->events) return true;
    c->events = events;
    return resolver_watch(r, EPOLL_CTL_MOD, c->fd, events, WATCHED_CONNECTION, (uint32_t)index_of(r, c),
                          c->generation) == 0;
}

/* Answers what there is to answer, until something has to be waited for. */
static void advance(struct resolver *r, struct connection *c) {
    size_t before;
    c->delivered = false;
    do {
        before = c->in_length;
        take_queries(r, c);
        if (!flush(r, c)) return drop(r, c);
    } while (c->in_length != before);
    if (done(c) || !watch(r, c)) drop(r, c);
}

/* False when nothing has come. */
static bool receive(struct connection *c) {
    ssize_t length = recv(c->fd, c->in + c->in_length, sizeof c->in - c->in_length, MSG_DONTWAIT);
    if (length < 0) {
        c->ended |= errno != EAGAIN && errno != EINTR;
        return c->ended;
    }
    c->ended = length == 0;
    c->in_length += (size_t)length;
    return true;
}

void tcp_event(struct resolver *r, uint32_t index, uint32_t events) {
    struct connection *c = &r->connection[index];
    if (events & EPOLLERR) return drop(r, c);
    // Both directions are closed: nobody is there to read.
    if (events & EPOLLHUP && !(events & EPOLLIN)) return drop(r, c);
    if (events & EPOLLIN && receive(c)) view_refresh(&r->view);
    advance(r, c);
}

void tcp_deliver(struct resolver *r, int connection, const uint8_t *message, size_t length) {
    struct connection *c = &r->connection[connection];
    c->pending--;
    c->active = r->now;
    c->delivered = true;
    append(c, message, length);
}

void tcp_advance(struct resolver *r) {
    for (int i = 0; i < r->connections_made && r->connections > 0; i++) {
        struct connection *c = &r->connection[i];
        if (c->fd >= 0 && c->delivered) advance(r, c);
    }
}

static struct connection *find_place(struct resolver *r) {
    struct connection *idlest = NULL;
    for (int i = 0; i < r->connections_made; i++) {
        struct connection *c = &r->connection[i];
        if (c->fd < 0) return c;
        bool idle = c->pending == 0 && waiting(c) == 0;
        if (idle && (idlest == NULL || c->active < idlest->active)) idlest = c;
    }
    if (r->connections_made < CONNECTIONS_MAX) return &r->connection[r->connections_made++];
    if (idlest != NULL) drop(r, idlest);
    return idlest;
}

/* The new connection has the place's generation. */
static bool begin(struct resolver *r, struct connection *c, int fd) {
    uint32_t generation = c->generation;
    uint8_t *out = system_take(OUT_BYTES);
    if (out == NULL) return false;
    if (resolver_watch(r, EPOLL_CTL_ADD, fd, EPOLLIN, WATCHED_CONNECTION, (uint32_t)index_of(r, c),
                       generation) < 0) {
        system_give(out, OUT_BYTES);
        return false;
    }
    *c = (struct connection){
        .fd = fd, .generation = generation, .events = EPOLLIN, .active = r->now, .out = out};
    r->connections++;
    return true;
}

static void listen_to(struct resolver *r, bool whether) {
    resolver_watch(r, EPOLL_CTL_MOD, r->tcp, whether ? EPOLLIN : 0, WATCHED_TCP, 0, 0);
    r->accept_again = whether ? INT64_MAX : r->now + ACCEPT_PAUSE_MS;
}

void tcp_accept(struct resolver *r) {
    for (int i = 0; i < CONNECTIONS_MAX; i++) {
        int fd = accept4(r->tcp, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        // Without descriptors the listener stays readable.
        if (fd < 0 && errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) return listen_to(r, false);
        if (fd < 0) return;
        struct connection *place = find_place(r);
        if (place != NULL && begin(r, place, fd)) continue;
        if (place != NULL) place->fd = -1;
        close(fd);
    }
}

int64_t tcp_deadline(const struct resolver *r) {
    int64_t first = r->accept_again;
    for (int i = 0; i < r->connections_made && r->connections > 0; i++) {
        const struct connection *c = &r->connection[i];
        if (c->fd >= 0 && c->pending == 0 && c->active + CONNECTION_MS < first)
            first = c->active + CONNECTION_MS;
    }
    return first;
}

void tcp_expire(struct resolver *r) {
    if (r->accept_again <= r->now) listen_to(r, true);
    for (int i = 0; i < r->connections_made && r->connections > 0; i++) {
        struct connection *c = &r->connection[i];
        if (c->fd >= 0 && c->pending == 0 && c->active + CONNECTION_MS <= r->now) drop(r, c);
    }
}

void tcp_close_all(struct resolver *r) {
    for (int i = 0; i < r->connections_made; i++)
        if (r->connection[i].fd >= 0) drop(r, &r->connection[i]);
}
