/* Processes that a supervisor forks at the first need of them, to answer what comes from the container's
 * network. They have no powers, and see only what they are given here. */
#ifndef INBOARD_HELPERS_H
#define INBOARD_HELPERS_H
#include <stdint.h>

/* The name server in the container's network namespace; its root is `directory`. */
struct resolver_setup {
    int udp, tcp;     /* where queries to 127.0.0.11:53 come; not blocking; tcp listens */
    int directory;    /* O_PATH: where the record files and views are */
    const char *view; /* the name of the container's file there */
};

/* A held port: what reaches its socket is carried to the container. */
struct relay_port {
    int fd;
    uint8_t protocol;    /* IPPROTO_TCP (it listens), IPPROTO_UDP, IPPROTO_SCTP */
    uint8_t family;      /* of the container's address: AF_INET, AF_INET6 */
    uint8_t address[16]; /* the first 4 bytes for AF_INET */
    uint16_t port;       /* in the host's byte order */
};

struct relay_setup {
    const struct relay_port *ports;
    unsigned count;
};

/* Each is all that its process does, under its seccomp filter: the exit code, 0 after a while without work.
 */
int resolver_run(const struct resolver_setup *setup);
int relay_run(const struct relay_setup *setup);

#endif
