/* The container's own kernel settings: names and sysctls. */
#include "supervisor.h"
#include <limits.h>
#include <string.h>
#include <sys/prctl.h>

int do_hostname(struct supervisor *s, const struct op_hostname *op) {
    (void)s;
    return sethostname(op->name, strlen(op->name));
}

int do_domainname(struct supervisor *s, const struct op_domainname *op) {
    (void)s;
    return setdomainname(op->name, strlen(op->name));
}

int do_title(struct supervisor *s, const struct op_title *op) {
    (void)s;
    return prctl(PR_SET_NAME, op->text);
}

/* sysctl(8): the first separator decides; after a dot, dots separate and slashes are dots of a name (eth0/1).
 */
static void slashes(char *name) {
    if (name[strcspn(name, "./")] != '.') return;
    for (; *name != 0; name++) {
        if (*name == '.')
            *name = '/';
        else if (*name == '/')
            *name = '.';
    }
}

int do_sysctl(struct supervisor *s, const struct op_sysctl *op) {
    char path[PATH_MAX] = "sys/";
    if (strlen(op->name) >= sizeof path - 4) return fail(ENAMETOOLONG);
    strcpy(path + 4, op->name);
    slashes(path + 4);
    if (strstr(path, "..") != NULL) return fail(EINVAL);
    autoclose fd = proc_open(s, path, O_WRONLY, RESOLVE_NO_LINKS);
    if (fd < 0) return -1;
    return write(fd, op->value, strlen(op->value)) < 0 ? -1 : 0;
}
