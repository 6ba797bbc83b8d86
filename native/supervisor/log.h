/* The container's log: lines of output, in parts when they are long, with their stream and time. Appended to a file, which is
 * renamed when it has grown enough (`path`.1 is newer than `path`.2).
 *
 * Format jsonFile is Docker's: one object a line. Format local keeps the bytes as they are, in frames that can be walked from
 * either end; numbers are little-endian:
 *
 *   u32 length of the text   u8 stream (1 stdout, 2 stderr)   u8 1: the line goes on in the stream's next frame   u16 0
 *   u64 time (ns since the epoch)   the text, with its newline   u32 length again
 *
 * What ends a file is a whole entry, whatever becomes of a write: readers may take all up to the end of the last one. */
#ifndef INBOARD_LOG_H
#define INBOARD_LOG_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>
#include "protocol.gen.h"

enum {
    LOG_PART_BYTES = 16 * 1024,
    LOG_BATCH_BYTES = 160 * 1024,
    LOG_BATCH_ENTRIES = 2048,
    LOG_FULL_BYTES = 48 * 1024, /* a batch is written: more would be touched, and stay in memory */
    LOG_FRAME_HEAD_BYTES = 16,
    LOG_FRAME_BYTES = LOG_FRAME_HEAD_BYTES + 4,
    LOG_TIME_BYTES = 40,
    LOG_AROUND_BYTES = 128,
    LOG_SUFFIX_BYTES = 32 * 1024,
    LOG_PLACES = 64
};

struct log_stream {
    const char *name;
    bool cut;            /* a part of the unfinished line is logged already */
    struct timespec at;  /* the time of all its parts */
    uint32_t length;     /* of what is not logged yet */
    char line[LOG_PART_BYTES];
};

/* Where an entry ends in the batch, and how much output it has. */
struct log_mark {
    uint32_t end, output;
};

/* Where in all that was logged a file begins. */
struct log_place {
    uint64_t inode, base;
};

struct log {
    int fd; /* -1: there is none */
    struct op_open_log options;
    size_t around;      /* what an object has beside the text, at most */
    int directory;      /* for the record `log`; -1: nobody reads it */
    uint64_t bytes;     /* of everything logged, what the file had before included */
    uint64_t rotate_at; /* where the file has grown enough, counted as `bytes` is */
    uint64_t torn;      /* bytes at the end of the file that are no whole entry, and could not be cut off */
    uint64_t dropped;   /* output that could not be written */
    struct log_stream streams[2];
    uint32_t places;
    struct log_place place[LOG_PLACES]; /* the newest last, which is the file's */
    time_t second;                      /* that `date` is about */
    char date[32];
    const struct log_stream *suffixed; /* whose line `suffix` ends; NULL: nobody's */
    struct timespec suffix_at;
    size_t suffix_length;
    char suffix[LOG_SUFFIX_BYTES];
    int64_t compress_ms;  /* when renamed files are compressed, on the monotonic clock; 0: nothing is to be */
    uint64_t compressing; /* the number of the file that is being compressed */
    pid_t compressor;
    int compressor_watch; /* its pidfd; -1: there is none */
    uint32_t marks;
    struct log_mark mark[LOG_BATCH_ENTRIES];
    size_t batched;
    char batch[LOG_BATCH_BYTES];
};

void log_initialize(struct log *log);
/* Opens the file, or makes it. What a killed writer has left of an entry at its end is cut off. `directory`: where the record
 * `log` is kept that tells, once a file was renamed, which inode begins where: `inode bytes` lines. */
int log_open(struct log *log, const struct op_open_log *options, int directory);
/* Logs the lines that end in `data`, and keeps the rest for later. */
void log_output(struct log *log, int stream, const char *data, size_t length);
/* Logs what is left of the stream's last line, which has no newline. */
void log_end(struct log *log, int stream);

/* log-entry.c */
/* JSON as Docker's jsonlog writes it; at most six bytes for each one of the text. Returns the end of what was
 * written. */
char *log_escape(char *to, const char *text, size_t length);
/* RFC 3339 in UTC with nanoseconds, without trailing zeros. */
size_t log_time(struct log *log, char *to, const struct timespec *at);
/* How much room an entry can need in the batch. */
size_t log_entry_room(const struct log *log, size_t length);
/* Writes an entry; where it ends. `goes_on`: the line does, in the next one. */
char *log_entry(struct log *log, char *to, const struct log_stream *stream, const char *text, size_t length,
                bool goes_on);

/* log-file.c */
/* Writes the batch, or as many whole entries of it as there is room for: the rest is dropped, and counted. */
void log_flush(struct log *log);
/* The batch is empty: begins another file, if it can. */
void log_rotate(struct log *log);
/* The name of a file, PATH_MAX bytes at most: 0 is the one that is written to. */
void log_name(char *to, const struct op_open_log *options, uint64_t number, const char *suffix);
/* Whether there is a file with that number, compressed or not. */
bool log_numbered(const struct log *log, uint64_t number);

/* log-compress.c */
/* Files were renamed: they are compressed, unless they are renamed again within a moment. */
void log_compress_soon(struct log *log);
/* Before names change, and at the end. */
void log_compress_stop(struct log *log);
/* For how long a poll may wait at most, -1: for ever. */
int log_patience_ms(const struct log *log);
/* The patience is over, or `compressor_watch` is readable. */
void log_serve(struct log *log, bool has_ended);

#endif
