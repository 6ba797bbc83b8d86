#include <errno.h>
#define PROTOCOL_DISPATCH
#include "supervisor.h"
#include <signal.h>
#include <string.h>

static _Noreturn void kill_itself(void) {
    kill(getpid(), SIGKILL);
    // The first process of a pid namespace is immune to its own signals.
    _exit(128 + SIGKILL);
}

/* Tests make a step fail, or kill the process that reaches it. */
static int fault(const struct supervisor *s, uint32_t step) {
    const struct plan *plan = &s->plan;
    if (step != plan->fault_step || plan->fault_kind == 0 || plan->fault_round != s->restarts) return 0;
    if (plan->fault_kind == 1) return fail(EIO);
    kill_itself();
}

void fault_point(const struct supervisor *s, uint32_t point) {
    if (s->plan.fault_point == point && s->plan.fault_round == s->restarts) kill_itself();
}

static void note_failure(struct failure *failure, const struct operation *operation, int section) {
    int error = errno;
    if (failure->count++ > 0) return;
    failure->step = operation->step;
    failure->opcode = operation->code;
    failure->section = (uint32_t)section;
    failure->error = error;
    size_t length = strnlen(plan_subject(operation), SUBJECT_BYTES - 1);
    memcpy(failure->subject, plan_subject(operation), length);
    failure->subject[length] = 0;
}

/* What was made for the first start is there still when the program is started again. */
static bool is_there(const struct supervisor *s, int section, uint32_t code) {
    return s->restarts > 0 && section <= SECTION_BESIDE && !plan_again(code);
}

int interpret(struct supervisor *s, int section, struct failure *failure) {
    struct cursor cursor = plan_section(&s->plan, section);
    struct operation operation = {0};
    s->undoing = section >= SECTION_ENDING;
    s->keeper.skip = 0;
    while (plan_next(&cursor, &operation)) {
        if (is_there(s, section, operation.code)) continue;
        if (s->keeper.skip > 0) {
            s->keeper.skip--;
            continue;
        }
        if (section == SECTION_CONTAINER || section == SECTION_PROBE) s->progress->step = operation.step;
        if (fault(s, operation.step) == 0 && dispatch(s, operation.code, &operation.fields) == 0) continue;
        note_failure(failure, &operation, section);
        if (!s->undoing) return -1;
    }
    return failure->count == 0 ? 0 : -1;
}
