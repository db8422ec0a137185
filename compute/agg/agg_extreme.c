/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agg_extreme.c - min, max, argmin, argmax. argmax(x, y) is the smallest x at the greatest y.
 */
#include "compute/agg/agg_internal.h"
#include "compute/agg/held.h"
#include "compute/agg/multiset.h"

typedef struct extreme {
    weir_held value; /* the result       */
    weir_held by;    /* argmin, argmax: y */
} extreme;

static bool wants_greatest(const weir_agg_binding *binding)
{
    const char *name = weir_agg_name(binding->agg);
    return name[0] == 'a' ? name[4] == 'a' : name[1] == 'a'; /* argmax, max */
}

static size_t extreme_size(const weir_agg_binding *binding)
{
    (void)binding;
    return sizeof(extreme);
}

/* Fixed-size integers by themselves: the common case of money and counts. */
static bool best_integer(const weir_agg_binding *binding, const weir_rows *rows, size_t from,
                         size_t to, size_t *best_out)
{
    const int64_t *values = rows->args[0].values;
    bool greatest = wants_greatest(binding), found = false;
    size_t best = 0;
    for (size_t i = from; i < to; i++) {
        if (!weir_rows_count(binding, rows, i)) continue;
        if (!found || (greatest ? values[i] > values[best] : values[i] < values[best])) best = i;
        found = true;
    }
    *best_out = best;
    return found;
}

static void offer(const weir_agg_binding *binding, extreme *e, const weir_rows *rows, size_t i)
{
    weir_value value = weir_column_get(&rows->args[0], i);
    int order =
        !e->value.is_set ? 1 : weir_value_compare(binding->args[0], &value, &e->value.value);
    if (e->value.is_set && !wants_greatest(binding)) order = -order;
    if (order > 0) weir_held_set(&e->value, 0, value);
}

static void extreme_add(const weir_agg_binding *binding, void *acc, const weir_rows *rows,
                        size_t from, size_t to)
{
    if (rows->args[0].layout == WEIR_LAYOUT_INT64) {
        size_t best = 0;
        if (best_integer(binding, rows, from, to, &best)) offer(binding, acc, rows, best);
        return;
    }
    for (size_t i = from; i < to; i++) {
        if (weir_rows_count(binding, rows, i)) offer(binding, acc, rows, i);
    }
}

static void offer_pair(const weir_agg_binding *binding, extreme *e, const weir_rows *rows, size_t i)
{
    weir_value value = weir_column_get(&rows->args[0], i), by = weir_column_get(&rows->args[1], i);
    int order = 1;
    if (e->value.is_set) {
        order = weir_value_compare(binding->args[1], &by, &e->by.value);
        if (!wants_greatest(binding)) order = -order;
        if (order == 0)
            order =
                weir_value_compare(binding->args[0], &e->value.value, &value); /* the smaller x */
    }
    if (order <= 0) return;
    weir_held_set(&e->value, 0, value);
    weir_held_set(&e->by, 0, by);
}

static void pair_add(const weir_agg_binding *binding, void *acc, const weir_rows *rows, size_t from,
                     size_t to)
{
    for (size_t i = from; i < to; i++) {
        if (weir_rows_count(binding, rows, i) && !weir_column_is_null(&rows->args[1], i)) {
            offer_pair(binding, acc, rows, i);
        }
    }
}

static weir_value extreme_result(const void *acc, weir_acc_context *context)
{
    (void)context;
    const extreme *e = acc;
    return e->value.is_set ? e->value.value : weir_null();
}

static void extreme_deinit(const weir_agg_binding *binding, void *acc)
{
    (void)binding;
    weir_held_deinit(&((extreme *)acc)->value);
    weir_held_deinit(&((extreme *)acc)->by);
}

static void extreme_copy(const weir_agg_binding *binding, const void *acc, void *copy_out)
{
    (void)binding;
    const extreme *e = acc;
    *(extreme *)copy_out = (extreme){weir_held_view(&e->value), weir_held_view(&e->by)};
}

static size_t extreme_heap_bytes(const weir_agg_binding *binding, const void *acc)
{
    (void)binding;
    return weir_held_bytes(&((const extreme *)acc)->value) +
           weir_held_bytes(&((const extreme *)acc)->by);
}

static void extreme_keep(const weir_agg_binding *binding, void *acc)
{
    (void)binding;
    weir_held_keep(&((extreme *)acc)->value);
    weir_held_keep(&((extreme *)acc)->by);
}

static void extreme_encode(const weir_agg_binding *binding, const void *acc, weir_buffer *out)
{
    const extreme *e = acc;
    weir_held_encode(binding->args[0], &e->value, out);
    if (binding->arg_count > 1) weir_held_encode(binding->args[1], &e->by, out);
}

static bool extreme_decode(const weir_agg_binding *binding, void *acc, weir_reader *reader)
{
    extreme *e = acc;
    if (!weir_held_decode(binding->args[0], &e->value, reader)) return false;
    if (binding->arg_count < 2) return true;
    return weir_held_decode(binding->args[1], &e->by, reader) && e->by.is_set == e->value.is_set;
}

#define EXTREME(name, adder)                                                                       \
    static const weir_acc_ops name = {.size = extreme_size,                                        \
                                      .add = adder,                                                \
                                      .result = extreme_result,                                    \
                                      .deinit = extreme_deinit,                                    \
                                      .copy = extreme_copy,                                        \
                                      .heap_bytes = extreme_heap_bytes,                            \
                                      .keep = extreme_keep,                                        \
                                      .encode = extreme_encode,                                    \
                                      .decode = extreme_decode};
EXTREME(extreme_ops, extreme_add)
EXTREME(pair_ops, pair_add)

const weir_acc_ops *weir_acc_extreme(const weir_agg_binding *binding)
{
    return binding->arg_count == 1 ? &extreme_ops : &pair_ops;
}

/* Sliding: the ends of an ordered multiset. */

static weir_value sliding_result(const void *acc, weir_acc_context *context)
{
    const weir_multiset *set = acc;
    if (set->total == 0) return weir_null();
    uint64_t rank = wants_greatest(context->binding) ? set->total - 1 : 0;
    return weir_multiset_select(set, rank);
}

static const weir_acc_ops sliding_ops = {.size = weir_multiset_acc_size,
                                         .add = weir_multiset_acc_add,
                                         .remove = weir_multiset_acc_remove,
                                         .result = sliding_result,
                                         .deinit = weir_multiset_acc_deinit,
                                         .heap_bytes = weir_multiset_acc_heap_bytes};

const weir_acc_ops *weir_acc_extreme_sliding(const weir_agg_binding *binding)
{
    return binding->arg_count == 1 ? &sliding_ops : NULL;
}

const char *weir_agg_bind_extreme(weir_agg_bind_context *context)
{
    for (size_t i = 0; i < context->arg_count; i++) {
        if (!weir_agg_has_order(context->args[i]))
            return weir_agg_wants(context, "values that have an order");
    }
    context->out->type = weir_type_optional(context->args[0]);
    return weir_agg_no_params(context);
}
