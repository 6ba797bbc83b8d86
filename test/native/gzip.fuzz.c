/* Whatever a container prints, it is compressed within bounds: nothing is read or written that should not be.
 */
#include "gzip.h"
#include <fcntl.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length) {
    static struct gzip gzip;
    static int null = -1;
    if (null < 0) null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (gzip_file(&gzip, null, data, length, "{\"lastTime\":\"\"}") < 0) abort();
    return 0;
}
