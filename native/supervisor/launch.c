/* One start of the program: the first of a run, or another. */
#include "supervisor.h"

static void attach_engine(struct supervisor *s) {
    if (!(s->io.flags & STDIO_FLAG_ATTACHED)) return;
    s->client[0].streams = STREAM_ALL;
}

static int prepare_record(struct supervisor *s, struct failure *failure) {
    if (record_prepare(s) == 0) return 0;
    *failure = (struct failure){.section = SECTION_PREPARE,
                                .opcode = OP_RUN_DIRECTORY,
                                .count = 1,
                                .error = errno,
                                .subject = "state"};
    return -1;
}

/* First on record: who is told that it runs finds it running. */
static void tell_start(struct supervisor *s) {
    struct frame started = {FRAME_STARTED, 3, {(uint64_t)s->pid, s->started_ns, s->restarts}, NULL, 0};
    s->phase = PHASE_RUNNING;
    fault_point(s, FAULT_CONFIRMED);
    record_start(s);
    fault_point(s, FAULT_RUNNING);
    journal_event(s, MOMENT_STARTED, "");
    clients_send(s, 0, &started);
}

static int confirm_first(struct supervisor *s, struct failure *failure) {
    if (s->restarts > 0) return 0;
    if (interpret(s, SECTION_MONITOR, failure) < 0) return -1;
    attach_engine(s);
    return 0;
}

static int make(struct supervisor *s, struct failure *failure) {
    int result = interpret(s, SECTION_PREPARE, failure);
    if (result == 0) result = interpret(s, SECTION_BESIDE, failure);
    if (s->restarts == 0) close_slots(s);
    return result;
}

static int confirm(struct supervisor *s, struct failure *failure) {
    if (prepare_record(s, failure) < 0 || await_exec(s, failure) < 0) return -1;
    s->started_ns = realtime_ns();
    return confirm_first(s, failure);
}

int launch(struct supervisor *s, struct failure *failure) {
    if (make(s, failure) < 0 || confirm(s, failure) < 0) {
        kill_and_reap(s);
        return -1;
    }
    health_begin(s);
    tell_start(s);
    oom_watch(s);
    return 0;
}
