/* Asks a name server for one name over UDP, as fast as it answers: dns-load ADDRESS NAME SECONDS [OUTSTANDING
 * [TYPE]]. That many queries (64) are always on their way, in batches. Prints a line of JSON: answers, lost
 * (not answered in time), wrong (without the answer that was asked for), seconds, and answers per second.
 * Build: cc -O2 -o dns-load dns-load.c */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

enum { OUTSTANDING_MAX = 256, ANSWER_MAX = 4096, PATIENCE_MS = 500, HEADER = 12 };

struct load {
    int fd;
    unsigned outstanding;
    size_t length;
    uint8_t query[512];
    uint64_t answers, lost, wrong;
};

static double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static void write_query(struct load *load, const char *name, unsigned type) {
    static const uint8_t header[HEADER] = {0, 0, 1, 0, 0, 1};
    memcpy(load->query, header, sizeof header);
    size_t at = sizeof header;
    while (*name != 0) {
        size_t label = strcspn(name, ".");
        if (label == 0 || label > 63 || at + label > 300) fail("name");
        load->query[at++] = (uint8_t)label;
        memcpy(load->query + at, name, label);
        at += label;
        name += label + (name[label] == '.');
    }
    const uint8_t tail[] = {0, (uint8_t)(type >> 8), (uint8_t)type, 0, 1};
    memcpy(load->query + at, tail, sizeof tail);
    load->length = at + sizeof tail;
}

static void ask(struct load *load, unsigned count) {
    struct mmsghdr messages[OUTSTANDING_MAX];
    struct iovec part = {load->query, load->length};
    memset(messages, 0, sizeof messages);
    for (unsigned i = 0; i < count; i++) {
        messages[i].msg_hdr.msg_iov = &part;
        messages[i].msg_hdr.msg_iovlen = 1;
    }
    for (unsigned sent = 0; sent < count;) {
        int more = sendmmsg(load->fd, messages + sent, count - sent, 0);
        if (more < 0) fail("sendmmsg");
        sent += (unsigned)more;
    }
}

/* Takes what has come; how many that was. */
static unsigned hear(struct load *load) {
    static uint8_t answers[OUTSTANDING_MAX][ANSWER_MAX];
    struct mmsghdr messages[OUTSTANDING_MAX];
    struct iovec parts[OUTSTANDING_MAX];
    memset(messages, 0, sizeof messages);
    for (int i = 0; i < OUTSTANDING_MAX; i++) {
        parts[i] = (struct iovec){answers[i], ANSWER_MAX};
        messages[i].msg_hdr.msg_iov = &parts[i];
        messages[i].msg_hdr.msg_iovlen = 1;
    }
    int count = recvmmsg(load->fd, messages, OUTSTANDING_MAX, MSG_DONTWAIT, NULL);
    if (count < 0 && errno != EAGAIN) fail("recvmmsg");
    for (int i = 0; i < count; i++)
        load->wrong += (answers[i][3] & 15) != 0 || (answers[i][6] | answers[i][7]) == 0;
    return count > 0 ? (unsigned)count : 0;
}

static void drive(struct load *load, double until) {
    ask(load, load->outstanding);
    while (seconds() < until) {
        struct pollfd waiting = {load->fd, POLLIN, 0};
        unsigned count = poll(&waiting, 1, PATIENCE_MS) > 0 ? hear(load) : 0;
        load->answers += count;
        if (count == 0) load->lost += load->outstanding;
        ask(load, count > 0 ? count : load->outstanding);
    }
}

int main(int count, char **arguments) {
    static struct load load;
    struct sockaddr_in server = {.sin_family = AF_INET, .sin_port = htons(53)};
    if (count < 4 || inet_pton(AF_INET, arguments[1], &server.sin_addr) != 1) return 64;
    load.outstanding = count > 4 ? (unsigned)atoi(arguments[4]) : 64;
    if (load.outstanding < 1 || load.outstanding > OUTSTANDING_MAX) return 64;
    write_query(&load, arguments[2], count > 5 ? (unsigned)atoi(arguments[5]) : 1);
    load.fd = socket(AF_INET, SOCK_DGRAM, 0);
    if (load.fd < 0 || connect(load.fd, (struct sockaddr *)&server, sizeof server) < 0) fail("connect");
    double from = seconds();
    drive(&load, from + atof(arguments[3]));
    double took = seconds() - from;
    printf("{\"answers\":%llu,\"lost\":%llu,\"wrong\":%llu,\"seconds\":%.3f,\"answersPerSecond\":%.0f}\n",
           (unsigned long long)load.answers, (unsigned long long)load.lost, (unsigned long long)load.wrong,
           took, (double)load.answers / took);
    return 0;
}
