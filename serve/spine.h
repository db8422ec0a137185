/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spine.h - a list of (key, time) rows, looked up at the positions that their times mean.
 *
 * A row of a spine is read, at each entity of the vector, at p = the first position of the key's
 * journal partition with an ingest time after t, and tau = t (R3): what a lookup at t would have
 * answered; or, as of (asof.h), after all events with et <= t. Columns of the file: `time`, the key
 * fields of the entities whose features the vector shows, and whatever fields of the event it names
 * with `this` or, for `including this`, its groups read: the row is the trigger (trigger.h).
 *
 * Owns:    the rows; create/destroy. Threads: one.
 */
#pragma once

#include "serve/asof.h"
#include "serve/replay.h"

enum { WEIR_SPINE_ROWS_MAX = 50000000 };

typedef struct weir_spine weir_spine;

typedef struct weir_spine_source {
    const char *const *paths; /* read one after the other */
    size_t count;
    const char *time; /* name of the column of times */
} weir_spine_source;

/* Reads all of it. A bad row is an error that names its line. */
weir_error *weir_spine_open(const weir_plan *plan, uint32_t vector, const weir_spine_source *source,
                            weir_spine **spine_out);
void weir_spine_close(weir_spine *spine); /* NULL is fine */

/* Spreads the rows over journal partitions, in order of time. Call before the journals are
 * replayed. */
weir_error *weir_spine_place(weir_spine *spine, const weir_topics *topics, weir_replay *replay);
/* Reads the rows whose position has come, in this partition: before each event, and at the end
 * (INT64_MAX). */
weir_error *weir_spine_advance(weir_spine *spine, weir_replay *replay, const weir_replay_place *at,
                               weir_node *fold, weir_seq seq, int64_t ingest_us);

/* As of: reads the rows with a time before et_us (INT64_MAX: all that are left). */
weir_error *weir_spine_advance_asof(weir_spine *spine, weir_replay *replay, weir_asof *asof,
                                    int64_t et_us);

size_t weir_spine_count(const weir_spine *spine);
/* How many of the rows have a time before that. */
size_t weir_spine_count_before(const weir_spine *spine, int64_t time_us);
/* Whether the rows have that slot of the stream. */
bool weir_spine_has(const weir_spine *spine, uint32_t slot);
/* Row `index` of the file as an event after its last hop: fields, carried values, tau as its time.
 * seq and partition are the read point of its last entity; partition -1: none was read. Valid until
 * the next call. */
const weir_event *weir_spine_row(weir_spine *spine, size_t index, int32_t *partition_out);
