/* The parts of the relay, which carries to a container what reaches its published ports' own sockets. It runs
 * in a process of its own, and whoever can reach the ports may send what they like: all its memory is taken
 * at once, and bounded. */
#ifndef INBOARD_RELAY_H
#define INBOARD_RELAY_H
#include "helpers.h"
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

enum {
    STREAMS_MAX = 1024,
    STREAMS_RESUME = STREAMS_MAX - 32, /* once full, no connection is accepted before as few are left */
    CLIENTS_MAX = 1024,
    BUCKETS = 2048,
    STREAM_BYTES = 32 * 1024,
    DATAGRAM_BYTES = 65536,
    BATCH = 64,        /* before others get their turn */
    CLIENT_MS = 90000, /* as Docker's */
    IDLE_MS = 30000,
    EXHAUSTED_MS = 1000, /* until it is tried again to accept when there were no descriptors */
    NONE = 0xffff,
};

union endpoint {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

/* What one end of a connection has sent and the other not taken yet. */
struct flow {
    uint32_t start, end; /* in its buffer */
    bool ended;          /* nothing follows */
    bool shut;           /* and the other end knows */
};

enum side { SIDE_CLIENT, SIDE_CONTAINER };

struct stream {
    int fd[2];
    uint32_t watched[2]; /* events; 0: not in the epoll set */
    uint32_t generation;
    uint16_t next; /* free */
    bool connecting;
    struct flow flow[2]; /* by the side that it comes from */
};

/* Who sends datagrams to a port: by their address, and by which of ours they are sent to. */
struct client {
    int fd; /* connected to the container */
    uint32_t generation;
    uint16_t port;
    uint16_t next;         /* in its bucket, or free */
    uint16_t newer, older; /* in the order of use */
    int64_t used;
    socklen_t peer_length;
    union endpoint peer;
    union endpoint local; /* its family is 0 when the kernel is to choose */
};

struct relay {
    const struct relay_setup *setup;
    int epoll;
    int64_t now, active;
    bool accepting;
    int64_t resume; /* when to accept again although all are in use; 0: not by time */
    unsigned streams, clients;
    uint16_t free_stream, free_client, newest, oldest;
    uint32_t seed;
    uint16_t bucket[BUCKETS];
    struct stream stream[STREAMS_MAX];
    struct client client[CLIENTS_MAX];
    uint8_t scratch[DATAGRAM_BYTES];
    uint8_t buffer[STREAMS_MAX][2][STREAM_BYTES];
};

/* relay.c */
enum watched { WATCHED_PORT, WATCHED_STREAM, WATCHED_CLIENT };
/* Adds, changes or removes what is waited for; -1 with errno. */
int relay_watch(struct relay *r, int operation, int fd, uint32_t events, enum watched kind, unsigned index,
                unsigned side, uint32_t generation);
/* A socket towards the container, not blocking; -1 with errno. */
int relay_socket(const struct relay_port *port, int type);
/* Has it connected, or on its way; -1 with errno. */
int relay_connect(const struct relay_port *port, int fd);

/* relay-stream.c */
void stream_open_all(struct relay *r);
void stream_accept(struct relay *r, const struct relay_port *port);
void stream_event(struct relay *r, unsigned index, enum side side, uint32_t events);
/* Accepts connections again, if it was stopped. */
void stream_resume(struct relay *r);

/* relay-datagram.c */
void datagram_open_all(struct relay *r);
void datagram_forward(struct relay *r, unsigned port);
void datagram_answer(struct relay *r, unsigned index);
void datagram_expire(struct relay *r);

#endif
