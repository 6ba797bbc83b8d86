/* The files of the journal of events. A line is text of somebody's, then its time, then the number up to
 * which the engines' outbox is in the journal, which is the line's before. */
#include "journal.h"
#include "line-end.h"
#include "supervisor.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/uio.h>
#include <time.h>

enum { ENDING_BYTES = 96, PATH_BYTES = 4096, PIECES = 16 };
enum { FIRST_PAUSE_NS = 50000, LONGEST_PAUSE_NS = 2000000, PATIENCE_NS = 250000000 };
static const uint64_t latest_ns = INT64_MAX;

/* Where a file ends, and what its last line says. */
struct end {
    off_t size;
    uint64_t time_ns, outbox;
};

/* A holder that stands still must not keep the container from going on, so nobody waits in the kernel. */
static int take_lock(const char *path) {
    int fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    long paused = 0;
    for (long pause = FIRST_PAUSE_NS; fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) < 0; pause *= 2) {
        if (pause > LONGEST_PAUSE_NS) pause = LONGEST_PAUSE_NS;
        if (paused >= PATIENCE_NS || (errno != EWOULDBLOCK && errno != EINTR))
            close_and_forget(&fd);
        else
            nanosleep(&(struct timespec){.tv_nsec = pause}, NULL);
        paused += pause;
    }
    return fd;
}

static const char *last_of(const char *text, const char *wanted) {
    const char *last = NULL;
    for (const char *at = text; (at = strstr(at, wanted)) != NULL; at++) last = at;
    return last;
}

/* What is no line of the journal's says nothing. */
static void parse_end(const char *text, struct end *end) {
    static const char time_key[] = "\"timeNano\":", outbox_key[] = ",\"outbox\":";
    const char *time = last_of(text, time_key);
    if (time == NULL) return;
    char *rest;
    uint64_t time_ns = strtoull(time + sizeof time_key - 1, &rest, 10);
    if (time_ns >= latest_ns || strncmp(rest, outbox_key, sizeof outbox_key - 1) != 0) return;
    end->time_ns = time_ns;
    end->outbox = strtoull(rest + sizeof outbox_key - 1, NULL, 10);
}

/* A writer that was killed, or a full disk, leaves a line that does not end. */
static int read_end(int fd, struct end *end) {
    char text[ENDING_BYTES + 1];
    *end = (struct end){.size = lseek(fd, 0, SEEK_END)};
    off_t whole = end->size < 0 ? -1 : last_line_end(fd, end->size);
    if (whole < 0) return -1;
    if (whole < end->size && ftruncate(fd, whole) < 0) return -1;
    end->size = whole;
    off_t from = whole > ENDING_BYTES ? whole - ENDING_BYTES : 0;
    ssize_t length = pread(fd, text, (size_t)(whole - from), from);
    if (length < 0) return -1;
    // Strings end at a NUL, which no line has.
    text[length] = 0;
    parse_end(text, end);
    return 0;
}

static bool name_file(char to[PATH_BYTES], const char *path, uint64_t number) {
    if (strlen(path) > PATH_BYTES - 24) return false;
    char *end = put_text(to, path);
    if (number > 0) put_number(put_text(end, "."), number);
    return true;
}

static int open_journal(const char *path) {
    return open(path, O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
}

/* The journal's end; that of the file before, when there is nothing in this one yet. */
static int journal_end(const struct op_journal *at, int fd, struct end *end) {
    char path[PATH_BYTES];
    if (read_end(fd, end) < 0) return -1;
    if (end->size > 0 || !name_file(path, at->path, 1)) return 0;
    autoclose before = open(path, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
    if (before < 0) return 0;
    if (read_end(before, end) < 0) return -1;
    end->size = 0;
    return 0;
}

static int rotate(const struct op_journal *at) {
    char from[PATH_BYTES], to[PATH_BYTES];
    for (uint64_t number = at->files; number > 1; number--) {
        if (!name_file(from, at->path, number - 2) || !name_file(to, at->path, number - 1))
            return fail(ENAMETOOLONG);
        if (rename(from, to) < 0 && errno != ENOENT) return -1;
    }
    return open_journal(at->path);
}

/* The text in pieces, with the value wherever byte 1 is. */
static int cut(const struct journal_line *line, struct iovec pieces[PIECES]) {
    const char *text = line->text, *mark;
    int count = 0;
    while (count < PIECES - 3 && (mark = strchr(text, 1)) != NULL) {
        pieces[count++] = (struct iovec){(void *)(uintptr_t)text, (size_t)(mark - text)};
        pieces[count++] = (struct iovec){(void *)(uintptr_t)line->value, strlen(line->value)};
        text = mark + 1;
    }
    pieces[count++] = (struct iovec){(void *)(uintptr_t)text, strlen(text)};
    return count;
}

static uint64_t now_after(uint64_t last) {
    uint64_t now = realtime_ns();
    return now > last ? now : last + 1;
}

static size_t put_ending(char to[ENDING_BYTES], const struct end *end) {
    char *at = put_number(put_text(to, "\"time\":"), end->time_ns / 1000000000u);
    at = put_number(put_text(at, ",\"timeNano\":"), end->time_ns);
    at = put_number(put_text(at, ",\"outbox\":"), end->outbox);
    return (size_t)(put_text(at, "}\n") - to);
}

static int append(const struct op_journal *at, int *fd, struct end *end, const struct journal_line *line) {
    struct iovec pieces[PIECES];
    char ending[ENDING_BYTES];
    int count = cut(line, pieces);
    struct end next = {end->size, now_after(end->time_ns), end->outbox};
    pieces[count] = (struct iovec){ending, put_ending(ending, &next)};
    size_t length = 0;
    for (int i = 0; i <= count; i++) length += pieces[i].iov_len;
    if (end->size > 0 && (uint64_t)end->size + length > at->maximum_bytes) {
        int fresh = rotate(at);
        if (fresh < 0) return -1;
        close_and_forget(fd);
        *fd = fresh;
        end->size = next.size = 0;
    }
    ssize_t written = writev(*fd, pieces, count + 1);
    if (written != (ssize_t)length) {
        if (written > 0 && ftruncate(*fd, end->size) < 0) return -1;
        return -1;
    }
    next.size += written;
    *end = next;
    return 0;
}

unsigned journal_append(const struct op_journal *at, const struct journal_line *lines, unsigned count) {
    autoclose lock = take_lock(at->lock);
    autoclose fd = lock < 0 ? -1 : open_journal(at->path);
    struct end end;
    unsigned done = 0;
    if (fd < 0 || journal_end(at, fd, &end) < 0) return 0;
    while (done < count && append(at, &fd, &end, &lines[done]) == 0) done++;
    return done;
}
