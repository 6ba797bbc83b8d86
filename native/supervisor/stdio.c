/* The process's standard descriptors: how it gets them, what it prints, what it is told. */
#include "supervisor.h"
#include <string.h>
#include <sys/ioctl.h>

enum { SMALLEST_PAGE = 4096, TERMINAL_READS = 1024 };

int do_stdio(struct supervisor *s, const struct op_stdio *op) {
    if (op->kind > STDIO_SLOTS) return fail(EINVAL);
    s->io.kind = (uint32_t)op->kind;
    s->io.flags = (uint32_t)op->flags;
    s->io.rows = (uint16_t)op->rows;
    s->io.columns = (uint16_t)op->columns;
    s->io.slots[0] = (uint8_t)op->slot_in;
    s->io.slots[1] = (uint8_t)op->slot_out;
    s->io.slots[2] = (uint8_t)op->slot_err;
    return 0;
}

static int set_nonblocking(int fd) { return fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK); }

/* A pipe of which `ours` does not block and `theirs` does. */
static int open_pipe(int *ours, int *theirs, bool we_read) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0) return -1;
    *ours = ends[we_read ? 0 : 1];
    *theirs = ends[we_read ? 1 : 0];
    return set_nonblocking(*ours);
}

int stdio_open(struct supervisor *s) {
    struct stdio *io = &s->io;
    io->input_ending = false;
    if (io->kind == STDIO_SLOTS) {
        for (int i = 0; i < 3; i++) io->child[i] = s->slots[io->slots[i]];
        return 0;
    }
    if (io->kind != STDIO_PIPES) return 0;
    if (io->flags & STDIO_FLAG_STDIN && open_pipe(&io->input, &io->child[0], false) < 0) return -1;
    if (open_pipe(&io->output[0], &io->child[1], true) < 0) return -1;
    return open_pipe(&io->output[1], &io->child[2], true);
}

void stdio_in_child(struct supervisor *s) {
    for (int i = 0; i < 3; i++)
        if (s->io.child[i] >= 0) dup2(s->io.child[i], i);
}

void stdio_in_parent(struct supervisor *s) {
    if (s->io.kind == STDIO_PIPES)
        for (int i = 0; i < 3; i++) close_and_forget(&s->io.child[i]);
}

void stdio_console(struct supervisor *s, int master) {
    set_nonblocking(master);
    s->io.output[0] = master;
    s->io.input = master;
}

static void close_input(struct supervisor *s) {
    if (s->io.kind == STDIO_PIPES) close_and_forget(&s->io.input);
    s->io.input = -1;
    s->io.pending_from = s->io.pending_end = 0;
}

bool input_blocked(const struct supervisor *s) { return s->io.pending_end > s->io.pending_from; }

void input_flush(struct supervisor *s) {
    struct stdio *io = &s->io;
    while (input_blocked(s)) {
        ssize_t written =
            write(io->input, io->pending + io->pending_from, io->pending_end - io->pending_from);
        if (written < 0 && errno == EINTR) continue;
        if (written < 0 && errno == EAGAIN) return;
        if (written < 0) return close_input(s);
        io->pending_from += (uint32_t)written;
    }
    io->pending_from = io->pending_end = 0;
    if (io->input_ending) close_input(s);
}

/* `length` is at most INPUT_BYTES, and nothing is pending. What the process does not read any more is
 * dropped. */
void input_write(struct supervisor *s, const char *data, size_t length) {
    struct stdio *io = &s->io;
    if (io->input < 0) return;
    memcpy(io->pending, data, length);
    io->pending_from = 0;
    io->pending_end = (uint32_t)length;
    input_flush(s);
}

/* What a person types to end a terminal's input. */
static void end_transmission(struct stdio *io) {
    if (io->pending_end < sizeof io->pending) io->pending[io->pending_end++] = 4;
}

void input_end(struct supervisor *s) {
    if (s->io.input < 0) return;
    if (s->io.kind == STDIO_TTY)
        end_transmission(&s->io);
    else
        s->io.input_ending = true;
    input_flush(s);
}

static void output_end(struct supervisor *s, int stream) {
    if (s->log.fd >= 0) log_end(&s->log, stream);
    if (s->io.kind == STDIO_TTY) close_input(s);
    close_and_forget(&s->io.output[stream]);
}

bool output_read(struct supervisor *s, int stream) {
    ssize_t length;
    do length = read(s->io.output[stream], s->output, sizeof s->output);
    while (length < 0 && errno == EINTR);
    if (length < 0 && errno == EAGAIN) return false;
    if (length <= 0) { // EIO: nobody has the terminal open any more.
        output_end(s, stream);
        return false;
    }
    if (s->log.fd >= 0) log_output(&s->log, stream, s->output, (size_t)length);
    struct frame frame = {.type = stream == 0 ? FRAME_STDOUT : FRAME_STDERR,
                          .tail = s->output,
                          .tail_length = (size_t)length};
    clients_send(s, stream == 0 ? STREAM_STDOUT : STREAM_STDERR, &frame);
    return true;
}

/* How many reads take all that is there now: each takes a buffer of the pipe at least, which has a page. */
static int reads_for(int fd) {
    int capacity = fcntl(fd, F_GETPIPE_SZ);
    return capacity > 0 ? capacity / SMALLEST_PAGE + 1 : TERMINAL_READS;
}

/* After the process's death: all that it wrote, but no waiting for others that still hold its descriptors, or go on. */
void output_drain(struct supervisor *s) {
    for (int stream = 0; stream < 2; stream++) {
        int left = s->io.output[stream] < 0 ? 0 : reads_for(s->io.output[stream]);
        while (left-- > 0 && output_read(s, stream)) continue;
        if (s->io.output[stream] >= 0) output_end(s, stream);
    }
    close_input(s);
}
