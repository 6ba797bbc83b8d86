/* The life of a running container, as its supervisor sees it: one loop over descriptors. */
#include "supervisor.h"
#include <poll.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

enum {
    POLL_EXIT,
    POLL_STDOUT,
    POLL_STDERR,
    POLL_INPUT,
    POLL_LISTENER,
    POLL_OOM,
    POLL_LOG,
    POLL_HELPERS,
    POLL_HEALTH = POLL_HELPERS + HELPERS,
    POLL_CLIENTS = POLL_HEALTH + HEALTH_POLLS
};

int64_t monotonic_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

uint64_t realtime_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static bool waits(const struct client *client) { return client->spill.head < client->spill.tail; }

/* With backpressure, nothing more is read from the process until its readers have what was; without, when
 * what they have not read has filled the memory that it may take. */
static bool output_held(const struct supervisor *s) {
    bool held = false;
    bool pressed = s->io.flags & STDIO_FLAG_BACKPRESSURE;
    for (uint32_t i = 0; i < s->clients; i++) {
        const struct client *client = &s->client[i];
        held |= client->streams != 0 && (pressed ? waits(client) : spill_full(&client->spill));
    }
    return held;
}

static struct pollfd poll_client(const struct supervisor *s, const struct client *client) {
    short events = 0;
    if (!client_blocked(s, client)) events |= POLLIN;
    if (waits(client)) events |= POLLOUT;
    // A client that hung up is always ready, so one that must wait is left out, unless its end is waited for.
    if (events == 0 && client->lifeline) return (struct pollfd){client->fd, 0, 0};
    return (struct pollfd){events == 0 ? -1 : client->fd, events, 0};
}

static nfds_t prepare_poll(const struct supervisor *s, struct pollfd *polled) {
    bool held = output_held(s);
    polled[POLL_EXIT] = (struct pollfd){s->pidfd, POLLIN, 0};
    polled[POLL_STDOUT] = (struct pollfd){held ? -1 : s->io.output[0], POLLIN, 0};
    polled[POLL_STDERR] = (struct pollfd){held ? -1 : s->io.output[1], POLLIN, 0};
    polled[POLL_INPUT] = (struct pollfd){input_blocked(s) ? s->io.input : -1, POLLOUT, 0};
    polled[POLL_LISTENER] = (struct pollfd){s->crowded ? -1 : s->listener, POLLIN, 0};
    polled[POLL_OOM] = oom_poll(s);
    polled[POLL_LOG] = (struct pollfd){s->log.compressor_watch, POLLIN, 0};
    for (int i = 0; i < HELPERS; i++) polled[POLL_HELPERS + i] = helper_poll(&s->network.helpers[i]);
    health_poll(s, polled + POLL_HEALTH);
    for (uint32_t i = 0; i < s->clients; i++) polled[POLL_CLIENTS + i] = poll_client(s, &s->client[i]);
    return POLL_CLIENTS + s->clients;
}

static void serve_client(struct supervisor *s, struct client *client, short events) {
    if (events & POLLOUT && waits(client)) {
        client->progress_ms = monotonic_ms();
        if (spill_send(&client->spill, client->fd) < 0) return client_drop(s, client);
    }
    if (events & POLLHUP && client_blocked(s, client)) {
        // What it has sent still goes to the program as long as that lives.
        s->abandoned |= client->lifeline;
        client->lifeline = false;
    }
    if (events & (POLLIN | POLLHUP | POLLERR)) client_read(s, client);
}

/* For how long a poll may wait; -1: nothing but what is polled for makes it end. */
static int patience_ms(const struct supervisor *s) {
    const int all[] = {helpers_patience_ms(&s->network), health_patience_ms(s), restart_patience_ms(s),
                       journal_patience_ms(s), log_patience_ms(&s->log)};
    int least = -1;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (all[i] >= 0 && (least < 0 || all[i] < least)) least = all[i];
    return least;
}

static void serve_clients(struct supervisor *s, const struct pollfd *polled, nfds_t count) {
    for (nfds_t i = POLL_CLIENTS; i < count; i++) {
        struct client *client = &s->client[i - POLL_CLIENTS];
        if (polled[i].revents && client->fd == polled[i].fd) serve_client(s, client, polled[i].revents);
    }
    if (polled[POLL_LISTENER].revents) clients_accept(s);
}

static void serve_health(struct supervisor *s, const struct pollfd *polled) {
    bool come = health_patience_ms(s) == 0;
    for (int i = 0; i < HEALTH_POLLS; i++) come |= polled[i].revents != 0;
    if (come) health_serve(s, polled);
}

/* One turn; false when the process has ended. */
static bool turn(struct supervisor *s) {
    struct pollfd polled[POLL_CLIENTS + LIMIT_CLIENTS];
    lifeline_serve(s);
    nfds_t count = prepare_poll(s, polled);
    if (poll(polled, count, patience_ms(s)) < 0) return true;
    for (int stream = 0; stream < 2; stream++)
        if (polled[POLL_STDOUT + stream].revents && s->io.output[stream] >= 0) output_read(s, stream);
    if (polled[POLL_INPUT].revents && s->io.input >= 0) input_flush(s);
    serve_clients(s, polled, count);
    for (int i = 0; i < HELPERS; i++)
        if (polled[POLL_HELPERS + i].revents) helper_serve(s, &s->network.helpers[i]);
    serve_health(s, polled + POLL_HEALTH);
    if (polled[POLL_OOM].revents) oom_serve(s);
    log_serve(&s->log, polled[POLL_LOG].revents != 0);
    if (journal_patience_ms(s) == 0) journal_serve(s);
    return polled[POLL_EXIT].revents == 0;
}

uint64_t exit_code(const struct supervisor *s) { return s->exit_fields[1] + (s->exit_fields[0] ? 128 : 0); }

static void note_exit(struct supervisor *s) {
    siginfo_t info;
    memset(&info, 0, sizeof info);
    while (waitid(P_PID, (id_t)s->pid, &info, WEXITED | WNOWAIT | __WALL) < 0 && errno == EINTR) continue;
    s->exit_fields[0] = info.si_code != CLD_EXITED;
    s->exit_fields[1] = (uint64_t)info.si_status;
    s->exit_fields[2] = oom_killed(s);
    s->exit_fields[3] = realtime_ns();
}

static void end_program(struct supervisor *s) {
    fault_point(s, FAULT_ENDED);
    s->phase = PHASE_EXITED;
    s->paused = false;
    freezer_update(s);
    health_end(s);
    output_drain(s);
    note_exit(s);
    oom_end(s);
}

struct frame exited_frame(const struct supervisor *s) {
    const uint64_t *exit = s->exit_fields;
    return (struct frame){FRAME_EXITED,
                          7,
                          {exit[0], exit[1], exit[2], exit[3], s->restarts, s->log.dropped, s->started_ns},
                          NULL,
                          0};
}

/* On record before anyone is told, and before the process is reaped: until then its pid can't be another's.
 */
static void end_run(struct supervisor *s) {
    struct frame exited = exited_frame(s);
    interpret(s, SECTION_ENDING, &s->undone);
    record_exit(s);
    fault_point(s, FAULT_RECORDED);
    journal_died(s);
    record_told(s);
    s->phase = PHASE_EXITED;
    clients_send(s, 0, &exited);
    if (s->listener >= 0) clients_accept(s);
    fault_point(s, FAULT_TOLD);
    log_compress_stop(&s->log);
    kill_and_reap(s);
    fault_point(s, FAULT_REAPED);
}

void monitor(struct supervisor *s) {
    do {
        while (turn(s)) continue;
        end_program(s);
        if (!restart_begin(s)) break;
        while (restart_waits(s)) turn(s);
    } while (restart_launch(s));
    end_run(s);
}
