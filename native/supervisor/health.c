/* Health checks, from the program's start to its end: when they are made, and what follows from them. */
#include "supervisor.h"
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>

int do_health(struct supervisor *s, const struct op_health *op) {
    struct health *health = &s->health;
    if (op->interval == 0 || s->plan.sections[SECTION_PROBE].offset == 0) return fail(EINVAL);
    health->schedule = *op;
    health->frozen_ms = health->probe.pidfd = health->probe.report = health->probe.output = -1;
    return 0;
}

/* Of a pid namespace it takes all others along, before anybody is told. */
static bool program_ends(const struct supervisor *s) {
    const uint64_t exiting = 4; // PF_EXITING
    struct pollfd poll_end = {s->pidfd, POLLIN, 0};
    return poll(&poll_end, 1, 0) > 0 || process_stat(s->pid, STAT_FLAGS) & exiting;
}

static struct health_result *under_way(struct health *health) {
    return &health->results[(health->first + health->count) % (HEALTH_RESULTS + 1)];
}

/* Of a directory that is full nobody hears: the next check tries again. */
static void write_record(const struct supervisor *s) {
    const struct health *health = &s->health;
    uint64_t head[] = {health->status, health->streak, health->count};
    struct iovec parts[1 + HEALTH_RESULTS] = {{head, sizeof head}};
    size_t whole = sizeof head;
    for (uint64_t i = 0; i < health->count; i++) {
        const struct health_result *result = &health->results[(health->first + i) % (HEALTH_RESULTS + 1)];
        size_t length = offsetof(struct health_result, output) + result->length;
        parts[1 + i] = (struct iovec){(void *)(uintptr_t)result, length};
        whole += length;
    }
    autoclose fd = s->run_directory < 0 ? -1 : record_aside(s, ".health");
    if (fd >= 0 && writev(fd, parts, 1 + (int)health->count) == (ssize_t)whole)
        renameat(s->run_directory, ".health", s->run_directory, "health");
}

/* The next check's, from now on: sooner while the container may still be on its way up. */
static void plan_next_check(struct health *health) {
    int64_t now = monotonic_ms();
    bool early = health->status == HEALTH_STARTING &&
                 (uint64_t)(now - health->begun_ms) < health->schedule.start_period;
    health->due_ms = now + (int64_t)(early ? health->schedule.start_interval : health->schedule.interval);
}

void health_begin(struct supervisor *s) {
    struct health *health = &s->health;
    if (health->schedule.interval == 0) return;
    health->status = HEALTH_STARTING;
    health->streak = 0;
    health->begun_ms = monotonic_ms();
    health->is_on = true;
    plan_next_check(health);
    write_record(s);
}

static void note_died(struct supervisor *s, int exit_code) {
    char value[PROBE_ID_BYTES + 40];
    put_number(put_text(put_text(value, s->health.probe.id), "\",\"exitCode\":\""), (uint64_t)exit_code);
    journal_event(s, MOMENT_PROBE_DIED, value);
}

/* Without a result. */
static void abandon(struct supervisor *s) {
    struct probe *probe = &s->health.probe;
    if (probe->pidfd < 0) return;
    if (!probe->is_over) probe_kill(s);
    note_died(s, probe_reap(s));
}

void health_end(struct supervisor *s) {
    struct health *health = &s->health;
    if (health->schedule.interval == 0) return;
    health->is_on = false;
    health->frozen_ms = -1;
    abandon(s);
}

void health_cease(struct supervisor *s) {
    struct health *health = &s->health;
    if (!health->is_on) return;
    health->is_on = false;
    // It may be frozen, and die when that is over.
    if (health->probe.pidfd >= 0 && !health->probe.is_over) probe_kill(s);
}

void health_pause(struct supervisor *s) {
    struct health *health = &s->health;
    if (!health->is_on) return;
    health_cease(s);
    health->status = HEALTH_UNHEALTHY;
    write_record(s);
}

void health_resume(struct supervisor *s) {
    struct health *health = &s->health;
    if (health->schedule.interval == 0 || health->is_on) return;
    health->is_on = true;
    plan_next_check(health);
}

void health_freeze(struct supervisor *s, bool frozen) {
    struct health *health = &s->health;
    if (health->schedule.interval == 0) return;
    if (!frozen && health->frozen_ms >= 0) health->due_ms += monotonic_ms() - health->frozen_ms;
    health->frozen_ms = frozen ? monotonic_ms() : -1;
}

/* Docker's rules: a success is enough; failures count after the start period, or after the first success. */
static void judge(struct health *health, const struct health_result *result) {
    bool may_fail = health->status == HEALTH_STARTING &&
                    (uint64_t)(health->started_ms - health->begun_ms) < health->schedule.start_period;
    if (result->exit_code == 0) {
        health->streak = 0;
        health->status = HEALTH_HEALTHY;
    } else if (!may_fail && ++health->streak >= health->schedule.retries)
        health->status = HEALTH_UNHEALTHY;
}

/* The check under way has a result. On record first: who is told finds it there. */
static void conclude(struct supervisor *s) {
    static const char *const names[] = {"", "starting", "healthy", "unhealthy"};
    struct health *health = &s->health;
    struct health_result *result = under_way(health);
    uint64_t before = health->status;
    result->end_ns = realtime_ns();
    judge(health, result);
    if (++health->count > HEALTH_RESULTS) {
        health->first = (health->first + 1) % (HEALTH_RESULTS + 1);
        health->count = HEALTH_RESULTS;
    }
    write_record(s);
    if (health->status != before) journal_event(s, MOMENT_HEALTH, names[health->status]);
    struct frame frame = {FRAME_HEALTH, 2, {health->status, health->streak}, NULL, 0};
    clients_send(s, 0, &frame);
}

static void set_output(struct health_result *result, const char *text) {
    result->length = strnlen(text, HEALTH_OUTPUT_BYTES);
    memcpy(result->output, text, result->length);
}

static void set_failure(struct health_result *result, const struct failure *failure) {
    result->exit_code = -1;
    result->failed_opcode = failure->opcode;
    result->failed_errno = (uint64_t)failure->error;
    set_output(result, failure->subject);
}

static void begin_check(struct supervisor *s) {
    struct health *health = &s->health;
    struct health_result *result = under_way(health);
    memset(result, 0, sizeof *result);
    result->start_ns = realtime_ns();
    health->started_ms = monotonic_ms();
    probe_name(&health->probe);
    journal_event(s, MOMENT_PROBE_CREATED, health->probe.id);
    journal_event(s, MOMENT_PROBE_STARTED, health->probe.id);
    int started = probe_start(s);
    int error = errno;
    if (started == 0) {
        health->due_ms = health->started_ms + (int64_t)health->schedule.timeout;
        return;
    }
    if (!program_ends(s)) {
        set_failure(result, &(struct failure){.opcode = OP_CLONE, .error = error});
        conclude(s);
    }
    plan_next_check(health);
}

/* It has taken too long. What remains of it is waited for in the loop. */
static void expire(struct supervisor *s) {
    struct health_result *result = under_way(&s->health);
    result->exit_code = -1;
    set_output(result, s->health.schedule.expired);
    probe_kill(s);
    conclude(s);
}

static void set_outcome(struct supervisor *s, struct health_result *result, int exit_code, bool is_launched) {
    result->exit_code = exit_code;
    if (result->is_cut)
        result->length = (uint64_t)(put_text(result->output + HEALTH_OUTPUT_BYTES, "...") - result->output);
    if (!is_launched) set_failure(result, &s->progress->failure);
}

static void end_check(struct supervisor *s) {
    struct health *health = &s->health;
    struct health_result *result = under_way(health);
    bool is_over = health->probe.is_over, is_launched = s->progress->failure.count == 0;
    if (!is_over) probe_read(s, result);
    int exit_code = probe_reap(s);
    // What could not be launched has not ended.
    if (is_launched) note_died(s, exit_code);
    // What the end of the program did to a check is no result.
    if (!is_over && (exit_code == 0 || !program_ends(s))) {
        set_outcome(s, result, exit_code, is_launched);
        conclude(s);
    }
    // When, is a matter of what has come of this one.
    plan_next_check(health);
}

int health_patience_ms(const struct supervisor *s) {
    const struct health *health = &s->health;
    if (!health->is_on || health->frozen_ms >= 0 || health->probe.is_over) return -1;
    int64_t left = health->due_ms - monotonic_ms();
    return left < 0 ? 0 : left < INT_MAX ? (int)left : INT_MAX;
}

void health_poll(const struct supervisor *s, struct pollfd polled[HEALTH_POLLS]) {
    const struct probe *probe = &s->health.probe;
    bool any = s->health.schedule.interval != 0 && probe->pidfd >= 0;
    const int watched[HEALTH_POLLS] = {probe->pidfd, probe->output};
    for (int i = 0; i < HEALTH_POLLS; i++) polled[i] = (struct pollfd){any ? watched[i] : -1, POLLIN, 0};
}

void health_serve(struct supervisor *s, const struct pollfd polled[HEALTH_POLLS]) {
    struct health *health = &s->health;
    struct probe *probe = &health->probe;
    if (health->schedule.interval == 0) return;
    if (probe->pidfd >= 0 && polled[1].revents && polled[1].fd == probe->output)
        probe_read(s, under_way(health));
    if (probe->pidfd >= 0 && polled[0].revents && polled[0].fd == probe->pidfd) end_check(s);
    if (health_patience_ms(s) != 0) return;
    if (probe->pidfd >= 0)
        expire(s);
    else
        begin_check(s);
}
