/* The records in the run directory, which other processes read: written aside, then renamed into place. */
#include "supervisor.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int create_aside(const struct supervisor *s, const char *name) {
    return openat(s->run_directory, name, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
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
    put_text(put_number(put_text(path, "/proc/"), (uint64_t)pid), "/stat");
    if (read_text(path, text, sizeof text) < 0) return 0;
    const char *at = strrchr(text, ')');
    for (int field = 2; at != NULL && field < 22; field++) at = strchr(at + 1, ' ');
    return at == NULL ? 0 : strtoull(at + 1, NULL, 10);
}

static const char time_unknown[] = "startedAtNs 0000000000000000000";

/* One `key value` line of a record. */
static char *put_line(char *to, const char *key, uint64_t value) {
    return put_text(put_number(put_text(put_text(to, key), " "), value), "\n");
}

/* All but the time of the start is known before it, while there is nothing else to do. */
int record_prepare(struct supervisor *s) {
    char text[160];
    if (s->run_directory < 0) return 0;
    char *end = put_text(put_text(text, time_unknown), "\n");
    end = put_line(end, "pid", (uint64_t)s->pid);
    end = put_line(end, "startTicks", start_ticks(s->pid));
    end = put_line(end, "supervisorPid", (uint64_t)getpid());
    s->state = create_aside(s, ".state");
    return s->state < 0 ? -1 : write_whole(s->state, text, (size_t)(end - text));
}

/* The time is as long as what stands in its place until the year 2286, so this can't fail for lack of space.
 */
void record_start(struct supervisor *s) {
    char text[40];
    if (s->state < 0) return;
    size_t length = (size_t)(put_number(put_text(text, "startedAtNs "), s->started_ns) - text);
    if (length == sizeof time_unknown - 1 && pwrite(s->state, text, length, 0) > 0)
        renameat(s->run_directory, ".state", s->run_directory, "state");
    close_and_forget(&s->state);
}

int record_exit(struct supervisor *s) {
    static const char *const keys[] = {"signaled", "status", "oomKilled", "finishedAtNs"};
    char text[160], *end = text;
    if (s->run_directory < 0) return 0;
    for (int i = 0; i < 4; i++) end = put_line(end, keys[i], s->exit_fields[i]);
    autoclose fd = create_aside(s, ".exit");
    if (fd < 0 || write_whole(fd, text, (size_t)(end - text)) < 0) return -1;
    return renameat(s->run_directory, ".exit", s->run_directory, "exit");
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
