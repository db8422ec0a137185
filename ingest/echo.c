/* SPDX-License-Identifier: Apache-2.0 */
#include "ingest/echo.h"

#include <stdlib.h>
#include <string.h>

#include "ingest/planted.h"
#include "ops/runtime/assert.h"

/* Forgets the first records, lent or not. */
static void drop(weir_echo *echo, size_t count)
{
    if (count == 0) return;
    for (size_t i = 0; i < count; i++) {
        if (i >= echo->lent) echo->waiting_bytes -= echo->records[i].record.value.size;
        free(echo->records[i].bytes);
    }
    echo->count -= count;
    echo->lent = echo->lent > count ? echo->lent - count : 0;
    memmove(echo->records, echo->records + count, echo->count * sizeof *echo->records);
}

void weir_echo_deinit(weir_echo *echo)
{
    drop(echo, echo->count);
    free(echo->records);
    *echo = (weir_echo){0};
}

/* What is not behind all that was taken or is held would be a jump. */
static bool follows(const weir_echo *echo, int64_t next, int64_t offset)
{
    int64_t expected =
        weir_echo_is_empty(echo) ? next : echo->records[echo->count - 1].record.offset + 1;
    if (expected < next) expected = next;
    return WEIR_PLANTED(ECHO_JUMPS) ? offset >= expected : offset == expected;
}

/* What was read already, or is passed by, proves nothing. */
static void try_one(weir_echo *echo, int64_t next, int64_t offset, int64_t timestamp_us,
                    size_t bytes)
{
    bool is_waiting = echo->trust == WEIR_ECHO_TRIED && echo->tried_offset >= next;
    if (echo->trust == WEIR_ECHO_REFUTED || is_waiting || offset < next) return;
    echo->trust = WEIR_ECHO_TRIED;
    echo->tried_offset = offset;
    echo->tried_us = timestamp_us;
    echo->tried_bytes = bytes;
}

void weir_echo_check(weir_echo *echo, const weir_log_record *record)
{
    if (echo->trust != WEIR_ECHO_TRIED || record->offset != echo->tried_offset) return;
    bool is_same =
        record->timestamp_us == echo->tried_us && record->value.size == echo->tried_bytes;
    echo->trust = is_same ? WEIR_ECHO_TRUSTED : WEIR_ECHO_REFUTED;
}

bool weir_echo_offer(weir_echo *echo, int64_t next, int64_t offset, int64_t timestamp_us,
                     weir_bytes value)
{
    if (timestamp_us == INT64_MIN) return false;
    if (echo->trust != WEIR_ECHO_TRUSTED) {
        try_one(echo, next, offset, timestamp_us, value.size);
        return false;
    }
    if (!follows(echo, next, offset)) return false;
    if (echo->waiting_bytes + value.size > WEIR_ECHO_BYTES_MAX) return false;
    if (echo->count == echo->capacity) {
        echo->capacity = echo->capacity == 0 ? 8 : echo->capacity * 2;
        echo->records = realloc(echo->records, echo->capacity * sizeof *echo->records);
        WEIR_ASSERT(echo->records != NULL);
    }
    uint8_t *bytes = malloc(value.size + 1);
    WEIR_ASSERT(bytes != NULL);
    memcpy(bytes, value.data, value.size);
    if (WEIR_PLANTED(ECHO_OWN_CLOCK)) timestamp_us -= 5000000;
    echo->records[echo->count++] = (weir_echo_record){
        .record = {.offset = offset, .timestamp_us = timestamp_us, .value = {bytes, value.size}},
        .bytes = bytes};
    echo->waiting_bytes += value.size;
    return true;
}

size_t weir_echo_take(weir_echo *echo, int64_t next, weir_log_record *records, size_t most)
{
    size_t gone = echo->lent;
    while (gone < echo->count && echo->records[gone].record.offset < next)
        gone++;
    drop(echo, gone);
    if (echo->count == 0) return 0;
    /* Part of what was lent was not taken up: it is read back, and the rest follows on. */
    if (echo->records[0].record.offset != next && !WEIR_PLANTED(ECHO_JUMPS)) return 0;
    size_t count = echo->count < most ? echo->count : most;
    for (size_t i = 0; i < count; i++) {
        records[i] = echo->records[i].record;
        echo->waiting_bytes -= records[i].value.size;
    }
    echo->lent = count;
    return count;
}
