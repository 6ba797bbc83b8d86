/* Files that are not written to any more are compressed by a child: what the container prints waits for nobody. Each becomes
 * `path`.N.gz, with in its header, as JSON, when it was written to last, as Docker has it, and which inode it was. */
#include "gzip.h"
#include "log.h"
#include <limits.h>
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

static int write_compressed(struct log *log, int from, int to) {
    static struct gzip gzip;
    char extra[LOG_TIME_BYTES + LOG_AROUND_BYTES];
    struct stat status;
    if (fstat(from, &status) < 0) return -1;
    size_t length = (size_t)status.st_size;
    const unsigned char *bytes = (const unsigned char *)"";
    if (length > 0) bytes = mmap(NULL, length, PROT_READ, MAP_SHARED, from, 0);
    if (bytes == MAP_FAILED) return -1;
    describe(log, &status, extra, sizeof extra);
    int result = gzip_file(&gzip, to, bytes, length, extra);
    if (length > 0) munmap((void *)(uintptr_t)bytes, length);
    return result;
}

/* Whoever looks for one of the names finds the file: the other one goes when the new one is whole. */
static int compress_file(struct log *log, const char *path) {
    char next[PATH_MAX], whole[PATH_MAX];
    snprintf(next, sizeof next, "%s.gz.next", log->options.path);
    snprintf(whole, sizeof whole, "%.*s.gz", PATH_MAX - 4, path);
    autoclose from = openat(AT_FDCWD, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (from < 0) return errno == ENOENT ? 0 : -1;
    autoclose to = openat(AT_FDCWD, next, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC,
                          (mode_t)log->options.mode);
    if (to < 0) return -1;
    if (write_compressed(log, from, to) < 0 || rename(next, whole) < 0) {
        unlink(next);
        return -1;
    }
    return unlink(path);
}

/* The newest first; what an earlier one did not come to as well. */
_Noreturn static void compress_files(struct log *log, pid_t parent) {
    char path[PATH_MAX];
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    prctl(PR_SET_NAME, "inboard-gzip");
    if (getppid() != parent) _exit(0);
    syscall(NR_CLOSE_RANGE, 0, ~0u, 0);
    setpriority(PRIO_PROCESS, 0, NICE);
    for (uint64_t number = 1; log_numbered(log, number); number++) {
        log_name(path, &log->options, number, "");
        if (compress_file(log, path) < 0) _exit(1);
    }
    _exit(0);
}

void log_compress_soon(struct log *log) {
    if (!log->options.compress || log->options.files < 2) return;
    log->compress_ms = now_ms() + BEGIN_AFTER_MS;
}

static void reap(struct log *log) {
    while (waitpid(log->compressor, NULL, __WALL) < 0 && errno == EINTR) continue;
    close_and_forget(&log->compressor_watch);
}

void log_compress_stop(struct log *log) {
    log->compress_ms = 0;
    if (log->compressor_watch < 0) return;
    sys_pidfd_signal(log->compressor_watch, SIGKILL);
    reap(log);
}

int log_patience_ms(const struct log *log) {
    if (log->compress_ms == 0 || log->compressor_watch >= 0) return -1;
    int64_t left = log->compress_ms - now_ms();
    return left > 0 ? (int)left : 0;
}

void log_serve(struct log *log, bool has_ended) {
    if (log->compressor_watch >= 0) {
        if (has_ended) reap(log);
        return;
    }
    if (log_patience_ms(log) != 0) return;
    struct clone_arguments arguments = {
        .flags = CLONE_WITH_PIDFD | CLONE_CLEARED_SIGNALS,
        .pidfd = (uint64_t)(uintptr_t)&log->compressor_watch,
        .exit_signal = SIGCHLD,
    };
    pid_t parent = getpid();
    log->compress_ms = 0;
    log->compressor = (pid_t)syscall(NR_CLONE3, &arguments, sizeof arguments);
    if (log->compressor == 0) compress_files(log, parent);
    // What cannot be done now is done when there is another file.
    if (log->compressor < 0) log->compressor_watch = -1;
}
