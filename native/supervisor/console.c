/* The container's terminal: a pty of its own devpts. Names on the way are hostile, so all goes by descriptor.
 */
#include "supervisor.h"
#include <linux/magic.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <termios.h>

static int open_master(struct supervisor *s) {
    struct stat status;
    autoclose directory = root_open(s, "/dev/pts", O_PATH | O_DIRECTORY, RESOLVE_NO_LINKS);
    if (directory < 0) return -1;
    if (!on_filesystem(directory, DEVPTS_SUPER_MAGIC)) return fail(EXDEV);
    int master = sys_openat2(directory, "ptmx", O_RDWR | O_NOCTTY | O_NOFOLLOW, 0,
                             RESOLVE_BELOW | RESOLVE_NO_LINKS | RESOLVE_NO_CROSSING);
    if (master < 0) return -1;
    if (fstat(master, &status) == 0 && S_ISCHR(status.st_mode) && status.st_rdev == makedev(5, 2))
        return master;
    close(master);
    return fail(ENODEV);
}

/* The slave by its master, not by a name that the container may have replaced. */
static int open_slave(int master) {
    int unlocked = 0;
    if (ioctl(master, TIOCSPTLCK, &unlocked) < 0) return -1;
    return ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
}

static int bind_console(struct supervisor *s, int slave) {
    struct stat status;
    autoclose directory = root_open(s, "/dev", O_PATH | O_DIRECTORY, RESOLVE_NO_LINKS);
    if (directory < 0) return -1;
    autoclose made = openat(directory, "console", O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (made < 0 && errno != EEXIST) return -1;
    autoclose target = openat(directory, "console", O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (target < 0 || fstat(target, &status) < 0) return -1;
    if (!S_ISREG(status.st_mode) && !S_ISCHR(status.st_mode)) return fail(EEXIST);
    autoclose tree = sys_open_tree(slave, "", TREE_EMPTY_PATH);
    return tree < 0 ? -1 : sys_attach(tree, target);
}

int do_console(struct supervisor *s, const struct op_console *op) {
    struct winsize size = {.ws_row = s->io.rows, .ws_col = s->io.columns};
    autoclose master = open_master(s);
    autoclose slave = master < 0 ? -1 : open_slave(master);
    if (slave < 0 || fchown(slave, (uid_t)op->uid, (gid_t)-1) < 0) return -1;
    if (size.ws_row != 0 && size.ws_col != 0 && ioctl(master, TIOCSWINSZ, &size) < 0) return -1;
    if (send_descriptor(s->report, master) < 0 || ioctl(slave, TIOCSCTTY, 0) < 0) return -1;
    if (op->bind && bind_console(s, slave) < 0) return -1;
    for (int fd = 0; fd < 3; fd++)
        if (dup2(slave, fd) < 0) return -1;
    return 0;
}
