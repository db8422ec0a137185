/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agg_sum.c - sum and mean of numbers, durations and vectors.
 *
 * What lies as 64-bit integers is summed in 128 bits, the rest in an xsum: only the exact final
 * value decides whether a result fits (R12).
 */
#include "compute/agg/agg_internal.h"
#include "compute/agg/xsum.h"
#include "ops/runtime/assert.h"
#include "schemas/decimal.h"

typedef struct int_sum {
    int64_t count;
    weir_int128_unaligned sum;
} int_sum;

typedef struct any_sum {
    int64_t count;
    weir_xsum sum;
} any_sum;

/* 64-bit integers: high and low halves are summed apart, which needs no carries and so goes in
 * lanes. */
enum { LANE_ROWS_MAX = 1 << 30 };

static weir_int128 sum_plain(const int64_t *values, size_t from, size_t to)
{
    uint64_t low = 0;
    int64_t high = 0;
    WEIR_ASSERT(to - from <= LANE_ROWS_MAX);
    for (size_t i = from; i < to; i++) {
        low += (uint32_t)values[i];
        high += values[i] >> 32;
    }
    return ((weir_int128)high * ((int64_t)1 << 32)) + low;
}

static void int_sum_of(const weir_rows *rows, size_t from, size_t to, int_sum *out)
{
    const weir_column *column = &rows->args[0];
    const int64_t *values = column->values;
    weir_int128 sum = 0;
    int64_t count = 0;
    if (rows->filter == NULL && column->nulls == NULL) {
        *out = (int_sum){(int64_t)(to - from), sum_plain(values, from, to)};
        return;
    }
    for (size_t i = from; i < to; i++) {
        if (!weir_rows_pass(rows, i) || weir_column_is_null(column, i)) continue;
        sum += values[i];
        count++;
    }
    *out = (int_sum){count, sum};
}

static size_t int_sum_size(const weir_agg_binding *binding)
{
    (void)binding;
    return sizeof(int_sum);
}

static void int_sum_add(const weir_agg_binding *binding, void *acc, const weir_rows *rows,
                        size_t from, size_t to)
{
    (void)binding;
    int_sum part, *all = acc;
    int_sum_of(rows, from, to, &part);
    all->count += part.count;
    all->sum += part.sum;
}

static void int_sum_remove(const weir_agg_binding *binding, void *acc, const weir_rows *rows,
                           size_t from, size_t to)
{
    (void)binding;
    int_sum part, *all = acc;
    int_sum_of(rows, from, to, &part);
    all->count -= part.count;
    all->sum -= part.sum;
}

/* The exact sum as a value of the result's type, or an overflow. */
static weir_value integer_result(weir_int128 sum, weir_acc_context *context)
{
    weir_type type = context->binding->type;
    if (type.kind == WEIR_DECIMAL) {
        if (weir_decimal_fits(sum, WEIR_DECIMAL_PRECISION_MAX)) return weir_decimal(sum);
    } else if (sum >= INT64_MIN && sum <= INT64_MAX) {
        return (weir_value){.kind = type.kind, .as.integer = (int64_t)sum};
    }
    context->overflow = true;
    return weir_null();
}

static weir_value int_sum_result(const void *acc, weir_acc_context *context)
{
    return integer_result(((const int_sum *)acc)->sum, context);
}

static unsigned scale_of(const weir_agg_binding *binding)
{
    return binding->args[0].kind == WEIR_DECIMAL ? binding->args[0].scale : 0;
}

static weir_value int_mean_result(const void *acc, weir_acc_context *context)
{
    const int_sum *s = acc;
    if (s->count == 0) return weir_null();
    /* count < 2^60 and 10^18 bound the divisor by 2^120. */
    weir_int128 divisor = s->count * weir_decimal_pow10(scale_of(context->binding));
    return weir_float(weir_int128_ratio(s->sum, divisor));
}

static void int_sum_encode(const weir_agg_binding *binding, const void *acc, weir_buffer *out)
{
    (void)binding;
    const int_sum *s = acc;
    weir_xsum sum = {0};
    weir_term term = weir_term_of_int(s->sum);
    weir_xsum_add(&sum, &term, false);
    weir_buffer_put_varint(out, (uint64_t)s->count);
    weir_xsum_encode(&sum, out);
    weir_xsum_deinit(&sum);
}

static bool big_to_int128(weir_signed_big big, int64_t exponent, weir_int128 *out)
{
    if (big.magnitude.size == 0) {
        *out = 0;
        return true;
    }
    if (exponent < 0 || exponent > 64 || weir_big_bits(big.magnitude) + (uint64_t)exponent > 126)
        return false;
    weir_uint128 value = 0;
    for (uint32_t i = big.magnitude.size; i-- > 0;)
        value = value << 64 | big.magnitude.words[i];
    value <<= exponent;
    *out = big.negative ? -(weir_int128)value : (weir_int128)value;
    return true;
}

static bool xsum_to_int128(const weir_xsum *sum, weir_int128 *out)
{
    weir_arena scratch = {0};
    int64_t exponent = 0;
    weir_signed_big big = weir_xsum_get(sum, &exponent, &scratch);
    /* Low words that are zero may stand below the grid's word 0 only for float64. */
    bool fits = big_to_int128(big, exponent, out);
    weir_arena_deinit(&scratch);
    return fits;
}

static bool int_sum_decode(const weir_agg_binding *binding, void *acc, weir_reader *reader)
{
    (void)binding;
    int_sum *s = acc;
    weir_xsum sum = {0};
    uint64_t count = weir_reader_varint(reader);
    weir_int128 value = 0;
    bool good = weir_xsum_decode(&sum, reader) && xsum_to_int128(&sum, &value) && !reader->bad &&
                count < 1ull << 60;
    weir_xsum_deinit(&sum);
    *s = (int_sum){(int64_t)count, value};
    return good && (count > 0 || value == 0);
}

/* Other decimals and float64 */

static size_t any_sum_size(const weir_agg_binding *binding)
{
    (void)binding;
    return sizeof(any_sum);
}

static void any_sum_move(void *acc, const weir_rows *rows, size_t from, size_t to, bool remove)
{
    any_sum *all = acc;
    const weir_column *column = &rows->args[0];
    for (size_t i = from; i < to; i++) {
        if (!weir_rows_pass(rows, i) || weir_column_is_null(column, i)) continue;
        if (column->layout == WEIR_LAYOUT_FLOAT64) {
            weir_xsum_add_double(&all->sum, ((const double *)column->values)[i], remove);
        } else {
            weir_term term = weir_term_of_int(((const weir_int128_unaligned *)column->values)[i]);
            weir_xsum_add(&all->sum, &term, remove);
        }
        all->count += remove ? -1 : 1;
    }
}

static void any_sum_add(const weir_agg_binding *binding, void *acc, const weir_rows *rows,
                        size_t from, size_t to)
{
    (void)binding;
    any_sum_move(acc, rows, from, to, false);
}

static void any_sum_remove(const weir_agg_binding *binding, void *acc, const weir_rows *rows,
                           size_t from, size_t to)
{
    (void)binding;
    any_sum_move(acc, rows, from, to, true);
}

static weir_value float_sum_result(const void *acc, weir_acc_context *context)
{
    (void)context;
    return weir_float(weir_xsum_round(&((const any_sum *)acc)->sum));
}

static weir_value wide_sum_result(const void *acc, weir_acc_context *context)
{
    weir_int128 value = 0;
    if (xsum_to_int128(&((const any_sum *)acc)->sum, &value)) return integer_result(value, context);
    /* 10^38 has 127 bits: what needs more than 126 bits may still fit. */
    weir_arena *scratch = context->scratch;
    int64_t exponent = 0;
    weir_signed_big big = weir_xsum_get(&((const any_sum *)acc)->sum, &exponent, scratch);
    if (weir_big_bits(big.magnitude) + (uint64_t)exponent == 127) {
        weir_uint128 magnitude = 0;
        for (uint32_t i = big.magnitude.size; i-- > 0;)
            magnitude = magnitude << 64 | big.magnitude.words[i];
        magnitude <<= exponent;
        return integer_result(big.negative ? -(weir_int128)magnitude : (weir_int128)magnitude,
                              context);
    }
    context->overflow = true;
    return weir_null();
}

static weir_value any_mean_result(const void *acc, weir_acc_context *context)
{
    const any_sum *s = acc;
    if (s->count == 0) return weir_null();
    weir_arena *scratch = context->scratch;
    int64_t exponent = 0;
    weir_signed_big sum = weir_xsum_get(&s->sum, &exponent, scratch);
    weir_big divisor = weir_big_multiply(
        weir_big_of((weir_uint128)s->count, scratch),
        weir_big_of((weir_uint128)weir_decimal_pow10(scale_of(context->binding)), scratch),
        scratch);
    return weir_float(weir_exact_ratio(sum, divisor, exponent, scratch));
}

static void any_sum_deinit(const weir_agg_binding *binding, void *acc)
{
    (void)binding;
    weir_xsum_deinit(&((any_sum *)acc)->sum);
}

static void any_sum_copy(const weir_agg_binding *binding, const void *acc, void *copy_out)
{
    (void)binding;
    const any_sum *s = acc;
    any_sum *copy = copy_out;
    copy->count = s->count;
    weir_xsum_copy(&s->sum, &copy->sum);
}

static size_t any_sum_heap_bytes(const weir_agg_binding *binding, const void *acc)
{
    (void)binding;
    return weir_xsum_bytes(&((const any_sum *)acc)->sum);
}

static void any_sum_encode(const weir_agg_binding *binding, const void *acc, weir_buffer *out)
{
    (void)binding;
    const any_sum *s = acc;
    weir_buffer_put_varint(out, (uint64_t)s->count);
    weir_xsum_encode(&s->sum, out);
}

static bool any_sum_decode(const weir_agg_binding *binding, void *acc, weir_reader *reader)
{
    (void)binding;
    any_sum *s = acc;
    s->count = (int64_t)weir_reader_varint(reader);
    return weir_xsum_decode(&s->sum, reader) && !reader->bad && s->count >= 0 &&
           (s->count > 0 || s->sum.size == 0);
}

/* Vectors: a sum per component */

typedef struct vec_sum {
    int64_t count;
    weir_xsum sums[];
} vec_sum;

static size_t vec_sum_size(const weir_agg_binding *binding)
{
    return sizeof(vec_sum) + binding->args[0].length * sizeof(weir_xsum);
}

static void vec_sum_move(const weir_agg_binding *binding, void *acc, const weir_rows *rows,
                         size_t from, size_t to, bool remove)
{
    vec_sum *all = acc;
    uint32_t length = binding->args[0].length;
    for (size_t i = from; i < to; i++) {
        if (!weir_rows_count(binding, rows, i)) continue;
        const float *values = (const float *)rows->args[0].values + i * length;
        for (uint32_t k = 0; k < length; k++)
            weir_xsum_add_double(&all->sums[k], (double)values[k], remove);
        all->count += remove ? -1 : 1;
    }
}

static void vec_sum_add(const weir_agg_binding *binding, void *acc, const weir_rows *rows,
                        size_t from, size_t to)
{
    vec_sum_move(binding, acc, rows, from, to, false);
}

static void vec_sum_remove(const weir_agg_binding *binding, void *acc, const weir_rows *rows,
                           size_t from, size_t to)
{
    vec_sum_move(binding, acc, rows, from, to, true);
}

/* The next float32 towards an infinity; not for infinities. */
static float next_float(float value, bool up)
{
    int32_t bits;
    memcpy(&bits, &value, sizeof bits);
    if (value == 0.0f) {
        bits = up ? 1 : INT32_MIN | 1;
    } else {
        bits += (bits >= 0) == up ? 1 : -1;
    }
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* An exact ratio to the nearest float32: in one step, since rounding to float64 first could round
 * twice. */
static float float_of_ratio(weir_signed_big sum, int64_t exponent, int64_t divisor,
                            weir_arena *scratch)
{
    double wide =
        weir_exact_ratio(sum, weir_big_of((weir_uint128)divisor, scratch), exponent, scratch);
    float narrow = (float)wide;
    /* Only a double that lies exactly between two floats can have hidden on which side the ratio
     * lies. */
    if ((double)narrow == wide || wide == 0.0) return narrow;
    if (!isfinite(narrow)) return narrow;
    float other = next_float(narrow, wide > (double)narrow);
    if (((double)narrow + (double)other) * 0.5 != wide) return narrow;
    int64_t mantissa = 0;
    int power = 0;
    weir_double_split(wide, &mantissa, &power);
    weir_signed_big halfway = weir_signed_big_of((weir_int128)mantissa * divisor, scratch);
    int64_t shift = exponent - power; /* compare sum * 2^exponent with halfway * 2^power */
    if (shift >= 0) {
        sum.magnitude = weir_big_shift_left(sum.magnitude, (uint64_t)shift, scratch);
    } else {
        halfway.magnitude = weir_big_shift_left(halfway.magnitude, (uint64_t)-shift, scratch);
    }
    int order = weir_big_compare(sum.magnitude, halfway.magnitude);
    if (order == 0) return narrow; /* a true tie: the conversion took the even one */
    bool away = order > 0;         /* farther from zero than halfway */
    float larger = __builtin_fabsf(narrow) > __builtin_fabsf(other) ? narrow : other;
    float smaller = larger == narrow ? other : narrow;
    return away ? larger : smaller;
}

static weir_value vec_result(const vec_sum *s, int64_t divisor, weir_acc_context *context)
{
    if (s->count == 0) return weir_null();
    uint32_t length = context->binding->args[0].length;
    float *out = weir_arena_array(context->scratch, float, length);
    for (uint32_t k = 0; k < length; k++) {
        int64_t exponent = 0;
        weir_signed_big sum = weir_xsum_get(&s->sums[k], &exponent, context->scratch);
        out[k] = float_of_ratio(sum, exponent, divisor, context->scratch) + 0.0f;
        if (!isfinite(out[k])) return weir_null();
    }
    return (weir_value){.kind = WEIR_VEC, .size = length, .as.vec = out};
}

static weir_value vec_sum_result(const void *acc, weir_acc_context *context)
{
    return vec_result(acc, 1, context);
}

static weir_value vec_mean_result(const void *acc, weir_acc_context *context)
{
    return vec_result(acc, ((const vec_sum *)acc)->count, context);
}

static void vec_sum_deinit(const weir_agg_binding *binding, void *acc)
{
    for (uint32_t k = 0; k < binding->args[0].length; k++)
        weir_xsum_deinit(&((vec_sum *)acc)->sums[k]);
}

static void vec_sum_copy(const weir_agg_binding *binding, const void *acc, void *copy_out)
{
    const vec_sum *s = acc;
    vec_sum *copy = copy_out;
    copy->count = s->count;
    for (uint32_t k = 0; k < binding->args[0].length; k++)
        weir_xsum_copy(&s->sums[k], &copy->sums[k]);
}

static size_t vec_sum_heap_bytes(const weir_agg_binding *binding, const void *acc)
{
    size_t bytes = 0;
    for (uint32_t k = 0; k < binding->args[0].length; k++)
        bytes += weir_xsum_bytes(&((const vec_sum *)acc)->sums[k]);
    return bytes;
}

static void vec_sum_encode(const weir_agg_binding *binding, const void *acc, weir_buffer *out)
{
    const vec_sum *s = acc;
    weir_buffer_put_varint(out, (uint64_t)s->count);
    for (uint32_t k = 0; k < binding->args[0].length; k++)
        weir_xsum_encode(&s->sums[k], out);
}

static bool vec_sum_decode(const weir_agg_binding *binding, void *acc, weir_reader *reader)
{
    vec_sum *s = acc;
    s->count = (int64_t)weir_reader_varint(reader);
    for (uint32_t k = 0; k < binding->args[0].length; k++) {
        if (!weir_xsum_decode(&s->sums[k], reader)) return false;
    }
    return !reader->bad && s->count >= 0;
}

#define INT_SUM(name, results)                                                                     \
    static const weir_acc_ops name = {.size = int_sum_size,                                        \
                                      .add = int_sum_add,                                          \
                                      .remove = int_sum_remove,                                    \
                                      .result = results,                                           \
                                      .encode = int_sum_encode,                                    \
                                      .decode = int_sum_decode};
#define ANY_SUM(name, prefix, results)                                                             \
    static const weir_acc_ops name = {.size = prefix##_size,                                       \
                                      .add = prefix##_add,                                         \
                                      .remove = prefix##_remove,                                   \
                                      .result = results,                                           \
                                      .deinit = prefix##_deinit,                                   \
                                      .copy = prefix##_copy,                                       \
                                      .heap_bytes = prefix##_heap_bytes,                           \
                                      .encode = prefix##_encode,                                   \
                                      .decode = prefix##_decode};
INT_SUM(int_sum_ops, int_sum_result)
INT_SUM(int_mean_ops, int_mean_result)
ANY_SUM(float_sum_ops, any_sum, float_sum_result)
ANY_SUM(wide_sum_ops, any_sum, wide_sum_result)
ANY_SUM(any_mean_ops, any_sum, any_mean_result)
ANY_SUM(vec_sum_ops, vec_sum, vec_sum_result)
ANY_SUM(vec_mean_ops, vec_sum, vec_mean_result)

const weir_acc_ops *weir_acc_sum(const weir_agg_binding *binding)
{
    switch (weir_layout_of(binding->args[0])) {
    case WEIR_LAYOUT_INT64: return &int_sum_ops;
    case WEIR_LAYOUT_FLOAT64: return &float_sum_ops;
    case WEIR_LAYOUT_VEC: return &vec_sum_ops;
    default: return &wide_sum_ops;
    }
}

const weir_acc_ops *weir_acc_mean(const weir_agg_binding *binding)
{
    switch (weir_layout_of(binding->args[0])) {
    case WEIR_LAYOUT_INT64: return &int_mean_ops;
    case WEIR_LAYOUT_VEC: return &vec_mean_ops;
    default: return &any_mean_ops;
    }
}

const char *weir_agg_bind_sum(weir_agg_bind_context *context)
{
    weir_type type = context->args[0];
    type.optional = type.kind == WEIR_VEC; /* a sum of no vectors is null, one of no numbers is 0 */
    if (!weir_agg_is_measure(type) && type.kind != WEIR_VEC)
        return weir_agg_wants(context, "a number or a duration");
    if (type.kind == WEIR_DECIMAL) type.precision = WEIR_DECIMAL_PRECISION_MAX;
    context->out->type = type;
    return weir_agg_no_params(context);
}

const char *weir_agg_bind_mean(weir_agg_bind_context *context)
{
    weir_type type = context->args[0];
    if (!weir_agg_is_measure(type) && type.kind != WEIR_VEC) {
        return weir_agg_wants(context, "a number or a duration (of a condition, take share_of)");
    }
    if (type.kind != WEIR_VEC) type = weir_type_of(WEIR_FLOAT64);
    context->out->type = weir_type_optional(type);
    return weir_agg_no_params(context);
}
