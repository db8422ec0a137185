/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agg_ordered.c - streak and ewma: folds over the rows of a window in order of (time, seq). Rows
 * must be added so.
 */
#include "compute/agg/agg_internal.h"
#include "ops/runtime/assert.h"
#include "schemas/decimal.h"

/* streak(p): events after the last that is not p; null counts as false (R10). */

static size_t streak_size(const weir_agg_binding *binding)
{
    (void)binding;
    return sizeof(int64_t);
}

static void streak_add(const weir_agg_binding *binding, void *acc, const weir_rows *rows,
                       size_t from, size_t to)
{
    (void)binding;
    const uint8_t *values = rows->args[0].values;
    int64_t *length = acc;
    for (size_t i = from; i < to; i++) {
        if (weir_rows_pass(rows, i)) *length = values[i] == 1 ? *length + 1 : 0;
    }
}

static weir_value streak_result(const void *acc, weir_acc_context *context)
{
    (void)context;
    return weir_int(*(const int64_t *)acc);
}

/* From the last row that ends a streak, itself included: a row put in before it must not count. */
void weir_agg_narrow_streak(const weir_agg_binding *binding, const weir_rows *rows, size_t *from,
                            size_t *to)
{
    (void)binding;
    const uint8_t *values = rows->args[0].values;
    for (size_t i = *to; i > *from; i--) {
        if (!weir_rows_pass(rows, i - 1) || values[i - 1] == 1) continue;
        *from = i - 1;
        return;
    }
}

static const weir_acc_ops streak_ops = {
    .size = streak_size, .add = streak_add, .result = streak_result};

const weir_acc_ops *weir_acc_streak(const weir_agg_binding *binding)
{
    (void)binding;
    return &streak_ops;
}

const char *weir_agg_bind_streak(weir_agg_bind_context *context)
{
    if (context->args[0].kind != WEIR_BOOL) return weir_agg_wants(context, "a condition (bool)");
    context->out->type = weir_type_of(WEIR_INT64);
    return weir_agg_no_params(context);
}

/* ewma(x, alpha a): y = a * x + (1 - a) * y in float64, starting from the first x. */

typedef struct average {
    int64_t has_value;
    double value;
} average;

static size_t ewma_size(const weir_agg_binding *binding)
{
    (void)binding;
    return sizeof(average);
}

static double number_of(weir_type type, const weir_value *value)
{
    if (type.kind == WEIR_FLOAT64) return value->as.float64;
    if (type.kind == WEIR_DECIMAL) return weir_decimal_to_double(value->as.decimal, type.scale);
    return weir_int64_to_double(value->as.integer);
}

static void ewma_add(const weir_agg_binding *binding, void *acc, const weir_rows *rows, size_t from,
                     size_t to)
{
    average *y = acc;
    double alpha = binding->params[0].as.float64, rest = 1.0 - alpha;
    for (size_t i = from; i < to; i++) {
        if (!weir_rows_count(binding, rows, i)) continue;
        weir_value value = weir_column_get(&rows->args[0], i);
        double x = number_of(binding->args[0], &value);
        y->value = y->has_value ? alpha * x + rest * y->value : x;
        y->has_value = 1;
    }
}

static weir_value ewma_result(const void *acc, weir_acc_context *context)
{
    (void)context;
    const average *y = acc;
    return y->has_value ? weir_float(y->value) : weir_null();
}

static const weir_acc_ops ewma_ops = {.size = ewma_size, .add = ewma_add, .result = ewma_result};

const weir_acc_ops *weir_acc_ewma(const weir_agg_binding *binding)
{
    (void)binding;
    return &ewma_ops;
}

const char *weir_agg_bind_ewma(weir_agg_bind_context *context)
{
    if (!weir_agg_is_measure(context->args[0]))
        return weir_agg_wants(context, "a number or a duration");
    const weir_agg_param *p = context->params;
    bool is_named = context->param_count == 1 && (p->name == NULL || strcmp(p->name, "alpha") == 0);
    double alpha = is_named && weir_type_is_number(p->type) ? number_of(p->type, &p->value) : -1.0;
    if (!(alpha > 0.0 && alpha <= 1.0)) {
        return weir_arena_printf(context->into, "`ewma` wants a weight above 0, up to 1; write %s",
                                 context->agg->usage);
    }
    context->out->params[0] = weir_float(alpha);
    context->out->type = weir_type_optional(weir_type_of(WEIR_FLOAT64));
    return NULL;
}
