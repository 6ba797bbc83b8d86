/* Suspends the container while a client asks for it. A client that dies lets go of it with its connection. */
#include "supervisor.h"

int do_freezer(struct supervisor *s, const struct op_freezer *op) {
    s->freezer = *op;
    return 0;
}

static bool held(const struct supervisor *s) {
    bool any = false;
    for (uint32_t i = 0; i < s->clients; i++) any |= s->client[i].holds;
    return any;
}

int freezer_update(struct supervisor *s) {
    bool wanted = held(s);
    if (wanted == s->frozen) return 0;
    if (s->freezer.path == NULL) return fail(ENODEV);
    if (write_existing(AT_FDCWD, s->freezer.path, wanted ? s->freezer.frozen : s->freezer.thawed) < 0)
        return -1;
    s->frozen = wanted;
    return 0;
}

void freezer_hold(struct supervisor *s, struct client *client, bool hold) {
    struct frame answer = {FRAME_FROZEN, 2, {hold, 0}, NULL, 0};
    client->holds = hold;
    if (freezer_update(s) < 0) {
        answer.fields[1] = (uint64_t)errno;
        client->holds = false;
    }
    client_send(s, client, &answer);
}

void freezer_release(struct supervisor *s) {
    for (uint32_t i = 0; i < s->clients; i++) s->client[i].holds = false;
    freezer_update(s);
}
