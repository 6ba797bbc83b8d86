/* The container's own kernel settings: names, sysctls, network. */
#include "supervisor.h"
#include <limits.h>
#include <linux/netlink.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>

int do_hostname(struct supervisor *s, const struct op_hostname *op) {
    (void)s;
    return sethostname(op->name, strlen(op->name));
}

int do_domainname(struct supervisor *s, const struct op_domainname *op) {
    (void)s;
    return setdomainname(op->name, strlen(op->name));
}

int do_title(struct supervisor *s, const struct op_title *op) {
    (void)s;
    return prctl(PR_SET_NAME, op->text);
}

/* sysctl(8): the first separator decides; after a dot, dots separate and slashes are dots of a name (eth0/1). */
static void slashes(char *name) {
    if (name[strcspn(name, "./")] != '.') return;
    for (; *name != 0; name++) {
        if (*name == '.') *name = '/';
        else if (*name == '/') *name = '.';
    }
}

int do_sysctl(struct supervisor *s, const struct op_sysctl *op) {
    char path[PATH_MAX] = "sys/";
    if (strlen(op->name) >= sizeof path - 4) return fail(ENAMETOOLONG);
    strcpy(path + 4, op->name);
    slashes(path + 4);
    if (strstr(path, "..") != NULL) return fail(EINVAL);
    autoclose fd = proc_open(s, path, O_WRONLY, RESOLVE_NO_LINKS);
    if (fd < 0) return -1;
    return write(fd, op->value, strlen(op->value)) < 0 ? -1 : 0;
}

/* How many acknowledgements the batch asks for; -1 when it is not a sequence of messages. */
static int acknowledgements(const struct blob *messages) {
    int count = 0;
    for (uint32_t at = 0; at < messages->length;) {
        const struct nlmsghdr *message = (const void *)(messages->data + at);
        uint32_t left = messages->length - at;
        if (left < sizeof *message || message->nlmsg_len < sizeof *message || message->nlmsg_len > left) return fail(EBADMSG);
        count += (message->nlmsg_flags & NLM_F_ACK) != 0;
        at += NLMSG_ALIGN(message->nlmsg_len);
    }
    return count;
}

static int await_acknowledgements(int fd, int expected) {
    _Alignas(struct nlmsghdr) char answer[8192];
    while (expected > 0) {
        ssize_t length = recv(fd, answer, sizeof answer, 0);
        if (length < 0 && errno == EINTR) continue;
        if (length < 0) return -1;
        unsigned left = (unsigned)length;
        for (struct nlmsghdr *message = (void *)answer; NLMSG_OK(message, left); message = NLMSG_NEXT(message, left)) {
            if (message->nlmsg_type != NLMSG_ERROR) continue;
            int error = ((struct nlmsgerr *)NLMSG_DATA(message))->error;
            if (error != 0) return fail(-error);
            expected--;
        }
    }
    return 0;
}

int do_netlink(struct supervisor *s, const struct op_netlink *op) {
    (void)s;
    struct timeval patience = {.tv_sec = 10};
    int expected = acknowledgements(op->messages);
    autoclose fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, (int)op->protocol);
    if (fd < 0 || expected < 0) return expected < 0 ? fail(EBADMSG) : -1;
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    if (send(fd, op->messages->data, op->messages->length, 0) < 0) return -1;
    return await_acknowledgements(fd, expected);
}
