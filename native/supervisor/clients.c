/* The connections of engines: the one that spawned us, and those that come to the socket in the run
 * directory. */
#include "supervisor.h"
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>

enum { SIGNAL_LAST = 64, REQUESTS_PER_TURN = 64, UNREAD_LIMIT_MS = 10000 };

static uint32_t free_place(const struct supervisor *s) {
    uint32_t index = 0;
    while (index < s->clients && s->client[index].fd >= 0) index++;
    return index;
}

static struct client *add_client(struct supervisor *s, int fd) {
    uint32_t index = free_place(s);
    if (index == s->clients) s->clients++;
    struct client *client = &s->client[index];
    *client = (struct client){.fd = fd, .spill = {.fd = -1}, .progress_ms = monotonic_ms()};
    return client;
}

void clients_open(struct supervisor *s, int status) {
    fcntl(status, F_SETFL, O_NONBLOCK);
    add_client(s, status);
}

/* With stdinOnce the input ends with the last client that could write to it. */
static void leave_input(struct supervisor *s, struct client *client, bool ends) {
    if (!(client->streams & STREAM_STDIN)) return;
    client->streams &= ~STREAM_STDIN;
    if (!(s->io.flags & STDIO_FLAG_STDIN_ONCE)) return;
    for (uint32_t i = 0; i < s->clients; i++)
        if (s->client[i].streams & STREAM_STDIN) return;
    // Who only goes leaves a terminal as it is.
    if (ends || s->io.kind == STDIO_PIPES) input_end(s);
}

void client_drop(struct supervisor *s, struct client *client) {
    leave_input(s, client, false);
    close_and_forget(&client->fd);
    spill_close(&client->spill);
    client->streams = 0;
    client->holds = false;
    s->abandoned |= client->lifeline;
    client->lifeline = false;
    s->crowded = false;
    freezer_update(s);
}

static void go_mute(struct client *client) {
    client->mute = true;
    spill_close(&client->spill);
}

/* Queues the part of the frame that was not sent. */
static int queue_rest(struct supervisor *s, struct client *client, const struct iovec *parts, size_t sent) {
    for (int i = 0; i < 2; i++) {
        size_t skipped = sent < parts[i].iov_len ? sent : parts[i].iov_len;
        sent -= skipped;
        if (skipped == parts[i].iov_len) continue;
        if (spill_append(s, &client->spill, (char *)parts[i].iov_base + skipped, parts[i].iov_len - skipped) <
            0)
            return -1;
    }
    return 0;
}

void client_send(struct supervisor *s, struct client *client, const struct frame *frame) {
    unsigned char head[FRAME_HEADER_BYTES + FRAME_MAX_FIELDS * 8];
    uint32_t length =
        frame_begin(head, frame->type, frame->fields, frame->count, (uint32_t)frame->tail_length);
    struct iovec parts[2] = {{head, length}, {(void *)(uintptr_t)frame->tail, frame->tail_length}};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
    if (client->fd < 0 || client->mute) return;
    ssize_t sent = 0;
    if (client->spill.head == client->spill.tail) {
        sent = sendmsg(client->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent < 0 && errno != EAGAIN && errno != EINTR) return go_mute(client);
        client->progress_ms = monotonic_ms();
    }
    // A stream with a gap is worth less than none.
    if (queue_rest(s, client, parts, sent < 0 ? 0 : (size_t)sent) < 0) client_drop(s, client);
}

void clients_send(struct supervisor *s, unsigned streams, const struct frame *frame) {
    for (uint32_t i = 0; i < s->clients; i++)
        if (streams == 0 || s->client[i].streams & streams) client_send(s, &s->client[i], frame);
}

static bool trusted_peer(int fd) {
    struct ucred peer;
    socklen_t length = sizeof peer;
    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0 &&
           (peer.uid == 0 || peer.uid == geteuid());
}

static void greet(struct supervisor *s, struct client *client) {
    const uint64_t fields[] = {PLAN_FINGERPRINT, s->phase,   (uint64_t)s->pid, s->started_ns,
                               s->log.bytes,     s->restarts, s->paused,        s->log.dropped};
    struct frame hello = {.type = FRAME_HELLO, .count = sizeof fields / sizeof *fields};
    struct frame exited = exited_frame(s);
    memcpy(hello.fields, fields, sizeof fields);
    client_send(s, client, &hello);
    if (s->phase == PHASE_EXITED) client_send(s, client, &exited);
}

static bool has_clients(const struct supervisor *s) {
    for (uint32_t i = 0; i < s->clients; i++)
        if (s->client[i].fd >= 0) return true;
    return false;
}

/* Who finds no place waits to be accepted: a closed connection would say that the container has ended. */
void clients_accept(struct supervisor *s) {
    while (!(s->crowded = free_place(s) == LIMIT_CLIENTS)) {
        int fd = accept4(s->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd < 0) {
            s->crowded = (errno == EMFILE || errno == ENFILE) && has_clients(s);
            return;
        }
        if (trusted_peer(fd))
            greet(s, add_client(s, fd));
        else
            close(fd);
    }
}

/* Then comes the unfinished line that the log does not have yet: a prompt, mostly. */
static void attach(struct supervisor *s, struct client *client, unsigned streams) {
    struct frame attached = {FRAME_ATTACHED, 1, {s->log.bytes}, NULL, 0};
    if (!(streams & STREAM_STDIN)) leave_input(s, client, false);
    client->streams = streams & STREAM_ALL;
    client_send(s, client, &attached);
    for (int i = 0; i < 2; i++) {
        const struct log_stream *stream = &s->log.streams[i];
        if (!(streams & (STREAM_STDOUT << i)) || stream->length == 0) continue;
        struct frame rest = {.type = FRAME_STDOUT + (uint32_t)i,
                             .tail = stream->line,
                             .tail_length = stream->length};
        client_send(s, client, &rest);
    }
}

static void resize(struct supervisor *s, uint64_t rows, uint64_t columns) {
    struct winsize size = {.ws_row = (unsigned short)rows, .ws_col = (unsigned short)columns};
    // Also of the terminal of the next start.
    s->io.rows = size.ws_row;
    s->io.columns = size.ws_col;
    if (s->io.kind == STDIO_TTY && s->io.output[0] >= 0) ioctl(s->io.output[0], TIOCSWINSZ, &size);
}

static int signal_program(struct supervisor *s, uint64_t signal_number) {
    if (signal_number > SIGNAL_LAST) return fail(EINVAL);
    if (s->phase != PHASE_RUNNING) return fail(ESRCH);
    return signal_number == 0 ? 0 : sys_pidfd_signal(s->pidfd, (int)signal_number);
}

/* One that waits to be started again has no program to be signalled, but its end is what is asked for. */
static int send_signal(struct supervisor *s, uint64_t signal_number, bool everyone, bool final) {
    bool awaited = final && s->phase == PHASE_RESTARTING && signal_number <= SIGNAL_LAST;
    if (!awaited && signal_program(s, signal_number) < 0) return -1;
    s->final |= final;
    if (everyone && signal_number == SIGKILL) {
        health_cease(s);
        kill_everyone(s);
    }
    // What is frozen can't obey; of version 1 it can't even die.
    if (signal_number == SIGKILL) freezer_release(s);
    if (final) freezer_pause(s, false);
    return 0;
}

int do_lifeline(struct supervisor *s) {
    s->client[0].lifeline = true;
    s->abandoned = s->client[0].fd < 0;
    return 0;
}

void lifeline_serve(struct supervisor *s) {
    if (!s->abandoned) return;
    s->abandoned = false;
    send_signal(s, SIGKILL, true, true);
}

static void answer(struct supervisor *s, struct client *client, int result) {
    struct frame done = {FRAME_DONE, 1, {result < 0 ? (uint64_t)errno : 0}, NULL, 0};
    client_send(s, client, &done);
}

static void open_resolver(struct supervisor *s, struct client *client) {
    struct frame answer = {FRAME_RESOLVING, 1, {0}, NULL, 0};
    if (queries_open(&s->network) < 0) answer.fields[0] = (uint64_t)errno;
    client_send(s, client, &answer);
}

static void obey(struct supervisor *s, struct client *client) {
    const uint64_t *fields = client->reader.fields;
    switch (client->reader.type) {
    case FRAME_ATTACH: return attach(s, client, (unsigned)fields[0]);
    case FRAME_STDIN_END: return leave_input(s, client, true);
    case FRAME_RESIZE: return resize(s, fields[0], fields[1]);
    case FRAME_SIGNAL: return answer(s, client, send_signal(s, fields[0], fields[1] != 0, fields[2] != 0));
    case FRAME_POLICY: return answer(s, client, restart_set_policy(s, fields[0], fields[1]));
    case FRAME_RESOLVE: return open_resolver(s, client);
    case FRAME_FREEZE: return freezer_obey(s, client, fields[0] != 0, fields[1] != 0);
    }
}

bool client_blocked(const struct supervisor *s, const struct client *client) {
    return client->reader.input_left > 0 && input_blocked(s);
}

/* Takes one piece of what the client sent; false when there is no more for now. */
static bool read_piece(struct supervisor *s, struct client *client) {
    unsigned char data[INPUT_BYTES];
    uint32_t wanted = frame_wants(&client->reader);
    if (client_blocked(s, client)) return false;
    ssize_t length = recv(client->fd, data, wanted < sizeof data ? wanted : sizeof data, MSG_DONTWAIT);
    if (length < 0 && (errno == EAGAIN || errno == EINTR)) return false;
    enum frame_result result =
        length > 0 ? frame_take(&client->reader, data, (uint32_t)length) : FRAME_MALFORMED;
    if (result == FRAME_MALFORMED) client_drop(s, client);
    if (result == FRAME_COMPLETE) obey(s, client);
    if (result == FRAME_INPUT && client->streams & STREAM_STDIN) input_write(s, (char *)data, (size_t)length);
    return client->fd >= 0;
}

void client_read(struct supervisor *s, struct client *client) {
    for (int i = 0; i < REQUESTS_PER_TURN && client->fd >= 0; i++)
        if (!read_piece(s, client)) return;
}

static bool waits(const struct client *client) {
    return client->fd >= 0 && client->spill.head < client->spill.tail;
}

/* Serves the clients that something waits for, and drops those that have taken nothing for too long. */
static bool deliver(struct supervisor *s) {
    struct pollfd polled[LIMIT_CLIENTS];
    bool any = false;
    for (uint32_t i = 0; i < s->clients; i++) {
        struct client *client = &s->client[i];
        if (waits(client) && monotonic_ms() - client->progress_ms > UNREAD_LIMIT_MS) client_drop(s, client);
        polled[i] = (struct pollfd){waits(client) ? client->fd : -1, POLLOUT | POLLIN, 0};
        any |= waits(client);
    }
    if (any) poll(polled, s->clients, 1000);
    for (uint32_t i = 0; any && i < s->clients; i++) {
        struct client *client = &s->client[i];
        if (polled[i].revents & POLLIN) client_read(s, client);
        if (polled[i].revents & POLLOUT && waits(client)) {
            client->progress_ms = monotonic_ms();
            if (spill_send(&client->spill, client->fd) < 0) client_drop(s, client);
        }
    }
    return any;
}

/* A socket closed with unread bytes resets the connection, and the peer loses what it has not read yet. */
static void close_gently(int fd) {
    char data[4096];
    shutdown(fd, SHUT_RD);
    while (recv(fd, data, sizeof data, MSG_DONTWAIT) > 0) continue;
    close(fd);
}

void clients_finish(struct supervisor *s) {
    if (s->listener >= 0) clients_accept(s);
    for (uint32_t i = 0; i < s->clients; i++) s->client[i].progress_ms = monotonic_ms();
    while (deliver(s)) continue;
    for (uint32_t i = 0; i < s->clients; i++)
        if (s->client[i].fd >= 0) close_gently(s->client[i].fd);
}
