/* SPDX-License-Identifier: Apache-2.0 */
/*
 * time.h - instants, civil dates and time zones, without libc's clock, locale or zone database.
 *
 * An instant is int64 microseconds since 1970-01-01T00:00:00Z; days have 86,400 seconds. Zone rules
 * are data: a compiled table of transitions, read once from TZif bytes (RFC 8536) that somebody
 * else loaded, so that hour(ts, "Europe/Prague") is a pure function of the instant and the table
 * (R13).
 */
#pragma once

#include "ops/runtime/arena.h"
#include "ops/runtime/buffer.h"
#include "ops/runtime/error.h"

#define WEIR_US_PER_S   INT64_C(1000000)
#define WEIR_US_PER_DAY INT64_C(86400000000)

typedef struct weir_civil {
    int32_t year;       /* astronomical */
    uint8_t month, day; /* from 1 */
    uint8_t hour, minute, second;
    uint32_t microsecond;
    uint8_t weekday; /* 1 is Monday */
} weir_civil;

weir_civil weir_civil_from_time(int64_t time_us); /* UTC, proleptic Gregorian, all of int64 */
bool weir_time_from_civil(const weir_civil *civil, int64_t *time_us_out); /* weekday ignored */

/* RFC 3339 with 0 to 6 (more: refused unless zero) fractional digits and Z or +hh:mm. */
bool weir_time_parse(const char *text, size_t size, int64_t *time_us_out);
/* "2026-03-01": RFC 3339's full-date, midnight UTC. */
bool weir_date_parse(const char *text, size_t size, int64_t *time_us_out);
/* "2026-03-01T12:00:00.000000Z": always six digits and Z; returns the length, at most 40, no NUL.
 */
size_t weir_time_print(int64_t time_us, char *out);

typedef struct weir_zone weir_zone;
weir_error *weir_zone_parse(const char *name, weir_bytes tzif, weir_arena *into,
                            const weir_zone **zone_out);
const char *weir_zone_name(const weir_zone *zone);
int64_t weir_zone_offset_us(const weir_zone *zone, int64_t time_us); /* local = UTC + offset */
void weir_zone_encode(const weir_zone *zone,
                      weir_buffer *out); /* canonical, for digests and `apply` */
weir_error *weir_zone_decode(weir_reader *reader, weir_arena *into, const weir_zone **zone_out);
