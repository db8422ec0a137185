/* SPDX-License-Identifier: Apache-2.0 */
/*
 * served.h - sampled answers: how `weir serve` writes them down, and how a proof looks them up
 * again.
 *
 * A sample is an Avro record (schemas/served.avsc) that names entity, key, read point and
 * definition, and holds the values in canonical bytes. A proof reads all samples first, sorts them
 * by journal position, and answers each again at that very position of the replay.
 *
 * Owns: a set owns its samples. Threads: one.
 */
#pragma once

#include "serve/lookup.h"
#include "serve/proof.h"
#include "serve/replay.h"

extern const char weir_served_schema[]; /* schemas/served.avsc */

/* Appends the framed record of one answer. */
void weir_served_encode(const weir_plan *plan, const weir_lookup_request *request,
                        const weir_lookup_answer *answer, weir_bytes key, int32_t schema_id,
                        weir_buffer *out);

typedef struct weir_served_sample weir_served_sample;
typedef struct weir_served_set {
    weir_arena arena;
    weir_served_sample *samples;
    size_t count, capacity, next;
    weir_replay *replay; /* set before the journals are replayed */
    const weir_plan *plan;
    weir_arena scratch;
} weir_served_set;

void weir_served_set_deinit(weir_served_set *set);
/* Takes one record of the served topic; what is no sample of ours is an error. */
weir_error *weir_served_set_add(weir_served_set *set, const weir_replay_place *at,
                                weir_bytes message);
void weir_served_set_sort(weir_served_set *set, const weir_topics *topics);
/* Answers all samples of this journal partition with position <= at->offset that are not answered
 * yet. */
weir_error *weir_served_set_check(weir_served_set *set, const weir_replay_place *at,
                                  weir_node *fold, weir_arena *into, weir_proof *proof);
/* Samples made under another definition: not compared. */
uint64_t weir_served_set_skipped(const weir_served_set *set);
