/* The journal of events, which engines and supervisors append to. */
#ifndef INBOARD_JOURNAL_H
#define INBOARD_JOURNAL_H
#include "protocol.gen.h"

#endif
