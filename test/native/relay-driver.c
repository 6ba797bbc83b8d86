/* Runs the relay: relay-driver SPEED FILTER PORT..., each PORT a protocol's number, an address and a port
 * with blanks between, of which the descriptors are 3 and up. FILTER is a file of struct sock_filter[], or
 * empty. Time passes SPEED times faster. */
#include "helpers.h"
#include <arpa/inet.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include <fcntl.h>

enum { PORTS = 256, INSTRUCTIONS = 4096 };

static int speed = 1;

/* The linker puts these in front of the C library's. */
int __real_clock_gettime(clockid_t clock, struct timespec *now);
int __real_epoll_pwait(int epoll, struct epoll_event *events, int count, int timeout, const sigset_t *mask);

int __wrap_clock_gettime(clockid_t clock, struct timespec *now) {
    if (__real_clock_gettime(clock, now) < 0) return -1;
    int64_t nanoseconds = ((int64_t)now->tv_sec * 1000000000 + now->tv_nsec) * speed;
    *now = (struct timespec){nanoseconds / 1000000000, nanoseconds % 1000000000};
    return 0;
}

int __wrap_epoll_pwait(int epoll, struct epoll_event *events, int count, int timeout, const sigset_t *mask) {
    return __real_epoll_pwait(epoll, events, count, timeout < 0 ? timeout : (timeout + speed - 1) / speed,
                              mask);
}

static void die(const char *what) {
    perror(what);
    exit(2);
}

static void filter_calls(const char *path) {
    static struct sock_filter code[INSTRUCTIONS];
    int fd = open(path, O_RDONLY);
    ssize_t length = fd < 0 ? -1 : read(fd, code, sizeof code);
    if (length <= 0) die(path);
    close(fd);
    struct sock_fprog program = {(unsigned short)((size_t)length / sizeof *code), code};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) die("prctl");
    if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0) die("seccomp");
}

static struct relay_port parse(const char *text, int fd) {
    char address[64];
    unsigned protocol, number;
    struct relay_port port = {.fd = fd};
    if (sscanf(text, "%u %63s %u", &protocol, address, &number) != 3) die(text);
    port.protocol = (uint8_t)protocol;
    port.port = (uint16_t)number;
    port.family = strchr(address, ':') ? AF_INET6 : AF_INET;
    if (inet_pton(port.family, address, port.address) != 1) die(address);
    return port;
}

int main(int count, char **arguments) {
    struct relay_port ports[PORTS];
    struct relay_setup setup = {ports, 0};
    if (count < 4 || count - 3 > PORTS) return 2;
    speed = atoi(arguments[1]);
    for (int i = 3; i < count; i++) ports[setup.count++] = parse(arguments[i], i);
    if (arguments[2][0]) filter_calls(arguments[2]);
    _exit(relay_run(&setup));
}
