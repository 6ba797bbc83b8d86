/* Where lines end in a file whose tail may be torn. */
#ifndef INBOARD_LINE_END_H
#define INBOARD_LINE_END_H
#include <sys/types.h>

/* Just behind the last newline of the first `end` bytes; 0: there is none. -1 when they cannot be read. */
off_t last_line_end(int fd, off_t end);

#endif
