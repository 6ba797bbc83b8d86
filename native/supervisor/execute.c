/* The last step: the process becomes the program. */
#include "supervisor.h"
#include <limits.h>
#include <string.h>
#include <sys/mman.h>

static char **fill(char **to, const struct blob *list) {
    const char *text = list->data;
    for (uint32_t i = 0; i < list->count; i++, text += strlen(text) + 1) *to++ = (char *)(uintptr_t)text;
    *to++ = NULL;
    return to;
}

static bool may_be_elsewhere(int error) {
    return error == ENOENT || error == ENOTDIR || error == ENAMETOOLONG || error == ELOOP;
}

/* execvp(3): the first program that can be executed; EACCES if there was only one that may not be. */
static int search(const char *path, const char *file, char **argv, char **envp) {
    char candidate[PATH_MAX];
    size_t name = strlen(file);
    int error = ENOENT;
    if (name == 0 || name > NAME_MAX) return fail(name == 0 ? ENOENT : ENAMETOOLONG);
    for (const char *from = path; *path != 0; from++) {
        size_t length = strcspn(from, ":");
        if (length + 1 + name < sizeof candidate) {
            memcpy(candidate, from, length);
            candidate[length] = '/';
            memcpy(candidate + (length == 0 ? 0 : length + 1), file, name + 1);
            // Asking costs less than an execve that fails.
            if (access(candidate, F_OK) == 0 || errno != ENOENT) execve(candidate, argv, envp);
            if (errno == EACCES)
                error = EACCES;
            else if (!may_be_elsewhere(errno))
                return -1;
        }
        from += length;
        if (*from == 0) break;
    }
    return fail(error);
}

int do_execute(struct supervisor *s, const struct op_execute *op) {
    size_t pointers = (size_t)op->argv->count + op->envp->count + 2;
    if (op->argv->count == 0) return fail(EINVAL);
    char **argv =
        mmap(NULL, pointers * sizeof *argv, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (argv == MAP_FAILED) return -1;
    char **envp = fill(argv, op->argv);
    fill(envp, op->envp);
    s->progress->executing = true;
    if (strchr(op->file, '/') != NULL)
        execve(op->file, argv, envp);
    else
        search(op->path, op->file, argv, envp);
    int error = errno;
    s->progress->executing = false;
    return fail(error);
}
