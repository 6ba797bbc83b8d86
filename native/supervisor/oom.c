/* Kills by the kernel for lack of memory: counted, and told when they happen. */
#include "supervisor.h"
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

int do_oom_counter(struct supervisor *s, const struct op_oom_counter *op) {
    s->oom.path = op->path;
    return 0;
}

static uint64_t count(const struct supervisor *s) {
    static const char key[] = "oom_kill ";
    char text[1024];
    if (s->oom.path == NULL || read_text(s->oom.path, text, sizeof text) < 0) return 0;
    for (const char *line = text; line != NULL; line = strchr(line, '\n')) {
        if (line[0] == '\n') line++;
        if (strncmp(line, key, sizeof key - 1) == 0) return strtoull(line + sizeof key - 1, NULL, 10);
    }
    return 0;
}

bool oom_killed(const struct supervisor *s) { return count(s) > s->oom.before; }

/* "<eventfd> <memory.oom_control>" in cgroup.event_control beside it. */
static int watch_first(struct supervisor *s, int control, size_t directory) {
    char path[4096], request[64];
    if (directory + sizeof "cgroup.event_control" > sizeof path) return fail(ENAMETOOLONG);
    memcpy(path, s->oom.path, directory);
    put_text(path + directory, "cgroup.event_control");
    s->oom.watch = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (s->oom.watch < 0) return -1;
    put_number(put_text(put_number(request, (uint64_t)s->oom.watch), " "), (uint64_t)control);
    s->oom.events = POLLIN;
    return write_existing(AT_FDCWD, path, request);
}

/* What cannot be watched is told when the program has ended. */
void oom_watch(struct supervisor *s) {
    s->oom.told = false;
    if (s->oom.path == NULL || s->oom.watch >= 0) return;
    const char *name = strrchr(s->oom.path, '/');
    autoclose control = open(s->oom.path, O_RDONLY | O_CLOEXEC);
    if (name == NULL || control < 0) return;
    if (strcmp(name + 1, "memory.oom_control") == 0) {
        if (watch_first(s, control, (size_t)(name + 1 - s->oom.path)) < 0) close_and_forget(&s->oom.watch);
        return;
    }
    s->oom.watch = control;
    s->oom.events = POLLPRI;
    control = -1;
}

struct pollfd oom_poll(const struct supervisor *s) { return (struct pollfd){s->oom.watch, s->oom.events, 0}; }

/* Since it was asked for last. Reading makes the descriptor wait for the next; that of version 2 also tells of limits
 * that were only reached. */
static bool happened(struct supervisor *s) {
    char text[1024];
    if (s->oom.watch < 0) return false;
    if (s->oom.events == POLLIN) return read(s->oom.watch, text, sizeof text) > 0;
    uint64_t before = s->oom.seen;
    if (pread(s->oom.watch, text, sizeof text, 0) >= 0) s->oom.seen = count(s);
    return s->oom.seen > before;
}

static void tell(struct supervisor *s) {
    s->oom.told = true;
    journal_event(s, MOMENT_OOM, "");
}

void oom_serve(struct supervisor *s) {
    if (happened(s)) tell(s);
}

void oom_end(struct supervisor *s) {
    if (happened(s) || (s->exit_fields[2] && !s->oom.told)) tell(s);
    s->oom.before = count(s);
}
