/* The records in the run directory, which other processes read: written aside, then renamed into place. */
#include "supervisor.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Room for the longest numbers in every line. */
enum { RECORD_BYTES = 768, TIME_DIGITS = 19, EXEC_BYTES = 512 };

int record_aside(const struct supervisor *s, const char *name) {
    return openat(s->run_directory, name, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
}

uint64_t process_stat(pid_t pid, int wanted) {
    char path[40], text[1024];
    put_text(put_number(put_text(path, "/proc/"), (uint64_t)pid), "/stat");
    if (read_text(path, text, sizeof text) < 0) return 0;
    // The second field is in parentheses and may hold anything.
    const char *at = strrchr(text, ')');
    for (int field = 2; at != NULL && field < wanted; field++) at = strchr(at + 1, ' ');
    return at == NULL ? 0 : strtoull(at + 1, NULL, 10);
}

static const char time_unknown[] = "startedAtNs 0000000000000000000";

/* One `key value` line of a record. */
static char *put_line(char *to, const char *key, uint64_t value) {
    return put_text(put_number(put_text(put_text(to, key), " "), value), "\n");
}

/* All but the time of the start, which comes first. */
static char *put_state(const struct supervisor *s, char *to, bool waits) {
    const uint64_t *end = s->exit_fields;
    to = put_line(to, "pid", waits ? 0 : (uint64_t)s->pid);
    to = put_line(to, "startTicks", waits ? 0 : process_stat(s->pid, STAT_START_TICKS));
    to = put_line(to, "supervisorPid", (uint64_t)getpid());
    to = put_line(to, "status", waits ? PHASE_RESTARTING : PHASE_RUNNING);
    to = put_line(to, "paused", s->paused);
    to = put_line(to, "restarts", s->restarts);
    to = put_line(to, "signaled", end[0]);
    to = put_line(to, "exitStatus", end[1]);
    to = put_line(to, "oomKilled", end[2]);
    to = put_line(to, "finishedAtNs", end[3]);
    return put_line(to, "restartAtNs", waits ? s->restart.at_ns : 0);
}

int record_reserve(int record) {
    off_t size = lseek(record, 0, SEEK_END);
    if (size < 0) return -1;
    return fallocate(record, FALLOC_FL_KEEP_SIZE, size, EXEC_BYTES) < 0 && errno != EOPNOTSUPP ? -1 : 0;
}

/* A line of an exec's record: readers leave out what has no end yet. */
static int append_line(const struct supervisor *s, char *line, char *end) {
    end = put_text(end, "}\n");
    return write_whole(s->record, line, (size_t)(end - line));
}

static void append_start(const struct supervisor *s) {
    char line[EXEC_BYTES / 2];
    char *end = put_number(put_text(line, "{\"pid\":"), (uint64_t)s->pid);
    end = put_number(put_text(end, ",\"supervisorPid\":"), (uint64_t)getpid());
    end = put_number(put_text(end, ",\"startedAtNs\":\""), s->started_ns);
    append_line(s, line, put_text(end, "\""));
}

static int append_exit(const struct supervisor *s) {
    char line[EXEC_BYTES / 2];
    char *end = put_number(put_text(line, "{\"signaled\":"), s->exit_fields[0]);
    end = put_number(put_text(end, ",\"status\":"), s->exit_fields[1]);
    end = put_number(put_text(end, ",\"finishedAtNs\":\""), s->exit_fields[3]);
    return append_line(s, line, put_text(end, "\""));
}

/* All but the time of the start is known before it, while there is nothing else to do. */
int record_prepare(struct supervisor *s) {
    char text[RECORD_BYTES];
    if (s->run_directory < 0 || s->record >= 0) return 0;
    char *end = put_state(s, put_text(put_text(text, time_unknown), "\n"), false);
    s->state = record_aside(s, ".state");
    return s->state < 0 ? -1 : write_whole(s->state, text, (size_t)(end - text));
}

/* The time is not longer than what stands in its place until the year 2286, so this can't fail for lack of space. It
 * is shorter where no clock tells what year it is. */
void record_start(struct supervisor *s) {
    char digits[24], text[sizeof time_unknown];
    const size_t whole = sizeof time_unknown - 1;
    if (s->record >= 0) append_start(s);
    if (s->state < 0) return;
    size_t length = (size_t)(put_number(digits, s->started_ns) - digits);
    memcpy(text, time_unknown, sizeof text);
    if (length <= TIME_DIGITS) memcpy(text + whole - length, digits, length);
    if (pwrite(s->state, text, whole, 0) > 0)
        renameat(s->run_directory, ".state", s->run_directory, "state");
    close_and_forget(&s->state);
}

static int publish(const struct supervisor *s, const char *aside, const char *name, const char *text,
                   size_t length) {
    autoclose fd = record_aside(s, aside);
    if (fd < 0 || write_whole(fd, text, length) < 0) return -1;
    return renameat(s->run_directory, aside, s->run_directory, name);
}

int record_state(const struct supervisor *s) {
    char text[RECORD_BYTES];
    if (s->run_directory < 0 || s->record >= 0) return 0;
    char *end = put_state(s, put_line(text, "startedAtNs", s->started_ns), s->phase == PHASE_RESTARTING);
    return publish(s, ".state", "state", text, (size_t)(end - text));
}

/* A line of a record has no other characters. */
static char *put_subject(char *to, const char *key, const char *subject) {
    to = put_text(put_text(to, key), " ");
    for (; *subject != 0; subject++) *to++ = (unsigned char)*subject < ' ' ? '?' : *subject;
    return put_text(to, "\n");
}

static char *put_failure(const struct failure *failed, char *to) {
    to = put_line(to, "failedStep", failed->step);
    to = put_line(to, "failedOpcode", failed->opcode);
    to = put_line(to, "failedErrno", (uint64_t)failed->error);
    to = put_line(to, "failedSection", failed->section);
    return put_subject(to, "failedSubject", failed->subject);
}

int record_exit(const struct supervisor *s) {
    static const char *const keys[] = {"signaled", "status", "oomKilled", "finishedAtNs"};
    char text[RECORD_BYTES + SUBJECT_BYTES], *end = text;
    if (s->run_directory < 0) return 0;
    if (s->record >= 0) return append_exit(s);
    for (int i = 0; i < 4; i++) end = put_line(end, keys[i], s->exit_fields[i]);
    end = put_line(end, "restarts", s->restarts);
    end = put_line(end, "logDropped", s->log.dropped);
    end = put_line(end, "startedAtNs", s->started_ns);
    if (s->failed.count > 0) end = put_failure(&s->failed, end);
    return publish(s, ".exit", "exit", text, (size_t)(end - text));
}

void record_told(const struct supervisor *s) {
    // Nobody tells the end of an exec for its supervisor.
    if (s->plan.mode != MODE_RUN) return;
    if (s->run_directory < 0) return;
    autoclose fd = record_aside(s, s->journal.count > 0 ? "untold" : "told");
    (void)fd;
}
