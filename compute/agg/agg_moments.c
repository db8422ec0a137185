/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agg_moments.c - var, stddev, skew, kurt, corr, slope: rational functions of exact sums of
 * products.
 *
 * Kept are the number of values and the exact sums of x, x^2, ... (of x, y, xx, xy, yy for two).
 * The result is one exact ratio (for skew and corr the root of one) of whole numbers, rounded once;
 * stddev is the IEEE root of var (R12). With values x = X / 10^s every power of 10^s cancels but in
 * var.
 *
 *   var    (n S2 - S1^2) / (n (n-1))
 *   skew   sample form: n sqrt(n-1)/(n-2) * M3 / M2^1.5 with Mk = sum (x-m)^k
 *   kurt   sample excess: (n-1)/((n-2)(n-3)) * ((n+1) n M4/M2^2 - 3 (n-1))
 *   corr   (n Sxy - Sx Sy) / sqrt((n Sxx - Sx^2) (n Syy - Sy^2))
 *   slope  (n Stx - St Sx) / (n Stt - St^2), t in seconds
 */
#include "compute/agg/agg_internal.h"
#include "compute/agg/xsum.h"
#include "ops/runtime/assert.h"
#include "schemas/decimal.h"

enum { POWERS_MAX = 5 };
enum { SUM_X, SUM_Y, SUM_XX, SUM_XY, SUM_YY }; /* of two arguments */

typedef struct moments {
    int64_t count;
    weir_xsum sums[]; /* x^1 .. x^k, or the five above */
} moments;

typedef struct rational { /* whole numbers that share a power of two */
    weir_signed_big value;
    int64_t exponent;
} rational;

static unsigned sums_1(const weir_agg_binding *binding)
{
    const char *name = weir_agg_name(binding->agg);
    return name[0] == 's' && name[1] == 'k' ? 3
           : name[0] == 'k'                 ? 4
                                            : 2; /* skew 3, kurt 4, var and stddev 2 */
}

static size_t size_1(const weir_agg_binding *binding)
{
    return sizeof(moments) + sums_1(binding) * sizeof(weir_xsum);
}

static size_t size_2(const weir_agg_binding *binding)
{
    (void)binding;
    return sizeof(moments) + POWERS_MAX * sizeof(weir_xsum);
}

static weir_term term_at(const weir_column *column, size_t i)
{
    switch (column->layout) {
    case WEIR_LAYOUT_FLOAT64: return weir_term_of_double(((const double *)column->values)[i]);
    case WEIR_LAYOUT_INT64: return weir_term_of_int(((const int64_t *)column->values)[i]);
    case WEIR_LAYOUT_INT128:
        return weir_term_of_int(((const weir_int128_unaligned *)column->values)[i]);
    default: WEIR_UNREACHABLE();
    }
}

static void move_1(const weir_agg_binding *binding, void *acc, const weir_rows *rows, size_t from,
                   size_t to, bool remove)
{
    moments *m = acc;
    unsigned powers = sums_1(binding);
    for (size_t i = from; i < to; i++) {
        if (!weir_rows_count(binding, rows, i)) continue;
        weir_term x = term_at(&rows->args[0], i), power = x;
        weir_xsum_add(&m->sums[0], &x, remove);
        for (unsigned k = 1; k < powers; k++) {
            power = weir_term_multiply(&power, &x);
            weir_xsum_add(&m->sums[k], &power, remove);
        }
        m->count += remove ? -1 : 1;
    }
}

static void add_1(const weir_agg_binding *binding, void *acc, const weir_rows *rows, size_t from,
                  size_t to)
{
    move_1(binding, acc, rows, from, to, false);
}

static void remove_1(const weir_agg_binding *binding, void *acc, const weir_rows *rows, size_t from,
                     size_t to)
{
    move_1(binding, acc, rows, from, to, true);
}

/* slope has the time of the event as x and its argument as y. */
static void move_2(const weir_agg_binding *binding, void *acc, const weir_rows *rows, size_t from,
                   size_t to, bool remove)
{
    moments *m = acc;
    bool is_slope = binding->arg_count == 1;
    for (size_t i = from; i < to; i++) {
        if (!weir_rows_count(binding, rows, i)) continue;
        if (!is_slope && weir_column_is_null(&rows->args[1], i)) continue;
        weir_term x = is_slope ? weir_term_of_int(rows->times[i]) : term_at(&rows->args[0], i);
        weir_term y = term_at(&rows->args[is_slope ? 0 : 1], i);
        weir_term xx = weir_term_multiply(&x, &x), xy = weir_term_multiply(&x, &y),
                  yy = weir_term_multiply(&y, &y);
        weir_xsum_add(&m->sums[SUM_X], &x, remove);
        weir_xsum_add(&m->sums[SUM_Y], &y, remove);
        weir_xsum_add(&m->sums[SUM_XX], &xx, remove);
        weir_xsum_add(&m->sums[SUM_XY], &xy, remove);
        weir_xsum_add(&m->sums[SUM_YY], &yy, remove);
        m->count += remove ? -1 : 1;
    }
}

static void add_2(const weir_agg_binding *binding, void *acc, const weir_rows *rows, size_t from,
                  size_t to)
{
    move_2(binding, acc, rows, from, to, false);
}

static void remove_2(const weir_agg_binding *binding, void *acc, const weir_rows *rows, size_t from,
                     size_t to)
{
    move_2(binding, acc, rows, from, to, true);
}

/* Arithmetic of rationals with a common power of two */

static rational sum_of(const moments *m, unsigned index, weir_arena *scratch)
{
    rational r;
    r.value = weir_xsum_get(&m->sums[index], &r.exponent, scratch);
    return r;
}

static rational whole(int64_t value, weir_arena *scratch)
{
    return (rational){weir_signed_big_of(value, scratch), 0};
}

static rational times(rational a, rational b, weir_arena *scratch)
{
    return (rational){weir_signed_big_multiply(a.value, b.value, scratch), a.exponent + b.exponent};
}

static rational minus(rational a, rational b, weir_arena *scratch)
{
    if (b.value.magnitude.size == 0) return a;
    if (a.value.magnitude.size == 0) a.exponent = b.exponent;
    int64_t low = a.exponent < b.exponent ? a.exponent : b.exponent;
    a.value.magnitude =
        weir_big_shift_left(a.value.magnitude, (uint64_t)(a.exponent - low), scratch);
    b.value.magnitude =
        weir_big_shift_left(b.value.magnitude, (uint64_t)(b.exponent - low), scratch);
    return (rational){weir_signed_big_subtract(a.value, b.value, scratch), low};
}

static rational plus(rational a, rational b, weir_arena *scratch)
{
    if (b.value.magnitude.size > 0) b.value.negative = !b.value.negative;
    return minus(a, b, scratch);
}

static bool is_zero(rational a) { return a.value.magnitude.size == 0; }

static double quotient(rational top, rational bottom, weir_arena *scratch)
{
    top.value.negative = !is_zero(top) && top.value.negative != bottom.value.negative;
    return weir_exact_ratio(top.value, bottom.value.magnitude, top.exponent - bottom.exponent,
                            scratch);
}

/* n^2 M2 / n = n S2 - S1^2 */
static rational spread(const moments *m, unsigned s1, unsigned s2, weir_arena *scratch)
{
    rational n = whole(m->count, scratch), a = sum_of(m, s1, scratch);
    return minus(times(n, sum_of(m, s2, scratch), scratch), times(a, a, scratch), scratch);
}

static unsigned scale_of(const weir_agg_binding *binding, size_t arg)
{
    return binding->args[arg].kind == WEIR_DECIMAL ? binding->args[arg].scale : 0;
}

static rational power_of_ten(unsigned exponent, weir_arena *scratch)
{
    return (rational){weir_signed_big_of(weir_decimal_pow10(exponent), scratch), 0};
}

static double variance(const moments *m, weir_acc_context *context)
{
    weir_arena *scratch = context->scratch;
    rational ten = power_of_ten(scale_of(context->binding, 0), scratch);
    weir_int128 pairs = (weir_int128)m->count * (m->count - 1);
    rational bottom = {weir_signed_big_of(pairs, scratch), 0};
    bottom = times(bottom, times(ten, ten, scratch), scratch);
    return quotient(spread(m, 0, 1, scratch), bottom, scratch);
}

static weir_value var_result(const void *acc, weir_acc_context *context)
{
    const moments *m = acc;
    return m->count < 2 ? weir_null() : weir_float(variance(m, context));
}

static weir_value stddev_result(const void *acc, weir_acc_context *context)
{
    const moments *m = acc;
    return m->count < 2 ? weir_null() : weir_float(__builtin_sqrt(variance(m, context)));
}

/* With P = n S2 - S1^2 = n M2 and Q = n^2 S3 - 3 n S1 S2 + 2 S1^3 = n^2 M3:
 * skew^2 = n (n-1) / (n-2)^2 * Q^2 / P^3 and its sign is Q's. */
static weir_value skew_result(const void *acc, weir_acc_context *context)
{
    const moments *m = acc;
    weir_arena *scratch = context->scratch;
    if (m->count < 3) return weir_null();
    rational n = whole(m->count, scratch), s1 = sum_of(m, 0, scratch), s2 = sum_of(m, 1, scratch);
    rational p = spread(m, 0, 1, scratch);
    if (is_zero(p)) return weir_null();
    rational q = times(times(n, n, scratch), sum_of(m, 2, scratch), scratch);
    q = minus(q, times(times(whole(3, scratch), n, scratch), times(s1, s2, scratch), scratch),
              scratch);
    q = plus(q, times(whole(2, scratch), times(s1, times(s1, s1, scratch), scratch), scratch),
             scratch);
    rational top =
        times(times(n, whole(m->count - 1, scratch), scratch), times(q, q, scratch), scratch);
    rational n2 = whole(m->count - 2, scratch);
    rational bottom =
        times(times(n2, n2, scratch), times(p, times(p, p, scratch), scratch), scratch);
    int64_t exponent = top.exponent - bottom.exponent;
    weir_big a = top.value.magnitude, b = bottom.value.magnitude;
    if (exponent >= 0) a = weir_big_shift_left(a, (uint64_t)exponent, scratch);
    if (exponent < 0) b = weir_big_shift_left(b, (uint64_t)-exponent, scratch);
    return weir_float(weir_exact_root_of_ratio(q.value.negative, a, b, scratch));
}

/* With R = n^3 S4 - 4 n^2 S1 S3 + 6 n S1^2 S2 - 3 S1^4 = n^3 M4: n M4 / M2^2 = R / P^2, so that
 * kurt = (n-1) ((n+1) R - 3 (n-1) P^2) / ((n-2) (n-3) P^2). */
static weir_value kurt_result(const void *acc, weir_acc_context *context)
{
    const moments *m = acc;
    weir_arena *scratch = context->scratch;
    if (m->count < 4) return weir_null();
    rational n = whole(m->count, scratch), s1 = sum_of(m, 0, scratch), s2 = sum_of(m, 1, scratch);
    rational p = spread(m, 0, 1, scratch);
    if (is_zero(p)) return weir_null();
    rational nn = times(n, n, scratch), ss = times(s1, s1, scratch), pp = times(p, p, scratch);
    rational r = times(times(nn, n, scratch), sum_of(m, 3, scratch), scratch);
    r = minus(r,
              times(times(whole(4, scratch), nn, scratch),
                    times(s1, sum_of(m, 2, scratch), scratch), scratch),
              scratch);
    r = plus(r, times(times(whole(6, scratch), n, scratch), times(ss, s2, scratch), scratch),
             scratch);
    r = minus(r, times(whole(3, scratch), times(ss, ss, scratch), scratch), scratch);
    rational top = times(whole(m->count + 1, scratch), r, scratch);
    top = minus(top, times(whole(3 * (m->count - 1), scratch), pp, scratch), scratch);
    top = times(top, whole(m->count - 1, scratch), scratch);
    rational bottom = times(whole(m->count - 2, scratch), whole(m->count - 3, scratch), scratch);
    return weir_float(quotient(top, times(bottom, pp, scratch), scratch));
}

static weir_value corr_result(const void *acc, weir_acc_context *context)
{
    const moments *m = acc;
    weir_arena *scratch = context->scratch;
    if (m->count < 2) return weir_null();
    rational xx = spread(m, SUM_X, SUM_XX, scratch), yy = spread(m, SUM_Y, SUM_YY, scratch);
    if (is_zero(xx) || is_zero(yy)) return weir_null();
    rational xy = times(whole(m->count, scratch), sum_of(m, SUM_XY, scratch), scratch);
    xy = minus(xy, times(sum_of(m, SUM_X, scratch), sum_of(m, SUM_Y, scratch), scratch), scratch);
    rational top = times(xy, xy, scratch), bottom = times(xx, yy, scratch);
    int64_t exponent = top.exponent - bottom.exponent;
    weir_big a = top.value.magnitude, b = bottom.value.magnitude;
    if (exponent >= 0) a = weir_big_shift_left(a, (uint64_t)exponent, scratch);
    if (exponent < 0) b = weir_big_shift_left(b, (uint64_t)-exponent, scratch);
    return weir_float(weir_exact_root_of_ratio(xy.value.negative, a, b, scratch));
}

static weir_value slope_result(const void *acc, weir_acc_context *context)
{
    const moments *m = acc;
    weir_arena *scratch = context->scratch;
    if (m->count < 2) return weir_null();
    rational tt = spread(m, SUM_X, SUM_XX, scratch);
    if (is_zero(tt)) return weir_null();
    rational tx = times(whole(m->count, scratch), sum_of(m, SUM_XY, scratch), scratch);
    tx = minus(tx, times(sum_of(m, SUM_X, scratch), sum_of(m, SUM_Y, scratch), scratch), scratch);
    tx = times(tx, whole(1000000, scratch), scratch); /* per second, not per microsecond */
    return weir_float(quotient(
        tx, times(tt, power_of_ten(scale_of(context->binding, 0), scratch), scratch), scratch));
}

/* Memory and bytes */

static unsigned sums_of(const weir_agg_binding *binding)
{
    char first = weir_agg_name(binding->agg)[0], second = weir_agg_name(binding->agg)[1];
    bool is_two = first == 'c' || (first == 's' && second == 'l'); /* corr, slope */
    return is_two ? POWERS_MAX : sums_1(binding);
}

static void deinit(const weir_agg_binding *binding, void *acc)
{
    for (unsigned k = 0; k < sums_of(binding); k++)
        weir_xsum_deinit(&((moments *)acc)->sums[k]);
}

static void copy(const weir_agg_binding *binding, const void *acc, void *copy_out)
{
    const moments *m = acc;
    moments *to = copy_out;
    to->count = m->count;
    for (unsigned k = 0; k < sums_of(binding); k++)
        weir_xsum_copy(&m->sums[k], &to->sums[k]);
}

static size_t heap_bytes(const weir_agg_binding *binding, const void *acc)
{
    size_t bytes = 0;
    for (unsigned k = 0; k < sums_of(binding); k++)
        bytes += weir_xsum_bytes(&((const moments *)acc)->sums[k]);
    return bytes;
}

static void encode(const weir_agg_binding *binding, const void *acc, weir_buffer *out)
{
    const moments *m = acc;
    weir_buffer_put_varint(out, (uint64_t)m->count);
    for (unsigned k = 0; k < sums_of(binding); k++)
        weir_xsum_encode(&m->sums[k], out);
}

static bool decode(const weir_agg_binding *binding, void *acc, weir_reader *reader)
{
    moments *m = acc;
    m->count = (int64_t)weir_reader_varint(reader);
    for (unsigned k = 0; k < sums_of(binding); k++) {
        if (!weir_xsum_decode(&m->sums[k], reader)) return false;
    }
    return !reader->bad && m->count >= 0;
}

#define MOMENTS(name, arity, results)                                                              \
    static const weir_acc_ops name##_ops = {.size = size_##arity,                                  \
                                            .add = add_##arity,                                    \
                                            .remove = remove_##arity,                              \
                                            .result = results,                                     \
                                            .deinit = deinit,                                      \
                                            .copy = copy,                                          \
                                            .heap_bytes = heap_bytes,                              \
                                            .encode = encode,                                      \
                                            .decode = decode};                                     \
    const weir_acc_ops *weir_acc_##name(const weir_agg_binding *binding)                           \
    {                                                                                              \
        (void)binding;                                                                             \
        return &name##_ops;                                                                        \
    }
MOMENTS(var, 1, var_result)
MOMENTS(stddev, 1, stddev_result)
MOMENTS(skew, 1, skew_result)
MOMENTS(kurt, 1, kurt_result)
MOMENTS(corr, 2, corr_result)
MOMENTS(slope, 2, slope_result)

const char *weir_agg_bind_moments(weir_agg_bind_context *context)
{
    for (size_t i = 0; i < context->arg_count; i++) {
        if (!weir_agg_is_measure(context->args[i]))
            return weir_agg_wants(context, "numbers or durations");
    }
    context->out->type = weir_type_optional(weir_type_of(WEIR_FLOAT64));
    return weir_agg_no_params(context);
}
