/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The least and the greatest value of a chunk, in the order that Parquet prescribes for the type.
 */
#include <math.h>
#include <string.h>

#include "store/parquet/chunk.h"

#define INT128_MOST   ((weir_int128)(~(weir_uint128)0 >> 1))
#define INT128_LOWEST (-INT128_MOST - 1)

/* Four at a time, so that one comparison need not wait for the last. */
#define RANGE_OF(type, name, lowest, most)                                                         \
    static void name(const type *values, size_t count, type *least_out, type *greatest_out)        \
    {                                                                                              \
        type least[4] = {most, most, most, most};                                                  \
        type greatest[4] = {lowest, lowest, lowest, lowest};                                       \
        size_t i = 0;                                                                              \
        for (; i + 4 <= count; i += 4) {                                                           \
            for (size_t k = 0; k < 4; k++) {                                                       \
                type value = values[i + k];                                                        \
                least[k] = value < least[k] ? value : least[k];                                    \
                greatest[k] = value > greatest[k] ? value : greatest[k];                           \
            }                                                                                      \
        }                                                                                          \
        for (; i < count; i++) {                                                                   \
            least[0] = values[i] < least[0] ? values[i] : least[0];                                \
            greatest[0] = values[i] > greatest[0] ? values[i] : greatest[0];                       \
        }                                                                                          \
        for (size_t k = 1; k < 4; k++) {                                                           \
            least[0] = least[k] < least[0] ? least[k] : least[0];                                  \
            greatest[0] = greatest[k] > greatest[0] ? greatest[k] : greatest[0];                   \
        }                                                                                          \
        *least_out = least[0];                                                                     \
        *greatest_out = greatest[0];                                                               \
    }

RANGE_OF(uint8_t, range_u8, 0, UINT8_MAX)
RANGE_OF(int32_t, range_i32, INT32_MIN, INT32_MAX)
RANGE_OF(weir_int128, range_i128, INT128_LOWEST, INT128_MOST)
/* NaN loses every comparison and so has no place in the order, as the format asks for. */
RANGE_OF(float, range_f32, -INFINITY, INFINITY)

/*
 * The two that most columns have, four at a time. Written with the compiler's own vectors: the same
 * loop serves every machine, and one with AVX2 runs it in its registers. Least and greatest have no
 * order of evaluation that could show.
 */
typedef int64_t four_integers __attribute__((vector_size(32)));
typedef double four_doubles __attribute__((vector_size(32)));

/* A macro, since a function would pass vectors that not every machine can. */
#define PICK(mask, a, b) (((four_integers)(a) & (mask)) | ((four_integers)(b) & ~(mask)))

#define RANGE_LOOP(name, vector, type, lowest, most, attributes)                                   \
    attributes static void name(const type *values, size_t count, type *least_out,                 \
                                type *greatest_out)                                                \
    {                                                                                              \
        vector least = {most, most, most, most}, greatest = {lowest, lowest, lowest, lowest};      \
        size_t i = 0;                                                                              \
        for (; i + 4 <= count; i += 4) {                                                           \
            vector value;                                                                          \
            memcpy(&value, values + i, sizeof value);                                              \
            four_integers below = (four_integers)(value < least);                                  \
            four_integers above = (four_integers)(value > greatest);                               \
            least = (vector)PICK(below, value, least);                                             \
            greatest = (vector)PICK(above, value, greatest);                                       \
        }                                                                                          \
        type low = most, high = lowest;                                                            \
        for (size_t k = 0; k < 4; k++) {                                                           \
            low = least[k] < low ? least[k] : low;                                                 \
            high = greatest[k] > high ? greatest[k] : high;                                        \
        }                                                                                          \
        for (; i < count; i++) {                                                                   \
            low = values[i] < low ? values[i] : low;                                               \
            high = values[i] > high ? values[i] : high;                                            \
        }                                                                                          \
        *least_out = low;                                                                          \
        *greatest_out = high;                                                                      \
    }

RANGE_LOOP(range_i64_plain, four_integers, int64_t, INT64_MIN, INT64_MAX, )
RANGE_LOOP(range_f64_plain, four_doubles, double, -INFINITY, INFINITY, )
#ifdef __x86_64__
RANGE_LOOP(range_i64_avx2, four_integers, int64_t, INT64_MIN, INT64_MAX,
           __attribute__((target("avx2"))))
RANGE_LOOP(range_f64_avx2, four_doubles, double, -INFINITY, INFINITY,
           __attribute__((target("avx2"))))
#else
#define range_i64_avx2 range_i64_plain
#define range_f64_avx2 range_f64_plain
#endif

static bool has_avx2(void)
{
#ifdef __x86_64__
    return __builtin_cpu_supports("avx2");
#else
    return false;
#endif
}

static void range_i64(const int64_t *values, size_t count, int64_t *least_out,
                      int64_t *greatest_out)
{
    (has_avx2() ? range_i64_avx2 : range_i64_plain)(values, count, least_out, greatest_out);
}

static void range_f64(const double *values, size_t count, double *least_out, double *greatest_out)
{
    (has_avx2() ? range_f64_avx2 : range_f64_plain)(values, count, least_out, greatest_out);
}

static void put_statistics(parquet_statistics *statistics, const void *least, const void *greatest,
                           size_t size)
{
    memcpy(statistics->least, least, size);
    memcpy(statistics->greatest, greatest, size);
    statistics->least_size = statistics->greatest_size = (uint8_t)size;
    statistics->has_least = statistics->has_greatest = statistics->least_is_exact = true;
}

/* Zeros get the sign that is safe, as the format asks for. */
static void put_doubles(parquet_statistics *statistics, double least, double greatest)
{
    if (least > greatest) return; /* nothing but NaN */
    if (least == 0) least = -0.0;
    if (greatest == 0) greatest = 0.0;
    put_statistics(statistics, &least, &greatest, sizeof least);
}

static void put_floats(parquet_statistics *statistics, float least, float greatest)
{
    if (least > greatest) return;
    if (least == 0) least = -0.0f;
    if (greatest == 0) greatest = 0.0f;
    put_statistics(statistics, &least, &greatest, sizeof least);
}

void parquet_put_big_endian(weir_int128 value, size_t size, uint8_t *to)
{
    for (size_t i = size; i-- > 0; value >>= 8)
        to[i] = (uint8_t)value;
}

static int bytes_compare(weir_bytes a, weir_bytes b)
{
    size_t size = a.size < b.size ? a.size : b.size;
    int order = size > 0 ? memcmp(a.data, b.data, size) : 0;
    if (order != 0) return order;
    return a.size < b.size ? -1 : a.size > b.size;
}

/* A long least is cut (a prefix is not greater), at a character; a long greatest is left out. */
static void text_statistics(parquet_statistics *statistics, weir_bytes least, weir_bytes greatest)
{
    size_t size = least.size;
    if (size > PARQUET_STATISTIC_BYTES_MAX) {
        size = PARQUET_STATISTIC_BYTES_MAX;
        while (size > 0 && (least.data[size] & 0xc0) == 0x80)
            size--;
    }
    statistics->has_least = true;
    statistics->least_is_exact = size == least.size;
    statistics->least_size = (uint8_t)size;
    if (size > 0) memcpy(statistics->least, least.data, size);
    statistics->has_greatest = greatest.size <= PARQUET_STATISTIC_BYTES_MAX;
    if (!statistics->has_greatest) return;
    statistics->greatest_size = (uint8_t)greatest.size;
    if (greatest.size > 0) memcpy(statistics->greatest, greatest.data, greatest.size);
}

weir_bytes parquet_string_at(const parquet_chunk_builder *chunk, size_t index)
{
    const uint64_t *offsets = (const void *)chunk->values.data;
    return (weir_bytes){chunk->heap.data == NULL ? (const uint8_t *)""
                                                 : chunk->heap.data + offsets[index],
                        (size_t)(offsets[index + 1] - offsets[index])};
}

static weir_bytes parquet_symbol_at(const parquet_chunk_builder *chunk, uint32_t symbol)
{
    const char *text = chunk->leaf->type.symbols->symbols[symbol];
    return (weir_bytes){(const uint8_t *)text, strlen(text)};
}

/* Entry `index` of the dictionary, or value `index` where there is none. */
weir_bytes parquet_text_of(const parquet_chunk_builder *chunk, const parquet_encoder *encoder,
                           bool has_dictionary, size_t index)
{
    const uint32_t *entries = (const void *)encoder->dictionary.entries.data;
    if (chunk->store == PARQUET_STORE_ENUM) return parquet_symbol_at(chunk, entries[index]);
    return parquet_string_at(chunk, has_dictionary ? entries[index] : index);
}

static void all_text_statistics(const parquet_chunk_builder *chunk, const parquet_encoder *encoder,
                                bool has_dictionary, parquet_statistics *statistics)
{
    size_t count = has_dictionary ? encoder->dictionary.entry_count : chunk->value_count;
    weir_bytes least = parquet_text_of(chunk, encoder, has_dictionary, 0), greatest = least;
    for (size_t i = 1; i < count; i++) {
        weir_bytes text = parquet_text_of(chunk, encoder, has_dictionary, i);
        if (bytes_compare(text, least) < 0) least = text;
        if (bytes_compare(text, greatest) > 0) greatest = text;
    }
    text_statistics(statistics, least, greatest);
}

void parquet_chunk_statistics(const parquet_chunk_builder *chunk, const parquet_encoder *encoder,
                              bool has_dictionary, parquet_statistics *statistics)
{
    const void *values = chunk->values.data;
    size_t count = chunk->value_count, size = (size_t)chunk->leaf->type_length;
    if (count == 0) return;
    switch (chunk->store) {
    case PARQUET_STORE_U8: {
        uint8_t least = 0, greatest = 0;
        range_u8(values, count, &least, &greatest);
        put_statistics(statistics, &least, &greatest, 1);
        break;
    }
    case PARQUET_STORE_I32: {
        int32_t least = 0, greatest = 0;
        range_i32(values, count, &least, &greatest);
        put_statistics(statistics, &least, &greatest, 4);
        break;
    }
    case PARQUET_STORE_I64: {
        int64_t least = 0, greatest = 0;
        range_i64(values, count, &least, &greatest);
        put_statistics(statistics, &least, &greatest, 8);
        break;
    }
    case PARQUET_STORE_I128: {
        weir_int128 least = 0, greatest = 0;
        uint8_t texts[2][16];
        range_i128(values, count, &least, &greatest);
        parquet_put_big_endian(least, size, texts[0]);
        parquet_put_big_endian(greatest, size, texts[1]);
        put_statistics(statistics, texts[0], texts[1], size);
        break;
    }
    case PARQUET_STORE_F32: {
        float least = 0, greatest = 0;
        range_f32(values, count, &least, &greatest);
        put_floats(statistics, least, greatest);
        break;
    }
    case PARQUET_STORE_F64: {
        double least = 0, greatest = 0;
        range_f64(values, count, &least, &greatest);
        put_doubles(statistics, least, greatest);
        break;
    }
    default: all_text_statistics(chunk, encoder, has_dictionary, statistics);
    }
}
