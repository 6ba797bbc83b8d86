/* Health checks: the supervisor runs the plan's probe section now and then. */
#ifndef INBOARD_HEALTH_H
#define INBOARD_HEALTH_H
#include <stdbool.h>
#include <sys/types.h>
#include "protocol.gen.h"

enum { HEALTH_POLLS = 2, PROBE_ID_BYTES = 64 };
enum health_status { HEALTH_NONE, HEALTH_STARTING, HEALTH_HEALTHY, HEALTH_UNHEALTHY };

/* Up to its output it stands in the record as it is here. */
struct health_result {
    uint64_t start_ns, end_ns;
    int64_t exit_code;
    uint64_t failed_opcode, failed_errno, length;
    char output[HEALTH_OUTPUT_BYTES + sizeof "..."];
    bool is_cut; /* it printed more */
};

/* The process of one check. Its descriptors are -1 while there is none. */
struct probe {
    pid_t pid;
    int pidfd, report, output;
    bool is_over; /* killed, and not waited for: its result is known, or nobody's business */
    char id[PROBE_ID_BYTES + 1];
};

struct health {
    struct op_health schedule; /* interval 0: there are no checks */
    uint64_t status, streak;
    bool is_on;         /* the program runs, and is not paused */
    int64_t begun_ms;   /* when the program started; monotonic, as all times but those of the results */
    int64_t started_ms; /* the check under way */
    int64_t due_ms;     /* the next check; or the end of the patience with the one that runs */
    int64_t frozen_ms;  /* since when it stands still for somebody who reads its files; -1: it does not */
    struct probe probe;
    /* The last ones, the oldest first, in a ring that begins at `first`; behind them the one under way. */
    uint64_t count, first;
    struct health_result results[HEALTH_RESULTS + 1];
};

/* probe.c */
struct supervisor;
/* Gives the next one an id, as an exec has it. */
void probe_name(struct probe *probe);
int probe_start(struct supervisor *s);
/* Takes what it has printed, as much as is kept. */
void probe_read(struct supervisor *s, struct health_result *result);
/* It alone, as Docker: its children become the program's, which may take the death of one for its own (PostgreSQL's
 * first process restarts all sessions when a child is killed, whosever it was). */
void probe_kill(struct supervisor *s);
/* Waits for its end. Returns its exit code, 128 + n for a signal. */
int probe_reap(struct supervisor *s);

#endif
