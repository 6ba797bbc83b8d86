/* The name server's loop. What it holds is lost with it, so it ends only while it holds nothing: what comes
 * later waits in the sockets, which are the supervisor's as well. */
#include "resolver.h"
#include <errno.h>
#include <string.h>
#include <sys/random.h>
#include "sys.h"

enum { EVENTS = 64, GENERATION_BITS = 24 };

/* Tells a descriptor's events from those of the one that had its place before. */
static uint64_t token(enum watched kind, uint32_t index, uint32_t generation) {
    return (uint64_t)kind << 56 | (uint64_t)(generation & ((1u << GENERATION_BITS) - 1)) << 32 | index;
}

int resolver_watch(struct resolver *r, int operation, int fd, uint32_t events, enum watched kind,
                   uint32_t index, uint32_t generation) {
    struct epoll_event event = {.events = events, .data.u64 = token(kind, index, generation)};
    return epoll_ctl(r->epoll, operation, fd, &event);
}

static bool open_loop(struct resolver *r) {
    r->epoll = epoll_create1(EPOLL_CLOEXEC);
    return r->epoll >= 0 && getrandom(&r->view.seed, sizeof r->view.seed, 0) == sizeof r->view.seed &&
           resolver_watch(r, EPOLL_CTL_ADD, r->udp, EPOLLIN, WATCHED_UDP, 0, 0) == 0 &&
           resolver_watch(r, EPOLL_CTL_ADD, r->tcp, EPOLLIN, WATCHED_TCP, 0, 0) == 0;
}

struct resolver *resolver_open(const struct resolver_setup *setup) {
    struct resolver *r = system_take(sizeof *r);
    if (r == NULL) return NULL;
    r->udp = setup->udp;
    r->tcp = setup->tcp;
    r->view.directory = setup->directory;
    r->view.name = setup->view;
    r->view.file.fd = -1;
    r->accept_again = INT64_MAX;
    r->now = r->active = system_clock_ms();
    forward_open(r);
    if (open_loop(r)) return r;
    resolver_close(r);
    return NULL;
}

void resolver_close(struct resolver *r) {
    tcp_close_all(r);
    forward_close_all(r);
    view_forget(&r->view);
    close_and_forget(&r->epoll);
    system_give(r, sizeof *r);
}

static size_t answer_limit(const struct query *query, const struct origin *origin) {
    enum { UDP_LEAST = 512 };
    if (origin->connection >= 0) return MESSAGE_MAX;
    if (!query->edns || query->udp_size < UDP_LEAST) return UDP_LEAST;
    return query->udp_size < UDP_ANSWER_MAX ? query->udp_size : UDP_ANSWER_MAX;
}

/* With an option ndots of the user's own, a name without a dot is to be completed by a search domain first.
 */
static bool stays_here(const struct view *view, const struct query *query) {
    bool address = query->type == TYPE_A || query->type == TYPE_AAAA;
    return view->ndots && address && memchr(query->name, '.', query->name_length) == NULL;
}

size_t resolver_answer(struct resolver *r, const uint8_t *message, size_t length, const struct origin *origin,
                       uint8_t *to) {
    struct query query;
    const struct view *view = &r->view;
    enum rcode rcode = query_parse(&query, message, length);
    if (rcode == RCODE_DROP) return 0;
    if (rcode == RCODE_BAD_VERSION) return answer_error(&query, rcode, to);
    if (rcode != RCODE_SUCCESS) return answer_malformed(message, rcode, to);
    size_t answered = answer_locally(&r->view, &query, to, answer_limit(&query, origin));
    if (answered > 0) return answered;
    if (stays_here(view, &query)) return answer_error(&query, RCODE_SUCCESS, to);
    if (view->internal || view->servers.count == 0) return answer_error(&query, RCODE_SERVER_FAILURE, to);
    return forward_begin(r, &query, origin) ? 0 : answer_error(&query, RCODE_REFUSED, to);
}

void resolver_deliver(struct resolver *r, const struct origin *origin, uint8_t *message, size_t length) {
    if (origin->connection < 0)
        udp_send(r, origin, message, length);
    else
        tcp_deliver(r, origin->connection, message, length);
}

static void dispatch(struct resolver *r, const struct epoll_event *event) {
    uint64_t data = event->data.u64;
    uint32_t index = (uint32_t)data;
    enum watched kind = (enum watched)(data >> 56);
    switch (kind) {
    case WATCHED_UDP: return udp_receive(r);
    case WATCHED_TCP: return tcp_accept(r);
    case WATCHED_FORWARD:
        if (data == token(kind, index, r->forward[index].generation)) forward_event(r, index, event->events);
        return;
    case WATCHED_CONNECTION:
        if (data == token(kind, index, r->connection[index].generation)) tcp_event(r, index, event->events);
    }
}

static int64_t earliest(int64_t a, int64_t b) { return a < b ? a : b; }

static int64_t patience(const struct resolver *r) {
    int64_t until = earliest(earliest(forward_deadline(r), tcp_deadline(r)), r->active + IDLE_MS);
    return until > r->now ? until - r->now : 0;
}

bool resolver_turn(struct resolver *r) {
    struct epoll_event events[EVENTS];
    int count = system_wait(r->epoll, events, EVENTS, patience(r));
    r->now = system_clock_ms();
    for (int i = 0; i < count; i++) dispatch(r, &events[i]);
    forward_expire(r);
    tcp_advance(r);
    tcp_expire(r);
    if (count > 0 || r->forwards > 0 || r->connections > 0) r->active = r->now;
    return r->now - r->active < IDLE_MS;
}

int resolver_run(const struct resolver_setup *setup) {
    struct resolver *r = resolver_open(setup);
    if (r == NULL) return 1;
    while (resolver_turn(r)) continue;
    resolver_close(r);
    return 0;
}
