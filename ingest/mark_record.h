/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mark_record.h - the bytes of the marks topic (docs/formats/marks.md): what a worker tells the
 * others of a partition.
 *
 * Anybody may write to a topic, so any bytes decode to a record or to nothing.
 */
#pragma once

#include "ops/runtime/buffer.h"

enum {
    WEIR_MARK_TOPIC_MAX = 249, /* Kafka's own limit */
    WEIR_MARK_TELLER_MAX = 39,
    WEIR_MARK_KEY_MAX = WEIR_MARK_TOPIC_MAX + WEIR_MARK_TELLER_MAX + 20
};

typedef enum weir_mark_kind {
    WEIR_MARK_MARK = 0x10, /* how far a partition has come */
    WEIR_MARK_END = 0x11,  /* how far one worker has written a journal */
} weir_mark_kind;

typedef struct weir_mark_record {
    weir_mark_kind kind;
    char topic[WEIR_MARK_TOPIC_MAX + 1];
    int32_t partition;
    char teller[WEIR_MARK_TELLER_MAX + 1]; /* an end's */
    uint8_t state;                         /* a mark's: weir_board_state */
    int64_t mark_us, position;             /* a mark's */
    int64_t end;                           /* an end's */
} weir_mark_record;

/* false: no record of these kinds. */
bool weir_mark_record_decode(weir_bytes key, weir_bytes value, weir_mark_record *record_out);
/* Appends to both. */
void weir_mark_record_encode(const weir_mark_record *record, weir_buffer *key, weir_buffer *value);
