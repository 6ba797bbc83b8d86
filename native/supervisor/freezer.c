/* Suspends the container while a client asks for it, or until somebody ends its pause. A client that dies lets
 * go of it with its connection. */
#include "supervisor.h"

int do_freezer(struct supervisor *s, const struct op_freezer *op) {
    s->freezer = *op;
    return 0;
}

bool freezer_held(const struct supervisor *s) {
    bool any = false;
    for (uint32_t i = 0; i < s->clients; i++) any |= s->client[i].holds;
    return any;
}

int freezer_update(struct supervisor *s) {
    bool wanted = s->phase == PHASE_RUNNING && (s->paused || freezer_held(s));
    if (wanted == s->frozen) return 0;
    if (s->freezer.path == NULL) return fail(ENODEV);
    if (write_existing(AT_FDCWD, s->freezer.path, wanted ? s->freezer.frozen : s->freezer.thawed) < 0)
        return -1;
    s->frozen = wanted;
    health_freeze(s, wanted);
    return 0;
}

static int hold(struct supervisor *s, struct client *client, bool wanted) {
    client->holds = wanted;
    if (freezer_update(s) == 0) return 0;
    client->holds = false;
    return -1;
}

static int set_paused(struct supervisor *s, bool paused) {
    s->paused = paused;
    return record_state(s) < 0 ? -1 : freezer_update(s);
}

int freezer_pause(struct supervisor *s, bool paused) {
    if (s->phase != PHASE_RUNNING) return fail(ESRCH);
    if (s->paused == paused) return fail(EALREADY);
    if (set_paused(s, paused) < 0) {
        int error = errno;
        set_paused(s, !paused);
        return fail(error);
    }
    journal_event(s, paused ? MOMENT_PAUSED : MOMENT_UNPAUSED, "");
    if (paused)
        health_pause(s);
    else
        health_resume(s);
    return 0;
}

void freezer_obey(struct supervisor *s, struct client *client, bool wanted, bool lasting) {
    int result = lasting ? freezer_pause(s, wanted) : hold(s, client, wanted);
    struct frame frozen = {FRAME_FROZEN, 2, {wanted, result < 0 ? (uint64_t)errno : 0}, NULL, 0};
    client_send(s, client, &frozen);
}

void freezer_release(struct supervisor *s) {
    for (uint32_t i = 0; i < s->clients; i++) s->client[i].holds = false;
    if (freezer_pause(s, false) < 0) freezer_update(s);
}
