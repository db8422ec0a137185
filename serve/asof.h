/* SPDX-License-Identifier: Apache-2.0 */
/*
 * asof.h - the journals' events once more, in the order of their own times (R18, grade C).
 *
 * "As of" is what a backfill over event time says: an event sees all events of an earlier time,
 * however late they came, and of the same instant those before it in the journal (R7). It is a
 * question for research; what was scored is "as known". First every event that a replay lets
 * through (no duplicate, no dead letter) is added; then the fold goes over them by time, hop by hop
 * with the same engine, so that values frozen in events (R14) are as of, too. Within one instant a
 * hop waits for the event's hop before it and for the events before it in its shard; the journals
 * were written in such an order, so there is one.
 *
 * An event of another version of the definitions (replay.h) is taken whole, where it is met first: at
 * its first hop, or with values that are not looked at. Its other hops are those of its keys, and
 * events of one instant then come in the order of their first hops, which is one for all shards.
 *
 * Owns:    events in canonical bytes, states in memory. Threads: one.
 */
#pragma once

#include "compute/engine/engine.h"
#include "ingest/fold.h"

enum { WEIR_ASOF_EVENTS_MAX = 50000000 };

typedef struct weir_asof weir_asof;

weir_asof *weir_asof_create(const weir_topics *topics, weir_engine *engine);
void weir_asof_destroy(weir_asof *asof); /* NULL is fine */

/* Takes an event after its last hop; `note` is handed back with it. */
weir_error *weir_asof_add(weir_asof *asof, const weir_fold_row *row, int32_t partition,
                          weir_bytes note);
/* Takes an event that another version had: it counts unless weir_asof_add takes it, too.
 * partition_counts: of the journals, per topic. */
weir_error *weir_asof_add_whole(weir_asof *asof, const weir_fold_row *row, int32_t partition,
                                const int32_t *partition_counts, weir_bytes note);

typedef struct weir_asof_sinks {
    void *context;
    /* Before the events of an instant, and at the end (INT64_MAX). May be NULL. */
    weir_error *(*before)(void *context, int64_t et_us);
    /* An event after its last hop, in the order of time; partition and event->seq of that hop, or
     * where it was taken whole. */
    weir_error *(*event)(void *context, const weir_event *event, int32_t partition,
                         weir_bytes note);
} weir_asof_sinks;
weir_error *weir_asof_fold(weir_asof *asof, const weir_asof_sinks *sinks);

/* The states between two instants, for reading: of the entity's shard of that partition. */
const weir_state_port *weir_asof_states(weir_asof *asof);
const weir_shard_clock *weir_asof_clock(const weir_asof *asof, weir_topic journal,
                                        int32_t partition);
