/* The process of one health check: born in the container's cgroup and pid namespace, it goes through the
 * plan's probe section. */
#include "supervisor.h"
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

enum { READS_PER_TURN = 16 };

void probe_name(struct probe *probe) {
    static const char digits[] = "0123456789abcdef";
    unsigned char bytes[PROBE_ID_BYTES / 2] = {0};
    syscall(SYS_getrandom, bytes, sizeof bytes, 0);
    for (size_t i = 0; i < sizeof bytes; i++) {
        probe->id[2 * i] = digits[bytes[i] >> 4];
        probe->id[2 * i + 1] = digits[bytes[i] & 15];
    }
}

int do_join_program(struct supervisor *s, const struct op_join_program *op) {
    root_forget(s);
    return (int)syscall(SYS_setns, s->pidfd, op->flags);
}

/* Below the container's: a program that manages its own cgroups may have left no room for processes in that one. */
static int open_directory(const char *parent) {
    static const char name[] = "/probe";
    char path[PATH_MAX];
    if (strlen(parent) + sizeof name > sizeof path) return fail(ENAMETOOLONG);
    put_text(put_text(path, parent), name);
    if (mkdir(path, 0755) < 0 && errno != EEXIST) return -1;
    return open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

static int open_output(int ends[2]) {
    if (pipe2(ends, O_CLOEXEC) < 0) return -1;
    return fcntl(ends[0], F_SETFL, O_NONBLOCK);
}

static int open_report(int ends[2]) { return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends); }

/* In the container's pid namespace. What else is forked here is not. */
static pid_t clone_inside(const struct supervisor *s, struct clone_arguments *arguments) {
    autoclose home = open("/proc/self/ns/pid_for_children", O_RDONLY | O_CLOEXEC);
    if (home < 0 || syscall(SYS_setns, s->pidfd, CLONE_NEWPID) < 0) return -1;
    pid_t pid = (pid_t)syscall(NR_CLONE3, arguments, sizeof *arguments);
    if (pid == 0) return 0;
    int error = errno;
    syscall(SYS_setns, home, CLONE_NEWPID);
    errno = error;
    return pid;
}

static pid_t clone_probe(struct supervisor *s, int cgroup, int output, int report) {
    struct probe *probe = &s->health.probe;
    struct clone_arguments arguments = {
        .flags = CLONE_WITH_PIDFD | CLONE_CLEARED_SIGNALS | (cgroup < 0 ? 0 : CLONE_IN_CGROUP),
        .pidfd = (uint64_t)(uintptr_t)&probe->pidfd,
        .exit_signal = SIGCHLD,
        .cgroup = cgroup < 0 ? 0 : (uint64_t)cgroup,
    };
    memset(s->progress, 0, sizeof *s->progress);
    pid_t pid = clone_inside(s, &arguments);
    if (pid != 0) return pid;
    s->report = probe->report;
    for (int i = 0; i < 3; i++) s->io.child[i] = i == 0 ? -1 : output;
    become_process(s, SECTION_PROBE, report);
}

int probe_start(struct supervisor *s) {
    struct probe *probe = &s->health.probe;
    const char *path = s->health.schedule.cgroup;
    int output[2] = {-1, -1}, report[2] = {-1, -1};
    autoclose cgroup = path[0] ? open_directory(path) : -1;
    pid_t pid = -1;
    if ((cgroup >= 0 || !path[0]) && open_output(output) == 0 && open_report(report) == 0) {
        probe->output = output[0];
        probe->report = report[0];
        pid = clone_probe(s, cgroup, output[1], report[1]);
    }
    int error = errno;
    close_and_forget(&output[1]);
    close_and_forget(&report[1]);
    if (pid > 0) {
        probe->pid = pid;
        probe->is_over = false;
        return 0;
    }
    close_and_forget(&output[0]);
    close_and_forget(&report[0]);
    probe->pidfd = probe->output = probe->report = -1;
    return fail(error);
}

/* Where there is no more room what comes is thrown away, so that whoever prints goes on. */
static ssize_t read_some(struct supervisor *s, struct health_result *result) {
    size_t room = HEALTH_OUTPUT_BYTES - (size_t)result->length;
    char *to = room > 0 ? result->output + result->length : s->output;
    ssize_t length = read(s->health.probe.output, to, room > 0 ? room : sizeof s->output);
    if (length > 0 && room > 0) result->length += (uint64_t)length;
    if (length > 0 && room == 0) result->is_cut = true;
    return length;
}

void probe_read(struct supervisor *s, struct health_result *result) {
    struct probe *probe = &s->health.probe;
    for (int i = 0; i < READS_PER_TURN && probe->output >= 0; i++) {
        ssize_t length = read_some(s, result);
        if (length < 0 && errno == EINTR) continue;
        if (length < 0 && errno == EAGAIN) return;
        if (length <= 0) close_and_forget(&probe->output);
    }
}

void probe_kill(struct supervisor *s) {
    struct probe *probe = &s->health.probe;
    probe->is_over = true;
    close_and_forget(&probe->output);
    sys_pidfd_signal(probe->pidfd, SIGKILL);
}

int probe_reap(struct supervisor *s) {
    struct probe *probe = &s->health.probe;
    int status = 0;
    while (waitpid(probe->pid, &status, __WALL) < 0 && errno == EINTR) continue;
    close_and_forget(&probe->pidfd);
    close_and_forget(&probe->output);
    close_and_forget(&probe->report);
    probe->is_over = false;
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}
