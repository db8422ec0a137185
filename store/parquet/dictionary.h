/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dictionary.h - distinct values of a column chunk, and each value's index among them.
 *
 * Integers of a narrow range go through a table indexed by value: two passes, entries in ascending
 * order. Everything else is hashed, entries in the order of first appearance. A dictionary gives up
 * (false) when it passes its limit or when a probe grows long, so that crafted collisions cost a
 * dictionary and no time. What comes out depends on the values alone: it is part of a file's
 * content.
 *
 * Owns:    its buffers, used again from chunk to chunk.
 * Internal to store/parquet.
 */
#pragma once

#include "ops/runtime/buffer.h"

enum { PARQUET_DIRECT_RANGE_MAX = 1 << 18 };

typedef struct parquet_dictionary {
    weir_buffer indexes; /* uint32_t, one a value */
    weir_buffer entries; /* fixed-size keys, or uint32_t: the first value's position (bytes) */
    weir_buffer table;   /* of the hashed ones... */
    weir_buffer keys;    /* ...and their texts' keys */
    uint32_t entry_count;
} parquet_dictionary;

void parquet_dictionary_deinit(parquet_dictionary *dictionary);

/* Integers (`is_32`: int32_t, else int64_t) with greatest - least < PARQUET_DIRECT_RANGE_MAX.
 * Always works. */
void parquet_dictionary_direct(parquet_dictionary *dictionary, const void *values, size_t count,
                               bool is_32, int64_t least, int64_t greatest);
/* Keys of `key_bytes` (4, 8 or 16) each, bit for bit. */
bool parquet_dictionary_fixed(parquet_dictionary *dictionary, const void *values, size_t count,
                              unsigned key_bytes, uint32_t limit);
/* Byte strings: offsets[i] to offsets[i + 1] in heap. Entries are positions of first appearance. */
bool parquet_dictionary_bytes(parquet_dictionary *dictionary, const uint64_t *offsets,
                              const uint8_t *heap, size_t count, uint32_t limit);

/* How many distinct values `count` would have, judged by the indexes of a sample (Chao's estimate).
 */
uint64_t parquet_distinct_estimate(const parquet_dictionary *sample, size_t sample_count,
                                   size_t count);
/* Bits an index, times 16, that an entropy coder over whole bytes would need; entry_count <= 256.
 */
uint64_t parquet_index_entropy(const parquet_dictionary *dictionary, size_t count);
