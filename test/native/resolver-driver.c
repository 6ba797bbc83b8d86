/* Runs the name server as a supervisor does, in the network namespace it is started in: resolver-driver
 * DIRECTORY VIEW [FILTER [RATE [ATTEMPT]]]. It is confined to the directory, under the seccomp filter of a
 * file; in the sanitized build its clock goes RATE times as fast. Says `ready` when the sockets are there,
 * and an exit code each time that the name server has ended. */
#include <grp.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include "resolver.h"
#include "sys.h"
#ifdef HURRIED
#include "resolver-system.h"
#endif

enum { NOBODY = 65534 };

static void need(int result, const char *what) {
    if (result >= 0) return;
    perror(what);
    exit(2);
}

static int serve(int type) {
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(53), .sin_addr.s_addr = htonl(0x7f00000b)};
    int fd = socket(AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    need(bind(fd, (struct sockaddr *)&address, sizeof address), "bind");
    return fd;
}

static void filter_calls(int fd) {
    static struct sock_filter code[4096];
    ssize_t length = read(fd, code, sizeof code);
    need((int)length, "read");
    struct sock_fprog program = {(unsigned short)((size_t)length / sizeof code[0]), code};
    need(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), "seccomp");
}

static int attempt_raw_socket(void) { return socket(AF_INET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 1); }
static int attempt_local_socket(void) {
    return socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}
static int attempt_write(void) { return openat(AT_FDCWD, "view", O_RDWR | O_CLOEXEC); }
static int attempt_create(void) { return openat(AT_FDCWD, "new", O_RDONLY | O_CREAT | O_CLOEXEC, 0644); }
static int attempt_code(void) {
    return mmap(NULL, 1, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0) ==
           MAP_FAILED;
}
static int attempt_protect(void) {
    return mprotect((void *)((uintptr_t)&attempt_code & ~4095ul), 1, PROT_WRITE);
}
static int attempt_fork(void) { return fork(); }
static int attempt_execute(void) { return execl("/bin/sh", "sh", NULL); }
static int attempt_signal(void) { return kill(1, 0); }

/* What one that was taken over would try. */
static const struct {
    const char *name;
    int (*make)(void);
} attempts[] = {
    {"raw socket", attempt_raw_socket},
    {"local socket", attempt_local_socket},
    {"write", attempt_write},
    {"create", attempt_create},
    {"code", attempt_code},
    {"protect", attempt_protect},
    {"fork", attempt_fork},
    {"execute", attempt_execute},
    {"signal", attempt_signal},
};

static void make_attempt(const char *name) {
    for (size_t i = 0; i < sizeof attempts / sizeof attempts[0]; i++)
        if (strcmp(name, attempts[i].name) == 0) attempts[i].make();
}

static const char *attempted = "";

static int run_confined(const struct resolver_setup *setup, const char *directory, const char *filter) {
    autoclose code = *filter != 0 ? open(filter, O_RDONLY | O_CLOEXEC) : -1;
    need(chroot(directory), "chroot");
    need(chdir("/"), "chdir");
    need(setgroups(0, NULL), "setgroups");
    need(setresgid(NOBODY, NOBODY, NOBODY), "setresgid");
    need(setresuid(NOBODY, NOBODY, NOBODY), "setresuid");
    need(prctl(PR_SET_PDEATHSIG, SIGKILL), "prctl");
    need(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs");
    if (code >= 0) filter_calls(code);
    make_attempt(attempted);
    return resolver_run(setup);
}

/* The exit code, or the negative number of the signal that killed it. */
static int run_child(const struct resolver_setup *setup, const char *directory, const char *filter) {
    int status;
    pid_t pid = fork();
    need(pid, "fork");
    if (pid == 0) _exit(run_confined(setup, directory, filter));
    need(waitpid(pid, &status, 0), "waitpid");
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

int main(int count, char **arguments) {
    if (count < 3) return 64;
    struct resolver_setup setup = {serve(SOCK_DGRAM), serve(SOCK_STREAM),
                                   open(arguments[1], O_PATH | O_DIRECTORY), arguments[2]};
#ifdef HURRIED
    if (count > 4) clock_rate = atoi(arguments[4]);
#endif
    if (count > 5) attempted = arguments[5];
    need(listen(setup.tcp, 64), "listen");
    need(prctl(PR_SET_PDEATHSIG, SIGKILL), "prctl");
    setvbuf(stdout, NULL, _IOLBF, 0);
    puts("ready");
    for (;;) {
        struct pollfd sockets[] = {{setup.udp, POLLIN, 0}, {setup.tcp, POLLIN, 0}};
        need(poll(sockets, 2, -1), "poll");
        printf("%d\n", run_child(&setup, arguments[1], count > 3 ? arguments[3] : ""));
    }
}
