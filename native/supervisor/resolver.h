/* The parts of the embedded name server, which a container on a network with names has on 127.0.0.11. It runs
 * in a process of its own: queries and upstream answers are hostile, the files are the engine's. Docker's
 * limits and times are kept. */
#ifndef INBOARD_RESOLVER_H
#define INBOARD_RESOLVER_H
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/types.h>
#include "helpers.h"

enum {
    QUERY_MAX = 4096, /* what is longer is not answered */
    MESSAGE_MAX = 65535,
    FRAME_MAX = 2 + MESSAGE_MAX,
    UDP_ANSWER_MAX = 4096, /* of local answers, whatever the client could take */
    SERVERS_MAX = 3,
    FORWARDS_MAX = 1024,
    CONNECTIONS_MAX = 64,
    NETWORKS_MAX = 128,
    ALIASES_MAX = 4096,
    BATCH = 64,
    SERVER_MS = 4000,
    CONNECTION_MS = 8000,
    IDLE_MS = 30000,
};

/* resolver-system.c: what the tests replace. Memory comes zeroed; NULL when there is none. */
void *system_take(size_t size);
void system_give(void *memory, size_t size);
int64_t system_clock_ms(void);
int system_wait(int epoll, struct epoll_event *events, int count, int64_t timeout_ms);

/* resolver-file.c */
struct memory {
    size_t used;
};
void *memory_take(struct memory *memory, size_t size);
void memory_give(struct memory *memory, void *part, size_t size);

struct slice {
    const char *at;
    size_t length;
};
/* Cuts the next line off a text, or the next field off a line; false at the end. */
bool next_line(struct slice *text, struct slice *line);
bool next_field(struct slice *line, struct slice *field);
bool slice_is(struct slice slice, const char *text);
/* Whether they are the same but for the case of letters. */
bool same_name(struct slice a, struct slice b);

/* A file that was read. The open descriptor keeps its inode's number from being given to a newer file. */
struct file {
    int fd; /* -1: there was none */
    dev_t device;
    ino_t inode;
    struct slice text;
    size_t mapped;
};
bool file_changed(const struct file *file, int directory, const char *name);
/* FILE_LATER: descriptors are short, so what was read stays until they are not. -1: there is no such file. */
enum { FILE_LATER = -2 };
int file_open(int directory, const char *name);
/* Takes the descriptor into a file that is forgotten, or was never read. */
void file_read(struct file *file, struct memory *memory, int opened);
void file_forget(struct file *file, struct memory *memory);

/* resolver-message.c */
enum { TYPE_A = 1, TYPE_PTR = 12, TYPE_AAAA = 28, TYPE_OPT = 41, TYPE_ANY = 255, CLASS_IN = 1 };
enum rcode {
    RCODE_DROP = -1, /* no answer at all */
    RCODE_SUCCESS = 0,
    RCODE_FORMAT_ERROR = 1,
    RCODE_SERVER_FAILURE = 2,
    RCODE_NOT_IMPLEMENTED = 4,
    RCODE_REFUSED = 5,
    RCODE_BAD_VERSION = 16,
};

struct query {
    const uint8_t *message;
    size_t length, question_end;
    uint16_t type, class;
    bool edns, dnssec_ok;
    uint16_t udp_size;
    bool plain; /* a dot in the name always separates labels */
    size_t name_length;
    char name[256]; /* lower case, without the last dot */
};
/* What a message is to be answered with before its question is looked at: RCODE_SUCCESS when it is
 * well-formed. */
enum rcode query_parse(struct query *query, const uint8_t *message, size_t length);
/* Whether an answer is one to the query, sent with `id`. */
bool answer_matches(const struct query *query, uint16_t id, const uint8_t *answer, size_t length);
enum rcode answer_rcode(const uint8_t *answer);
void message_set_id(uint8_t *message, uint16_t id);
uint16_t message_id(const uint8_t *message);

struct reply {
    uint8_t *to;
    size_t limit, length;
    uint16_t answers;
    bool truncated;
};
/* `limit` is at least 512. */
void reply_begin(struct reply *reply, uint8_t *to, size_t limit, const struct query *query);
/* False when there is no room: the answer is truncated. */
bool reply_add(struct reply *reply, uint16_t type, const uint8_t *data, size_t length);
/* The length of the whole. */
size_t reply_end(struct reply *reply, const struct query *query, enum rcode rcode);
/* Answers without records: to a query, of up to 512 bytes, and to what is not well-formed. */
size_t answer_error(const struct query *query, enum rcode rcode, uint8_t *to);
size_t answer_malformed(const uint8_t *message, enum rcode rcode, uint8_t to[12]);
/* The labels of a name of dots; 0 when it can't be in a message. */
size_t encode_name(uint8_t to[256], struct slice name);

/* resolver-table.c: a network's record file */
struct record {
    struct slice name;
    bool has[2];
    uint8_t v4[4], v6[16];
};
enum family { FAMILY_V4, FAMILY_V6 };
enum key { KEY_NAME, KEY_ADDRESS };

struct entry {
    struct slice key;
    uint32_t hash;
    enum key kind;
    const struct record *record;
    uint32_t bucket_next;    /* index + 1 */
    uint32_t same, last;     /* entries with the same key, in the order of the file: index + 1 */
    uint32_t count, turn[2]; /* of the first one with the key */
};

struct table {
    char id[65];
    struct file file;
    struct slice name;
    struct record *records;
    struct entry *entries;
    uint32_t *buckets;
    uint32_t record_count, entry_count, mask, seed;
    size_t mapped;
    void *block;
};
/* Indexes the text of its file. Without memory for that the table knows no names. */
void table_index(struct table *table, struct memory *memory);
void table_forget(struct table *table, struct memory *memory);
struct entry *table_find(const struct table *table, enum key kind, struct slice key);

/* resolver-view.c: what a container sees */
union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};
struct servers {
    unsigned count;
    union address list[SERVERS_MAX];
};
struct alias {
    struct slice name, container;
};
struct view {
    struct memory memory;
    int directory;
    const char *name;
    uint32_t seed;
    struct file file;
    bool internal, ndots;
    unsigned networks, aliases;
    struct servers servers;
    struct table network[NETWORKS_MAX];
    struct alias alias[ALIASES_MAX];
};
/* Reads again what has changed since it was read. */
void view_refresh(struct view *view);
void view_forget(struct view *view);

/* resolver-answer.c: the length of the answer, or 0 when the name is not known here. */
size_t answer_locally(struct view *view, const struct query *query, uint8_t *to, size_t limit);

/* Where an answer goes: to a client's address, or into a connection. */
struct origin {
    int connection; /* -1: UDP */
    socklen_t length;
    struct sockaddr_storage peer;
};

struct forward {
    int fd; /* -1: free */
    bool stream;
    uint32_t generation, server;
    int64_t deadline;
    int32_t before, after; /* in the order of their deadlines; or the next free one */
    uint16_t id, client_id;
    struct servers servers;
    struct origin origin;
    size_t length, sent; /* of the query, and of the frame it is sent in */
    size_t taken, body_length;
    uint8_t prefix[2];
    uint8_t *body; /* of an answer that comes by TCP */
};

enum { OUT_BYTES = 512 * 1024 };
struct connection {
    int fd; /* -1: free */
    bool ended, delivered;
    uint32_t generation, events, pending;
    int64_t active;
    size_t in_length, out_from, out_end;
    uint8_t in[2 + QUERY_MAX];
    uint8_t *out;
};

struct batch {
    struct mmsghdr message[BATCH];
    struct iovec part[BATCH];
    struct sockaddr_storage peer[BATCH];
    uint8_t data[BATCH][QUERY_MAX];
};

struct resolver {
    int udp, tcp, epoll;
    int64_t now, active;
    int64_t accept_again;                    /* when connections could not be accepted; INT64_MAX: they can */
    unsigned forwards, connections;          /* in use */
    int32_t forwards_made, connections_made; /* ever in use: what is behind them was never touched */
    int32_t free, oldest, newest;
    size_t random_left;
    uint16_t random[128];
    struct view view;
    struct forward forward[FORWARDS_MAX];
    uint8_t query[FORWARDS_MAX][2 + QUERY_MAX]; /* of each forward, with room for TCP's prefix */
    struct connection connection[CONNECTIONS_MAX];
    struct batch in, out;
    unsigned out_count;
    uint8_t scratch[FRAME_MAX];
};

/* resolver.c */
struct resolver *resolver_open(const struct resolver_setup *setup);
/* Waits for work and does it; false when there was none for so long that the process may end. */
bool resolver_turn(struct resolver *r);
void resolver_close(struct resolver *r);
enum watched { WATCHED_UDP, WATCHED_TCP, WATCHED_FORWARD, WATCHED_CONNECTION };
/* Adds or changes what is waited for; -1 with errno. */
int resolver_watch(struct resolver *r, int operation, int fd, uint32_t events, enum watched kind,
                   uint32_t index, uint32_t generation);
/* Answers a query, or has it forwarded: the length of the answer in `to`; 0: there is none yet. `to` has room
 * for UDP_ANSWER_MAX bytes, or MESSAGE_MAX when the query came through a connection. */
size_t resolver_answer(struct resolver *r, const uint8_t *message, size_t length, const struct origin *origin,
                       uint8_t *to);
/* Sends an answer to whoever asked. */
void resolver_deliver(struct resolver *r, const struct origin *origin, uint8_t *message, size_t length);

/* resolver-udp.c */
void udp_receive(struct resolver *r);
void udp_send(struct resolver *r, const struct origin *origin, uint8_t *message, size_t length);

/* resolver-forward.c */
void forward_open(struct resolver *r);
bool forward_begin(struct resolver *r, const struct query *query, const struct origin *origin);
void forward_event(struct resolver *r, uint32_t index, uint32_t events);
void forward_expire(struct resolver *r);
/* Those of a connection that is gone. */
void forward_cancel(struct resolver *r, int connection);
/* When the first of them gives its server up; INT64_MAX: there is none. */
int64_t forward_deadline(const struct resolver *r);
void forward_close_all(struct resolver *r);

/* resolver-tcp.c */
void tcp_accept(struct resolver *r);
void tcp_event(struct resolver *r, uint32_t index, uint32_t events);
/* The answer to a query that was forwarded; it is sent by tcp_advance. */
void tcp_deliver(struct resolver *r, int connection, const uint8_t *message, size_t length);
void tcp_advance(struct resolver *r);
void tcp_expire(struct resolver *r);
int64_t tcp_deadline(const struct resolver *r);
void tcp_close_all(struct resolver *r);

#endif
