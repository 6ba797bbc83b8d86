/* Swaps two names over and over: exchange A B. Ends with its container. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(int count, char **names) {
    if (count != 3) return 2;
    for (;;) syscall(SYS_renameat2, AT_FDCWD, names[1], AT_FDCWD, names[2], RENAME_EXCHANGE);
}
