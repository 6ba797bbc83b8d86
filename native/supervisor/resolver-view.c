/* What one container sees: the networks it is on, its links, and who is asked for all other names. */
#include <arpa/inet.h>
#include <string.h>
#include "resolver.h"

enum { DNS_PORT = 53 };
static const uint32_t own_address = 0x7f00000b; /* 127.0.0.11 */

static void add_network(struct view *view, struct slice *line) {
    struct slice id;
    if (view->networks == NETWORKS_MAX || !next_field(line, &id)) return;
    if (id.length >= sizeof view->network[0].id || id.at[0] == '.' || memchr(id.at, '/', id.length) != NULL)
        return;
    struct table *table = &view->network[view->networks++];
    *table = (struct table){.file = {.fd = -1}, .seed = view->seed};
    memcpy(table->id, id.at, id.length);
}

static void add_alias(struct view *view, struct slice *line) {
    struct alias alias;
    if (view->aliases == ALIASES_MAX || !next_field(line, &alias.name) || !next_field(line, &alias.container))
        return;
    view->alias[view->aliases++] = alias;
}

static bool read_server(struct slice text, union address *to) {
    char address[INET6_ADDRSTRLEN];
    if (text.length >= sizeof address) return false;
    memcpy(address, text.at, text.length);
    address[text.length] = 0;
    *to = (union address){.v4 = {.sin_family = AF_INET, .sin_port = htons(DNS_PORT)}};
    // A query that went to ourselves would come back for as long as there is room.
    if (inet_pton(AF_INET, address, &to->v4.sin_addr) == 1)
        return ntohl(to->v4.sin_addr.s_addr) != own_address;
    *to = (union address){.v6 = {.sin6_family = AF_INET6, .sin6_port = htons(DNS_PORT)}};
    return inet_pton(AF_INET6, address, &to->v6.sin6_addr) == 1;
}

static void add_server(struct servers *servers, struct slice *line) {
    struct slice text;
    if (servers->count == SERVERS_MAX || !next_field(line, &text)) return;
    if (read_server(text, &servers->list[servers->count])) servers->count++;
}

static void read_line(struct view *view, struct slice line) {
    struct slice word;
    if (!next_field(&line, &word)) return;
    if (slice_is(word, "network")) add_network(view, &line);
    if (slice_is(word, "alias")) add_alias(view, &line);
    if (slice_is(word, "server")) add_server(&view->servers, &line);
    if (slice_is(word, "internal")) view->internal = true;
    if (slice_is(word, "ndots")) view->ndots = true;
}

void view_forget(struct view *view) {
    for (unsigned i = 0; i < view->networks; i++) table_forget(&view->network[i], &view->memory);
    file_forget(&view->file, &view->memory);
    view->networks = view->aliases = view->servers.count = 0;
    view->internal = view->ndots = false;
}

static void read_view(struct view *view) {
    struct slice line;
    int opened = file_open(view->directory, view->name);
    if (opened == FILE_LATER) return;
    view_forget(view);
    file_read(&view->file, &view->memory, opened);
    for (struct slice text = view->file.text; next_line(&text, &line);) read_line(view, line);
}

static void read_table(struct view *view, struct table *table) {
    int opened = file_open(view->directory, table->id);
    if (opened == FILE_LATER) return;
    table_forget(table, &view->memory);
    file_read(&table->file, &view->memory, opened);
    table_index(table, &view->memory);
}

void view_refresh(struct view *view) {
    if (file_changed(&view->file, view->directory, view->name)) read_view(view);
    for (unsigned i = 0; i < view->networks; i++)
        if (file_changed(&view->network[i].file, view->directory, view->network[i].id))
            read_table(view, &view->network[i]);
}
