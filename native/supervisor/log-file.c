/* The files of a log: whole entries, however a write ends; renamed when they have grown enough. */
#include "line-end.h"
#include "log.h"
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include "sys.h"

void log_initialize(struct log *log) {
    log->fd = log->directory = log->compressor_watch = -1;
    log->second = -1;
    log->rotate_at = UINT64_MAX;
    log->streams[0].name = "stdout";
    log->streams[1].name = "stderr";
}

static uint64_t file_bytes(const struct log *log) { return log->bytes - log->place[log->places - 1].base; }

/* The length of the frame at `at`; 0: there is no whole one. */
static off_t frame_at(int fd, off_t at, off_t size) {
    unsigned char head[LOG_FRAME_HEAD_BYTES];
    uint32_t length, again;
    if (size - at < LOG_FRAME_BYTES || pread(fd, head, sizeof head, at) != sizeof head) return 0;
    memcpy(&length, head, sizeof length);
    off_t whole = (off_t)length + LOG_FRAME_BYTES;
    if (head[4] < 1 || head[4] > 2 || length > LOG_PART_BYTES || size - at < whole) return 0;
    if (pread(fd, &again, sizeof again, at + whole - (off_t)sizeof again) != sizeof again) return 0;
    return again == length ? whole : 0;
}

static off_t last_frame_end(int fd, off_t size) {
    uint32_t length;
    if (size >= LOG_FRAME_BYTES && pread(fd, &length, sizeof length, size - (off_t)sizeof length) == sizeof length) {
        off_t at = size - (off_t)length - LOG_FRAME_BYTES;
        if (length <= LOG_PART_BYTES && at >= 0 && frame_at(fd, at, size) == size - at) return size;
    }
    off_t end = 0;
    for (off_t whole; (whole = frame_at(fd, end, size)) > 0;) end += whole;
    return end;
}

/* Cuts off what a writer that was killed has left of an entry; the file's length, or -1. */
static off_t mend(int fd, uint64_t format) {
    struct stat status;
    if (fstat(fd, &status) < 0) return -1;
    off_t whole = format == LOG_FORMAT_LOCAL ? last_frame_end(fd, status.st_size) : last_line_end(fd, status.st_size);
    if (whole < 0 || (whole < status.st_size && ftruncate(fd, whole) < 0)) return -1;
    return whole;
}

static int open_file(const struct op_open_log *options, const char *path, int flags) {
    return openat(AT_FDCWD, path, O_RDWR | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC | flags,
                  (mode_t)options->mode);
}

/* The file begins at `bytes`. */
static int take_file(struct log *log, int fd) {
    struct stat status;
    if (fstat(fd, &status) < 0) return -1;
    if (log->places == LOG_PLACES) memmove(log->place, log->place + 1, --log->places * sizeof *log->place);
    log->place[log->places++] = (struct log_place){status.st_ino, log->bytes};
    if (log->options.maximum_bytes > 0) log->rotate_at = log->bytes + log->options.maximum_bytes;
    return 0;
}

int log_open(struct log *log, const struct op_open_log *options, int directory) {
    log->around = strlen(options->attributes) + LOG_AROUND_BYTES;
    if (log->around > sizeof log->suffix || strlen(options->path) > PATH_MAX - LOG_AROUND_BYTES) return fail(EINVAL);
    log->options = *options;
    log->directory = directory;
    log->fd = open_file(options, options->path, 0);
    off_t whole = log->fd < 0 ? -1 : mend(log->fd, options->format);
    if (whole < 0 || take_file(log, log->fd) < 0) return -1;
    log->bytes = (uint64_t)whole;
    return 0;
}

/* Whether the file ends with a whole entry, now. */
static bool cut_off(struct log *log) {
    if (log->torn > 0 && ftruncate(log->fd, (off_t)file_bytes(log)) == 0) log->torn = 0;
    return log->torn == 0;
}

static size_t write_batch(const struct log *log) {
    size_t written = 0;
    while (written < log->batched) {
        ssize_t length = write(log->fd, log->batch + written, log->batched - written);
        if (length < 0 && errno == EINTR) continue;
        // A full disk loses output; the container runs on.
        if (length <= 0) break;
        written += (size_t)length;
    }
    return written;
}

void log_flush(struct log *log) {
    size_t written = cut_off(log) ? write_batch(log) : 0, whole = written;
    if (written < log->batched) {
        whole = 0;
        for (uint32_t i = 0; i < log->marks; i++)
            if (log->mark[i].end <= written)
                whole = log->mark[i].end;
            else
                log->dropped += log->mark[i].output;
    }
    log->bytes += whole;
    log->torn += written - whole;
    if (log->torn > 0) cut_off(log);
    log->batched = 0;
    log->marks = 0;
}

void log_name(char *to, const struct op_open_log *options, uint64_t number, const char *suffix) {
    if (number == 0)
        snprintf(to, PATH_MAX, "%s", options->path);
    else
        snprintf(to, PATH_MAX, "%s.%llu%s", options->path, (unsigned long long)number, suffix);
}

static bool exists(const struct op_open_log *options, uint64_t number, const char *suffix) {
    char path[PATH_MAX];
    log_name(path, options, number, suffix);
    return access(path, F_OK) == 0;
}

bool log_numbered(const struct log *log, uint64_t number) {
    return exists(&log->options, number, "") || (log->options.compress && exists(&log->options, number, ".gz"));
}

/* How many of the numbers there are, at most one less than there may be files. */
static uint64_t count_numbers(const struct log *log) {
    uint64_t count = 1;
    while (count < log->options.files && log_numbered(log, count)) count++;
    return count - 1;
}

static int remove_name(const struct op_open_log *options, uint64_t number, const char *suffix) {
    char path[PATH_MAX];
    log_name(path, options, number, suffix);
    return unlink(path) == 0 || errno == ENOENT ? 0 : -1;
}

static int rename_number(const struct op_open_log *options, uint64_t number, const char *suffix) {
    char from[PATH_MAX], to[PATH_MAX];
    log_name(from, options, number, suffix);
    log_name(to, options, number + 1, suffix);
    return rename(from, to) == 0 || errno == ENOENT ? 0 : -1;
}

/* A compressor may have been killed when both were there. */
static int rename_compressed(const struct op_open_log *options, uint64_t number) {
    if (!exists(options, number, ".gz")) return 0;
    return remove_name(options, number, "") < 0 ? -1 : rename_number(options, number, ".gz");
}

/* Each file gets the next number; the oldest goes, when there may be no more of them. */
static int rename_files(const struct log *log, const char *next) {
    const struct op_open_log *options = &log->options;
    for (uint64_t number = count_numbers(log) + 1; number-- > 0;) {
        bool may_be_compressed = options->compress && number > 0, is_last = number + 1 >= options->files;
        if (is_last && may_be_compressed && remove_name(options, number, "") < 0) return -1;
        if (is_last && may_be_compressed && remove_name(options, number, ".gz") < 0) return -1;
        if (is_last) continue;
        if (may_be_compressed && rename_compressed(options, number) < 0) return -1;
        if (rename_number(options, number, "") < 0) return -1;
    }
    return rename(next, options->path);
}

/* Before a file can be found under its name: who reads up to a number of bytes knows where each begins. */
static int record_places(const struct log *log) {
    if (log->directory < 0) return 0;
    char text[LOG_PLACES * 48];
    size_t length = 0;
    for (uint32_t i = 0; i < log->places; i++)
        length += (size_t)snprintf(text + length, sizeof text - length, "%llu %llu\n",
                                   (unsigned long long)log->place[i].inode,
                                   (unsigned long long)log->place[i].base);
    autoclose fd = openat(log->directory, ".log", O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0 || write(fd, text, length) != (ssize_t)length) return -1;
    return renameat(log->directory, ".log", log->directory, "log");
}

void log_rotate(struct log *log) {
    char next[PATH_MAX];
    snprintf(next, sizeof next, "%s.next", log->options.path);
    // What comes until there is another file goes to this one.
    log->rotate_at = log->bytes + log->options.maximum_bytes;
    if (!cut_off(log)) return;
    int fd = open_file(&log->options, next, O_TRUNC);
    if (fd < 0) return;
    bool taken = take_file(log, fd) == 0;
    log_compress_stop(log);
    if (!taken || record_places(log) < 0 || rename_files(log, next) < 0) {
        if (taken) log->places--;
        close(fd);
        return;
    }
    close(log->fd);
    log->fd = fd;
    log_compress_soon(log);
}
