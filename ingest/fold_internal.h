/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fold_internal.h - a fold shard's insides: fold.c takes records and is the node, fold_event.c takes
 * one copy through the shard.
 */
#pragma once

#include "ingest/epochs.h"
#include "ingest/fold.h"
#include "ingest/lane.h"
#include "ingest/packer.h"
#include "ingest/slices.h"

/* What a head of the present pack means here: found out once for all of its copies. */
typedef struct route {
    weir_journal_head head;
    weir_lane *lane; /* NULL: a stream or an entity that these definitions do not know */
    const weir_decoder *decoder; /* NULL: not yet looked for */
    bool is_foreign;             /* carries values of another definition: they are not looked at */
    weir_origin *origin;         /* marks of who sent it; NULL only where there is no lane */
    uint32_t onward; /* the hop to which `bytes` is the head of copies; WEIR_NONE: none yet */
    weir_buffer bytes;
} route;

/* One copy on its way through the shard. */
typedef struct passage {
    route *route;
    weir_lane *lane;
    weir_journal_copy copy;
    weir_event event;
    uint64_t hash; /* of the key */
    int64_t record_us, order_us;
    weir_pack_mark behind; /* where the pack goes on */
    bool emits;            /* at or above K */
    bool is_shown;         /* the row sink wants it after its last hop */
    /* It carries another version's values, or was begun by one where this one would not have begun
     * it: only that one can take it on. */
    bool is_others;
} passage;

/* Copies are read from the pack some at a time, so that the cache misses of their keys overlap. */
enum { AHEAD_MAX = 16 };

typedef struct fold {
    weir_node node;
    uint32_t magic;
    weir_fold_options options;
    const weir_plan *plan;
    const char *topic_name;
    uint32_t entity;
    weir_lane *lanes; /* one per stream of the plan */
    uint32_t last_lane;
    weir_state_table *table;
    weir_slices slices;
    weir_shard_record record;
    weir_epochs epochs;
    int64_t next;                      /* offset to take next */
    uint32_t next_index;               /* of it, copies that are taken */
    weir_pack_mark next_mark;          /* where the next copy begins; valid behind the first */
    weir_pack_reader reader;           /* of the pack at `next` */
    route routes[WEIR_PACK_HEADS_MAX]; /* one per head that was met in it */
    uint32_t route_count;
    passage ahead[AHEAD_MAX];
    int64_t emit_from; /* K when opened: what lies below was sent before */
    int64_t committed; /* K */
    bool is_open, is_failed;
    uint32_t events_since_freeze;
    size_t bytes_frozen; /* by the last freeze */
    int64_t last_freeze_us, last_checkpoint_us, checkpoint_low;
    int32_t *score_ids; /* schema id per score of the plan; valid where has_score_id */
    bool *has_score_id;
    weir_arena scratch;
    weir_buffer bytes, values, key;
    weir_buffer held; /* scores of the pack that is being taken: fold_release_scores */
} fold;

/* The lane of a stream, by its name in a journal; NULL: these definitions do not know it. */
weir_lane *fold_find_lane(fold *self, weir_bytes name);
/* That a record was not written by weir; `what` says why. */
weir_error *fold_damaged(const fold *self, int64_t offset, uint32_t index, const char *what);

/* Takes a copy, which is decoded already: duplicate, read, apply, onward. An error leaves the shard
 * as it was, or `is_failed`. */
weir_error *fold_take_copy(fold *self, passage *p, weir_seq seq);

/* Has the scorers write what they still owe into `held`; then hands that to the sink. */
void fold_settle_scores(fold *self);
weir_error *fold_release_scores(fold *self);
