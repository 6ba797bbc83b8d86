/* What the parts of a supervisor share: one of these, in static memory, so that nothing is allocated after
 * clone. */
#ifndef INBOARD_SUPERVISOR_H
#define INBOARD_SUPERVISOR_H
#include <stdbool.h>
#include <poll.h>
#include <stddef.h>
#include <sys/types.h>
#include "frames.h"
#include "health.h"
#include "helpers.h"
#include "journal.h"
#include "log.h"
#include "plan.h"
#include "sys.h"

enum { SUBJECT_BYTES = 256, INPUT_BYTES = 16 * 1024, OUTPUT_BYTES = 64 * 1024, FILTER_BYTES = 32 * 1024 };

struct failure {
    uint32_t step, opcode, section, count;
    int error;
    char subject[SUBJECT_BYTES];
};

/* Shared with the container's first process until it executes the program. */
struct progress {
    volatile uint32_t step;
    volatile bool executing;
    struct failure failure;
};

struct stdio {
    uint32_t kind, flags;
    uint16_t rows, columns;
    uint8_t slots[3];
    int child[3];      /* what becomes the process's descriptors 0-2; -1: left as they are */
    int input;         /* our end: a pipe's, or the pty's master */
    int output[2];     /* stdout or the master, stderr */
    bool input_ending; /* closed when what is pending has been written */
    uint32_t pending_from, pending_end;
    char pending[INPUT_BYTES + 1]; /* and the end of a terminal's */
};

/* What a client's socket does not take waits in an unlinked file. */
struct spill {
    int fd;
    uint64_t head, tail, punched;
    bool memory; /* there was no file, or no room in it */
};

struct client {
    int fd; /* -1: free */
    uint8_t streams;
    bool mute;     /* it can't be written to any more, but may still have sent commands */
    bool holds;    /* the container stands still for it */
    bool lifeline; /* the container does not outlive it */
    struct frame_reader reader;
    struct spill spill;
    int64_t progress_ms; /* when it last took something, on the monotonic clock */
};

enum { HELPER_RELAY, HELPER_RESOLVER, HELPERS };

/* A process that is forked when one of the sockets that it serves becomes readable. */
struct helper {
    const struct blob *filter;
    int watch; /* an epoll of its sockets; -1: it was not asked for */
    int pidfd; /* -1: it does not live now */
    pid_t pid;
    int64_t period_ms; /* since when its forks are counted */
    unsigned forks;
};

/* Descriptors are -1 while there is nothing. */
struct network {
    int home, namespace; /* ours and the container's */
    int host, container; /* rtnetlink sockets there */
    int filter;          /* an nfnetlink socket in ours */
    int queries[2];      /* the resolver's: udp, tcp */
    struct op_resolver resolver;
    struct helper helpers[HELPERS];
    unsigned ports;
    struct relay_port port[LIMIT_SLOTS];
};

struct restart {
    int64_t delay_ms; /* before the last start; 0: it was the first */
    int64_t due_ms;   /* on the monotonic clock */
    uint64_t at_ns;   /* the same, for the record */
};

struct oom {
    const char *path;      /* NULL: nobody counts */
    int watch;             /* an eventfd, or the file; -1: none */
    short events;          /* what to poll it for */
    uint64_t before, seen; /* the count at the program's start; when it was looked at last */
    bool told;
};

enum { KEEPER_LOCKS = 8 };

/* Of one who undoes what somebody else has left. */
struct keeper {
    const char *directory; /* of the plans; NULL: it is none */
    int64_t ended_ms;      /* the end of the connection, on the monotonic clock */
    uint64_t skip;         /* so many operations are passed over */
    unsigned depth;        /* of plans in plans */
    unsigned locks;
    int lock[KEEPER_LOCKS]; /* held until the end of the outermost plan */
};

enum { STREAM_STDIN = 1, STREAM_STDOUT = 2, STREAM_STDERR = 4, STREAM_ALL = 7 };
enum phase { PHASE_STARTING, PHASE_RUNNING, PHASE_EXITED, PHASE_RESTARTING };

struct supervisor {
    struct plan plan;
    struct progress *progress;
    int slots[LIMIT_SLOTS];
    int run_directory, listener, state;
    int record; /* of an exec: all that is told of it is appended here, and nothing is in files of the directory */
    const char *log_path;
    struct op_own_cgroup own_cgroup; /* path NULL: the teardown's are */
    struct op_freezer freezer; /* path NULL: there is none */
    bool frozen, paused;
    struct oom oom;

    int report;      /* to the container's first process, or in it, to the supervisor; closed by its execve */
    int root;        /* "/" of the container, once it is the process's own */
    int null_device; /* verified: in the container's own /dev */
    int mask_tree;   /* the empty tmpfs that hides directories */

    bool undoing;          /* in `ending` or `teardown` */
    struct failure undone; /* the first failure there, and how many */
    struct network network;
    struct op_restart_policy policy;
    struct restart restart;
    uint32_t restarts;     /* how often it was started again in this run */
    bool final;            /* it is not any more, whatever its policy */
    bool abandoned;        /* the lifeline is gone, and nobody has been killed for it yet */
    struct failure failed; /* why it could not be; count 0: it could */
    struct keeper keeper;
    struct journal journal;

    enum phase phase;
    pid_t pid;
    int pidfd;
    uint64_t started_ns;
    uint64_t exit_fields[4]; /* of the last end: signaled, status, oomKilled, finishedAtNs */
    /* From here on: what a helper forgets. */
    struct stdio io;
    bool crowded; /* nobody else is let in before somebody leaves */
    uint32_t clients;
    struct client client[LIMIT_CLIENTS];
    struct log log;
    struct health health;
    char output[OUTPUT_BYTES];
};

/* interpret.c: executes a section; -1 with `failure` filled in. `ending` and `teardown` go on after failures
 * and count them. */
int interpret(struct supervisor *s, int section, struct failure *failure);
/* Where tests kill the supervisor between two steps. */
void fault_point(const struct supervisor *s, uint32_t point);

/* main.c */
void report_failure(struct supervisor *s, const struct failure *failure);

/* launch.c: the program runs, or nothing of it. */
int launch(struct supervisor *s, struct failure *failure);

/* restart.c */
int restart_set_policy(struct supervisor *s, uint64_t policy, uint64_t maximum);
/* The program has ended: clears what is left of it if it is started again; false: it is not. */
bool restart_begin(struct supervisor *s);
bool restart_waits(const struct supervisor *s);
/* For how long a poll may wait at most, -1: for ever. */
int restart_patience_ms(const struct supervisor *s);
/* The wait is over; false: and so is the run. */
bool restart_launch(struct supervisor *s);

/* oom.c */
/* The program runs. */
void oom_watch(struct supervisor *s);
struct pollfd oom_poll(const struct supervisor *s);
void oom_serve(struct supervisor *s);
/* Whether it happened to the program that has ended. */
bool oom_killed(const struct supervisor *s);
void oom_end(struct supervisor *s);

/* spawn.c */
/* All but those that the plan's end needs: what is lent for the start only. */
void close_slots(struct supervisor *s);
int await_exec(struct supervisor *s, struct failure *failure);
void kill_and_reap(struct supervisor *s);
/* All that a new process does until it executes its program: that section. `report` is its end of the one to us. */
_Noreturn void become_process(struct supervisor *s, int section, int report);
bool parent_alive(const struct supervisor *s);
int send_descriptor(int socket, int fd);
/* Whether a send failed because the process at the other end has died. */
bool peer_gone(void);
int receive_descriptor(int socket);

/* stdio.c */
int stdio_open(struct supervisor *s);
void stdio_in_child(struct supervisor *s);
void stdio_in_parent(struct supervisor *s);
void stdio_console(struct supervisor *s, int master);
bool input_blocked(const struct supervisor *s);
void input_write(struct supervisor *s, const char *data, size_t length);
void input_flush(struct supervisor *s);
void input_end(struct supervisor *s);
/* Reads once from stdout (0) or stderr (1); false when there is no more for now. */
bool output_read(struct supervisor *s, int stream);
void output_drain(struct supervisor *s);

/* health.c */
/* The program runs: checks begin. */
void health_begin(struct supervisor *s);
/* It has ended: no check outlives it, and none is made. */
void health_end(struct supervisor *s);
/* It is about to be killed, with its check: that tells nothing. */
void health_cease(struct supervisor *s);
/* It is paused: checks end. Then they begin anew. */
void health_pause(struct supervisor *s);
void health_resume(struct supervisor *s);
/* It stands still for a moment, or goes on: so does their clock. */
void health_freeze(struct supervisor *s, bool frozen);
/* For how long a poll may wait at most, -1: for ever. */
int health_patience_ms(const struct supervisor *s);
/* What a poll waits for while a check runs: its end, its output. */
void health_poll(const struct supervisor *s, struct pollfd polled[HEALTH_POLLS]);
/* One of them has come, or the patience is over. */
void health_serve(struct supervisor *s, const struct pollfd polled[HEALTH_POLLS]);

/* journal.c: what the plan's `event` operations say of a moment, with `value` (or "") in its place. Whatever becomes of
 * that, the container goes on. */
void journal_event(struct supervisor *s, unsigned moment, const char *value);
/* That the program has ended, once for each start: when this is on record, so that who is told finds it so. */
void journal_died(struct supervisor *s);
/* Tells what could not be told yet. */
void journal_serve(struct supervisor *s);
/* When to try that again, -1: nothing waits. */
int journal_patience_ms(const struct supervisor *s);

/* clients.c */
struct frame {
    uint32_t type, count;
    uint64_t fields[FRAME_MAX_FIELDS];
    const void *tail;
    size_t tail_length;
};
void clients_open(struct supervisor *s, int status);
void clients_accept(struct supervisor *s);
void client_read(struct supervisor *s, struct client *client);
/* Whether reading from it has to wait until the process takes its input. */
bool client_blocked(const struct supervisor *s, const struct client *client);
/* To the clients that attached to one of `streams`; 0: to all. */
void clients_send(struct supervisor *s, unsigned streams, const struct frame *frame);
void client_send(struct supervisor *s, struct client *client, const struct frame *frame);
void client_drop(struct supervisor *s, struct client *client);
/* Ends what nobody holds the lifeline of any more. */
void lifeline_serve(struct supervisor *s);
/* Delivers what waits for clients that still read, then closes all. */
void clients_finish(struct supervisor *s);

/* freezer.c */
void freezer_obey(struct supervisor *s, struct client *client, bool hold, bool lasting);
/* EALREADY: it is so already. */
int freezer_pause(struct supervisor *s, bool paused);
bool freezer_held(const struct supervisor *s);
/* Freezes a program that somebody holds, thaws one that nobody holds any more, or that has ended. */
int freezer_update(struct supervisor *s);
/* Thaws whoever holds it: what is frozen cannot die. */
void freezer_release(struct supervisor *s);

/* network.c */
void network_initialize(struct network *network);
/* Go into the container's namespace, and back with errno as it was. */
int network_enter(const struct network *network);
int network_leave(const struct network *network);
/* connections.c: in the container's namespace, cuts off what outlives its program. */
void connections_end(bool again);
/* netlink.c: a socket in the namespace that we are in. */
int netlink_open(int protocol);
/* Writes a word at each of the offsets (u32). */
int netlink_put(char *messages, uint32_t length, const struct blob *offsets, uint32_t word);
/* Sends a batch, and awaits the answers to it. */
int netlink_send(int fd, const char *messages, uint32_t length);

/* queries.c: the sockets that the resolver answers on, if they are not open yet. */
int queries_open(struct network *network);

/* helpers.c */
/* Has it forked when the socket is readable. */
int helper_watch(struct helper *helper, int fd);
int helper_set_up(struct helper *helper, const struct blob *filter);
struct pollfd helper_poll(const struct helper *helper);
/* Forks it, or reaps it: what `helper_poll` waits for has come. */
void helper_serve(struct supervisor *s, struct helper *helper);
/* For how long a poll may wait at most, -1: for ever. */
int helpers_patience_ms(const struct network *network);
void helpers_end(struct network *network);
/* confine.c: all of a helper's life. */
_Noreturn void helper_main(struct supervisor *s, struct helper *helper, pid_t parent);

/* spill.c */
int spill_append(struct supervisor *s, struct spill *spill, const void *data, size_t length);
/* It is in memory, and may not grow by what a program goes on to print. */
bool spill_full(const struct spill *spill);
/* Sends what the socket takes; -1 when the socket is dead. */
int spill_send(struct spill *spill, int socket);
void spill_close(struct spill *spill);

/* records.c */
/* A file in the run directory, to be renamed when it is whole. */
int record_aside(const struct supervisor *s, const char *name);
/* A number of /proc/PID/stat. */
enum { STAT_FLAGS = 9, STAT_START_TICKS = 22 };
uint64_t process_stat(pid_t pid, int wanted);
int record_prepare(struct supervisor *s);
/* Room for what is appended to an exec's record: nothing of it fails for lack of space. */
int record_reserve(int record);
void record_start(struct supervisor *s);
/* What is true now of a program that runs, or that is waited for. */
int record_state(const struct supervisor *s);
int record_exit(const struct supervisor *s);
/* That the journal of events knows of the exit, too. */
void record_told(const struct supervisor *s);

/* monitor.c: from the program's start to its reaping. */
void monitor(struct supervisor *s);
/* As a shell tells it: 128 + the signal's number. */
uint64_t exit_code(const struct supervisor *s);
struct frame exited_frame(const struct supervisor *s);
int64_t monotonic_ms(void);
uint64_t realtime_ns(void);

/* root.c: paths inside the container's root */
/* As if the open directory were the root; magic links are refused. */
int open_rooted(int root, const char *path, uint64_t flags, uint64_t resolve);
int root_open(struct supervisor *s, const char *path, uint64_t flags, uint64_t resolve);
/* An O_PATH descriptor of the target, made when TARGET_CREATE_* asks for it. */
int root_target(struct supervisor *s, const char *path, uint64_t target_flags, uint64_t flags);
/* Opens the parent and finds the last component of a path. With `make`, missing parents are made. */
int root_parent(struct supervisor *s, const char *path, uint64_t resolve, bool make, const char **name);
/* A directory that is missing, and its missing parents: an O_PATH descriptor of it. */
int root_make_directories(struct supervisor *s, const char *path);
/* A file below /proc of the process's own root, verified to be on procfs. */
int proc_open(struct supervisor *s, const char *below, uint64_t flags, uint64_t resolve);
bool on_filesystem(int fd, unsigned long magic);
void root_forget(struct supervisor *s);

/* cgroups.c */
/* All that is in the container's cgroup. */
void kill_everyone(const struct supervisor *s);
/* remove.c */
int remove_tree_at(int directory, const char *name);

/* keeper.c */
/* Undoes what is left, if that is what we are for. */
void keeper_undo(struct supervisor *s);
/* Whether so many ms have gone since the end of who had it. */
bool keeper_is_late(const struct supervisor *s, uint64_t patience);
/* Before one looks again. */
void keeper_pause(void);

/* files.c */
int write_whole(int fd, const void *data, size_t length);
/* Copy a string or a decimal number with its NUL; where the NUL is. */
char *put_text(char *to, const char *text);
char *put_number(char *to, uint64_t value);
/* The beginning of a file, with a NUL; -1, and "". */
ssize_t read_text(const char *path, char *to, size_t size);
int write_existing(int directory, const char *path, const char *value);

#endif
