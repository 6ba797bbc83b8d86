/* Appends lines to a journal of events, as a supervisor does: `journal-append PATH LOCK MAXIMUM FILES TEXT
 * VALUE...`; how many it was. */
#include "journal-helpers.h"
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv) {
    struct journal_line lines[JOURNAL_WAITING];
    unsigned count = 0;
    if (argc < 5) return 2;
    struct op_journal at = {argv[1], argv[2], strtoull(argv[3], NULL, 10), strtoull(argv[4], NULL, 10)};
    for (int i = 5; i + 1 < argc && count < JOURNAL_WAITING; i += 2, count++) {
        lines[count].text = argv[i];
        snprintf(lines[count].value, sizeof lines[count].value, "%s", argv[i + 1]);
    }
    printf("%u", journal_append(&at, lines, count));
    return 0;
}
