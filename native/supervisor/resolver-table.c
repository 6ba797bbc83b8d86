/* The record file of a network, indexed by names and by addresses. Its first line names the network; each
 * line behind it is a container: id, IPv4 and IPv6 address or "-", and names, of which the first one answers
 * for its addresses. */
#include <arpa/inet.h>
#include <string.h>
#include "resolver.h"

enum { RECORDS_MAX = 65536, ENTRIES_MAX = 262144 };

static uint32_t hash_key(enum key kind, struct slice key) {
    uint32_t hash = 2166136261u ^ (uint32_t)kind;
    for (size_t i = 0; i < key.length; i++) {
        uint32_t byte = (unsigned char)key.at[i];
        if (kind == KEY_NAME && byte >= 'A' && byte <= 'Z') byte |= 0x20;
        hash = (hash ^ byte) * 16777619u;
    }
    return hash ^ hash >> 15;
}

static bool same_key(const struct entry *entry, enum key kind, struct slice key) {
    if (entry->kind != kind) return false;
    if (kind == KEY_NAME) return same_name(entry->key, key);
    return entry->key.length == key.length && memcmp(entry->key.at, key.at, key.length) == 0;
}

static struct entry *find(const struct table *table, enum key kind, struct slice key, uint32_t hash) {
    if (table->entries == NULL) return NULL;
    for (uint32_t at = table->buckets[hash & table->mask]; at != 0; at = table->entries[at - 1].bucket_next) {
        struct entry *entry = &table->entries[at - 1];
        if (entry->hash == hash && same_key(entry, kind, key)) return entry;
    }
    return NULL;
}

struct entry *table_find(const struct table *table, enum key kind, struct slice key) {
    return find(table, kind, key, hash_key(kind, key));
}

static bool is_last(const struct table *table, const struct entry *first, const struct record *record) {
    return table->entries[first->last - 1].record == record;
}

static void add_entry(struct table *table, enum key kind, struct slice key, const struct record *record) {
    uint32_t hash = hash_key(kind, key);
    struct entry *first = find(table, kind, key, hash);
    // The same name twice on one line is one answer.
    if (first != NULL && is_last(table, first, record)) return;
    if (table->entry_count == ENTRIES_MAX) return;
    struct entry *entry = &table->entries[table->entry_count++];
    *entry = (struct entry){.key = key, .hash = hash, .kind = kind, .record = record};
    if (first != NULL) {
        table->entries[first->last - 1].same = table->entry_count;
        first->last = table->entry_count;
        first->count++;
        return;
    }
    entry->last = table->entry_count;
    entry->count = 1;
    entry->turn[FAMILY_V4] = entry->turn[FAMILY_V6] = table->seed;
    entry->bucket_next = table->buckets[hash & table->mask];
    table->buckets[hash & table->mask] = table->entry_count;
}

static bool read_address(int family, struct slice text, void *to) {
    char address[INET6_ADDRSTRLEN];
    if (text.length >= sizeof address) return false;
    memcpy(address, text.at, text.length);
    address[text.length] = 0;
    return inet_pton(family, address, to) == 1;
}

static void add_record(struct table *table, struct slice line) {
    struct slice id, v4, v6, name;
    if (!next_field(&line, &id) || !next_field(&line, &v4) || !next_field(&line, &v6) ||
        !next_field(&line, &name) || table->record_count == RECORDS_MAX)
        return;
    struct record *record = &table->records[table->record_count++];
    record->name = name;
    record->has[FAMILY_V4] = read_address(AF_INET, v4, record->v4);
    record->has[FAMILY_V6] = read_address(AF_INET6, v6, record->v6);
    // Links ask for ids. Clients cannot: a label has 63 bytes at most.
    if (id.length == 64) add_entry(table, KEY_NAME, id, record);
    if (record->has[FAMILY_V4]) add_entry(table, KEY_ADDRESS, (struct slice){(char *)record->v4, 4}, record);
    if (record->has[FAMILY_V6]) add_entry(table, KEY_ADDRESS, (struct slice){(char *)record->v6, 16}, record);
    do add_entry(table, KEY_NAME, name, record);
    while (next_field(&line, &name));
}

static size_t count_of(struct slice text, char separator, size_t most) {
    size_t count = 1;
    for (size_t i = 0; i < text.length && count < most; i++) count += text.at[i] == separator;
    return count;
}

/* One block for all of it: the entries, the records, the buckets. */
static bool make_room(struct table *table, struct memory *memory) {
    size_t records = count_of(table->file.text, '\n', RECORDS_MAX);
    // A line with n fields has up to n entries: an id, two addresses, n - 3 names.
    size_t entries = count_of(table->file.text, ' ', ENTRIES_MAX) + records;
    size_t buckets = 16;
    if (entries > ENTRIES_MAX) entries = ENTRIES_MAX;
    while (buckets < entries) buckets *= 2;
    table->mapped =
        entries * sizeof(struct entry) + records * sizeof(struct record) + buckets * sizeof(uint32_t);
    table->block = memory_take(memory, table->mapped);
    if (table->block == NULL) return false;
    table->entries = table->block;
    table->records = (struct record *)(table->entries + entries);
    table->buckets = (uint32_t *)(table->records + records);
    table->mask = (uint32_t)buckets - 1;
    return true;
}

static void read_header(struct table *table, struct slice *text) {
    struct slice line, field, name;
    if (!next_line(text, &line) || !next_field(&line, &field) || !slice_is(field, "network")) return;
    if (next_field(&line, &name)) table->name = name;
}

void table_index(struct table *table, struct memory *memory) {
    struct slice text = table->file.text, line;
    if (text.length == 0 || !make_room(table, memory)) return;
    read_header(table, &text);
    while (next_line(&text, &line)) add_record(table, line);
}

void table_forget(struct table *table, struct memory *memory) {
    memory_give(memory, table->block, table->mapped);
    file_forget(&table->file, memory);
    table->block = NULL;
    table->entries = NULL;
    table->record_count = table->entry_count = 0;
    table->name = (struct slice){NULL, 0};
}
