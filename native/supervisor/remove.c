/* Removal of a tree that a container has filled: deep, wide, immutable, full of symlinks. */
#include "supervisor.h"
#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

enum { DEEPEST = 32, ENTRIES_BYTES = 4096 };

struct removal {
    int top; /* deep directories are moved up here, so that neither descriptors nor the stack run out */
    unsigned moved;
    int error; /* the first one */
};

struct entry {
    uint64_t inode, offset;
    unsigned short length;
    unsigned char type;
    char name[];
};

static bool note(struct removal *removal) {
    if (errno == ENOENT) return true;
    if (removal->error == 0) removal->error = errno;
    return false;
}

static bool empty_and_remove(struct removal *removal, int directory, int parent, const char *name, int depth);

static bool move_up(struct removal *removal, int directory, const char *name) {
    char moved[64];
    do put_number(put_text(moved, ".inboard-removed-"), removal->moved++);
    while (syscall(SYS_renameat2, directory, name, removal->top, moved, 1 /* RENAME_NOREPLACE */) < 0 &&
           errno == EEXIST);
    return errno != EEXIST;
}

static bool remove_directory(struct removal *removal, int directory, const char *name, int depth) {
    if (depth == DEEPEST) {
        errno = 0;
        return move_up(removal, directory, name) && errno == 0 ? true : note(removal);
    }
    int fd = sys_openat2(directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0,
                         RESOLVE_BELOW | RESOLVE_NO_LINKS | RESOLVE_NO_CROSSING);
    if (fd < 0) return note(removal);
    bool removed = empty_and_remove(removal, fd, directory, name, depth + 1);
    close(fd);
    return removed;
}

static bool remove_entry(struct removal *removal, int directory, const struct entry *entry, int depth) {
    if (entry->type != DT_DIR) {
        if (unlinkat(directory, entry->name, 0) == 0) return true;
        // Some file systems do not tell types.
        if (errno != EISDIR && errno != EPERM) return note(removal);
        if (entry->type != DT_UNKNOWN) return note(removal);
    }
    return remove_directory(removal, directory, entry->name, depth);
}

/* One pass over the directory: how many entries were removed from it. */
static unsigned remove_entries(struct removal *removal, int directory, int depth) {
    _Alignas(struct entry) char entries[ENTRIES_BYTES];
    unsigned removed = 0;
    for (long length; (length = syscall(SYS_getdents64, directory, entries, sizeof entries)) > 0;) {
        for (long at = 0; at < length;) {
            const struct entry *entry = (const void *)(entries + at);
            at += entry->length;
            if (strcmp(entry->name, ".") == 0 || strcmp(entry->name, "..") == 0) continue;
            removed += remove_entry(removal, directory, entry, depth);
        }
    }
    return removed;
}

/* Passes until the directory can go, or one removes nothing: listing while removing may skip entries. */
static bool empty_and_remove(struct removal *removal, int directory, int parent, const char *name,
                             int depth) {
    do {
        unsigned removed = remove_entries(removal, directory, depth);
        if (unlinkat(parent, name, AT_REMOVEDIR) == 0) return true;
        if (errno != ENOTEMPTY || removed == 0) return note(removal);
    } while (lseek(directory, 0, SEEK_SET) == 0);
    return note(removal);
}

int remove_tree_at(int directory, const char *name) {
    if (unlinkat(directory, name, 0) == 0 || errno == ENOENT) return 0;
    struct removal removal = {.top =
                                  openat(directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)};
    if (removal.top < 0) return errno == ENOENT ? 0 : -1;
    bool removed = empty_and_remove(&removal, removal.top, directory, name, 1);
    close(removal.top);
    return removed ? 0 : fail(removal.error);
}

static bool is_run_directory(const struct supervisor *s, const char *path) {
    struct stat run, named;
    return s->run_directory >= 0 && fstat(s->run_directory, &run) == 0 && lstat(path, &named) == 0 &&
           run.st_ino == named.st_ino && run.st_dev == named.st_dev;
}

int do_remove_tree(struct supervisor *s, const struct op_remove_tree *op) {
    // It says what there is to undo: who finds it does what failed here.
    if ((s->undone.count > 0 || s->journal.count > 0) && is_run_directory(s, op->path)) return 0;
    return remove_tree_at(AT_FDCWD, op->path);
}
