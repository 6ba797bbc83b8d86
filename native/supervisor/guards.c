/* What the keeper asks the kernel by netlink, in the network namespace that we are in: /sys may be of another one. */
#include "supervisor.h"
#include <linux/if_link.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/rtnetlink.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

enum { ANSWER_BYTES = 32 * 1024, PATIENCE_MS = 2000 };

/* A message with its header, all of which was read. */
struct message {
    uint16_t type;
    const char *bytes;
    uint32_t length;
};

typedef void look_at(void *found, const struct message *message);

/* 0: that was the last message of the answer; 1: more follow; -1: it is an error. */
static int look_at_all(const char *bytes, size_t length, look_at *look, void *found) {
    for (size_t at = 0; length - at >= sizeof(struct nlmsghdr);) {
        struct nlmsghdr header;
        memcpy(&header, bytes + at, sizeof header);
        if (header.nlmsg_len < sizeof header || header.nlmsg_len > length - at) return fail(EBADMSG);
        if (header.nlmsg_type == NLMSG_DONE) return 0;
        if (header.nlmsg_type == NLMSG_ERROR) {
            int error = 0;
            if (header.nlmsg_len >= sizeof header + sizeof error) memcpy(&error, bytes + at + sizeof header, sizeof error);
            return fail(error < 0 ? -error : EBADMSG);
        }
        look(found, &(struct message){header.nlmsg_type, bytes + at, header.nlmsg_len});
        if ((header.nlmsg_flags & NLM_F_MULTI) == 0) return 0;
        size_t step = NLMSG_ALIGN(header.nlmsg_len);
        if (step > length - at) break;
        at += step;
    }
    return 1;
}

/* Has a look at each message that answers a request. */
static int ask(struct supervisor *s, int protocol, const struct nlmsghdr *request, look_at *look, void *found) {
    autoclose fd = netlink_open(protocol);
    if (fd < 0 || send(fd, request, request->nlmsg_len, 0) < 0) return -1;
    for (;;) {
        struct pollfd readable = {fd, POLLIN, 0};
        if (poll(&readable, 1, PATIENCE_MS) == 0) return fail(ETIMEDOUT);
        ssize_t length = recv(fd, s->output, ANSWER_BYTES, MSG_DONTWAIT);
        if (length < 0 && (errno == EINTR || errno == EAGAIN)) continue;
        if (length < 0) return -1;
        int more = look_at_all(s->output, (size_t)length, look, found);
        if (more <= 0) return more;
    }
}

/* What an attribute has, behind a head of so many bytes; NULL: there is none. */
static const char *attribute_of(const struct message *message, size_t head, uint16_t type, size_t *size) {
    for (uint32_t at = (uint32_t)(NLMSG_HDRLEN + NLMSG_ALIGN(head));
         at < message->length && message->length - at >= sizeof(struct nlattr);) {
        struct nlattr attribute;
        memcpy(&attribute, message->bytes + at, sizeof attribute);
        if (attribute.nla_len < sizeof attribute || attribute.nla_len > message->length - at) return NULL;
        *size = attribute.nla_len - sizeof attribute;
        if ((attribute.nla_type & NLA_TYPE_MASK) == type) return message->bytes + at + sizeof attribute;
        at += NLA_ALIGN(attribute.nla_len);
    }
    return NULL;
}

static uint32_t word_of(const struct message *message, uint16_t type) {
    uint32_t word = 0;
    size_t size;
    const char *value = attribute_of(message, sizeof(struct ifinfomsg), type, &size);
    if (value != NULL && size >= sizeof word) memcpy(&word, value, sizeof word);
    return word;
}

struct tables {
    const char *prefix, *own;
    bool found;
};

static void look_at_table(void *found, const struct message *message) {
    struct tables *tables = found;
    size_t room;
    const char *name = attribute_of(message, sizeof(struct nfgenmsg), NFTA_TABLE_NAME, &room);
    if (name == NULL || memchr(name, 0, room) == NULL) return;
    tables->found |= strncmp(name, tables->prefix, strlen(tables->prefix)) == 0 && strcmp(name, tables->own) != 0;
}

int do_guard_tables(struct supervisor *s, const struct op_guard_tables *op) {
    const struct {
        struct nlmsghdr header;
        struct nfgenmsg of;
    } request = {{sizeof request, (NFNL_SUBSYS_NFTABLES << 8) | NFT_MSG_GETTABLE, NLM_F_REQUEST | NLM_F_DUMP, 1, 0}, {0}};
    struct tables tables = {op->prefix, op->own, false};
    // Who cannot be asked may have some.
    if (ask(s, NETLINK_NETFILTER, &request.header, look_at_table, &tables) < 0 || tables.found) s->keeper.skip = op->skip;
    return 0;
}

struct link {
    uint32_t index, group;
};

static void look_at_link(void *found, const struct message *message) {
    struct link *link = found;
    struct ifinfomsg info;
    if (message->type != RTM_NEWLINK || message->length < NLMSG_HDRLEN + sizeof info) return;
    memcpy(&info, message->bytes + NLMSG_HDRLEN, sizeof info);
    link->index = (uint32_t)info.ifi_index;
    link->group = word_of(message, IFLA_GROUP);
}

/* 0: there is none of that name. */
static int find_link(struct supervisor *s, const char *name, struct link *link) {
    struct {
        struct nlmsghdr header;
        struct ifinfomsg info;
        struct nlattr attribute;
        char name[16];
    } request = {.header = {sizeof request, RTM_GETLINK, NLM_F_REQUEST, 1, 0},
                 .attribute = {sizeof request.attribute + sizeof request.name, IFLA_IFNAME}};
    *link = (struct link){0};
    if (strlen(name) >= sizeof request.name) return 0;
    strcpy(request.name, name);
    if (ask(s, NETLINK_ROUTE, &request.header, look_at_link, link) == 0) return link->index != 0;
    return errno == ENODEV ? 0 : -1;
}

int do_guard_link(struct supervisor *s, const struct op_guard_link *op) {
    struct link link;
    if (find_link(s, op->name, &link) <= 0 || link.group != op->group) s->keeper.skip = op->skip;
    return 0;
}

struct ports {
    uint32_t bridge;
    bool found;
};

static void look_at_port(void *found, const struct message *message) {
    struct ports *ports = found;
    ports->found |= message->type == RTM_NEWLINK && word_of(message, IFLA_MASTER) == ports->bridge;
}

/* Also true when the kernel cannot be asked. */
static bool has_ports(struct supervisor *s, const char *bridge) {
    struct {
        struct nlmsghdr header;
        struct ifinfomsg info;
        struct nlattr attribute;
        uint32_t master;
    } request = {.header = {sizeof request, RTM_GETLINK, NLM_F_REQUEST | NLM_F_DUMP, 1, 0},
                 .attribute = {sizeof request.attribute + sizeof request.master, IFLA_MASTER}};
    struct link link;
    int there = find_link(s, bridge, &link);
    if (there <= 0) return there < 0;
    request.master = link.index;
    struct ports ports = {link.index, false};
    return ask(s, NETLINK_ROUTE, &request.header, look_at_port, &ports) < 0 || ports.found;
}

int do_guard_ports(struct supervisor *s, const struct op_guard_ports *op) {
    while (has_ports(s, op->bridge)) {
        if (keeper_is_late(s, op->patience)) {
            s->keeper.skip = op->skip;
            break;
        }
        keeper_pause();
    }
    return 0;
}
