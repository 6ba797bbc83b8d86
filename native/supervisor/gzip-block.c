/* A block of deflate: how often each symbol comes gives it a code, and the codes' lengths go before the symbols. */
#include "gzip.h"
#include <stdbool.h>
#include <string.h>

enum {
    LITERALS = 286,
    DISTANCES = 30,
    LENGTHS = 19,
    END = 256,
    FIRST_LENGTH = 257,
    LAST_LENGTH = 285,
    LONGEST_CODE = 15,
    LONGEST_LENGTH_CODE = 7,
    REPEAT = 16,
    ZEROS = 17,
    MANY_ZEROS = 18
};

struct code {
    unsigned symbols;
    uint32_t count[LITERALS];
    uint8_t length[LITERALS];
    uint16_t bits[LITERALS];
};

/* A symbol and what follows it as it is. */
struct coded {
    uint16_t symbol, extra;
    uint8_t extra_bits;
};

static unsigned log2_of(unsigned value) { return 31 - (unsigned)__builtin_clz(value); }

static struct coded coded_length(unsigned length) {
    unsigned value = length - 3;
    if (value == 255) return (struct coded){LAST_LENGTH, 0, 0};
    if (value < 8) return (struct coded){(uint16_t)(FIRST_LENGTH + value), 0, 0};
    unsigned bits = log2_of(value) - 2;
    unsigned symbol = FIRST_LENGTH + 4 * (bits + 1) + (value >> bits & 3);
    return (struct coded){(uint16_t)symbol, (uint16_t)(value & ((1u << bits) - 1)), (uint8_t)bits};
}

static struct coded coded_distance(unsigned distance) {
    unsigned value = distance - 1;
    if (value < 4) return (struct coded){(uint16_t)value, 0, 0};
    unsigned bits = log2_of(value) - 1;
    unsigned symbol = 2 * (bits + 1) + (value >> bits & 1);
    return (struct coded){(uint16_t)symbol, (uint16_t)(value & ((1u << bits) - 1)), (uint8_t)bits};
}

struct tree {
    uint32_t weight[2 * LITERALS];
    uint16_t parent[2 * LITERALS];
    bool joined[2 * LITERALS];
};

static unsigned lightest(struct tree *tree, unsigned nodes) {
    unsigned found = nodes;
    for (unsigned i = 0; i < nodes; i++)
        if (!tree->joined[i] && tree->weight[i] > 0 && (found == nodes || tree->weight[i] < tree->weight[found]))
            found = i;
    if (found < nodes) tree->joined[found] = true;
    return found;
}

/* Huffman's: the two lightest are joined until one is left. Parents come behind their children. */
static unsigned join_all(struct tree *tree, unsigned symbols) {
    unsigned nodes = symbols;
    for (;;) {
        unsigned one = lightest(tree, nodes), other = lightest(tree, nodes);
        if (other == nodes) return nodes;
        tree->weight[nodes] = tree->weight[one] + tree->weight[other];
        tree->parent[one] = tree->parent[other] = (uint16_t)nodes;
        tree->joined[nodes] = false;
        nodes++;
    }
}

/* The length of the longest code. */
static unsigned measure(struct code *code, const uint32_t *weight) {
    struct tree tree;
    uint8_t depth[2 * LITERALS];
    unsigned longest = 0;
    memset(tree.joined, 0, sizeof tree.joined);
    memcpy(tree.weight, weight, code->symbols * sizeof *weight);
    unsigned nodes = join_all(&tree, code->symbols);
    depth[nodes - 1] = 0;
    for (unsigned i = nodes - 1; i-- > 0;) {
        depth[i] = i >= code->symbols || weight[i] > 0 ? depth[tree.parent[i]] + 1 : 0;
        if (i < code->symbols && depth[i] > longest) longest = depth[i];
    }
    memcpy(code->length, depth, code->symbols);
    return longest;
}

/* The codes of a length count up from where those of the one before have ended; the first bit is the highest. */
static void number_codes(struct code *code) {
    unsigned next = 0;
    for (unsigned length = 1; length <= LONGEST_CODE; length++, next <<= 1)
        for (unsigned i = 0; i < code->symbols; i++) {
            if (code->length[i] != length) continue;
            unsigned bits = 0;
            for (unsigned bit = 0; bit < length; bit++) bits |= (next >> bit & 1) << (length - 1 - bit);
            code->bits[i] = (uint16_t)bits;
            next++;
        }
}

static void make_code(struct code *code, unsigned longest) {
    uint32_t weight[LITERALS];
    unsigned used = 0;
    for (unsigned i = 0; i < code->symbols; i++) used += code->count[i] > 0;
    // A tree has two leaves at least.
    for (unsigned i = 0; used < 2; i++)
        if (code->count[i] == 0) code->count[i] = 1, used++;
    memcpy(weight, code->count, code->symbols * sizeof *weight);
    // Nearer to each other, they have codes nearer to one length.
    while (measure(code, weight) > longest)
        for (unsigned i = 0; i < code->symbols; i++)
            if (weight[i] > 0) weight[i] = weight[i] / 2 + 1;
    number_codes(code);
}

static void put_symbol(struct gzip *gzip, const struct code *code, unsigned symbol) {
    gzip_bits(gzip, code->bits[symbol], code->length[symbol]);
}

static void put_coded(struct gzip *gzip, const struct code *code, struct coded coded) {
    put_symbol(gzip, code, coded.symbol);
    gzip_bits(gzip, coded.extra, coded.extra_bits);
}

static unsigned run_at(const uint8_t *lengths, unsigned count, unsigned limit) {
    unsigned run = 1;
    while (run < count && run < limit && lengths[run] == lengths[0]) run++;
    return run;
}

/* The lengths of codes, with what repeats told once; how many symbols that takes. */
static unsigned shorten(const uint8_t *lengths, unsigned count, struct coded *to) {
    unsigned symbols = 0;
    for (unsigned at = 0; at < count;) {
        bool repeats = at > 0 && lengths[at] == lengths[at - 1];
        unsigned run = run_at(lengths + at, count - at, lengths[at] == 0 ? 138 : 6);
        if (lengths[at] == 0 && run >= 11)
            to[symbols++] = (struct coded){MANY_ZEROS, (uint16_t)(run - 11), 7};
        else if (lengths[at] == 0 && run >= 3)
            to[symbols++] = (struct coded){ZEROS, (uint16_t)(run - 3), 3};
        else if (lengths[at] != 0 && repeats && run >= 3)
            to[symbols++] = (struct coded){REPEAT, (uint16_t)(run - 3), 2};
        else
            to[symbols++] = (struct coded){lengths[at], 0, 0}, run = 1;
        at += run;
    }
    return symbols;
}

static unsigned used_symbols(const struct code *code, unsigned least) {
    unsigned used = code->symbols;
    while (used > least && code->length[used - 1] == 0) used--;
    return used;
}

static void put_codes(struct gzip *gzip, const struct code *literals, const struct code *distances) {
    static const uint8_t order[LENGTHS] = {16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15};
    unsigned literal_count = used_symbols(literals, FIRST_LENGTH), distance_count = used_symbols(distances, 1);
    uint8_t lengths[LITERALS + DISTANCES];
    memcpy(lengths, literals->length, literal_count);
    memcpy(lengths + literal_count, distances->length, distance_count);
    struct coded told[LITERALS + DISTANCES];
    struct code code = {.symbols = LENGTHS};
    unsigned symbols = shorten(lengths, literal_count + distance_count, told), orders = LENGTHS;
    for (unsigned i = 0; i < symbols; i++) code.count[told[i].symbol]++;
    make_code(&code, LONGEST_LENGTH_CODE);
    while (orders > 4 && code.length[order[orders - 1]] == 0) orders--;
    gzip_bits(gzip, literal_count - FIRST_LENGTH, 5);
    gzip_bits(gzip, distance_count - 1, 5);
    gzip_bits(gzip, orders - 4, 4);
    for (unsigned i = 0; i < orders; i++) gzip_bits(gzip, code.length[order[i]], 3);
    for (unsigned i = 0; i < symbols; i++) put_coded(gzip, &code, told[i]);
}

static void count_symbols(const struct gzip *gzip, struct code *literals, struct code *distances) {
    for (size_t i = 0; i < gzip->tokens; i++) {
        struct gzip_token token = gzip->token[i];
        literals->count[token.length == 0 ? token.value : coded_length(token.length).symbol]++;
        if (token.length > 0) distances->count[coded_distance(token.value).symbol]++;
    }
    literals->count[END]++;
}

static void put_tokens(struct gzip *gzip, const struct code *literals, const struct code *distances) {
    for (size_t i = 0; i < gzip->tokens; i++) {
        struct gzip_token token = gzip->token[i];
        if (token.length == 0) {
            put_symbol(gzip, literals, token.value);
            continue;
        }
        put_coded(gzip, literals, coded_length(token.length));
        put_coded(gzip, distances, coded_distance(token.value));
    }
    put_symbol(gzip, literals, END);
}

void gzip_block(struct gzip *gzip, int is_last) {
    enum { WITH_CODES = 2 };
    struct code literals = {.symbols = LITERALS}, distances = {.symbols = DISTANCES};
    count_symbols(gzip, &literals, &distances);
    make_code(&literals, LONGEST_CODE);
    make_code(&distances, LONGEST_CODE);
    gzip_bits(gzip, (uint32_t)is_last, 1);
    gzip_bits(gzip, WITH_CODES, 2);
    put_codes(gzip, &literals, &distances);
    put_tokens(gzip, &literals, &distances);
    gzip->tokens = 0;
}
