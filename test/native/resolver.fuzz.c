/* libFuzzer over the name server: its parsers by themselves, on copies whose ends are watched, and the whole
 * of it between clients, servers and files that do what the input says. The first byte chooses which. It
 * makes a network namespace of its own, so it needs root. */
#include <errno.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/un.h>
#include "resolver-system.h"
#include "resolver.h"
#include "sys.h"

enum { CLIENTS = 4, EVENTS_MAX = 64, UPSTREAM = 0x7f000002 };

struct input {
    const uint8_t *at;
    size_t left;
};

static int directory, upstream_udp, upstream_tcp;

static void expect(bool holds) {
    if (!holds) abort();
}

static uint8_t take_byte(struct input *input) {
    if (input->left == 0) return 0;
    input->left--;
    return *input->at++;
}

/* A copy of the next bytes that ends where they end. */
static uint8_t *take_bytes(struct input *input, size_t wanted, size_t *length) {
    *length = wanted < input->left ? wanted : input->left;
    uint8_t *copy = malloc(*length + (*length == 0));
    memcpy(copy, input->at, *length);
    input->at += *length;
    input->left -= *length;
    return copy;
}

static void put_file(const char *name, const void *data, size_t length) {
    autoclose fd = openat(directory, "new", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    expect(fd >= 0 && write(fd, data, length) == (ssize_t)length &&
           renameat(directory, "new", directory, name) == 0);
}

static const char network_text[] =
    "network net\n"
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa 10.0.0.2 fd00::2 web aaaaaaaaaaaa www\n"
    "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb 10.0.0.3 - Db.one bbbbbbbbbbbb www\n";
static const char view_text[] =
    "network n1\nalias link bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\n"
    "server 127.0.0.3\nserver 127.0.0.2\n";

static void put_files(void) {
    put_file("n1", network_text, sizeof network_text - 1);
    put_file("view", view_text, sizeof view_text - 1);
}

static struct view *open_view(void) {
    struct view *view = calloc(1, sizeof *view);
    *view = (struct view){.directory = directory, .name = "view", .file.fd = -1};
    view_refresh(view);
    return view;
}

static void close_view(struct view *view) {
    view_forget(view);
    expect(view->memory.used == 0);
    free(view);
}

static void answer_from(struct view *view, const uint8_t *message, size_t length) {
    struct query query;
    enum rcode rcode = query_parse(&query, message, length);
    if (rcode != RCODE_SUCCESS) return;
    size_t limit = 512 + length % 512;
    uint8_t *to = malloc(limit);
    size_t answered = answer_locally(view, &query, to, limit);
    expect(answered <= limit && (answered == 0 || answer_matches(&query, message_id(message), to, answered)));
    answered = answer_error(&query, RCODE_REFUSED, to);
    expect(answer_matches(&query, message_id(message), to, answered));
    free(to);
}

static void fuzz_query(struct input *input) {
    size_t length;
    uint8_t *message = take_bytes(input, input->left, &length);
    struct view *view = open_view();
    answer_from(view, message, length);
    close_view(view);
    free(message);
}

/* A query, then files that may know an answer. */
static void fuzz_files(struct input *input) {
    size_t length;
    uint8_t *message = take_bytes(input, take_byte(input), &length);
    size_t split = take_byte(input) * 16;
    put_file("view", input->at, split < input->left ? split : input->left);
    put_file("n1", input->at + (split < input->left ? split : 0),
             input->left - (split < input->left ? split : 0));
    struct view *view = open_view();
    answer_from(view, message, length);
    close_view(view);
    put_files();
    free(message);
}

static void fuzz_match(struct input *input) {
    size_t length, answer_length;
    struct query query;
    uint8_t *message = take_bytes(input, take_byte(input), &length);
    uint8_t *answer = take_bytes(input, input->left, &answer_length);
    if (query_parse(&query, message, length) == RCODE_SUCCESS)
        answer_matches(&query, message_id(message), answer, answer_length);
    free(answer);
    free(message);
}

struct stage {
    struct resolver *resolver;
    int datagrams, listener, client[CLIENTS], server;
    uint8_t asked[QUERY_MAX];
    size_t asked_length;
    struct sockaddr_in asker;
};

static socklen_t listener_address(struct sockaddr_un *address) {
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    int length =
        snprintf(address->sun_path + 1, sizeof address->sun_path - 1, "resolver.fuzz.%d", (int)getpid());
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)length);
}

static void open_stage(struct stage *stage) {
    int pair[2];
    struct sockaddr_un address;
    socklen_t length = listener_address(&address);
    expect(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, pair) == 0);
    stage->datagrams = pair[0];
    stage->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
    expect(bind(stage->listener, (struct sockaddr *)&address, length) == 0 &&
           listen(stage->listener, 8) == 0);
    struct resolver_setup setup = {pair[1], stage->listener, directory, "view"};
    stage->resolver = resolver_open(&setup);
    expect(stage->resolver != NULL);
    for (int i = 0; i < CLIENTS; i++) stage->client[i] = -1;
    stage->server = -1;
}

static void close_stage(struct stage *stage) {
    int other = stage->resolver->udp;
    for (int i = 0; i < CLIENTS; i++) close_and_forget(&stage->client[i]);
    close_and_forget(&stage->server);
    resolver_close(stage->resolver);
    close(other);
    close(stage->listener);
    close(stage->datagrams);
}

/* What comes back must be an answer, and no longer than said. */
static void drain(int fd) {
    uint8_t data[UDP_ANSWER_MAX];
    for (ssize_t length; fd >= 0 && (length = recv(fd, data, sizeof data, MSG_DONTWAIT)) > 0;) continue;
}

static void ask(struct stage *stage, struct input *input) {
    size_t length;
    uint8_t *message = take_bytes(input, take_byte(input), &length);
    send(stage->datagrams, message, length, MSG_DONTWAIT);
    free(message);
}

static void use_client(struct stage *stage, struct input *input, uint8_t code) {
    int *client = &stage->client[code % CLIENTS];
    size_t length;
    if (*client < 0) {
        struct sockaddr_un address;
        socklen_t address_length = listener_address(&address);
        *client = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
        connect(*client, (struct sockaddr *)&address, address_length);
    }
    uint8_t *bytes = take_bytes(input, take_byte(input), &length);
    send(*client, bytes, length, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (code & 16) shutdown(*client, SHUT_WR);
    if (code & 32) close_and_forget(client);
    free(bytes);
}

static void hear_query(struct stage *stage) {
    socklen_t length = sizeof stage->asker;
    for (ssize_t taken; (taken = recvfrom(upstream_udp, stage->asked, sizeof stage->asked, MSG_DONTWAIT,
                                          (struct sockaddr *)&stage->asker, &length)) > 0;)
        stage->asked_length = (size_t)taken;
}

/* An answer to the last query that was heard: its own bytes, with some changed, or others behind its id. */
static void answer_datagram(struct stage *stage, struct input *input, uint8_t code) {
    size_t length;
    hear_query(stage);
    uint8_t *bytes = take_bytes(input, take_byte(input), &length);
    if (stage->asked_length >= 12) {
        stage->asked[2] |= 0x80;
        if (length > 0) stage->asked[3] = bytes[0];
        if (length >= 2 && code & 1) message_set_id(bytes, message_id(stage->asked));
        sendto(upstream_udp, code & 1 ? bytes : stage->asked, code & 1 ? length : stage->asked_length,
               MSG_DONTWAIT, (struct sockaddr *)&stage->asker, sizeof stage->asker);
    }
    free(bytes);
}

static void answer_stream(struct stage *stage, struct input *input, uint8_t code) {
    uint8_t frame[2 + QUERY_MAX];
    size_t length;
    struct linger at_once = {1, 0};
    uint8_t *bytes = take_bytes(input, take_byte(input), &length);
    if (stage->server < 0) stage->server = accept4(upstream_tcp, NULL, NULL, SOCK_NONBLOCK);
    if (stage->server >= 0) {
        setsockopt(stage->server, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
        ssize_t taken = recv(stage->server, frame, sizeof frame, MSG_DONTWAIT);
        if (taken >= 14) frame[4] |= 0x80;
        if (taken > 0 && code & 1) send(stage->server, frame, (size_t)taken, MSG_DONTWAIT | MSG_NOSIGNAL);
        send(stage->server, bytes, length, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (code & 2) close_and_forget(&stage->server);
    }
    free(bytes);
}

static void change_file(struct input *input, uint8_t code) {
    size_t length;
    uint8_t *bytes = take_bytes(input, take_byte(input) * 4u, &length);
    if (code & 1)
        unlinkat(directory, code & 2 ? "view" : "n1", 0);
    else
        put_file(code & 2 ? "view" : "n1", bytes, length);
    free(bytes);
}

static void play(struct stage *stage, struct input *input) {
    uint8_t code = take_byte(input), argument = code / 6;
    switch (code % 6) {
    case 0: ask(stage, input); break;
    case 1: use_client(stage, input, argument); break;
    case 2: answer_datagram(stage, input, argument); break;
    case 3: answer_stream(stage, input, argument); break;
    case 4: clock_added_ms += take_byte(input) * 64; break;
    case 5: change_file(input, argument);
    }
}

static void fuzz_whole(struct input *input) {
    struct stage stage = {0};
    open_stage(&stage);
    for (int i = 0; i < EVENTS_MAX && input->left > 0; i++) {
        play(&stage, input);
        resolver_turn(stage.resolver);
        drain(stage.datagrams);
        for (int client = 0; client < CLIENTS; client++) drain(stage.client[client]);
    }
    close_stage(&stage);
    hear_query(&stage);
    for (int fd; (fd = accept4(upstream_tcp, NULL, NULL, SOCK_NONBLOCK)) >= 0;) close(fd);
    put_files();
}

static int serve(int type) {
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(53), .sin_addr.s_addr = htonl(UPSTREAM)};
    int fd = socket(AF_INET, type | SOCK_NONBLOCK, 0);
    expect(fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof address) == 0);
    return fd;
}

int LLVMFuzzerInitialize(int *count, char ***arguments) {
    (void)count;
    (void)arguments;
    struct ifreq loopback = {.ifr_name = "lo", .ifr_flags = IFF_UP};
    // Its files are on a filesystem that goes with it.
    expect(unshare(CLONE_NEWNET | CLONE_NEWNS) == 0 &&
           mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
    expect(mount("tmpfs", "/dev/shm", "tmpfs", 0, NULL) == 0);
    autoclose any = socket(AF_INET, SOCK_DGRAM, 0);
    expect(ioctl(any, SIOCSIFFLAGS, &loopback) == 0);
    upstream_udp = serve(SOCK_DGRAM);
    upstream_tcp = serve(SOCK_STREAM);
    directory = open("/dev/shm", O_PATH | O_DIRECTORY);
    expect(listen(upstream_tcp, 64) == 0 && directory >= 0);
    clock_rate = 0;
    put_files();
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static void (*const targets[])(struct input *) = {fuzz_query, fuzz_files, fuzz_match, fuzz_whole,
                                                      fuzz_whole};
    struct input input = {data, size};
    targets[take_byte(&input) % 5](&input);
    return 0;
}
