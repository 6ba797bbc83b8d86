/* Process 1 of a container that asked for one: `docker-init -- program arguments`. Starts the program, passes
   signals on, reaps what is orphaned, and ends as the program ended; in all that, and in its words, as tini
   does. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* The kernel's: the library keeps the first realtime signals, SIGRTMIN of other libraries among them, out of
 * its sets. */
typedef uint64_t signals;

static signals bit(int signal_number) { return UINT64_C(1) << (signal_number - 1); }

static void set_mask(const signals *mask, signals *before) {
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, mask, before, sizeof *mask);
}

/* All but the faults of this very process, which must not be blocked, and what the terminal tells it. */
static signals watched_signals(void) {
    static const int own[] = {SIGFPE, SIGILL, SIGSEGV, SIGBUS, SIGABRT, SIGTRAP, SIGSYS, SIGTTIN, SIGTTOU};
    signals watched = ~UINT64_C(0);
    for (size_t i = 0; i < sizeof own / sizeof *own; i++) watched &= ~bit(own[i]);
    return watched;
}

/* Its own process group, in the foreground of the terminal if there is one, so that ^C reaches all of it
 * once. */
static void lead_group(void) {
    setpgid(0, 0);
    // A background process that sets the foreground group would be stopped.
    signal(SIGTTOU, SIG_IGN);
    tcsetpgrp(STDIN_FILENO, getpgrp());
}

/* A script without an interpreter's line, as other libraries' execvp would. */
static void execute_script(char **argv) {
    size_t count = 0;
    while (argv[count] != NULL) count++;
    char **shell = calloc(count + 2, sizeof *shell);
    if (shell == NULL) return;
    shell[0] = "/bin/sh";
    memcpy(shell + 1, argv, count * sizeof *argv);
    execv(shell[0], shell);
    errno = ENOEXEC;
}

static _Noreturn void become(char **argv, const signals *mask) {
    lead_group();
    signal(SIGTTIN, SIG_DFL);
    signal(SIGTTOU, SIG_DFL);
    set_mask(mask, NULL);
    execvp(argv[0], argv);
    if (errno == ENOEXEC && strchr(argv[0], '/') != NULL) execute_script(argv);
    int error = errno;
    dprintf(STDERR_FILENO, "[FATAL tini (%d)] exec %s failed: %s\n", (int)getpid(), argv[0], strerror(error));
    _exit(error == ENOENT ? 127 : error == EACCES ? 126 : 1);
}

/* Reaps all that has ended; true when the program is among it, with its exit code. */
static bool reap(pid_t program, int *code) {
    bool ended = false;
    int status;
    for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
        if (pid != program) continue;
        *code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
        ended = true;
    }
    return ended;
}

static int supervise(pid_t program, const signals *watched) {
    for (;;) {
        int code = 0;
        int received = (int)syscall(SYS_rt_sigtimedwait, watched, NULL, NULL, sizeof *watched);
        if (received == SIGCHLD && reap(program, &code)) return code;
        if (received > 0 && received != SIGCHLD) kill(program, received);
    }
}

int main(int argc, char **argv) {
    int first = argc > 1 && strcmp(argv[1], "--") == 0 ? 2 : 1;
    if (first >= argc) {
        dprintf(STDERR_FILENO, "usage: docker-init -- program [argument ...]\n");
        return 1;
    }
    signals watched = watched_signals(), before;
    set_mask(&watched, &before);
    // Ignored, it would leave nothing to wait for.
    signal(SIGCHLD, SIG_DFL);
    // The terminal belongs to the program's group from now on.
    signal(SIGTTIN, SIG_IGN);
    signal(SIGTTOU, SIG_IGN);
    // Among the host's processes, orphans come to process 1 of the host otherwise.
    if (getpid() != 1) prctl(PR_SET_CHILD_SUBREAPER, 1);
    pid_t program = fork();
    if (program < 0) {
        dprintf(STDERR_FILENO, "[FATAL tini (%d)] fork failed: %s\n", (int)getpid(), strerror(errno));
        return 1;
    }
    if (program == 0) become(argv + first, &before);
    return supervise(program, &watched);
}
