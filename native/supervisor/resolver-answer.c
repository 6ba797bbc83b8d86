/* Names and addresses of containers. A name is looked for as it is on each network, then as `name.network`;
 * the first network that has an address of the kind asked for gives the answer. A known name is never
 * forwarded. */
#include <string.h>
#include "resolver.h"

struct lookup {
    struct view *view;
    const struct query *query;
    struct reply *reply;
    bool known;
};

static bool wants(const struct lookup *lookup, uint16_t type) {
    return lookup->query->type == type || lookup->query->type == TYPE_ANY;
}

static bool add_address(struct reply *reply, const struct record *record, enum family family) {
    if (!record->has[family]) return true;
    return family == FAMILY_V4 ? reply_add(reply, TYPE_A, record->v4, sizeof record->v4)
                               : reply_add(reply, TYPE_AAAA, record->v6, sizeof record->v6);
}

/* Each answer begins with another of the containers. */
static void add_rotated(struct lookup *lookup, const struct table *table, struct entry *first,
                        enum family family) {
    uint32_t skip = first->count > 1 ? first->turn[family]++ % first->count : 0;
    const struct entry *start = first;
    for (; skip > 0; skip--) start = &table->entries[start->same - 1];
    const struct entry *at = start;
    do {
        if (!add_address(lookup->reply, at->record, family)) return;
        at = at->same != 0 ? &table->entries[at->same - 1] : first;
    } while (at != start);
}

static bool try_table(struct lookup *lookup, const struct table *table, struct slice name) {
    struct entry *found = table_find(table, KEY_NAME, name);
    if (found == NULL) return false;
    lookup->known = true;
    if (wants(lookup, TYPE_A)) add_rotated(lookup, table, found, FAMILY_V4);
    if (wants(lookup, TYPE_AAAA)) add_rotated(lookup, table, found, FAMILY_V6);
    return lookup->reply->answers > 0;
}

/* On all networks, or on the one that is named. */
static bool try_networks(struct lookup *lookup, struct slice name, const struct slice *network) {
    const struct view *view = lookup->view;
    for (unsigned i = 0; i < view->networks; i++) {
        const struct table *table = &view->network[i];
        if (network != NULL && !same_name(table->name, *network)) continue;
        if (try_table(lookup, table, name)) return true;
    }
    return false;
}

static bool try_name(struct lookup *lookup, struct slice name, const struct slice *network) {
    const struct view *view = lookup->view;
    for (unsigned i = 0; i < view->aliases; i++)
        if (same_name(view->alias[i].name, name) && try_networks(lookup, view->alias[i].container, network))
            return true;
    return try_networks(lookup, name, network);
}

static bool has_network(const struct view *view, struct slice name) {
    for (unsigned i = 0; i < view->networks; i++)
        if (same_name(view->network[i].name, name)) return true;
    return false;
}

/* The names of containers and networks may have dots themselves: the last ones divide first. */
static void find_name(struct lookup *lookup) {
    struct slice name = {lookup->query->name, lookup->query->name_length};
    if (try_name(lookup, name, NULL)) return;
    for (size_t dot = name.length; dot-- > 0;) {
        if (name.at[dot] != '.') continue;
        struct slice host = {name.at, dot}, network = {name.at + dot + 1, name.length - dot - 1};
        if (has_network(lookup->view, network) && try_name(lookup, host, &network)) return;
    }
}

static bool ends_with(struct slice *name, const char *suffix) {
    size_t length = strlen(suffix);
    if (name->length <= length || memcmp(name->at + name->length - length, suffix, length) != 0) return false;
    name->length -= length;
    return true;
}

/* Reads a decimal number of at most 255 off the front; leading zeros are nobody's address. */
static bool take_number(struct slice *text, uint8_t *to) {
    unsigned value = 0;
    size_t length = 0;
    while (length < text->length && text->at[length] >= '0' && text->at[length] <= '9' && length < 3)
        value = value * 10 + (unsigned)(text->at[length++] - '0');
    if (length == 0 || value > 255 || (length > 1 && text->at[0] == '0')) return false;
    text->at += length;
    text->length -= length;
    *to = (uint8_t)value;
    return true;
}

static bool take_dot(struct slice *text) {
    if (text->length == 0 || text->at[0] != '.') return false;
    text->at++;
    text->length--;
    return true;
}

static bool read_v4(struct slice name, uint8_t address[4]) {
    for (int i = 3; i >= 0; i--)
        if (!take_number(&name, &address[i]) || (i > 0 && !take_dot(&name))) return false;
    return name.length == 0;
}

static int digit(char letter) {
    if (letter >= '0' && letter <= '9') return letter - '0';
    return letter >= 'a' && letter <= 'f' ? letter - 'a' + 10 : -1;
}

static bool read_v6(struct slice name, uint8_t address[16]) {
    if (name.length != 63) return false;
    memset(address, 0, 16);
    for (int i = 0; i < 32; i++) {
        int value = digit(name.at[2 * i]);
        if (value < 0 || (i < 31 && name.at[2 * i + 1] != '.')) return false;
        address[15 - i / 2] |= (uint8_t)(i % 2 == 0 ? value : value << 4);
    }
    return true;
}

static size_t reverse_address(const struct query *query, uint8_t address[16]) {
    struct slice name = {query->name, query->name_length};
    if (ends_with(&name, ".in-addr.arpa")) return read_v4(name, address) ? 4 : 0;
    if (ends_with(&name, ".ip6.arpa")) return read_v6(name, address) ? 16 : 0;
    return 0;
}

static void add_pointer(struct reply *reply, struct slice name, struct slice network) {
    char text[256];
    uint8_t encoded[256];
    if (name.length + network.length + 1 >= sizeof text) return;
    memcpy(text, name.at, name.length);
    text[name.length] = '.';
    if (network.length > 0) memcpy(text + name.length + 1, network.at, network.length);
    size_t length =
        encode_name(encoded, (struct slice){text, name.length + (network.length > 0) + network.length});
    if (length > 0) reply_add(reply, TYPE_PTR, encoded, length);
}

static void find_address(struct lookup *lookup, struct slice address) {
    const struct view *view = lookup->view;
    for (unsigned i = 0; i < view->networks && !lookup->known; i++) {
        const struct entry *found = table_find(&view->network[i], KEY_ADDRESS, address);
        if (found == NULL) continue;
        lookup->known = true;
        if (wants(lookup, TYPE_PTR)) add_pointer(lookup->reply, found->record->name, view->network[i].name);
    }
}

size_t answer_locally(struct view *view, const struct query *query, uint8_t *to, size_t limit) {
    struct reply reply;
    struct lookup lookup = {view, query, &reply, false};
    uint8_t address[16];
    if (query->class != CLASS_IN || !query->plain || query->name_length == 0) return 0;
    reply_begin(&reply, to, limit, query);
    size_t length = reverse_address(query, address);
    if (length > 0)
        find_address(&lookup, (struct slice){(char *)address, length});
    else
        find_name(&lookup);
    return lookup.known ? reply_end(&reply, query, RCODE_SUCCESS) : 0;
}
