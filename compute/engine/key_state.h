/* SPDX-License-Identifier: Apache-2.0 */
/*
 * key_state.h - what one view keeps for one key.
 *
 * A key's state is an ordered log of projected rows (et, seq, columns) plus, where a view has cells
 * over `ever`, running values of the rows that left the log. Everything else (running sums with
 * their two cursors per window, ordered multisets for min, max and quantiles) is derived from the
 * log, built when a key has become warm, and never stored: since every aggregate is exact, derived
 * and recomputed values are the same bits, and a test forces each form. Rows leave the log only
 * when no read can see them any more (R8); then they enter the running values, `last n` keeping the
 * n greatest.
 *
 * Stored, a state is a small set of *parts*: part 0 is the head (and, while small, the whole log);
 * a long log is cut into tiles by event time, one part each, so that an event costs a write of what
 * it touched. The bytes are canonical: a function of the key's events alone
 * (docs/formats/state.md).
 *
 * Owns:    slab memory; create/destroy. Threads: one shard's thread.
 */
#pragma once

#include "compute/plan.h"

typedef struct weir_key_state weir_key_state;

weir_key_state *weir_key_state_create(const weir_plan *plan, uint32_t view);
void weir_key_state_destroy(weir_key_state *state);
/* The first member of a state. */
typedef struct weir_key_state_size {
    bool is_stale; /* what it takes has to be counted anew */
} weir_key_state_size;
static inline bool weir_key_state_is_resized(const weir_key_state *state)
{
    return ((const weir_key_state_size *)(const void *)state)->is_stale;
}
size_t weir_key_state_bytes(weir_key_state *state); /* resident memory; counted anew if stale */
/* Asks the memory for the state itself, then for what the next event will look at in it. */
void weir_key_state_prefetch_head(const weir_key_state *state);
void weir_key_state_prefetch(const weir_key_state *state);
uint64_t weir_key_state_rows(const weir_key_state *state);

/* Writes the parts that changed since the last call (all != false: every part). Dropped parts come
 * with size 0. */
typedef void weir_part_sink(void *context, uint64_t part, weir_bytes bytes);
void weir_key_state_encode(weir_key_state *state, bool all, weir_part_sink *sink, void *context);
/* Rebuilds a state from its parts, in ascending order of part. WEIR_E_CORRUPT if the bytes are not
 * a state. */
weir_error *weir_key_state_decode(weir_key_state *state, uint64_t part, weir_bytes bytes);
/* After part 0: does it say that there are more? */
bool weir_key_state_is_partial(const weir_key_state *state);
weir_error *weir_key_state_decode_end(weir_key_state *state);
