/* SPDX-License-Identifier: Apache-2.0 */
#include "store/parquet/dictionary.h"

#include <string.h>

#include "ops/runtime/assert.h"

enum { PROBE_MAX = 96, ENTROPY_SAMPLE = 1 << 14, TABLE_SLOTS_MIN = 1024 };

void parquet_dictionary_deinit(parquet_dictionary *dictionary)
{
    weir_buffer_deinit(&dictionary->indexes);
    weir_buffer_deinit(&dictionary->entries);
    weir_buffer_deinit(&dictionary->table);
    weir_buffer_deinit(&dictionary->keys);
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

/*
 * Slots of index + 1, 0 for empty, at most half of them used. A table begins small, so that a
 * column of few values stays in the cache however many it might have, and grows with its entries.
 */
static uint32_t *make_table(parquet_dictionary *dictionary, size_t slots)
{
    weir_buffer_clear(&dictionary->table);
    uint8_t *room = weir_buffer_reserve(&dictionary->table, slots * sizeof(uint32_t));
    return memset(room, 0, slots * sizeof(uint32_t));
}

/* Inlined with the size: one word or two. */
__attribute__((always_inline)) static inline uint64_t hash_key(const uint8_t *key,
                                                               const unsigned key_bytes)
{
    uint64_t low = 0, high = 0;
    memcpy(&low, key, key_bytes < 8 ? key_bytes : 8);
    if (key_bytes > 8) memcpy(&high, key + 8, 8);
    return mix(low + high * UINT64_C(0xd6e8feb86659fd93));
}

static void place(uint32_t *table, size_t mask, uint64_t hash, uint32_t number)
{
    size_t slot = (size_t)hash & mask;
    while (table[slot] != 0)
        slot = (slot + 1) & mask;
    table[slot] = number;
}

/* One loop a key size, inlined with it: the comparison is one or two words. */
__attribute__((always_inline)) static inline bool hash_fixed(parquet_dictionary *dictionary,
                                                             const uint8_t *values, size_t count,
                                                             const unsigned key_bytes,
                                                             uint32_t limit)
{
    uint32_t *indexes = reset(dictionary, count);
    size_t mask = TABLE_SLOTS_MIN - 1;
    uint32_t *table = make_table(dictionary, TABLE_SLOTS_MIN);
    uint8_t *entries = weir_buffer_reserve(&dictionary->entries, (size_t)limit * key_bytes + 16);
    uint32_t used = 0, last_index = 0;
    for (size_t i = 0; i < count; i++, values += key_bytes) {
        if (i > 0 && memcmp(values, values - key_bytes, key_bytes) == 0) {
            indexes[i] = last_index;
            continue;
        }
        size_t slot = (size_t)hash_key(values, key_bytes) & mask;
        unsigned probes = 0;
        while (table[slot] != 0 &&
               memcmp(entries + (size_t)(table[slot] - 1) * key_bytes, values, key_bytes) != 0) {
            slot = (slot + 1) & mask;
            if (++probes > PROBE_MAX) return false;
        }
        if (table[slot] != 0) {
            indexes[i] = last_index = table[slot] - 1;
            continue;
        }
        if (used == limit) return false;
        memcpy(entries + (size_t)used * key_bytes, values, key_bytes);
        indexes[i] = last_index = used;
        table[slot] = ++used;
        if (used <= mask / 2) continue;
        mask = 4 * mask + 3;
        table = make_table(dictionary, mask + 1);
        for (uint32_t k = 0; k < used; k++)
            place(table, mask, hash_key(entries + (size_t)k * key_bytes, key_bytes), k + 1);
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

/* A text's first eight bytes (of fewer, all of them) and its length: of a short one, which most keys
 * are, that is the whole. */
typedef struct text_key {
    uint64_t start, hash;
    uint32_t size, index;
} text_key;

static uint64_t load_word(const uint8_t *data, size_t size)
{
    uint64_t word = 0;
    uint32_t half[2];
    if (size >= 8) {
        memcpy(&word, data, 8);
    } else if (size >= 4) {
        memcpy(&half[0], data, 4);
        memcpy(&half[1], data + size - 4, 4);
        word = half[0] | (uint64_t)half[1] << 32;
    } else if (size > 0) {
        word = data[0] | (uint64_t)data[size / 2] << 8 | (uint64_t)data[size - 1] << 16;
    }
    return word;
}

static text_key key_of(const uint8_t *data, size_t size)
{
    text_key key = {.start = load_word(data, size), .size = (uint32_t)size};
    uint64_t hash = mix(key.start ^ size * UINT64_C(0x9e3779b97f4a7c15));
    for (size_t at = 8; at < size; at += 8)
        hash = mix(hash ^ load_word(data + at, size - at));
    key.hash = hash;
    return key;
}

static bool is_same(const text_key *a, const text_key *b, const uint64_t *offsets,
                    const uint8_t *heap)
{
    if (a->hash != b->hash || a->start != b->start || a->size != b->size) return false;
    return a->size <= 8 || memcmp(heap + offsets[a->index], heap + offsets[b->index], a->size) == 0;
}

bool parquet_dictionary_bytes(parquet_dictionary *dictionary, const uint64_t *offsets,
                              const uint8_t *heap, size_t count, uint32_t limit)
{
    uint32_t *indexes = reset(dictionary, count);
    size_t mask = TABLE_SLOTS_MIN - 1;
    uint32_t *table = make_table(dictionary, TABLE_SLOTS_MIN);
    weir_buffer_clear(&dictionary->keys);
    text_key *keys =
        (void *)weir_buffer_reserve(&dictionary->keys, ((size_t)limit + 1) * sizeof *keys);
    uint32_t used = 0;
    for (size_t i = 0; i < count; i++) {
        text_key key = key_of(heap + offsets[i], (size_t)(offsets[i + 1] - offsets[i]));
        key.index = (uint32_t)i;
        size_t slot = (size_t)key.hash & mask;
        unsigned probes = 0;
        while (table[slot] != 0 && !is_same(&keys[table[slot] - 1], &key, offsets, heap)) {
            slot = (slot + 1) & mask;
            if (++probes > PROBE_MAX) return false;
        }
        if (table[slot] != 0) {
            indexes[i] = table[slot] - 1;
            continue;
        }
        if (used == limit) return false;
        weir_buffer_put_u32(&dictionary->entries, key.index);
        indexes[i] = used;
        keys[used] = key;
        table[slot] = ++used;
        if (used <= mask / 2) continue;
        mask = 4 * mask + 3;
        table = make_table(dictionary, mask + 1);
        for (uint32_t k = 0; k < used; k++)
            place(table, mask, keys[k].hash, k + 1);
    }
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
