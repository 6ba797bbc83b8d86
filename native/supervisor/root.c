/* Paths inside the container's root. They are hostile: every one is opened by openat2, and used by
 * descriptor. */
#include "supervisor.h"
#include <limits.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

enum { LINKS_FOLLOWED = 8 };

static int root_descriptor(struct supervisor *s) {
    if (s->root < 0) s->root = openat(AT_FDCWD, "/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    return s->root;
}

void root_forget(struct supervisor *s) { close_and_forget(&s->root); }

int open_rooted(int root, const char *path, uint64_t flags, uint64_t resolve) {
    int fd;
    // EAGAIN: something was renamed meanwhile, and the kernel can't rule out that the path left the root.
    for (int attempts = 0; attempts < 128; attempts++) {
        fd = sys_openat2(root, path, flags, 0, resolve | RESOLVE_ROOTED | RESOLVE_NO_MAGIC);
        if (fd >= 0 || errno != EAGAIN) break;
    }
    return fd;
}

int root_open(struct supervisor *s, const char *path, uint64_t flags, uint64_t resolve) {
    int root = root_descriptor(s);
    return root < 0 ? -1 : open_rooted(root, path, flags, resolve);
}

bool on_filesystem(int fd, unsigned long magic) {
    struct statfs status;
    return fstatfs(fd, &status) == 0 && (unsigned long)status.f_type == magic;
}

/* Where the last component of a path begins, with the path up to there in `parent`; -1 when it is none that
 * can be made. */
static int split(const char *path, char *parent) {
    size_t length = strlen(path);
    if (length >= PATH_MAX) return fail(ENAMETOOLONG);
    while (length > 0 && path[length - 1] == '/') length--;
    size_t start = length;
    while (start > 0 && path[start - 1] != '/') start--;
    const char *name = path + start;
    if (start == length) return fail(EEXIST);
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0) return fail(EINVAL);
    memcpy(parent, path, start);
    parent[start] = 0;
    return (int)start;
}

static int open_directory(struct supervisor *s, const char *path) {
    return root_open(s, path[0] == 0 ? "/" : path, O_PATH | O_DIRECTORY, 0);
}

static int make_directories(struct supervisor *s, const char *path, int links);

/* Where the symlink at `name` of `prefix` leads, seen from the root: `to` has room for two paths. */
static int link_target(int parent, const char *prefix, size_t name, char *to) {
    char target[PATH_MAX];
    ssize_t length = readlinkat(parent, prefix + name, target, sizeof target - 1);
    if (length < 0) return -1;
    size_t kept = target[0] == '/' ? 0 : name;
    memcpy(to, prefix, kept);
    memcpy(to + kept, target, (size_t)length);
    to[kept + (size_t)length] = 0;
    return 0;
}

/* A symlink to what does not exist yet: makes what it names, inside the root. */
static int make_link_target(struct supervisor *s, int parent, const char *prefix, size_t name, int links) {
    char path[2 * PATH_MAX];
    if (link_target(parent, prefix, name, path) < 0) return errno == EINVAL ? fail(ENOTDIR) : -1;
    if (links == 0) return fail(ELOOP);
    autoclose existing = open_directory(s, path);
    autoclose made = existing < 0 && errno == ENOENT ? make_directories(s, path, links - 1) : -1;
    return existing < 0 && made < 0 ? -1 : 0;
}

/* Makes one component below the open parent and opens it. It begins at `name` in the path that ends with it.
 */
static int make_component(struct supervisor *s, int parent, const char *prefix, size_t name, int links) {
    if (mkdirat(parent, prefix + name, 0755) == 0)
        return openat(parent, prefix + name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (errno != EEXIST) return -1;
    int existing = open_directory(s, prefix);
    if (existing >= 0 || errno != ENOENT) return existing;
    return make_link_target(s, parent, prefix, name, links) < 0 ? -1 : open_directory(s, prefix);
}

/* Makes what is known to be missing: backwards to what exists, then forwards. An O_PATH descriptor of the
 * last one. */
static int make_directories(struct supervisor *s, const char *path, int links) {
    char prefix[PATH_MAX];
    size_t length = strlen(path), end = length;
    if (length >= sizeof prefix) return fail(ENAMETOOLONG);
    memcpy(prefix, path, length + 1);
    int at;
    do {
        while (end > 0 && prefix[end - 1] == '/') end--;
        while (end > 0 && prefix[end - 1] != '/') end--;
        prefix[end] = 0;
    } while ((at = open_directory(s, prefix)) < 0 && errno == ENOENT && end > 0);
    for (size_t name = end; at >= 0 && name < length; name = end) {
        size_t parent_end = end;
        name += strspn(path + name, "/");
        end = name + strcspn(path + name, "/");
        if (end == name) break;
        memcpy(prefix + parent_end, path + parent_end, end - parent_end);
        prefix[end] = 0;
        autoclose parent = at;
        at = make_component(s, parent, prefix, name, links);
    }
    return at;
}

int root_make_directories(struct supervisor *s, const char *path) {
    return make_directories(s, path, LINKS_FOLLOWED);
}

int root_parent(struct supervisor *s, const char *path, uint64_t resolve, bool make, const char **name) {
    char parent[PATH_MAX];
    int start = split(path, parent);
    if (start < 0) return -1;
    *name = path + start;
    int fd = root_open(s, start == 0 ? "/" : parent, O_PATH | O_DIRECTORY, resolve);
    if (fd >= 0 || errno != ENOENT || !make) return fd;
    int made = root_make_directories(s, parent);
    if (made < 0 || resolve == 0) return made;
    close(made);
    return root_open(s, parent, O_PATH | O_DIRECTORY, resolve);
}

static int make_file(struct supervisor *s, const char *path, int links) {
    const char *name;
    char target[2 * PATH_MAX];
    autoclose parent = root_parent(s, path, 0, true, &name);
    if (parent < 0) return -1;
    autoclose file = openat(parent, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
    if (file >= 0 || errno != EEXIST) return file < 0 ? -1 : 0;
    // Images have an /etc/resolv.conf that leads to what only a running system has.
    if (link_target(parent, path, (size_t)(name - path), target) < 0) return errno == EINVAL ? 0 : -1;
    return links == 0 ? fail(ELOOP) : make_file(s, target, links - 1);
}

int root_target(struct supervisor *s, const char *path, uint64_t target_flags, uint64_t flags) {
    uint64_t resolve = target_flags & TARGET_NO_SYMLINKS ? RESOLVE_NO_LINKS : 0;
    int fd = root_open(s, path, O_PATH | flags, resolve);
    if (fd >= 0 || errno != ENOENT || !(target_flags & (TARGET_CREATE_DIRECTORY | TARGET_CREATE_FILE)))
        return fd;
    bool file = target_flags & TARGET_CREATE_FILE;
    int made = file ? make_file(s, path, LINKS_FOLLOWED) : root_make_directories(s, path);
    if (made < 0 || (!file && resolve == 0)) return made;
    if (!file) close(made);
    return root_open(s, path, O_PATH | flags, resolve);
}

int proc_open(struct supervisor *s, const char *below, uint64_t flags, uint64_t resolve) {
    autoclose proc = root_open(s, "/proc", O_PATH | O_DIRECTORY, RESOLVE_NO_LINKS);
    if (proc < 0) return -1;
    if (!on_filesystem(proc, PROC_SUPER_MAGIC)) return fail(EXDEV);
    return sys_openat2(proc, below, flags, 0,
                       resolve | RESOLVE_BELOW | RESOLVE_NO_MAGIC | RESOLVE_NO_CROSSING);
}
