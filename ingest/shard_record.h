/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shard_record.h - what a fold shard knows besides its keys, and its bytes in a slice's record.
 *
 * Clock, counters and origin marks: the highest origin seen per sender. A copy whose origin is not
 * above its sender's mark was seen before and is dropped. A sender is the partition that the copy
 * came from at once: a source partition of a stream at the first hop, a journal partition of the
 * entity before it later on; in both its copies come in rising order, without gaps, which is what
 * makes one number enough. An entity is known by its name: another version of the definitions may
 * send from one that these do not have, and what both send from one is filtered together.
 *
 * A slice's record is the shard record at the position at which the slice was frozen, that
 * position, and the duplicates that were dropped in the slice since the least position any slice
 * had then (docs/adr/0001: replay can not decide them again for a slice that is ahead).
 *
 * See also: docs/formats/journal.md
 */
#pragma once

#include "compute/engine/engine.h"

typedef struct weir_fold_counters weir_fold_counters;

/* What happened in the shard since it began. The first three are facts of the journal and exact
 * across restarts. */
struct weir_fold_counters {
    uint64_t events;     /* known: applied                                       */
    uint64_t duplicates; /* R9                                                   */
    uint64_t late;       /* et < M - late: entered, but later than was promised  */
    uint64_t resent;     /* dropped by the origin filter                         */
    uint64_t rows;       /* left after their last hop                            */
    uint64_t passed;     /* went on to another hop                               */
    uint64_t overflows;  /* values that are null because of an overflow (R12)    */
};

enum { WEIR_ORIGIN_PARTITIONS_MAX = 1 << 20, WEIR_SENDERS_MAX = 256 };

/* Per partition of one sender: its highest seq plus one; 0: none. */
typedef struct weir_origin {
    uint64_t *next;
    uint32_t count;
} weir_origin;

/* An entity of other versions only. */
typedef struct weir_sender {
    struct weir_sender *next;
    weir_origin origin;
    weir_bytes name;
} weir_sender;

typedef struct weir_shard_record {
    weir_shard_clock clock;
    weir_fold_counters counters;
    weir_origin *streams;  /* per stream of the plan: source partitions */
    weir_origin *entities; /* per entity: journal partitions            */
    uint32_t stream_count, entity_count, other_count;
    weir_sender *others; /* entities that the plan does not have, in the order in which they came */
} weir_shard_record;

void weir_shard_record_init(weir_shard_record *record, const weir_plan *plan);
void weir_shard_record_deinit(weir_shard_record *record);

/* The origin filter: true, and the mark moves, if seq is above all that this sender sent before. */
bool weir_origin_admit(weir_origin *origin, uint32_t partition, weir_seq seq);

/* The marks of an entity, by name; they stay where they are. Where it is not of the plan they are
 * made when first asked for; NULL: there are WEIR_SENDERS_MAX of those already. */
weir_origin *weir_shard_record_sender(weir_shard_record *record, const weir_plan *plan,
                                      weir_bytes entity);

/* A rising list of seqs. */
typedef struct weir_seq_list {
    weir_seq *items;
    size_t count, capacity;
} weir_seq_list;
void weir_seq_list_add(weir_seq_list *list, weir_seq seq);
bool weir_seq_list_has(const weir_seq_list *list, weir_seq seq);
void weir_seq_list_drop_below(weir_seq_list *list, weir_seq seq);
void weir_seq_list_deinit(weir_seq_list *list);

void weir_slice_record_encode(const weir_plan *plan, int64_t position,
                              const weir_shard_record *record, const weir_seq_list *duplicates,
                              weir_buffer *out);
/* record_out and duplicates_out may be NULL: then only the position is read. Both must be fresh.
 * WEIR_E_CORRUPT on damage. */
weir_error *weir_slice_record_decode(const weir_plan *plan, weir_bytes bytes, int64_t *position_out,
                                     weir_shard_record *record_out, weir_seq_list *duplicates_out);
