/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fold.h - the second node: takes a partition of a journal, keeps the state of its keys, passes
 * events on.
 *
 * Per event: origin filter, ingest time (R2), duplicates at the first hop (R9), read into the
 * carried values (R4), apply, then one copy to the next hop's journal, or, after the last hop, the
 * vectors, the scores and the row sink. State and position live in slices that are frozen and
 * written in turn; docs/adr/0001 tells the protocol and what happens at each crash point.
 *
 * Owns:    the state table; closes the store.
 * Threads: one. Nodes of one thread may share an engine and scorers.
 */
#pragma once

#include "compute/engine/engine.h"
#include "ingest/journal.h"
#include "ingest/node.h"
#include "ingest/schema_source.h"
#include "ingest/scorer.h"
#include "ingest/shard_record.h"
#include "ingest/topics.h"

/* An event after its last hop. Everything lives until the sink returns. */
typedef struct weir_fold_row {
    const weir_event *event;       /* fields, carried, et, seq of the last hop */
    const weir_journal_head *head; /* the writer's schema */
    const weir_journal_copy *copy; /* origin, body */
    const weir_read_point *points; /* one per hop that was visited, in order of the hops */
    uint32_t point_count;
    bool is_foreign;     /* carries values of another version: its vector is nobody's */
    weir_engine *engine; /* for weir_engine_vector */
} weir_fold_row;

typedef struct weir_fold_row_sink {
    void *context;
    weir_error *(*take)(void *context, const weir_fold_row *row);
    /* Whether it wants the event, of which only stream, hop, key, times and seq are known yet; NULL:
     * all. What nobody else needs of one that it does not want is left out. */
    bool (*wants)(void *context, const weir_event *event);
    /* An event at its first hop that goes on from there; or NULL. */
    weir_error *(*begin)(void *context, const weir_fold_row *row);
    bool ignores_values; /* the carried ones: they may be null */
} weir_fold_row_sink;

/* Called before an event is folded, with the ingest time that the fold gives it (R2): for lookups
 * at "the first position with an ingest time after t" (R3). */
typedef struct weir_fold_watch {
    void *context;
    weir_error *(*before)(void *context, weir_node *node, weir_seq seq, int64_t ingest_us);
} weir_fold_watch;

typedef struct weir_fold_options {
    const weir_topics *topics; /* outlives the node, like all below */
    weir_topic topic;          /* a journal */
    int32_t partition;
    const weir_output_port *port;
    const weir_schema_source *schemas;
    const weir_store_port *store;
    weir_engine *engine;
    weir_scorer *const *scorers; /* one per score of the plan; NULL: nothing is scored */
    const weir_fold_row_sink
        *rows; /* or NULL. Rows come for what is replayed below K, too, if replay_rows is set */
    bool replay_rows;
    bool follows; /* sends nothing, whatever comes: opened with K = INT64_MAX (weir serve) */
    /* A replay: no version that came into force stops it, and of another version's later copies only
     * the state is kept, as a worker does below K. */
    bool spans_versions;
    const weir_fold_watch *watch; /* or NULL */
    bool accepts_gaps;            /* file logs: seq is a line number */
    size_t table_bytes;           /* budget of the write-back table; 0: WEIR_FOLD_TABLE_BYTES */
    int64_t freeze_every_us;      /* at most, between two slices; 0: WEIR_FOLD_FREEZE_US */
    uint32_t freeze_every_events; /* or per so many events; 0: WEIR_FOLD_FREEZE_EVENTS */
    int64_t checkpoint_every_us;  /* 0: never */
    const char *state_path;       /* for messages; or NULL */
    /* End of a source partition or -1 if unknown: refuses an origin mark beyond it. May be NULL. */
    int64_t (*log_end)(void *context, weir_topic topic, int32_t partition);
    /* Whether this version came into force again behind the notice of another at `offset`: then the
     * fold goes on over it. NULL: never. Shares log_end's context. */
    weir_error *(*is_superseded)(void *context, weir_topic topic, int32_t partition, int64_t offset,
                                 bool *yes_out);
    void *log_end_context; /* of both */
} weir_fold_options;

enum {
    WEIR_FOLD_TABLE_BYTES = 256 << 20,
    WEIR_FOLD_FREEZE_US = 500000,
    WEIR_FOLD_FREEZE_EVENTS = 65536
};

weir_error *weir_fold_create(const weir_fold_options *options, weir_node **node_out);

const weir_fold_counters *weir_fold_counted(const weir_node *node);

/* L (least L_s written), the next offset, and the shard's clock: for metrics, doctor and lookups.
 */
int64_t weir_fold_low(const weir_node *node);
int64_t weir_fold_next(const weir_node *node);
const weir_shard_clock *weir_fold_clock(const weir_node *node);
/* The shard's states at its present position: what `weir serve` looks up in. */
const weir_state_port *weir_fold_states(weir_node *node, weir_bytes entity_key);
/* Freezes and writes every slice, as far as committed: a restart then replays nothing. Called
 * before close when drained. */
weir_error *weir_fold_settle(weir_node *node);
