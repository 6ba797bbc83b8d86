/* The records in the run directory, which other processes read: written aside, then renamed into place. */
#include "supervisor.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int write_record(const struct supervisor *s, const char *name, const char *aside, const char *text) {
    if (s->run_directory < 0) return 0;
    autoclose fd = openat(s->run_directory, aside, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0 || write_whole(fd, text, strlen(text)) < 0) return -1;
    return renameat(s->run_directory, aside, s->run_directory, name);
}

static ssize_t read_text(const char *path, char *to, size_t size) {
    autoclose fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t length = fd < 0 ? -1 : read(fd, to, size - 1);
    to[length < 0 ? 0 : length] = 0;
    return length;
}

/* Field 22 of /proc/PID/stat; the second is in parentheses and may hold anything. */
static uint64_t start_ticks(pid_t pid) {
    char path[40], text[1024];
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    if (read_text(path, text, sizeof text) < 0) return 0;
    const char *at = strrchr(text, ')');
    for (int field = 2; at != NULL && field < 22; field++) at = strchr(at + 1, ' ');
    return at == NULL ? 0 : strtoull(at + 1, NULL, 10);
}

int record_state(struct supervisor *s) {
    char text[160];
    if (s->run_directory < 0) return 0;
    snprintf(text, sizeof text, "pid %d\nstartTicks %" PRIu64 "\nstartedAtNs %" PRIu64 "\nsupervisorPid %d\n", s->pid,
             start_ticks(s->pid), s->started_ns, getpid());
    return write_record(s, "state", ".state", text);
}

int record_exit(struct supervisor *s) {
    char text[160];
    const uint64_t *fields = s->exit_fields;
    snprintf(text, sizeof text, "signaled %" PRIu64 "\nstatus %" PRIu64 "\noomKilled %" PRIu64 "\nfinishedAtNs %" PRIu64 "\n",
             fields[0], fields[1], fields[2], fields[3]);
    return write_record(s, "exit", ".exit", text);
}

uint64_t oom_kills(const struct supervisor *s) {
    static const char key[] = "oom_kill ";
    char text[1024];
    if (s->oom_path == NULL || read_text(s->oom_path, text, sizeof text) < 0) return 0;
    for (const char *line = text; line != NULL; line = strchr(line, '\n')) {
        if (line[0] == '\n') line++;
        if (strncmp(line, key, sizeof key - 1) == 0) return strtoull(line + sizeof key - 1, NULL, 10);
    }
    return 0;
}
