/* SPDX-License-Identifier: Apache-2.0 */
/*
 * echo.h - what a worker wrote to a journal itself, taken up without reading it back.
 *
 * The broker's acknowledgement of a record names its offset, so a worker that owns the partition,
 * too, knows what stands there: the bytes that it sent. If that is the offset which has to come
 * next, the record may be handed to the fold at once. If it is not, others have written in between;
 * then it is let go, and reading the partition, which goes on all the time, brings all of them in
 * their order. So an echo is the journal's own prefix, early, or nothing (docs/adr/0005).
 *
 * A broker is believed once: the first record that was offered must have come back with the very
 * time and size that its acknowledgement told. librdkafka's mock cluster does not stand the test.
 *
 *   weir_echo_offer   an acknowledgement came; kept only where it follows on
 *   weir_echo_check   a record was read back
 *   weir_echo_take    records for the fold, which live until the next take
 *
 * Owns:    the bytes of what it holds, bounded by WEIR_ECHO_BYTES_MAX.
 * Threads: its partition's.
 */
#pragma once

#include "ingest/log.h"

enum { WEIR_ECHO_BYTES_MAX = 4 << 20 };

typedef struct weir_echo_record {
    weir_log_record record;
    uint8_t *bytes; /* its value's */
} weir_echo_record;

typedef enum weir_echo_trust {
    WEIR_ECHO_UNTRIED,
    WEIR_ECHO_TRIED, /* one was offered, and is to be read back */
    WEIR_ECHO_TRUSTED,
    WEIR_ECHO_REFUTED,
} weir_echo_trust;

typedef struct weir_echo {
    weir_echo_trust trust;
    int64_t tried_offset, tried_us;
    size_t tried_bytes;
    weir_echo_record *records; /* [0 .. lent) are with the fold, [lent .. count) wait */
    size_t lent, count, capacity;
    size_t waiting_bytes;
} weir_echo;

void weir_echo_deinit(weir_echo *echo); /* a zeroed echo is an empty one */

/* An acknowledged record without a key; `next` is the offset that the partition's owner takes next,
 * timestamp_us the one that stands in the log as the broker told it (INT64_MIN: it did not). False:
 * it does not follow on, its time is not known, or too much is held. */
bool weir_echo_offer(weir_echo *echo, int64_t next, int64_t offset, int64_t timestamp_us,
                     weir_bytes value);

/* A record of the partition was read back. */
void weir_echo_check(weir_echo *echo, const weir_log_record *record);

/* Up to `most` records from offset `next` on; what was taken before is freed, and what lies below
 * `next` (it was read back sooner) is forgotten. */
size_t weir_echo_take(weir_echo *echo, int64_t next, weir_log_record *records, size_t most);

static inline bool weir_echo_is_empty(const weir_echo *echo) { return echo->count == echo->lent; }
