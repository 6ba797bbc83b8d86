/* Process 1 of a container that asked for one: `docker-init -- program arguments`. Starts the program, passes
   signals on, reaps what is orphaned, and ends as the program ended. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* Faults of this very process must not be blocked. */
static void watched_signals(sigset_t *set) {
    static const int own[] = {SIGFPE, SIGILL, SIGSEGV, SIGBUS, SIGABRT, SIGTRAP, SIGSYS, SIGTTIN, SIGTTOU};
    sigfillset(set);
    for (size_t i = 0; i < sizeof own / sizeof *own; i++) sigdelset(set, own[i]);
}

/* Its own process group, in the foreground of the terminal if there is one, so that ^C reaches all of it
 * once. */
static void lead_group(void) {
    setpgid(0, 0);
    // A background process that sets the foreground group would be stopped.
    signal(SIGTTOU, SIG_IGN);
    tcsetpgrp(STDIN_FILENO, getpgrp());
}

static _Noreturn void become(char **argv, const sigset_t *mask) {
    lead_group();
    signal(SIGTTIN, SIG_DFL);
    signal(SIGTTOU, SIG_DFL);
    sigprocmask(SIG_SETMASK, mask, NULL);
    execvp(argv[0], argv);
    int code = errno == ENOENT || errno == ENOTDIR ? 127 : 126;
    dprintf(STDERR_FILENO, "docker-init: %s: %s\n", argv[0], strerror(errno));
    _exit(code);
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

static int supervise(pid_t program, const sigset_t *watched) {
    for (;;) {
        siginfo_t info;
        int code = 0;
        int received = sigwaitinfo(watched, &info);
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
    sigset_t watched, before;
    watched_signals(&watched);
    sigprocmask(SIG_SETMASK, &watched, &before);
    // The terminal belongs to the program's group from now on.
    signal(SIGTTIN, SIG_IGN);
    signal(SIGTTOU, SIG_IGN);
    pid_t program = fork();
    if (program < 0) {
        dprintf(STDERR_FILENO, "docker-init: fork: %s\n", strerror(errno));
        return 1;
    }
    if (program == 0) become(argv + first, &before);
    return supervise(program, &watched);
}
