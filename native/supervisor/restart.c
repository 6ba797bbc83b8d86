/* Whether and when a program that has ended is started again. */
#include "supervisor.h"

enum { FIRST_DELAY_MS = 100, LONGEST_DELAY_MS = 60000, NS_PER_MS = 1000000 };
static const uint64_t long_run_ns = 10000000000u;

int do_restart_policy(struct supervisor *s, const struct op_restart_policy *op) {
    s->policy = *op;
    return 0;
}

int restart_set_policy(struct supervisor *s, uint64_t policy, uint64_t maximum) {
    if (s->phase == PHASE_EXITED) return fail(ESRCH);
    if (s->plan.mode != MODE_RUN || policy > RESTART_ONCE) return fail(EINVAL);
    s->policy = (struct op_restart_policy){.policy = policy, .maximum = maximum};
    return 0;
}

static bool wanted(const struct supervisor *s) {
    const struct op_restart_policy *policy = &s->policy;
    if (s->final || s->plan.mode != MODE_RUN) return false;
    if (policy->policy != RESTART_ON_FAILURE) return policy->policy != RESTART_NO;
    return exit_code(s) != 0 && (policy->maximum == 0 || s->restarts < policy->maximum);
}

static int64_t next_delay_ms(const struct supervisor *s) {
    if (s->policy.policy == RESTART_ONCE) return 0;
    if (s->restart.delay_ms == 0 || s->exit_fields[3] - s->started_ns >= long_run_ns) return FIRST_DELAY_MS;
    int64_t doubled = 2 * s->restart.delay_ms;
    return doubled < LONGEST_DELAY_MS ? doubled : LONGEST_DELAY_MS;
}

static void announce(struct supervisor *s) {
    const uint64_t *exit = s->exit_fields;
    struct frame restarting = {FRAME_RESTARTING,
                               6,
                               {exit[0], exit[1], exit[2], exit[3], s->restarts, (uint64_t)s->restart.delay_ms},
                               NULL,
                               0};
    clients_send(s, 0, &restarting);
}

/* Nothing of one start is there at the next. What it sent last would keep ports from being bound again. */
static void clear(struct supervisor *s) {
    kill_everyone(s);
    fault_point(s, FAULT_KILLED);
    kill_and_reap(s);
    if (network_enter(&s->network) == 0) {
        connections_end(true);
        network_leave(&s->network);
    }
    fault_point(s, FAULT_REAPED);
}

bool restart_begin(struct supervisor *s) {
    if (!wanted(s)) return false;
    s->restart.delay_ms = next_delay_ms(s);
    s->restart.due_ms = monotonic_ms() + s->restart.delay_ms;
    s->restart.at_ns = s->exit_fields[3] + (uint64_t)s->restart.delay_ms * NS_PER_MS;
    if (s->policy.policy == RESTART_ONCE) s->policy.policy = RESTART_NO;
    s->restarts++;
    s->phase = PHASE_RESTARTING;
    // A record of a process that is reaped must not say that it runs: the run ends instead.
    if (record_state(s) < 0) return false;
    fault_point(s, FAULT_RECORDED);
    journal_died(s);
    announce(s);
    fault_point(s, FAULT_TOLD);
    clear(s);
    return true;
}

int restart_patience_ms(const struct supervisor *s) {
    // Whoever reads its files has it stand still.
    if (s->phase != PHASE_RESTARTING || freezer_held(s)) return -1;
    int64_t left = s->restart.due_ms - monotonic_ms();
    return left > 0 ? (int)left : 0;
}

bool restart_waits(const struct supervisor *s) { return !s->final && restart_patience_ms(s) != 0; }

/* One that fails is not tried again, as under Docker: the run has ended with the program before. */
bool restart_launch(struct supervisor *s) {
    if (s->final) return false;
    fault_point(s, FAULT_WAITED);
    if (launch(s, &s->failed) == 0) return true;
    output_drain(s);
    close_and_forget(&s->report);
    report_failure(s, &s->failed);
    return false;
}
