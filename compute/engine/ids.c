/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ids.c - R9: which ids of a stream were kept under a key, and when.
 *
 * A state of ids is a log of (ingest time, id). Ids are kept whole, so that a duplicate is never a
 * collision: their bytes lie one behind the other, a lane says where each ends, the column holds
 * their hashes. Ingest time does not go back, hence rows only join behind the last, and an id older
 * than `late` can match no later event: such rows leave by tiles, as in any log. An id that comes
 * again after `late` is kept anew; of two rows of one id the later counts.
 *
 * Few ids are found by a walk over their hashes, a cache line or two; many by an index of rows, in
 * which those that left the log stay until it is made anew.
 */
#include <string.h>

#include "compute/engine/state_internal.h"
#include "ops/runtime/assert.h"
#include "ops/runtime/checksum.h"
#include "ops/runtime/memory.h"

enum { FEW = 32, BYTES_MIN = 32, INDEX_MIN = 64 };
/* A slot: the hash, a bit that says it is used, a row's absolute number, cut off. */
#define USED UINT32_C(0x80000000)

static uint32_t *hashes_of(const weir_key_state *state)
{
    return (uint32_t *)weir_state_values(state, 0);
}

static uint32_t *ends_of(const weir_key_state *state)
{
    return weir_state_lane(state, state->layout->id_end_offset, sizeof(uint32_t));
}

weir_bytes weir_ids_of_row(const weir_key_state *state, uint32_t row)
{
    const weir_ids *ids = weir_state_ids(state);
    const uint32_t *ends = ends_of(state);
    uint32_t from = row == 0 ? ids->start : ends[row - 1];
    return (weir_bytes){ids->bytes + from, ends[row] - from};
}

static uint32_t hash_of(weir_bytes id)
{
    return (uint32_t)weir_xxh3(id.data, id.size, weir_table_seed);
}

static bool is_id(const weir_key_state *state, uint32_t row, weir_bytes id)
{
    weir_bytes kept = weir_ids_of_row(state, row);
    return kept.size == id.size && (id.size == 0 || memcmp(kept.data, id.data, id.size) == 0);
}

/* ---- the index ---- */

static uint64_t slot_of(const weir_key_state *state, uint32_t row)
{
    return (uint64_t)hashes_of(state)[row] << 32 | ((uint32_t)state->first + row) | USED;
}

/* The row that a slot names; not below the count: it has left. */
static uint32_t row_of(const weir_key_state *state, uint64_t slot)
{
    return ((uint32_t)slot - (uint32_t)state->first) & ~USED;
}

static void index_put(const weir_key_state *state, uint32_t row)
{
    weir_ids *ids = weir_state_ids(state);
    uint32_t mask = ids->index_capacity - 1, at = hashes_of(state)[row] & mask;
    while (ids->index[at] != 0)
        at = (at + 1) & mask;
    ids->index[at] = slot_of(state, row);
    ids->index_used++;
}

static void index_make(const weir_key_state *state)
{
    weir_ids *ids = weir_state_ids(state);
    weir_memory_free(ids->index);
    ids->index = NULL;
    ids->index_used = ids->index_capacity = 0;
    if (state->count <= FEW) return;
    WEIR_ASSERT(state->count <= UINT32_C(1) << 30);
    ids->index_capacity = INDEX_MIN;
    while (ids->index_capacity / 2 < state->count)
        ids->index_capacity *= 2;
    ids->index = weir_memory_calloc(ids->index_capacity, sizeof *ids->index);
    for (uint32_t row = 0; row < state->count; row++)
        index_put(state, row);
}

static void index_add(const weir_key_state *state, uint32_t row)
{
    const weir_ids *ids = weir_state_ids(state);
    bool is_full =
        ids->index == NULL ? state->count > FEW : ids->index_used >= ids->index_capacity / 4 * 3;
    if (is_full)
        index_make(state);
    else if (ids->index != NULL)
        index_put(state, row);
}

/* The last row of an id, or WEIR_NONE. */
static uint32_t find_in_index(const weir_key_state *state, uint32_t hash, weir_bytes id)
{
    const weir_ids *ids = weir_state_ids(state);
    uint32_t mask = ids->index_capacity - 1, found = WEIR_NONE;
    for (uint32_t at = hash & mask; ids->index[at] != 0; at = (at + 1) & mask) {
        if (ids->index[at] >> 32 != hash) continue;
        uint32_t row = row_of(state, ids->index[at]);
        if (row >= state->count) continue;
        if (is_id(state, row, id) && (found == WEIR_NONE || row > found)) found = row;
    }
    return found;
}

static uint32_t find(const weir_key_state *state, uint32_t hash, weir_bytes id)
{
    if (state->count == 0) return WEIR_NONE;
    if (weir_state_ids(state)->index != NULL) return find_in_index(state, hash, id);
    const uint32_t *hashes = hashes_of(state);
    for (uint32_t row = state->count; row-- > 0;)
        if (__builtin_expect(hashes[row] == hash, 0) && is_id(state, row, id)) return row;
    return WEIR_NONE;
}

/* ---- bytes ---- */

/* What left is squeezed out where that makes room for some time. */
static void make_room(const weir_key_state *state, size_t size)
{
    weir_ids *ids = weir_state_ids(state);
    size_t live = ids->size - ids->start, want = live + size;
    WEIR_ASSERT(want <= UINT32_MAX / 2);
    uint32_t start = ids->start;
    if (want + want / 4 <= ids->capacity) {
        memmove(ids->bytes, ids->bytes + start, live);
    } else {
        ids->capacity = want + want / 2 < BYTES_MIN ? BYTES_MIN : (uint32_t)(want + want / 2);
        uint8_t *bytes = weir_memory_alloc(ids->capacity);
        if (live > 0) memcpy(bytes, ids->bytes + start, live);
        weir_memory_free(ids->bytes);
        ids->bytes = bytes;
    }
    ids->start = 0;
    ids->size = (uint32_t)live;
    uint32_t *ends = ends_of(state);
    for (uint32_t row = 0; start > 0 && row < state->count; row++)
        ends[row] -= start;
}

void weir_ids_set(const weir_key_state *state, uint32_t row, weir_bytes id)
{
    weir_ids *ids = weir_state_ids(state);
    if (ids->capacity - ids->size < id.size || ids->bytes == NULL) make_room(state, id.size);
    if (id.size > 0) memcpy(ids->bytes + ids->size, id.data, id.size);
    ids->size += (uint32_t)id.size;
    ends_of(state)[row] = ids->size;
    hashes_of(state)[row] = hash_of(id);
}

/* ---- rows ---- */

bool weir_ids_keep(weir_key_state *state, weir_bytes id, int64_t ingest_us)
{
    WEIR_ASSERT(weir_state_is_of_ids(state));
    uint32_t row = find(state, hash_of(id), id);
    if (row != WEIR_NONE) {
        weir_int128 since = (weir_int128)ingest_us - weir_state_times(state)[row];
        if (since <= state->layout->late_us) return false;
    }
    const weir_ids *ids = weir_state_ids(state);
    uint32_t before = ids->capacity + ids->index_capacity;
    row = weir_state_open_row(state, ingest_us);
    WEIR_ASSERT(row + 1 == state->count);
    weir_ids_set(state, row, id);
    index_add(state, row);
    if (ids->capacity + ids->index_capacity != before) state->size.is_stale = true;
    weir_state_evict(state, ingest_us);
    return true;
}

void weir_ids_evicting(weir_key_state *state, uint32_t count)
{
    weir_ids *ids = weir_state_ids(state);
    ids->start = ends_of(state)[count - 1];
    if (count == state->count) ids->start = ids->size = 0;
}

void weir_ids_rebuild(weir_key_state *state) { index_make(state); }

void weir_ids_deinit(weir_key_state *state)
{
    weir_memory_free(weir_state_ids(state)->bytes);
    weir_memory_free(weir_state_ids(state)->index);
}

size_t weir_ids_bytes(const weir_key_state *state)
{
    const weir_ids *ids = weir_state_ids(state);
    return ids->capacity + ids->index_capacity * sizeof *ids->index;
}

/* ---- for the codec ---- */

/* Rows by id, for as long as they are numbered. */
typedef struct numbering {
    uint32_t *slots; /* open addressing: row + 1, 0 empty */
    uint32_t mask;
} numbering;

/* The first row of the same id that was put in, or `row`, which it is now. */
static uint32_t first_of(const weir_key_state *state, const numbering *n, uint32_t row)
{
    const uint32_t *hashes = hashes_of(state);
    uint32_t at = hashes[row] & n->mask;
    for (; n->slots[at] != 0; at = (at + 1) & n->mask) {
        uint32_t other = n->slots[at] - 1;
        if (hashes[other] == hashes[row] && is_id(state, other, weir_ids_of_row(state, row)))
            return other;
    }
    n->slots[at] = row + 1;
    return row;
}

uint32_t weir_ids_number(const weir_key_state *state, uint32_t from, uint32_t count,
                         int64_t *numbers_out)
{
    uint32_t capacity = 8, different = 0;
    while (capacity < 2 * count)
        capacity *= 2;
    numbering n = {weir_memory_calloc(capacity, sizeof *n.slots), capacity - 1};
    for (uint32_t i = 0; i < count; i++) {
        uint32_t first = first_of(state, &n, from + i);
        numbers_out[i] = first == from + i ? different++ : numbers_out[first - from];
    }
    weir_memory_free(n.slots);
    return different;
}
