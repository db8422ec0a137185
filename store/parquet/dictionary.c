/* SPDX-License-Identifier: Apache-2.0 */
#include "store/parquet/dictionary.h"

#include <string.h>

#include "ops/runtime/assert.h"

enum { PROBE_MAX = 96, ENTROPY_SAMPLE = 1 << 14 };

void parquet_dictionary_deinit(parquet_dictionary *dictionary)
{
    weir_buffer_deinit(&dictionary->indexes);
    weir_buffer_deinit(&dictionary->entries);
    weir_buffer_deinit(&dictionary->table);
}

static uint32_t *reset(parquet_dictionary *dictionary, size_t count)
{
    weir_buffer_clear(&dictionary->indexes);
    weir_buffer_clear(&dictionary->entries);
    weir_buffer_clear(&dictionary->table);
    dictionary->entry_count = 0;
    uint8_t *room = weir_buffer_reserve(&dictionary->indexes, count * sizeof(uint32_t) + 64);
    dictionary->indexes.size = count * sizeof(uint32_t);
    return (uint32_t *)(void *)room;
}

/* --- Direct --- */

#define DIRECT_MARK(type)                                                                          \
    for (size_t i = 0; i < count; i++)                                                             \
    table[(uint64_t)((const type *)values)[i] - (uint64_t)least] = 1

#define DIRECT_MAP(type)                                                                           \
    for (size_t i = 0; i < count; i++)                                                             \
    indexes[i] = table[(uint64_t)((const type *)values)[i] - (uint64_t)least]

void parquet_dictionary_direct(parquet_dictionary *dictionary, const void *values, size_t count,
                               bool is_32, int64_t least, int64_t greatest)
{
    uint32_t *indexes = reset(dictionary, count);
    size_t range = (size_t)((uint64_t)greatest - (uint64_t)least) + 1;
    WEIR_ASSERT(count > 0 && range <= PARQUET_DIRECT_RANGE_MAX);
    uint32_t *table = (void *)weir_buffer_reserve(&dictionary->table, range * sizeof *table);
    memset(table, 0, range * sizeof *table);
    if (is_32) {
        DIRECT_MARK(int32_t);
    } else {
        DIRECT_MARK(int64_t);
    }
    uint32_t next = 0;
    for (size_t i = 0; i < range; i++) {
        if (table[i] == 0) continue;
        table[i] = next++;
        int64_t value = (int64_t)((uint64_t)least + i);
        int32_t narrow = (int32_t)value;
        weir_buffer_put(&dictionary->entries, is_32 ? (void *)&narrow : (void *)&value,
                        is_32 ? 4 : 8);
    }
    dictionary->entry_count = next;
    if (is_32) {
        DIRECT_MAP(int32_t);
    } else {
        DIRECT_MAP(int64_t);
    }
}

/* --- Hashed --- */

static inline uint64_t mix(uint64_t x)
{
    x ^= x >> 32;
    x *= UINT64_C(0x9e3779b97f4a7c15);
    x ^= x >> 29;
    x *= UINT64_C(0xbf58476d1ce4e5b9);
    return x ^ x >> 32;
}

/* Table of index + 1, 0 for empty, at most half full. Returns the mask. */
static size_t make_table(parquet_dictionary *dictionary, uint32_t limit)
{
    size_t size = 1024;
    while (size < (size_t)limit * 2)
        size *= 2;
    memset(weir_buffer_reserve(&dictionary->table, size * sizeof(uint32_t)), 0,
           size * sizeof(uint32_t));
    return size - 1;
}

/* One loop a key size, inlined with it: the comparison is one or two words. */
__attribute__((always_inline)) static inline bool hash_fixed(parquet_dictionary *dictionary,
                                                             const uint8_t *values, size_t count,
                                                             const unsigned key_bytes,
                                                             uint32_t limit)
{
    uint32_t *indexes = reset(dictionary, count);
    size_t mask = make_table(dictionary, limit);
    uint32_t *table = (void *)dictionary->table.data;
    uint8_t *entries = weir_buffer_reserve(&dictionary->entries, (size_t)limit * key_bytes + 16);
    uint32_t used = 0, last_index = 0;
    for (size_t i = 0; i < count; i++, values += key_bytes) {
        if (i > 0 && memcmp(values, values - key_bytes, key_bytes) == 0) {
            indexes[i] = last_index;
            continue;
        }
        uint64_t low = 0, high = 0;
        memcpy(&low, values, key_bytes < 8 ? key_bytes : 8);
        if (key_bytes > 8) memcpy(&high, values + 8, 8);
        size_t slot = (size_t)mix(low + high * UINT64_C(0xd6e8feb86659fd93)) & mask;
        unsigned probes = 0;
        while (table[slot] != 0 &&
               memcmp(entries + (size_t)(table[slot] - 1) * key_bytes, values, key_bytes) != 0) {
            slot = (slot + 1) & mask;
            if (++probes > PROBE_MAX) return false;
        }
        if (table[slot] == 0) {
            if (used == limit) return false;
            memcpy(entries + (size_t)used * key_bytes, values, key_bytes);
            table[slot] = ++used;
        }
        indexes[i] = last_index = table[slot] - 1;
    }
    dictionary->entries.size = (size_t)used * key_bytes;
    dictionary->entry_count = used;
    return true;
}

bool parquet_dictionary_fixed(parquet_dictionary *dictionary, const void *values, size_t count,
                              unsigned key_bytes, uint32_t limit)
{
    switch (key_bytes) {
    case 4: return hash_fixed(dictionary, values, count, 4, limit);
    case 8: return hash_fixed(dictionary, values, count, 8, limit);
    case 16: return hash_fixed(dictionary, values, count, 16, limit);
    default: WEIR_UNREACHABLE();
    }
}

static uint64_t hash_bytes(const uint8_t *data, size_t size)
{
    uint64_t hash = size * UINT64_C(0x9e3779b97f4a7c15);
    for (; size >= 8; size -= 8, data += 8) {
        uint64_t word = 0;
        memcpy(&word, data, 8);
        hash = mix(hash ^ word);
    }
    uint64_t word = 0;
    if (size > 0) memcpy(&word, data, size);
    return mix(hash ^ word);
}

bool parquet_dictionary_bytes(parquet_dictionary *dictionary, const uint64_t *offsets,
                              const uint8_t *heap, size_t count, uint32_t limit)
{
    uint32_t *indexes = reset(dictionary, count);
    size_t mask = make_table(dictionary, limit);
    uint32_t *table = (void *)dictionary->table.data;
    uint32_t *first =
        (void *)weir_buffer_reserve(&dictionary->entries, (size_t)limit * sizeof *first + 16);
    uint32_t used = 0;
    for (size_t i = 0; i < count; i++) {
        const uint8_t *data = heap + offsets[i];
        size_t size = (size_t)(offsets[i + 1] - offsets[i]);
        size_t slot = (size_t)hash_bytes(data, size) & mask;
        for (unsigned probes = 0; table[slot] != 0; slot = (slot + 1) & mask) {
            uint32_t there = first[table[slot] - 1];
            if (offsets[there + 1] - offsets[there] == size &&
                memcmp(heap + offsets[there], data, size) == 0)
                break;
            if (++probes > PROBE_MAX) return false;
        }
        if (table[slot] == 0) {
            if (used == limit) return false;
            first[used] = (uint32_t)i;
            table[slot] = ++used;
        }
        indexes[i] = table[slot] - 1;
    }
    dictionary->entries.size = (size_t)used * sizeof *first;
    dictionary->entry_count = used;
    return true;
}

/* --- Judging --- */

uint64_t parquet_distinct_estimate(const parquet_dictionary *sample, size_t sample_count,
                                   size_t count)
{
    uint64_t distinct = sample->entry_count, once = 0, twice = 0;
    weir_buffer seen = {0};
    uint32_t *times = (void *)weir_buffer_reserve(&seen, (distinct + 1) * sizeof *times);
    memset(times, 0, (distinct + 1) * sizeof *times);
    const uint32_t *indexes = (const void *)sample->indexes.data;
    for (size_t i = 0; i < sample_count; i++)
        times[indexes[i]]++;
    for (size_t i = 0; i < distinct; i++) {
        if (times[i] == 1) once++;
        if (times[i] == 2) twice++;
    }
    weir_buffer_deinit(&seen);
    uint64_t estimate = distinct + once * once / (2 * twice + 1);
    return estimate < count ? estimate : count;
}

/* log2 of value, times 2^16, by squaring: integers only, so that every machine chooses alike. */
static uint64_t log2_fixed(uint64_t value)
{
    unsigned whole = 63u - (unsigned)__builtin_clzll(value);
    uint64_t mantissa = value << (63 - whole) >> 32; /* 1.31 */
    uint64_t result = (uint64_t)whole << 16;
    for (unsigned bit = 16; bit-- > 0;) {
        mantissa = mantissa * mantissa >> 31;
        if (mantissa >> 32 != 0) {
            mantissa >>= 1;
            result |= UINT64_C(1) << bit;
        }
    }
    return result;
}

uint64_t parquet_index_entropy(const parquet_dictionary *dictionary, size_t count)
{
    WEIR_ASSERT(count > 0 && dictionary->entry_count <= 256);
    uint64_t times[256] = {0}, sum = 0, n = 0;
    const uint32_t *indexes = (const void *)dictionary->indexes.data;
    size_t step = count / ENTROPY_SAMPLE + 1;
    for (size_t i = 0; i < count; i += step, n++)
        times[indexes[i]]++;
    for (size_t i = 0; i < dictionary->entry_count; i++)
        sum += times[i] > 0 ? times[i] * (log2_fixed(n) - log2_fixed(times[i])) : 0;
    return sum / n * 16 >> 16;
}
