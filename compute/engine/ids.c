/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ids.c - R9: which ids of a stream were kept under a key, and when.
 *
 * A state of ids is a log of (ingest time, id) with one column of bytes. Ids are kept whole, so
 * that a duplicate is never a collision. Ingest time does not go back, hence an id older than
 * `late` can match no later event: such rows leave by tiles, as in any log. An id that comes again
 * after `late` is kept anew; the table of texts holds its bytes once, and id_times[text] the time
 * that counts.
 */

#include "compute/engine/state_internal.h"
#include "ops/runtime/assert.h"
#include "ops/runtime/memory.h"

static void remember(weir_key_state *state, uint32_t text, int64_t ingest_us)
{
    if (text >= state->id_capacity) {
        state->id_capacity = state->texts->entry_capacity;
        state->size.is_stale = true;
        state->id_times =
            weir_memory_resize(state->id_times, state->id_capacity * sizeof *state->id_times);
        WEIR_ASSERT(state->id_times != NULL && text < state->id_capacity);
    }
    state->id_times[text] = ingest_us;
}

bool weir_ids_keep(weir_key_state *state, weir_bytes id, int64_t ingest_us)
{
    WEIR_ASSERT(state->layout->view == NULL);
    uint32_t hash = weir_texts_hash(id.data, id.size);
    uint32_t text = weir_texts_find_hashed(state->texts, hash, id.data, id.size);
    if (text != WEIR_TEXT_NONE) {
        weir_int128 since = (weir_int128)ingest_us - state->id_times[text];
        if (since <= state->layout->late_us) return false;
        weir_texts_retain(state->texts, text);
    } else {
        text = weir_texts_put_hashed(state->texts, hash, id.data, id.size);
        state->size.is_stale = true;
    }
    uint32_t at = weir_state_open_row(state, ingest_us);
    ((uint32_t *)weir_state_values(state, 0))[at] = text;
    remember(state, text, ingest_us);
    weir_state_evict(state, ingest_us);
    return true;
}

void weir_ids_rebuild(weir_key_state *state)
{
    const int64_t *times = weir_state_times(state);
    const uint32_t *texts = weir_state_values(state, 0);
    for (uint32_t i = 0; i < state->count; i++)
        remember(state, texts[i], times[i]);
}
