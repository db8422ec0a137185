/* SPDX-License-Identifier: Apache-2.0 */
/*
 * multiset.h - an ordered multiset of the values of a column: add, remove, rank and count in O(log
 * n).
 *
 * Values are numbers here: integers, decimals and enums as they are, float64 mapped so that order
 * is kept, texts by their number with the order of their bytes. Different values stand in order in
 * blocks of up to WEIR_MULTISET_BLOCK entries, each with its multiplicity.
 *
 * Owns: its blocks. A zeroed multiset is empty. The rows' texts must outlive what is in it.
 */
#pragma once

#include "compute/agg/agg_internal.h"

enum { WEIR_MULTISET_BLOCK = 64 };

typedef struct weir_multiset_entry {
    weir_int128_unaligned key;
    uint64_t count;
} weir_multiset_entry;

typedef struct weir_multiset_block {
    uint32_t size, capacity;
    uint64_t total; /* of the counts */
    weir_multiset_entry entries[];
} weir_multiset_block;

typedef struct weir_multiset {
    weir_type type;
    const weir_texts *texts;
    uint64_t total;    /* values   */
    uint64_t distinct; /* of these */
    uint32_t block_count, block_capacity;
    weir_multiset_block **blocks;
    weir_int128_unaligned *firsts; /* by block: its first key, side by side for the search */
    bool is_text;
    size_t bytes;
} weir_multiset;

void weir_multiset_put(weir_multiset *set, const weir_column *column, size_t i);
void weir_multiset_take(weir_multiset *set, const weir_column *column, size_t i);
weir_value weir_multiset_select(const weir_multiset *set,
                                uint64_t rank); /* rank < total, from the least */
weir_value weir_multiset_value(const weir_multiset *set, const weir_multiset_entry *entry);
void weir_multiset_deinit(weir_multiset *set);

/* Entries in order: `for (p = {0}; (e = weir_multiset_next(set, &p)) != NULL;)`. */
typedef struct weir_multiset_place {
    uint32_t block, entry;
} weir_multiset_place;
const weir_multiset_entry *weir_multiset_next(const weir_multiset *set, weir_multiset_place *place);

/* As an accumulator over the first argument. */
size_t weir_multiset_acc_size(const weir_agg_binding *binding);
void weir_multiset_acc_add(const weir_agg_binding *binding, void *acc, const weir_rows *rows,
                           size_t from, size_t to);
void weir_multiset_acc_remove(const weir_agg_binding *binding, void *acc, const weir_rows *rows,
                              size_t from, size_t to);
void weir_multiset_acc_deinit(const weir_agg_binding *binding, void *acc);
size_t weir_multiset_acc_heap_bytes(const weir_agg_binding *binding, const void *acc);
