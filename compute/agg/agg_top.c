/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agg_top.c - mode, top, hist, share, entropy: how often each value comes.
 *
 * Values stand by falling count, equal counts by value; hist and share are maps over top(x, k), in
 * that order, to counts and to shares of all values. Entropy is ln n - (sum of c ln c over the
 * values in order) / n in float64, with the project's own ln.
 */
#include "compute/agg/multiset.h"
#include "compute/expr/expr_internal.h"
#include "ops/runtime/assert.h"
#include "schemas/decimal.h"

enum { ITEMS_MAX = 1000 };

typedef struct ranked { /* a value and where it stands in their order */
    const weir_multiset_entry *entry;
    uint64_t place;
} ranked;

static bool is_before(const ranked *a, const ranked *b)
{
    if (a->entry->count != b->entry->count) return a->entry->count > b->entry->count;
    return a->place < b->place;
}

/* The k first by count, in a small sorted list. */
static uint32_t top_of(const weir_multiset *set, uint32_t k, ranked *list)
{
    uint32_t count = 0;
    uint64_t place = 0;
    const weir_multiset_entry *entry;
    for (weir_multiset_place p = {0}; (entry = weir_multiset_next(set, &p)) != NULL; place++) {
        ranked r = {entry, place};
        if (count == k && !is_before(&r, &list[k - 1])) continue;
        uint32_t at = count < k ? count++ : k - 1;
        for (; at > 0 && is_before(&r, &list[at - 1]); at--)
            list[at] = list[at - 1];
        list[at] = r;
    }
    return count;
}

static uint32_t wanted(const weir_acc_context *context)
{
    return (uint32_t)context->binding->params[0].as.integer;
}

static weir_value mode_result(const void *acc, weir_acc_context *context)
{
    (void)context;
    ranked first;
    return top_of(acc, 1, &first) == 0 ? weir_null() : weir_multiset_value(acc, first.entry);
}

static weir_value top_result(const void *acc, weir_acc_context *context)
{
    ranked *list = weir_arena_array(context->scratch, ranked, wanted(context));
    uint32_t count = top_of(acc, wanted(context), list);
    weir_value *items = weir_arena_array(context->scratch, weir_value, count);
    for (uint32_t i = 0; i < count; i++)
        items[i] = weir_multiset_value(acc, list[i].entry);
    return (weir_value){.kind = WEIR_LIST, .size = count, .as.items = items};
}

static weir_value map_result(const weir_multiset *set, weir_acc_context *context, bool is_share)
{
    ranked *list = weir_arena_array(context->scratch, ranked, wanted(context));
    uint32_t count = top_of(set, wanted(context), list);
    weir_value *pairs = weir_arena_array(context->scratch, weir_value, 2 * (size_t)count);
    for (uint32_t i = 0; i < count; i++) {
        int64_t times = (int64_t)list[i].entry->count;
        pairs[2 * i] = weir_multiset_value(set, list[i].entry);
        pairs[2 * i + 1] = is_share ? weir_float(weir_int128_ratio(times, (weir_int128)set->total))
                                    : weir_int(times);
    }
    return (weir_value){.kind = WEIR_MAP, .size = count, .as.items = pairs};
}

static weir_value hist_result(const void *acc, weir_acc_context *context)
{
    return map_result(acc, context, false);
}
static weir_value share_result(const void *acc, weir_acc_context *context)
{
    return map_result(acc, context, true);
}

static weir_value entropy_result(const void *acc, weir_acc_context *context)
{
    (void)context;
    const weir_multiset *set = acc;
    if (set->total == 0) return weir_null();
    if (set->distinct == 1) return weir_float(0.0);
    double n = weir_int128_to_double((weir_int128)set->total), sum = 0.0;
    const weir_multiset_entry *entry;
    for (weir_multiset_place p = {0}; (entry = weir_multiset_next(set, &p)) != NULL;) {
        double c = weir_int128_to_double((weir_int128)entry->count);
        sum += c * weir_math_log(c);
    }
    double result = weir_math_log(n) - sum / n;
    return weir_float(result < 0.0 ? 0.0 : result);
}

#define COUNTS(name)                                                                               \
    static const weir_acc_ops name##_ops = {.size = weir_multiset_acc_size,                        \
                                            .add = weir_multiset_acc_add,                          \
                                            .remove = weir_multiset_acc_remove,                    \
                                            .result = name##_result,                               \
                                            .deinit = weir_multiset_acc_deinit,                    \
                                            .heap_bytes = weir_multiset_acc_heap_bytes};           \
    const weir_acc_ops *weir_acc_##name(const weir_agg_binding *binding)                           \
    {                                                                                              \
        (void)binding;                                                                             \
        return &name##_ops;                                                                        \
    }
COUNTS(mode)
COUNTS(top)
COUNTS(hist)
COUNTS(share)
COUNTS(entropy)

static const char *bind_limit(weir_agg_bind_context *context)
{
    int64_t items = 0;
    bool has_items = false;
    const char *problem = weir_agg_param_int(context, NULL, 1, ITEMS_MAX, &items, &has_items);
    if (problem != NULL) return problem;
    if (!weir_agg_has_order(context->args[0])) return weir_agg_wants(context, "single values");
    if (!has_items) {
        return weir_arena_printf(context->into, "`%s` wants the number of values to list; write %s",
                                 context->agg->name, context->agg->usage);
    }
    context->out->params[0] = weir_int(items);
    return NULL;
}

static weir_type *boxed(weir_type type, weir_arena *into)
{
    type.optional = false;
    return weir_arena_copy(into, &type, sizeof type);
}

static const char *bind_map(weir_agg_bind_context *context, weir_kind kind)
{
    weir_type map = weir_type_of(WEIR_MAP);
    map.key = boxed(context->args[0], context->into);
    map.item = boxed(weir_type_of(kind), context->into);
    context->out->type = map;
    return bind_limit(context);
}

const char *weir_agg_bind_hist(weir_agg_bind_context *context)
{
    return bind_map(context, WEIR_INT64);
}
const char *weir_agg_bind_share(weir_agg_bind_context *context)
{
    return bind_map(context, WEIR_FLOAT64);
}

const char *weir_agg_bind_top(weir_agg_bind_context *context)
{
    context->out->type = weir_agg_list_of(context->args[0], context->into);
    return bind_limit(context);
}

const char *weir_agg_bind_mode(weir_agg_bind_context *context)
{
    if (!weir_agg_has_order(context->args[0])) return weir_agg_wants(context, "single values");
    context->out->type = weir_type_optional(context->args[0]);
    return weir_agg_no_params(context);
}

const char *weir_agg_bind_entropy(weir_agg_bind_context *context)
{
    if (!weir_agg_has_order(context->args[0])) return weir_agg_wants(context, "single values");
    context->out->type = weir_type_optional(weir_type_of(WEIR_FLOAT64));
    return weir_agg_no_params(context);
}
