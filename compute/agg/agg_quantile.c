/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agg_quantile.c - quantile(x, q) and median(x): linear interpolation at rank q (n - 1), as SQL's
 * PERCENTILE_CONT.
 *
 * q is the decimal as written: with q = a / 10^s the rank is a (n - 1) / 10^s exactly, and the
 * value between the two neighbours is one exact ratio, rounded once.
 */
#include "compute/agg/multiset.h"
#include "compute/agg/xsum.h"
#include "ops/runtime/assert.h"
#include "schemas/decimal.h"

enum { DIGITS_MAX = 9 };

static weir_signed_big number_of(weir_type type, const weir_value *value, int64_t *exponent_out,
                                 weir_arena *scratch)
{
    *exponent_out = 0;
    if (type.kind == WEIR_DECIMAL) return weir_signed_big_of(value->as.decimal, scratch);
    if (type.kind != WEIR_FLOAT64) return weir_signed_big_of(value->as.integer, scratch);
    int64_t mantissa = 0;
    int exponent = 0;
    weir_double_split(value->as.float64, &mantissa, &exponent);
    *exponent_out = exponent;
    return weir_signed_big_of(mantissa, scratch);
}

static weir_value quantile_result(const void *acc, weir_acc_context *context)
{
    const weir_multiset *set = acc;
    weir_arena *scratch = context->scratch;
    weir_type type = context->binding->args[0];
    if (set->total == 0) return weir_null();
    weir_int128 ten = weir_decimal_pow10((unsigned)context->binding->params[1].as.integer);
    weir_int128 rank = context->binding->params[0].as.decimal * (weir_int128)(set->total - 1);
    uint64_t below = (uint64_t)(rank / ten);
    weir_int128 part = rank % ten;
    weir_value low = weir_multiset_select(set, below);
    weir_value high = part == 0 ? low : weir_multiset_select(set, below + 1);
    int64_t low_exponent = 0, high_exponent = 0;
    weir_signed_big a = number_of(type, &low, &low_exponent, scratch);
    weir_signed_big b = number_of(type, &high, &high_exponent, scratch);
    int64_t exponent = low_exponent < high_exponent ? low_exponent : high_exponent;
    a.magnitude = weir_big_shift_left(a.magnitude, (uint64_t)(low_exponent - exponent), scratch);
    b.magnitude = weir_big_shift_left(b.magnitude, (uint64_t)(high_exponent - exponent), scratch);
    weir_signed_big sum = weir_signed_big_add(
        weir_signed_big_multiply(a, weir_signed_big_of(ten - part, scratch), scratch),
        weir_signed_big_multiply(b, weir_signed_big_of(part, scratch), scratch), scratch);
    weir_big divisor = weir_big_of((weir_uint128)ten, scratch);
    if (type.kind == WEIR_DECIMAL) {
        divisor = weir_big_multiply(
            divisor, weir_big_of((weir_uint128)weir_decimal_pow10(type.scale), scratch), scratch);
    }
    return weir_float(weir_exact_ratio(sum, divisor, exponent, scratch));
}

static const weir_acc_ops quantile_ops = {.size = weir_multiset_acc_size,
                                          .add = weir_multiset_acc_add,
                                          .remove = weir_multiset_acc_remove,
                                          .result = quantile_result,
                                          .deinit = weir_multiset_acc_deinit,
                                          .heap_bytes = weir_multiset_acc_heap_bytes};

const weir_acc_ops *weir_acc_quantile(const weir_agg_binding *binding)
{
    (void)binding;
    return &quantile_ops;
}

const char *weir_agg_bind_quantile(weir_agg_bind_context *context)
{
    if (!weir_agg_is_measure(context->args[0]))
        return weir_agg_wants(context, "a number or a duration");
    const weir_agg_param *q = context->params;
    bool is_decimal =
        context->param_count == 1 && q->type.kind == WEIR_DECIMAL && q->type.scale <= DIGITS_MAX;
    bool is_whole = context->param_count == 1 && q->type.kind == WEIR_INT64;
    weir_int128 value = is_decimal ? q->value.as.decimal : is_whole ? q->value.as.integer : -1;
    unsigned scale = is_decimal ? q->type.scale : 0;
    if (value < 0 || value > weir_decimal_pow10(scale)) {
        return weir_arena_printf(
            context->into,
            "`quantile` wants a share from 0 to 1 with at most %d digits after the point; "
            "write %s",
            DIGITS_MAX, context->agg->usage);
    }
    context->out->params[0] = weir_decimal(value);
    context->out->params[1] = weir_int(scale);
    context->out->type = weir_type_optional(weir_type_of(WEIR_FLOAT64));
    return NULL;
}

const char *weir_agg_bind_median(weir_agg_bind_context *context)
{
    if (!weir_agg_is_measure(context->args[0]))
        return weir_agg_wants(context, "a number or a duration");
    context->out->params[0] = weir_decimal(5);
    context->out->params[1] = weir_int(1);
    context->out->type = weir_type_optional(weir_type_of(WEIR_FLOAT64));
    return weir_agg_no_params(context);
}
