/* Clients' datagrams, taken and answered many at a time. */
#include <errno.h>
#include <string.h>
#include "resolver.h"
#include "sys.h"

enum { BATCHES_PER_TURN = 16 };

static void address_message(struct mmsghdr *message, struct iovec *part, const struct sockaddr_storage *peer,
                            socklen_t length) {
    *message = (struct mmsghdr){0};
    message->msg_hdr.msg_iov = part;
    message->msg_hdr.msg_iovlen = 1;
    message->msg_hdr.msg_name = (void *)(uintptr_t)peer;
    message->msg_hdr.msg_namelen = length;
}

/* The C library's own wrappers send one message a call. */
static int receive_batch(int fd, struct batch *batch) {
    for (int i = 0; i < BATCH; i++) {
        batch->part[i] = (struct iovec){batch->data[i], QUERY_MAX};
        address_message(&batch->message[i], &batch->part[i], &batch->peer[i], sizeof batch->peer[i]);
    }
    return (int)syscall(SYS_recvmmsg, fd, batch->message, BATCH, MSG_DONTWAIT, NULL);
}

/* What can't be sent is lost, as datagrams may be; the ones behind it are not. */
static void send_messages(int fd, struct mmsghdr *messages, unsigned count) {
    while (count > 0) {
        int sent = (int)syscall(SYS_sendmmsg, fd, messages, count, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) continue;
        unsigned done = sent > 0 ? (unsigned)sent : 1;
        messages += done;
        count -= done;
    }
}

void udp_send(struct resolver *r, const struct origin *origin, uint8_t *message, size_t length) {
    struct mmsghdr header;
    struct iovec part = {message, length};
    address_message(&header, &part, &origin->peer, origin->length);
    send_messages(r->udp, &header, 1);
}

static void answer_one(struct resolver *r, int index) {
    const struct mmsghdr *received = &r->in.message[index];
    struct origin origin = {-1, received->msg_hdr.msg_namelen, r->in.peer[index]};
    if (received->msg_hdr.msg_flags & MSG_TRUNC) return;
    unsigned to = r->out_count;
    size_t length = resolver_answer(r, r->in.data[index], received->msg_len, &origin, r->out.data[to]);
    if (length == 0) return;
    r->out.part[to] = (struct iovec){r->out.data[to], length};
    address_message(&r->out.message[to], &r->out.part[to], &r->in.peer[index], origin.length);
    r->out_count++;
}

void udp_receive(struct resolver *r) {
    for (int turn = 0; turn < BATCHES_PER_TURN; turn++) {
        int count = receive_batch(r->udp, &r->in);
        if (count <= 0) return;
        // What was changed before a query was sent is seen by its answer.
        view_refresh(&r->view);
        r->out_count = 0;
        for (int i = 0; i < count; i++) answer_one(r, i);
        send_messages(r->udp, r->out.message, r->out_count);
        if (count < BATCH) return;
    }
}
