/* Reads client frames from standard input in pieces as they are wanted, and prints what was understood. */
#include "frames.h"
#include <inttypes.h>
#include <stdio.h>

int main(void) {
    static struct frame_reader reader;
    unsigned char data[4096];
    for (;;) {
        uint32_t wanted = frame_wants(&reader);
        size_t length = fread(data, 1, wanted < sizeof data ? wanted : sizeof data, stdin);
        if (length == 0) return 0;
        enum frame_result result = frame_take(&reader, data, (uint32_t)length);
        if (result == FRAME_MALFORMED) return puts("malformed") < 0;
        if (result == FRAME_COMPLETE)
            printf("%" PRIu32 " %" PRIu64 " %" PRIu64 "\n", reader.type, reader.fields[0], reader.fields[1]);
        if (result == FRAME_INPUT) printf("input %zu\n", length);
    }
}
