/* The engine's files: small texts of lines, replaced by renaming, never written in place. */
#include <string.h>
#include <sys/stat.h>
#include "resolver.h"
#include "sys.h"

enum { TEXT_MAX = 4 * 1024 * 1024, MEMORY_MAX = 64 * 1024 * 1024 };

void *memory_take(struct memory *memory, size_t size) {
    void *part = size <= MEMORY_MAX - memory->used ? system_take(size) : NULL;
    if (part != NULL) memory->used += size;
    return part;
}

void memory_give(struct memory *memory, void *part, size_t size) {
    if (part == NULL) return;
    system_give(part, size);
    memory->used -= size;
}

static bool cut(struct slice *from, char separator, struct slice *piece) {
    if (from->length == 0) return false;
    const char *end = memchr(from->at, separator, from->length);
    piece->at = from->at;
    piece->length = end != NULL ? (size_t)(end - from->at) : from->length;
    size_t skipped = piece->length + (end != NULL);
    from->at += skipped;
    from->length -= skipped;
    return true;
}

bool next_line(struct slice *text, struct slice *line) { return cut(text, '\n', line); }

bool next_field(struct slice *line, struct slice *field) {
    while (cut(line, ' ', field))
        if (field->length > 0) return true;
    return false;
}

bool slice_is(struct slice slice, const char *text) {
    return slice.length == strlen(text) && memcmp(slice.at, text, slice.length) == 0;
}

static unsigned char lower(char letter) {
    unsigned char byte = (unsigned char)letter;
    return byte >= 'A' && byte <= 'Z' ? byte | 0x20 : byte;
}

bool same_name(struct slice a, struct slice b) {
    if (a.length != b.length) return false;
    for (size_t i = 0; i < a.length; i++)
        if (lower(a.at[i]) != lower(b.at[i])) return false;
    return true;
}

bool file_changed(const struct file *file, int directory, const char *name) {
    struct stat now;
    if (fstatat(directory, name, &now, AT_SYMLINK_NOFOLLOW) < 0) return file->fd >= 0;
    return file->fd < 0 || now.st_ino != file->inode || now.st_dev != file->device;
}

static size_t read_text(int fd, char *to, size_t length) {
    size_t taken = 0;
    while (taken < length) {
        ssize_t part = read(fd, to + taken, length - taken);
        if (part < 0 && errno == EINTR) continue;
        if (part <= 0) break;
        taken += (size_t)part;
    }
    return taken;
}

/* What is beyond the limit is as if it were not there. */
static void take_text(struct file *file, struct memory *memory, off_t size) {
    size_t length = size < TEXT_MAX ? (size_t)size : TEXT_MAX;
    char *text = length > 0 ? memory_take(memory, length) : NULL;
    if (text == NULL) return;
    file->mapped = length;
    file->text = (struct slice){text, read_text(file->fd, text, length)};
}

int file_open(int directory, const char *name) {
    int fd = openat(directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    bool exhausted = fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOMEM);
    return exhausted ? FILE_LATER : fd;
}

void file_read(struct file *file, struct memory *memory, int opened) {
    struct stat found;
    autoclose fd = opened;
    if (fd < 0 || fstat(fd, &found) < 0 || !S_ISREG(found.st_mode)) return;
    file->fd = fd;
    fd = -1;
    file->device = found.st_dev;
    file->inode = found.st_ino;
    take_text(file, memory, found.st_size);
}

void file_forget(struct file *file, struct memory *memory) {
    memory_give(memory, (void *)(uintptr_t)file->text.at, file->mapped);
    close_and_forget(&file->fd);
    file->text = (struct slice){NULL, 0};
    file->mapped = 0;
}
