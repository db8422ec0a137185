/* SPDX-License-Identifier: Apache-2.0 */
/*
 * state_table.h - the hot keys of a shard, decoded, in front of its store.
 *
 * The engine reads and edits key states through a weir_state_port; this table implements it.
 * Nothing is written on the hot path: edited states are dirty until their slice is frozen (encoded
 * into a batch), the batch is written when Kafka has acknowledged what went out (docs/adr/0001). An
 * entry may be evicted only when the store holds it as it is: it is clean and its last batch is
 * written. A key that the store does not have is remembered as absent, so that new keys ask once.
 * Eviction takes entries that were not touched since the clock's hand last came by.
 *
 * Which slice a state belongs to is decided by the *entity's* key: the caller names it with begin()
 * before the engine touches anything, and calls end() when no pointer into the table lives any
 * more. All plain views of the entity, and the ids of its streams, stand in the entry of that key,
 * so that an event's duplicates, reads and applies cost one probe; a composite view's keys have
 * entries of their own.
 *
 * Owns:    states and keys. Threads: the shard's.
 */
#pragma once

#include "compute/engine/engine.h"
#include "store/port.h"

typedef struct weir_state_table weir_state_table;

/* XXH64 of an entity's key decides its slice; callers keep the hash for begin(). */
uint64_t weir_state_hash(weir_bytes entity_key);
static inline uint32_t weir_slice_of(uint64_t hash) { return (uint32_t)(hash % WEIR_SLICE_COUNT); }

/* The keys of one entity's shard, and those of its composite views. */
weir_state_table *weir_state_table_create(const weir_plan *plan, uint32_t entity,
                                          const weir_store_port *store, size_t budget_bytes);
void weir_state_table_destroy(weir_state_table *table);
const weir_state_port *weir_state_table_port(weir_state_table *table);

/* The store holds nothing of this slice: do not ask it. Reset by the first freeze. */
void weir_state_table_slice_is_empty(weir_state_table *table, uint32_t slice);

void weir_state_table_begin(weir_state_table *table, weir_bytes entity_key, uint64_t hash);
void weir_state_table_end(weir_state_table *table);
/*
 * Asks the memory for what the keys with these hashes hold, together: to be called with the keys of
 * the next copies, a few at a time, so that their cache misses overlap. Changes nothing.
 */
enum { WEIR_STATE_PREFETCH_MAX = 16 };
void weir_state_table_prefetch(const weir_state_table *table, const uint64_t *hashes, size_t count);

/*
 * Encodes what is dirty in the slice; `sink` gets each part (bytes live for the call only, the key
 * until the batch is written). Batches are numbered by the caller, rising; written() says which are
 * in the store.
 */
typedef void weir_state_sink(void *context, uint32_t view, weir_bytes key, uint64_t part,
                             weir_bytes bytes);
void weir_state_table_freeze(weir_state_table *table, uint32_t slice, uint64_t batch,
                             weir_state_sink *sink, void *context);
void weir_state_table_written(weir_state_table *table, uint64_t batch);

bool weir_state_table_is_dirty(const weir_state_table *table, uint32_t slice);
/* Over the budget and nothing to evict: slices should be frozen. */
bool weir_state_table_is_pressed(const weir_state_table *table);
size_t weir_state_table_bytes(const weir_state_table *table);
size_t weir_state_table_keys(const weir_state_table *table);
