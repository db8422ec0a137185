/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sql.h - a feature as one SELECT over views of the journals, for other engines to compute.
 *
 * The definitions mean what R1-R14 say; this says the same in SQL, so that somebody else's engine
 * can check (G3). It is for proof and understanding, not for serving: every aggregate is a join of
 * each event with the events before it, quadratic in the events of a key.
 *
 * For each stream and entity there is a view `<stream>_by_<entity>` (tx_by_card; key fields of one
 * entity joined by _) with one row per copy that counts (no duplicate, no dead letter):
 *
 *     event   identifies the event, the same in all views of the stream
 *     seq     orders the copies of a key, as the journal does
 *     it, et  ingest time and event time, microseconds since 1970 as BIGINT
 *     and the stream's fields by their paths: times and durations as microseconds (BIGINT), enums
 * as their names, decimals as DECIMAL(p,s)
 *
 * The SELECT gives `event`, `seq` and the feature for every copy at its entity. Integers and
 * decimals come out equal; float64 as far as the other engine's sums are exact. What is not
 * comparable, or has no SQL here, is named.
 *
 * Owns:    nothing; text is appended to a buffer, names live in `into`. Threads: any.
 */
#pragma once

#include "compute/plan.h"

typedef enum weir_sql_dialect { WEIR_SQL_DUCKDB, WEIR_SQL_SPARK } weir_sql_dialect;

/*
 * Appends the SELECT of a member, triggered by events of `stream` (WEIR_NONE: one that carries it,
 * else one whose fields it uses). NULL, or why there is none, made in `into`; nothing is appended
 * then.
 */
const char *weir_sql_member(const weir_plan *plan, uint32_t member, uint32_t stream,
                            weir_sql_dialect dialect, weir_arena *into, weir_buffer *out);
/* The stream that weir_sql_member would take for WEIR_NONE; WEIR_NONE: none fits. */
uint32_t weir_sql_stream(const weir_plan *plan, uint32_t member);
