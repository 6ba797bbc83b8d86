/* Files that are not written to any more are compressed by a child: what the container prints waits for
 * nobody. Each becomes `path`.N.gz, with in its header, as JSON, when it was written to last, as Docker has
 * it, and which inode it was. */
#include "gzip.h"
#include "log.h"
#include <limits.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include "sys.h"

enum { BEGIN_AFTER_MS = 100, NICE = 10 };

static int64_t now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void describe(struct log *log, const struct stat *status, char *to, size_t size) {
    char time[LOG_TIME_BYTES];
    time[log_time(log, time, &status->st_mtim)] = '\0';
    snprintf(to, size, "{\"lastTime\":\"%s\",\"inode\":\"%llu\"}", time, (unsigned long long)status->st_ino);
}

static void next_name(char *to, const struct log *log) {
    snprintf(to, PATH_MAX, "%s.gz.next", log->options.path);
}

/* Its text is the container's: nothing but writing what comes of it, and ending, is left to who looks at
 * that. */
_Noreturn static void compress(struct log *log, const char *path, const char *next) {
    static struct gzip gzip;
    char extra[LOG_TIME_BYTES + LOG_AROUND_BYTES];
    struct stat status;
    const unsigned char *bytes = (const unsigned char *)"";
    int from = openat(AT_FDCWD, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    int to = openat(AT_FDCWD, next, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC,
                    (mode_t)log->options.mode);
    if (from < 0 || to < 0 || fstat(from, &status) < 0) _exit(1);
    size_t length = (size_t)status.st_size;
    if (length > 0) bytes = mmap(NULL, length, PROT_READ, MAP_SHARED, from, 0);
    if (bytes == MAP_FAILED) _exit(1);
    describe(log, &status, extra, sizeof extra);
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT) < 0) _exit(1);
    int result = gzip_file(&gzip, to, bytes, length, extra);
    // The C library's would end all threads, which is another call.
    for (;;) syscall(SYS_exit, result < 0);
}

_Noreturn static void compressor_main(struct log *log, pid_t parent) {
    char path[PATH_MAX], next[PATH_MAX];
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    prctl(PR_SET_NAME, "inboard-gzip");
    if (getppid() != parent) _exit(1);
    syscall(NR_CLOSE_RANGE, 0, ~0u, 0);
    setpriority(PRIO_PROCESS, 0, NICE);
    log_name(path, &log->options, log->compressing, "");
    next_name(next, log);
    compress(log, path, next);
}

/* Whoever looks for one of the names finds the file: the other one goes when the new one is whole. */
static int publish(const struct log *log) {
    char path[PATH_MAX], next[PATH_MAX], whole[PATH_MAX];
    log_name(path, &log->options, log->compressing, "");
    log_name(whole, &log->options, log->compressing, ".gz");
    next_name(next, log);
    return rename(next, whole) < 0 ? -1 : unlink(path);
}

static void discard(const struct log *log) {
    char next[PATH_MAX];
    next_name(next, log);
    unlink(next);
}

/* The newest that is not compressed, also one that was not come to before; 0: there is none. */
static uint64_t uncompressed(const struct log *log) {
    char path[PATH_MAX];
    for (uint64_t number = 1; log_numbered(log, number); number++) {
        log_name(path, &log->options, number, "");
        if (access(path, F_OK) == 0) return number;
    }
    return 0;
}

void log_compress_soon(struct log *log) {
    if (!log->options.compress || log->options.files < 2) return;
    log->compress_ms = now_ms() + BEGIN_AFTER_MS;
}

/* Whether it did what it was forked for. */
static bool reap(struct log *log) {
    int status = -1;
    while (waitpid(log->compressor, &status, __WALL) < 0 && errno == EINTR) continue;
    close_and_forget(&log->compressor_watch);
    return status == 0;
}

void log_compress_stop(struct log *log) {
    log->compress_ms = 0;
    if (log->compressor_watch < 0) return;
    sys_pidfd_signal(log->compressor_watch, SIGKILL);
    reap(log);
    discard(log);
}

int log_patience_ms(const struct log *log) {
    if (log->compress_ms == 0 || log->compressor_watch >= 0) return -1;
    int64_t left = log->compress_ms - now_ms();
    return left > 0 ? (int)left : 0;
}

static void begin(struct log *log) {
    struct clone_arguments arguments = {
        .flags = CLONE_WITH_PIDFD | CLONE_CLEARED_SIGNALS,
        .pidfd = (uint64_t)(uintptr_t)&log->compressor_watch,
        .exit_signal = SIGCHLD,
    };
    pid_t parent = getpid();
    log->compress_ms = 0;
    log->compressing = uncompressed(log);
    if (log->compressing == 0) return;
    log->compressor = (pid_t)syscall(NR_CLONE3, &arguments, sizeof arguments);
    if (log->compressor == 0) compressor_main(log, parent);
    if (log->compressor < 0) log->compressor_watch = -1;
}

/* What cannot be done now is done when there is another file. */
void log_serve(struct log *log, bool has_ended) {
    if (log->compressor_watch < 0) {
        if (log_patience_ms(log) == 0) begin(log);
    } else if (has_ended) {
        if (reap(log) && publish(log) == 0)
            begin(log);
        else
            discard(log);
    }
}
