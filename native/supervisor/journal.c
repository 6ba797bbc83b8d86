/* Tells the journal of events what happens to the container. */
#include "journal.h"
#include "supervisor.h"
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

enum { RETRY_MS = 1000 };

int do_journal(struct supervisor *s, const struct op_journal *op) {
    s->journal.at = *op;
    return 0;
}

/* Found in the plan when its moment comes. */
int do_event(struct supervisor *s, const struct op_event *op) {
    (void)s;
    (void)op;
    return 0;
}

static void keep(struct journal *journal, const char *text, const char *value) {
    if (journal->count == JOURNAL_WAITING)
        memmove(journal->waiting, journal->waiting + 1, --journal->count * sizeof *journal->waiting);
    struct journal_line *line = &journal->waiting[journal->count++];
    line->text = text;
    size_t length = strnlen(value, JOURNAL_VALUE_BYTES - 1);
    memcpy(line->value, value, length);
    line->value[length] = 0;
}

/* Lines that wait may be of the ones before: those stay mapped. */
static void replace_texts(struct journal *journal, int fd, const struct stat *status) {
    struct plan texts;
    size_t length = (size_t)status->st_size;
    void *bytes = mmap(NULL, length, PROT_READ, MAP_PRIVATE, fd, 0);
    if (bytes == MAP_FAILED) return;
    if (plan_decode(&texts, bytes, length) < 0) {
        munmap(bytes, length);
        return;
    }
    if (journal->texts.bytes != NULL && journal->count == 0)
        munmap((void *)(uintptr_t)journal->texts.bytes, journal->texts.length);
    journal->texts = texts;
    journal->texts_inode = status->st_ino;
}

/* The texts as they are now: a container gets another name, and other networks, while it runs. */
static struct cursor current_texts(struct supervisor *s) {
    struct journal *journal = &s->journal;
    struct stat status;
    autoclose fd =
        s->run_directory < 0 ? -1 : openat(s->run_directory, "events", O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    bool is_new = fd >= 0 && fstat(fd, &status) == 0 && status.st_size > 0 &&
                  status.st_size <= LIMIT_PLAN_BYTES &&
                  (journal->texts.bytes == NULL || status.st_ino != journal->texts_inode);
    if (is_new) replace_texts(journal, fd, &status);
    return journal->texts.bytes == NULL ? plan_section(&s->plan, SECTION_PREPARE)
                                        : plan_section(&journal->texts, SECTION_CONTAINER);
}

void journal_event(struct supervisor *s, unsigned moment, const char *value) {
    struct operation operation = {0};
    if (s->journal.at.path == NULL) return;
    if (moment == MOMENT_STARTED) s->journal.has_started = true;
    struct cursor cursor = current_texts(s);
    while (plan_next(&cursor, &operation))
        if (operation.code == OP_EVENT && operation.fields.event.moment == moment)
            keep(&s->journal, operation.fields.event.text, value);
    journal_serve(s);
}

void journal_died(struct supervisor *s) {
    char code[24];
    if (!s->journal.has_started) return;
    s->journal.has_started = false;
    put_number(code, exit_code(s));
    journal_event(s, MOMENT_DIED, code);
}

void journal_serve(struct supervisor *s) {
    struct journal *journal = &s->journal;
    if (journal->count == 0) return;
    unsigned done = journal_append(&journal->at, journal->waiting, journal->count);
    journal->count -= done;
    memmove(journal->waiting, journal->waiting + done, journal->count * sizeof *journal->waiting);
    journal->due_ms = monotonic_ms() + RETRY_MS;
}

int journal_patience_ms(const struct supervisor *s) {
    if (s->journal.count == 0) return -1;
    int64_t left = s->journal.due_ms - monotonic_ms();
    return left > 0 ? (int)left : 0;
}
