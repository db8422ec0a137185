/* SPDX-License-Identifier: Apache-2.0 */
#include "store/parquet/chunk.h"

#include <string.h>

#include "ops/runtime/assert.h"
#include "schemas/decimal.h"

static parquet_store store_of(const parquet_leaf *leaf)
{
    switch (leaf->physical) {
    case PARQUET_BOOLEAN: return PARQUET_STORE_U8;
    case PARQUET_INT32: return PARQUET_STORE_I32;
    case PARQUET_INT64: return PARQUET_STORE_I64;
    case PARQUET_FLOAT: return PARQUET_STORE_F32;
    case PARQUET_DOUBLE: return PARQUET_STORE_F64;
    case PARQUET_FIXED: return PARQUET_STORE_I128;
    default: return leaf->type.kind == WEIR_ENUM ? PARQUET_STORE_ENUM : PARQUET_STORE_BYTES;
    }
}

unsigned parquet_store_bytes(parquet_store store)
{
    static const uint8_t sizes[] = {1, 4, 8, 4, 8, 16, 4, 8};
    return sizes[store];
}

void parquet_chunk_init(parquet_chunk_builder *chunk, const parquet_leaf *leaf)
{
    *chunk = (parquet_chunk_builder){.leaf = leaf, .store = store_of(leaf)};
    parquet_chunk_clear(chunk);
}

void parquet_chunk_deinit(parquet_chunk_builder *chunk)
{
    weir_buffer_deinit(&chunk->values);
    weir_buffer_deinit(&chunk->heap);
    weir_buffer_deinit(&chunk->definitions);
    weir_buffer_deinit(&chunk->repetitions);
}

void parquet_chunk_clear(parquet_chunk_builder *chunk)
{
    weir_buffer_clear(&chunk->values);
    weir_buffer_clear(&chunk->heap);
    weir_buffer_clear(&chunk->definitions);
    weir_buffer_clear(&chunk->repetitions);
    chunk->entry_count = chunk->value_count = 0;
    if (chunk->store == PARQUET_STORE_BYTES) weir_buffer_put_u64(&chunk->values, 0);
}

/* --- Levels --- */

static bool is_lazy(const parquet_chunk_builder *chunk)
{
    return chunk->leaf->max_repetition == 0 && chunk->definitions.size == 0;
}

/* The first null of a flat column: those before it get the level that they have. */
static void fill_definitions(parquet_chunk_builder *chunk)
{
    if (chunk->entry_count == 0) return;
    uint8_t *to = weir_buffer_reserve(&chunk->definitions, chunk->entry_count);
    memset(to, chunk->leaf->max_definition, chunk->entry_count);
    chunk->definitions.size = chunk->entry_count;
}

void parquet_chunk_put_absent(parquet_chunk_builder *chunk, unsigned repetition,
                              unsigned definition)
{
    WEIR_ASSERT(definition < chunk->leaf->max_definition);
    if (is_lazy(chunk)) fill_definitions(chunk);
    weir_buffer_put_u8(&chunk->definitions, (uint8_t)definition);
    if (chunk->leaf->max_repetition > 0)
        weir_buffer_put_u8(&chunk->repetitions, (uint8_t)repetition);
    chunk->entry_count++;
}

static void put_present(parquet_chunk_builder *chunk, unsigned repetition)
{
    if (!is_lazy(chunk)) weir_buffer_put_u8(&chunk->definitions, chunk->leaf->max_definition);
    if (chunk->leaf->max_repetition > 0)
        weir_buffer_put_u8(&chunk->repetitions, (uint8_t)repetition);
    chunk->entry_count++;
    chunk->value_count++;
}

/* --- Values --- */

static weir_error *bad_value(const parquet_chunk_builder *chunk, const char *problem)
{
    return weir_error_new(WEIR_E_DATA, "column %s: %s", chunk->leaf->path[0], problem);
}

static weir_error *put_decimal(parquet_chunk_builder *chunk, weir_int128 value)
{
    if (!weir_decimal_fits(value, chunk->leaf->type.precision)) {
        return bad_value(chunk, "a decimal has more digits than its type's precision");
    }
    int32_t small = (int32_t)value;
    int64_t middle = (int64_t)value;
    switch (chunk->store) {
    case PARQUET_STORE_I32: weir_buffer_put(&chunk->values, &small, 4); break;
    case PARQUET_STORE_I64: weir_buffer_put(&chunk->values, &middle, 8); break;
    default: weir_buffer_put(&chunk->values, &value, 16);
    }
    return NULL;
}

static weir_error *too_long(const parquet_chunk_builder *chunk)
{
    return bad_value(chunk, "a string is longer than 1 MiB; shorten it");
}

static weir_error *put_bytes(parquet_chunk_builder *chunk, const uint8_t *data, size_t size)
{
    if (size > WEIR_PARQUET_VALUE_BYTES_MAX) return too_long(chunk);
    weir_buffer_put(&chunk->heap, data, size);
    weir_buffer_put_u64(&chunk->values, chunk->heap.size);
    return NULL;
}

static weir_error *put_symbol(parquet_chunk_builder *chunk, int64_t index)
{
    if (index < 0 || index >= chunk->leaf->type.symbols->symbol_count) {
        return bad_value(chunk, "an enum's index is beyond its symbols");
    }
    weir_buffer_put_u32(&chunk->values, (uint32_t)index);
    return NULL;
}

weir_error *parquet_chunk_put(parquet_chunk_builder *chunk, unsigned repetition,
                              const weir_value *value)
{
    switch (chunk->store) {
    case PARQUET_STORE_U8: weir_buffer_put_u8(&chunk->values, value->as.boolean); break;
    case PARQUET_STORE_F32: WEIR_UNREACHABLE(); /* only in a vec: put_floats */
    case PARQUET_STORE_F64: weir_buffer_put(&chunk->values, &value->as.float64, 8); break;
    case PARQUET_STORE_ENUM: WEIR_TRY(put_symbol(chunk, value->as.integer)); break;
    case PARQUET_STORE_BYTES: WEIR_TRY(put_bytes(chunk, value->as.bytes, value->size)); break;
    default:
        if (chunk->leaf->type.kind == WEIR_DECIMAL) {
            WEIR_TRY(put_decimal(chunk, value->as.decimal));
        } else {
            weir_buffer_put(&chunk->values, &value->as.integer, 8);
        }
    }
    put_present(chunk, repetition);
    return NULL;
}

/* --- Vectors --- */

__attribute__((always_inline)) static inline size_t compact(uint8_t *to, const uint8_t *from,
                                                            const uint8_t *valid, size_t count,
                                                            const size_t size)
{
    size_t n = 0;
    for (size_t i = 0; i < count; i++) {
        memcpy(to + n * size, from + i * size, size); /* overwritten by the next where it is null */
        n += valid[i] != 0;
    }
    return n;
}

static size_t compact_any(uint8_t *to, const uint8_t *from, const uint8_t *valid, size_t count,
                          unsigned size)
{
    switch (size) {
    case 1: return compact(to, from, valid, count, 1);
    case 4: return compact(to, from, valid, count, 4);
    case 8: return compact(to, from, valid, count, 8);
    default: return compact(to, from, valid, count, 16);
    }
}

static size_t put_fixed_vector(parquet_chunk_builder *chunk, const void *data, const uint8_t *valid,
                               size_t count)
{
    unsigned size = parquet_store_bytes(chunk->store);
    uint8_t *to = weir_buffer_reserve(&chunk->values, (count + 1) * size);
    size_t n = count;
    if (valid == NULL) {
        memcpy(to, data, count * size);
    } else {
        n = compact_any(to, data, valid, count, size);
    }
    chunk->values.size += n * size;
    return n;
}

static weir_error *check_symbols(parquet_chunk_builder *chunk, size_t from)
{
    const uint32_t *indexes = (const void *)(chunk->values.data + from);
    uint32_t limit = chunk->leaf->type.symbols->symbol_count;
    bool good = true;
    for (size_t i = 0; i < (chunk->values.size - from) / 4; i++)
        good &= indexes[i] < limit;
    return good ? NULL : bad_value(chunk, "an enum's index is beyond its symbols");
}

/* Decimals among nulls. */
static weir_error *put_each_decimal(parquet_chunk_builder *chunk, const uint8_t *data,
                                    const uint8_t *valid, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (valid[i] == 0) continue;
        weir_int128 value = 0;
        memcpy(&value, data + 16 * i, 16);
        WEIR_TRY(put_decimal(chunk, value));
    }
    return NULL;
}

static weir_error *put_texts(parquet_chunk_builder *chunk, const weir_bytes *texts,
                             const uint8_t *valid, size_t count)
{
    size_t bytes = 0, n = 0;
    for (size_t i = 0; i < count; i++) {
        size_t size = valid == NULL || valid[i] != 0 ? texts[i].size : 0;
        if (size > WEIR_PARQUET_VALUE_BYTES_MAX) return too_long(chunk);
        bytes += size;
    }
    uint8_t *heap = weir_buffer_reserve(&chunk->heap, bytes);
    uint64_t *ends = (void *)weir_buffer_reserve(&chunk->values, count * sizeof *ends);
    uint64_t end = chunk->heap.size;
    for (size_t i = 0; i < count; i++) {
        if (valid != NULL && valid[i] == 0) continue;
        if (texts[i].size > 0) memcpy(heap, texts[i].data, texts[i].size);
        heap += texts[i].size;
        ends[n++] = end += texts[i].size;
    }
    chunk->heap.size = end;
    chunk->values.size += n * sizeof *ends;
    return NULL;
}

/* Adds the levels of `count` flat entries, of which `present` have values. */
static void put_flat_levels(parquet_chunk_builder *chunk, const uint8_t *valid, size_t count,
                            size_t present, unsigned present_level, unsigned absent_level)
{
    if (present < count && is_lazy(chunk)) fill_definitions(chunk);
    if (!(present == count && is_lazy(chunk))) {
        uint8_t *to = weir_buffer_reserve(&chunk->definitions, count);
        for (size_t i = 0; i < count; i++)
            to[i] = (uint8_t)(valid == NULL || valid[i] != 0 ? present_level : absent_level);
        chunk->definitions.size += count;
    }
    chunk->entry_count += count;
    chunk->value_count += present;
}

/* Decimals without nulls, the common case: checked, then converted; inlined with the size. */
__attribute__((always_inline)) static inline bool narrow_decimals(uint8_t *to, const uint8_t *from,
                                                                  size_t count, const size_t size,
                                                                  weir_int128 limit)
{
    bool fits = true;
    for (size_t i = 0; i < count; i++) {
        weir_int128 value = 0;
        memcpy(&value, from + 16 * i, 16);
        fits &= value < limit && value > -limit;
        memcpy(to + size * i, &value,
               size); /* the low bytes of two's complement are the narrower number */
    }
    return fits;
}

static weir_error *put_decimals(parquet_chunk_builder *chunk, const uint8_t *data, size_t count)
{
    unsigned size = parquet_store_bytes(chunk->store);
    uint8_t *to = weir_buffer_reserve(&chunk->values, count * size);
    weir_int128 limit = weir_decimal_pow10(chunk->leaf->type.precision);
    bool fits = size == 4   ? narrow_decimals(to, data, count, 4, limit)
                : size == 8 ? narrow_decimals(to, data, count, 8, limit)
                            : narrow_decimals(to, data, count, 16, limit);
    if (!fits) return bad_value(chunk, "a decimal has more digits than its type's precision");
    chunk->values.size += count * size;
    return NULL;
}

weir_error *parquet_chunk_put_vector(parquet_chunk_builder *chunk, const void *data,
                                     const uint8_t *valid, size_t count)
{
    WEIR_ASSERT(chunk->leaf->max_repetition == 0);
    size_t before = chunk->values.size, present = count;
    if (valid != NULL) {
        present = 0;
        for (size_t i = 0; i < count; i++)
            present += valid[i] != 0;
        if (present < count && chunk->leaf->max_definition == 0) {
            return bad_value(chunk, "null in a column that is not optional");
        }
    }
    if (chunk->store == PARQUET_STORE_BYTES) {
        WEIR_TRY(put_texts(chunk, data, present == count ? NULL : valid, count));
    } else if (chunk->leaf->type.kind == WEIR_DECIMAL) {
        WEIR_TRY(present == count ? put_decimals(chunk, data, count)
                                  : put_each_decimal(chunk, data, valid, count));
    } else {
        size_t n = put_fixed_vector(chunk, data, present == count ? NULL : valid, count);
        WEIR_ASSERT(n == present);
    }
    if (chunk->store == PARQUET_STORE_ENUM) WEIR_TRY(check_symbols(chunk, before));
    unsigned level = chunk->leaf->max_definition;
    put_flat_levels(chunk, valid, count, present, level, level == 0 ? 0 : level - 1);
    return NULL;
}

void parquet_chunk_put_doubles(parquet_chunk_builder *chunk, const double *pairs,
                               const uint8_t *valid, size_t count, unsigned present,
                               unsigned absent)
{
    double *to = (void *)weir_buffer_reserve(&chunk->values, (count + 1) * sizeof *to);
    size_t n = 0;
    for (size_t i = 0; i < count; i++) {
        to[n] = pairs[2 * i];
        n += valid == NULL || valid[i] != 0;
    }
    chunk->values.size += n * sizeof *to;
    put_flat_levels(chunk, valid, count, n, present, absent);
}

void parquet_chunk_put_floats(parquet_chunk_builder *chunk, const parquet_node *node,
                              const float *floats, size_t count)
{
    WEIR_ASSERT(count > 0 && chunk->store == PARQUET_STORE_F32);
    weir_buffer_put(&chunk->values, floats, count * sizeof *floats);
    uint8_t *definitions = weir_buffer_reserve(&chunk->definitions, count);
    uint8_t *repetitions = weir_buffer_reserve(&chunk->repetitions, count);
    memset(definitions, node->item_definition, count);
    memset(repetitions, node->repetition, count);
    repetitions[0] = 0;
    chunk->definitions.size += count;
    chunk->repetitions.size += count;
    chunk->entry_count += count;
    chunk->value_count += count;
}
