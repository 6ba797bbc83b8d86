/* Queries for names that are not ours: sent to one server after the other, each from a socket of its own, so
 * that the kernel picks a random port and takes answers from that server only. */
#include <errno.h>
#include <string.h>
#include <sys/random.h>
#include "resolver.h"
#include "sys.h"

enum { DATAGRAMS_PER_TURN = 16, NONE = -1 };

void forward_open(struct resolver *r) { r->free = r->oldest = r->newest = NONE; }

static uint16_t random_id(struct resolver *r) {
    size_t filled = sizeof r->random / sizeof r->random[0];
    if (r->random_left == 0) {
        if (getrandom(r->random, sizeof r->random, 0) != sizeof r->random) _exit(1);
        r->random_left = filled;
    }
    return r->random[--r->random_left];
}

static int32_t index_of(const struct resolver *r, const struct forward *f) {
    return (int32_t)(f - r->forward);
}

/* All wait equally long: who comes last gives up last. */
static void enqueue(struct resolver *r, struct forward *f) {
    int32_t index = index_of(r, f);
    f->deadline = r->now + SERVER_MS;
    f->before = r->newest;
    f->after = NONE;
    if (r->newest != NONE)
        r->forward[r->newest].after = index;
    else
        r->oldest = index;
    r->newest = index;
}

static void dequeue(struct resolver *r, struct forward *f) {
    if (f->before != NONE)
        r->forward[f->before].after = f->after;
    else
        r->oldest = f->after;
    if (f->after != NONE)
        r->forward[f->after].before = f->before;
    else
        r->newest = f->before;
}

static void hang_up(struct forward *f) {
    close_and_forget(&f->fd);
    if (f->body != NULL) system_give(f->body, f->body_length);
    f->body = NULL;
    f->taken = f->sent = f->body_length = 0;
    f->generation++;
}

static void release(struct resolver *r, struct forward *f) {
    hang_up(f);
    f->after = r->free;
    r->free = index_of(r, f);
    r->forwards--;
}

static void finish(struct resolver *r, struct forward *f, uint8_t *answer, size_t length) {
    message_set_id(answer, f->client_id);
    resolver_deliver(r, &f->origin, answer, length);
    release(r, f);
}

static uint8_t *query_of(struct resolver *r, const struct forward *f) { return r->query[index_of(r, f)] + 2; }

static socklen_t address_length(const union address *address) {
    return address->any.sa_family == AF_INET ? sizeof address->v4 : sizeof address->v6;
}

/* False when the server can be told to be out of reach at once. */
static bool ask(struct resolver *r, struct forward *f) {
    const union address *server = &f->servers.list[f->server];
    int type = (f->stream ? SOCK_STREAM : SOCK_DGRAM) | SOCK_NONBLOCK | SOCK_CLOEXEC;
    f->fd = socket(server->any.sa_family, type, 0);
    if (f->fd < 0) return false;
    if (connect(f->fd, &server->any, address_length(server)) < 0 && (!f->stream || errno != EINPROGRESS))
        return false;
    f->id = random_id(r);
    message_set_id(query_of(r, f), f->id);
    if (!f->stream && send(f->fd, query_of(r, f), f->length, MSG_NOSIGNAL) < 0) return false;
    uint32_t events = f->stream ? EPOLLIN | EPOLLOUT : EPOLLIN;
    return resolver_watch(r, EPOLL_CTL_ADD, f->fd, events, WATCHED_FORWARD, (uint32_t)index_of(r, f),
                          f->generation) == 0;
}

static void fail_query(struct resolver *r, struct forward *f) {
    struct query query;
    message_set_id(query_of(r, f), f->client_id);
    query_parse(&query, query_of(r, f), f->length);
    finish(r, f, r->scratch, answer_error(&query, RCODE_SERVER_FAILURE, r->scratch));
}

/* Asks the servers from this one on until one can be waited for. */
static void ask_from(struct resolver *r, struct forward *f, uint32_t server) {
    for (f->server = server; f->server < f->servers.count; f->server++) {
        if (ask(r, f)) return enqueue(r, f);
        hang_up(f);
    }
    fail_query(r, f);
}

static void ask_next(struct resolver *r, struct forward *f) {
    dequeue(r, f);
    hang_up(f);
    ask_from(r, f, f->server + 1);
}

static struct forward *find_place(struct resolver *r) {
    if (r->free == NONE && r->forwards_made == FORWARDS_MAX) return NULL;
    struct forward *f = &r->forward[r->free != NONE ? r->free : r->forwards_made];
    if (r->free != NONE)
        r->free = f->after;
    else
        r->forwards_made++;
    r->forwards++;
    f->fd = -1;
    return f;
}

bool forward_begin(struct resolver *r, const struct query *query, const struct origin *origin) {
    struct forward *f = find_place(r);
    if (f == NULL) return false;
    uint8_t *frame = query_of(r, f) - 2;
    frame[0] = (uint8_t)(query->length >> 8);
    frame[1] = (uint8_t)query->length;
    memcpy(frame + 2, query->message, query->length);
    f->stream = origin->connection >= 0;
    f->client_id = message_id(query->message);
    f->servers = r->view.servers;
    f->origin = *origin;
    f->length = query->length;
    if (f->stream) r->connection[origin->connection].pending++;
    ask_from(r, f, 0);
    return true;
}

/* Whether it was the answer that was waited for: it is on its way then, or another server is asked. */
static bool take_answer(struct resolver *r, struct forward *f, uint8_t *answer, size_t length) {
    struct query query;
    query_parse(&query, query_of(r, f), f->length);
    if (!answer_matches(&query, f->id, answer, length)) return false;
    enum rcode rcode = answer_rcode(answer);
    if (rcode == RCODE_SERVER_FAILURE || rcode == RCODE_REFUSED) {
        ask_next(r, f);
        return true;
    }
    dequeue(r, f);
    finish(r, f, answer, length);
    return true;
}

static void receive_datagrams(struct resolver *r, struct forward *f) {
    for (int i = 0; i < DATAGRAMS_PER_TURN; i++) {
        ssize_t length = recv(f->fd, r->scratch, MESSAGE_MAX, MSG_DONTWAIT);
        if (length < 0 && (errno == EAGAIN || errno == EINTR)) return;
        if (length < 0) return ask_next(r, f);
        if (take_answer(r, f, r->scratch, (size_t)length)) return;
    }
}

/* Sends what is left of the query; false when the connection is dead. */
static bool send_frame(struct resolver *r, struct forward *f) {
    size_t whole = f->length + 2;
    if (f->sent == whole) return true;
    ssize_t sent = send(f->fd, query_of(r, f) - 2 + f->sent, whole - f->sent, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0) return errno == EAGAIN || errno == EINTR;
    f->sent += (size_t)sent;
    return f->sent < whole || resolver_watch(r, EPOLL_CTL_MOD, f->fd, EPOLLIN, WATCHED_FORWARD,
                                             (uint32_t)index_of(r, f), f->generation) == 0;
}

static bool allot_body(struct forward *f) {
    f->body_length = (size_t)(f->prefix[0] << 8 | f->prefix[1]);
    f->body = f->body_length > 0 ? system_take(f->body_length) : NULL;
    return f->body != NULL;
}

/* Takes what has come; -1 when the connection is dead, 1 when the answer is whole. */
static int receive_frame(struct forward *f) {
    while (f->body == NULL || f->taken < f->body_length + 2) {
        bool prefix = f->taken < 2;
        uint8_t *to = prefix ? f->prefix + f->taken : f->body + f->taken - 2;
        ssize_t length = recv(f->fd, to, prefix ? 2 - f->taken : f->body_length + 2 - f->taken, MSG_DONTWAIT);
        if (length < 0 && (errno == EAGAIN || errno == EINTR)) return 0;
        if (length <= 0) return -1;
        f->taken += (size_t)length;
        if (prefix && f->taken == 2 && !allot_body(f)) return -1;
    }
    return 1;
}

static void stream_event(struct resolver *r, struct forward *f, uint32_t events) {
    if (events & EPOLLOUT && !send_frame(r, f)) return ask_next(r, f);
    if (!(events & (EPOLLIN | EPOLLERR | EPOLLHUP))) return;
    int result = receive_frame(f);
    if (result < 0 || (result > 0 && !take_answer(r, f, f->body, f->body_length))) ask_next(r, f);
}

void forward_event(struct resolver *r, uint32_t index, uint32_t events) {
    struct forward *f = &r->forward[index];
    if (f->stream)
        stream_event(r, f, events);
    else
        receive_datagrams(r, f);
}

int64_t forward_deadline(const struct resolver *r) {
    return r->oldest != NONE ? r->forward[r->oldest].deadline : INT64_MAX;
}

void forward_expire(struct resolver *r) {
    while (r->oldest != NONE && r->forward[r->oldest].deadline <= r->now) ask_next(r, &r->forward[r->oldest]);
}

void forward_cancel(struct resolver *r, int connection) {
    for (int i = 0; i < r->forwards_made; i++) {
        struct forward *f = &r->forward[i];
        if (f->fd < 0 || f->origin.connection != connection) continue;
        dequeue(r, f);
        release(r, f);
    }
}

void forward_close_all(struct resolver *r) {
    for (int i = 0; i < r->forwards_made; i++) hang_up(&r->forward[i]);
}
