/* Batches of netlink messages that the engine has encoded: sent at once, answered one by one. */
#include "supervisor.h"
#include <linux/netlink.h>
#include <net/if.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

enum { PATIENCE_MS = 10000, ANSWER_BYTES = 8192, STALE_ANSWERS = 4096 };
static const uint64_t nowhere = 0xffffffff;

struct batch {
    const void *data;
    uint32_t length;
    unsigned messages, awaited;
};

int netlink_open(int protocol) { return socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol); }

/* How many messages there are and how many ask for an acknowledgement; -1 when it is not a sequence of them.
 */
static int count_messages(struct batch *batch) {
    const char *data = batch->data;
    for (uint32_t at = 0; at < batch->length;) {
        struct nlmsghdr message;
        uint32_t left = batch->length - at;
        if (left < sizeof message) return fail(EBADMSG);
        memcpy(&message, data + at, sizeof message);
        if (message.nlmsg_len < sizeof message || message.nlmsg_len > left) return fail(EBADMSG);
        batch->messages++;
        batch->awaited += (message.nlmsg_flags & NLM_F_ACK) != 0;
        at += NLMSG_ALIGN(message.nlmsg_len);
    }
    return 0;
}

/* The socket knows its namespace, whatever ours is. */
static int link_index(int fd, const char *link, uint32_t *index) {
    struct ifreq request = {0};
    if (strlen(link) >= sizeof request.ifr_name) return fail(ENODEV);
    strcpy(request.ifr_name, link);
    if (ioctl(fd, SIOCGIFINDEX, &request) < 0) return -1;
    *index = (uint32_t)request.ifr_ifindex;
    return 0;
}

static int put_word(char *to, uint32_t length, uint64_t at, uint32_t word) {
    if (at % sizeof word != 0 || length < sizeof word || at > length - sizeof word) return fail(EBADMSG);
    memcpy(to + at, &word, sizeof word);
    return 0;
}

int netlink_put(char *messages, uint32_t length, const struct blob *offsets, uint32_t word) {
    if (offsets->length % sizeof word != 0) return fail(EBADMSG);
    for (uint32_t i = 0; i < offsets->length; i += sizeof word) {
        uint32_t at;
        memcpy(&at, offsets->data + i, sizeof at);
        if (put_word(messages, length, at, word) < 0) return -1;
    }
    return 0;
}

/* Puts into a copy of the messages what only the kernel knows: the number of a link, that of a descriptor.
 * The copy lies where output is read to, which nobody does meanwhile. */
static int fill_in(struct supervisor *s, int fd, const struct op_netlink *op, struct batch *batch) {
    const struct blob *offsets = op->link_at;
    uint32_t index = 0;
    if (offsets->length == 0 && op->namespace_at == nowhere) return 0;
    if (batch->length > sizeof s->output) return fail(EMSGSIZE);
    if (offsets->length > 0 && link_index(fd, op->link, &index) < 0) return -1;
    batch->data = memcpy(s->output, batch->data, batch->length);
    if (netlink_put(s->output, batch->length, offsets, index) < 0) return -1;
    if (op->namespace_at == nowhere) return 0;
    if (s->network.namespace < 0) return fail(ENOTCONN);
    return put_word(s->output, batch->length, op->namespace_at, (uint32_t)s->network.namespace);
}

struct answers {
    unsigned count;
    bool refused, forgiving;
    int error; /* the first that is not forgiven */
};

/* While undoing, what is gone already is success. */
static bool gone(int error) { return error == ENOENT || error == ENODEV || error == ESRCH; }

/* An error comes with the message it is about, which may be longer than what was read. */
static void take_answers(struct answers *answers, const char *bytes, size_t length) {
    struct {
        struct nlmsghdr header;
        int error;
    } answer;
    for (size_t at = 0; length - at >= sizeof answer;) {
        memcpy(&answer, bytes + at, sizeof answer);
        if (answer.header.nlmsg_type == NLMSG_ERROR) {
            answers->count++;
            answers->refused |= answer.error != 0;
            bool forgiven = answers->forgiving && gone(-answer.error);
            if (answers->error == 0 && !forgiven) answers->error = -answer.error;
        }
        size_t step = NLMSG_ALIGN(answer.header.nlmsg_len);
        if (step < sizeof answer.header || step > length - at) return;
        at += step;
    }
}

static ssize_t receive_now(int fd, char *to, size_t size) {
    ssize_t length;
    do length = recv(fd, to, size, MSG_DONTWAIT);
    while (length < 0 && errno == EINTR);
    return length;
}

/* Whose process was killed between a question and its answer left that in the socket. */
static void forget_answers(int fd) {
    char answer[64];
    for (int i = 0; i < STALE_ANSWERS; i++)
        if (receive_now(fd, answer, sizeof answer) < 0 && errno == EAGAIN) return;
}

/* Until all is answered that asked for it; after a refusal, or when silence means consent, until nothing is
 * left. */
static int await_answers(int fd, const struct batch *batch, struct answers *answers) {
    char bytes[ANSWER_BYTES];
    while (answers->count < batch->messages) {
        ssize_t length = receive_now(fd, bytes, sizeof bytes);
        if (length >= 0) {
            take_answers(answers, bytes, (size_t)length);
            continue;
        }
        if (errno != EAGAIN) return -1;
        if (answers->refused || answers->count >= batch->awaited) break;
        struct pollfd readable = {fd, POLLIN, 0};
        if (poll(&readable, 1, PATIENCE_MS) == 0) return fail(ETIMEDOUT);
    }
    return answers->error == 0 ? 0 : fail(answers->error);
}

static int socket_of(struct supervisor *s, const struct op_netlink *op) {
    if (op->socket == NETLINK_HOST) {
        if (s->network.host < 0) s->network.host = netlink_open(NETLINK_ROUTE);
        return s->network.host;
    }
    if (op->socket == NETLINK_FILTER) {
        if (s->network.filter < 0) s->network.filter = netlink_open(NETLINK_NETFILTER);
        return s->network.filter;
    }
    if (op->socket > NETLINK_FILTER) return fail(EINVAL);
    int fd = op->socket == NETLINK_SLOT ? s->slots[op->slot] : s->network.container;
    return fd < 0 ? fail(ENOTCONN) : fd;
}

static int exchange(int fd, const struct batch *batch, bool forgiving) {
    struct answers answers = {.forgiving = forgiving};
    if (batch->messages == 0) return 0;
    if (send(fd, batch->data, batch->length, 0) < 0) return -1;
    if (await_answers(fd, batch, &answers) == 0) return 0;
    int error = errno;
    forget_answers(fd);
    return fail(error);
}

int netlink_send(int fd, const char *messages, uint32_t length) {
    struct batch batch = {messages, length, 0, 0};
    return count_messages(&batch) < 0 ? -1 : exchange(fd, &batch, false);
}

static int send_filled(struct supervisor *s, int fd, const struct op_netlink *op) {
    struct batch batch = {op->messages->data, op->messages->length, 0, 0};
    if (count_messages(&batch) < 0 || fill_in(s, fd, op, &batch) < 0) return -1;
    if (op->socket == NETLINK_SLOT) forget_answers(fd);
    return exchange(fd, &batch, s->undoing);
}

int do_netlink(struct supervisor *s, const struct op_netlink *op) {
    // Its namespace was not made, or has gone.
    if (op->socket == NETLINK_CONTAINER && s->undoing && s->network.container < 0) return 0;
    int fd = socket_of(s, op);
    if (fd < 0) return -1;
    return send_filled(s, fd, op) == 0 || (s->undoing && gone(errno)) ? 0 : -1;
}
