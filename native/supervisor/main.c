/* One container's supervisor: reads a launch plan, executes it, stays until what it started has ended and is
 * torn down. */
#include "supervisor.h"
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>

static struct supervisor supervisor;

static int load_plan(struct supervisor *s) {
    struct stat status;
    if (fstat(FD_PLAN, &status) < 0) return -1;
    if (status.st_size <= 0 || status.st_size > LIMIT_PLAN_BYTES) return fail(EBADMSG);
    void *bytes = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, FD_PLAN, 0);
    close(FD_PLAN);
    if (bytes == MAP_FAILED) return -1;
    return plan_decode(&s->plan, bytes, (size_t)status.st_size);
}

static int initialize(struct supervisor *s) {
    prctl(PR_SET_DUMPABLE, 0);
    setsid();
    umask(0);
    s->pidfd = s->run_directory = s->listener = s->record = s->state = s->report = s->oom.watch = -1;
    log_initialize(&s->log);
    network_initialize(&s->network);
    s->undone.step = NO_STEP;
    s->root = s->null_device = s->mask_tree = s->io.input = -1;
    for (int i = 0; i < 2; i++) s->io.output[i] = -1;
    for (int i = 0; i < 3; i++) s->io.child[i] = -1;
    for (int i = 0; i < LIMIT_SLOTS; i++) s->slots[i] = -1;
    for (int i = 0; i < LIMIT_SLOTS && fcntl(FD_FIRST_SLOT + i, F_GETFD) >= 0; i++)
        s->slots[i] = FD_FIRST_SLOT + i;
    syscall(NR_CLOSE_RANGE, FD_PLAN, ~0u, CLOSE_RANGE_MARK);
    clients_open(s, FD_STATUS);
    s->progress = mmap(NULL, sizeof *s->progress, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return s->progress == MAP_FAILED ? -1 : 0;
}

void report_failure(struct supervisor *s, const struct failure *failure) {
    struct frame frame = {FRAME_FAILED,
                          4,
                          {failure->step, failure->opcode, (uint64_t)failure->error, failure->section},
                          failure->subject,
                          strlen(failure->subject)};
    clients_send(s, 0, &frame);
}

static void tear_down(struct supervisor *s) {
    struct failure *failure = &s->undone;
    interpret(s, SECTION_TEARDOWN, failure);
    struct frame frame = {
        FRAME_TORNDOWN, 3, {failure->count, failure->step, (uint64_t)failure->error}, NULL, 0};
    clients_send(s, 0, &frame);
}

static void run(struct supervisor *s) {
    struct failure failure = {0};
    if (launch(s, &failure) == 0) return monitor(s);
    // Who is told that it failed finds neither its names nor its ports.
    interpret(s, SECTION_ENDING, &s->undone);
    report_failure(s, &failure);
}

/* The container section may have gone into another mount namespace and root; the teardown's paths are the
 * host's. */
static void run_task(struct supervisor *s) {
    struct failure failure = {0};
    if (s->plan.sections[SECTION_CONTAINER].offset != 0) {
        autoclose home = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
        interpret(s, SECTION_CONTAINER, &failure);
        if (home >= 0) syscall(SYS_setns, home, CLONE_NEWNS);
        keeper_undo(s);
    }
    interpret(s, SECTION_ENDING, &s->undone);
    struct frame completed = {.type = FRAME_COMPLETED};
    if (failure.count > 0)
        report_failure(s, &failure);
    else
        clients_send(s, 0, &completed);
}

int main(void) {
    struct supervisor *s = &supervisor;
    if (initialize(s) < 0) return 125;
    if (load_plan(s) < 0) {
        struct failure failure = {.step = s->plan.step, .opcode = s->plan.code, .error = errno};
        report_failure(s, &failure);
        tear_down(s);
        clients_finish(s);
        return 125;
    }
    if (s->plan.mode == MODE_TASK)
        run_task(s);
    else
        run(s);
    tear_down(s);
    clients_finish(s);
    return 0;
}
