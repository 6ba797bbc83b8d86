/* Makes one system call a line, each in a child of its own, and prints how it ended. Arguments are harmless where allowed. */
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

struct attempt {
    const char *name;
    long number, arguments[5];
};

static const char *const empty = "";

static void print(const char *name, long result) {
    printf("%s %s\n", name, result >= 0 ? "OK" : strerrorname_np(errno));
    fflush(stdout);
}

static void try(const struct attempt *attempt) {
    pid_t child = fork();
    if (child == 0) {
        const long *a = attempt->arguments;
        long result = syscall(attempt->number, a[0], a[1], a[2], a[3], a[4]);
        // clone's own child says nothing.
        if (result == 0 && attempt->number == SYS_clone) _exit(0);
        print(attempt->name, result);
        _exit(0);
    }
    int status;
    waitpid(child, &status, 0);
    if (WIFSIGNALED(status)) printf("%s SIG%s\n", attempt->name, sigabbrev_np(WTERMSIG(status)));
}

static void trace_child(void) {
    pid_t child = fork();
    if (child == 0) {
        ptrace(PTRACE_TRACEME, 0, 0, 0);
        raise(SIGSTOP);
        _exit(0);
    }
    int status;
    waitpid(child, &status, 0);
    print("ptrace of a child", ptrace(PTRACE_CONT, child, 0, 0));
    waitpid(child, &status, 0);
}

#ifdef __x86_64__
static long call32(long number, long first, long second) {
    long result;
    __asm__ volatile("int $0x80" : "=a"(result) : "a"(number), "b"(first), "c"(second) : "memory", "r8", "r9", "r10", "r11");
    return result;
}

/* The numbers are those of i386; a kernel without that entry kills the child. */
static void try32(const char *name, long number, long first, long second) {
    pid_t child = fork();
    if (child == 0) {
        long result = call32(number, first, second);
        if (result < 0) errno = (int)-result;
        print(name, result < 0 ? -1 : 0);
        _exit(0);
    }
    int status;
    waitpid(child, &status, 0);
    if (WIFSIGNALED(status)) printf("%s SIG%s\n", name, sigabbrev_np(WTERMSIG(status)));
}

static void foreign_entries(void) {
    const long x32 = 0x40000000;
    const struct attempt attempts[] = {
        {"x32 mount", x32 | SYS_mount, {0}}, {"x32 unshare", x32 | SYS_unshare, {CLONE_NEWUSER}}, {"x32 keyctl", x32 | SYS_keyctl, {0}},
        {"x32 ptrace of nothing", x32 | 521, {PTRACE_ATTACH, 0}},
    };
    for (size_t i = 0; i < sizeof attempts / sizeof *attempts; i++) try(&attempts[i]);
    try32("i386 getpid", 20, 0, 0);
    try32("i386 mount", 21, 0, 0);
    try32("i386 unshare", 310, CLONE_NEWUSER, 0);
    try32("i386 keyctl", 288, 0, 0);
    try32("i386 socket of AF_ALG", 359, 38, SOCK_SEQPACKET);
    try32("i386 io_uring_setup", 425, 1, 0);
}
#else
static void foreign_entries(void) {}
#endif

int main(void) {
    const struct attempt attempts[] = {
        {"keyctl", SYS_keyctl, {0}}, {"add_key", SYS_add_key, {0}}, {"request_key", SYS_request_key, {0}},
        {"unshare of a user namespace", SYS_unshare, {CLONE_NEWUSER}}, {"unshare of mounts", SYS_unshare, {CLONE_NEWNS}},
        {"clone of a user namespace", SYS_clone, {CLONE_NEWUSER | SIGCHLD}}, {"clone", SYS_clone, {SIGCHLD}}, {"clone3", SYS_clone3, {0}},
        {"mount", SYS_mount, {(long)empty, (long)empty, (long)empty}}, {"umount2", SYS_umount2, {(long)empty}}, {"fsopen", SYS_fsopen, {(long)empty}},
        {"open_tree", SYS_open_tree, {-1, (long)empty}}, {"move_mount", SYS_move_mount, {-1, (long)empty, -1, (long)empty}}, {"pivot_root", SYS_pivot_root, {(long)empty, (long)empty}},
        {"setns", SYS_setns, {-1}}, {"bpf", SYS_bpf, {0}}, {"userfaultfd", SYS_userfaultfd, {0}}, {"perf_event_open", SYS_perf_event_open, {0}},
        {"io_uring_setup", SYS_io_uring_setup, {1, 0}}, {"io_uring_enter", SYS_io_uring_enter, {-1}},
        {"socket of AF_VSOCK", SYS_socket, {AF_VSOCK, SOCK_STREAM}}, {"socket of AF_ALG", SYS_socket, {AF_ALG, SOCK_SEQPACKET}},
        {"socket of AF_INET", SYS_socket, {AF_INET, SOCK_STREAM}}, {"socket of AF_PACKET", SYS_socket, {AF_PACKET, SOCK_RAW}},
        {"personality query", SYS_personality, {0xffffffff}}, {"personality without randomisation", SYS_personality, {0x0040000}},
        {"open_by_handle_at", SYS_open_by_handle_at, {-1, 0}}, {"init_module", SYS_init_module, {0}}, {"kexec_load", SYS_kexec_load, {0}},
        {"reboot", SYS_reboot, {0}}, {"syslog", SYS_syslog, {10}}, {"swapon", SYS_swapon, {(long)empty}}, {"acct", SYS_acct, {(long)empty}},
        {"sethostname", SYS_sethostname, {(long)empty, 0}}, {"ptrace of the first process", SYS_ptrace, {PTRACE_SEIZE, 1}}, {"unknown", 470, {0}},
        {"process_vm_readv", SYS_process_vm_readv, {1}},
    };
    for (size_t i = 0; i < sizeof attempts / sizeof *attempts; i++) try(&attempts[i]);
    trace_child();
    foreign_entries();
    return 0;
}
