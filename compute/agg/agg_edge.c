/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agg_edge.c - first and last (alone or k of them), lag and delta: values at the ends of the order
 * (time, seq).
 *
 * The accumulator keeps the k outermost values in order. Rows of one time are added in order of
 * their seq, so a row goes behind all of its time; rows of other times may come in any order (over
 * `ever` a late row joins rows that left the log long ago). Among more than k, the innermost falls
 * out.
 */
#include "compute/agg/agg_internal.h"
#include "compute/agg/held.h"
#include "ops/runtime/assert.h"
#include "schemas/decimal.h"

enum { ITEMS_MAX = 1000 };

typedef struct edge {
    uint64_t count;    /* values kept */
    weir_held items[]; /* in order */
} edge;

/* params[0]: how many values are kept; params[1]: true if the result is a list. */
static uint64_t kept(const weir_agg_binding *binding)
{
    return (uint64_t)binding->params[0].as.integer;
}
static bool is_first(const weir_agg_binding *binding)
{
    return weir_agg_name(binding->agg)[0] == 'f';
}

static size_t edge_size(const weir_agg_binding *binding)
{
    return sizeof(edge) + kept(binding) * sizeof(weir_held);
}

static void insert(const weir_agg_binding *binding, edge *e, int64_t time, weir_value value)
{
    uint64_t at = e->count, limit = kept(binding);
    while (at > 0 && e->items[at - 1].time > time)
        at--;
    if (e->count == limit) {
        if (is_first(binding)) {
            if (at == limit) return;
            weir_held_deinit(&e->items[--e->count]);
        } else {
            if (at == 0) return;
            weir_held_deinit(&e->items[0]);
            memmove(&e->items[0], &e->items[1], (limit - 1) * sizeof e->items[0]);
            e->count--;
            at--;
        }
    }
    memmove(&e->items[at + 1], &e->items[at], (e->count - at) * sizeof e->items[0]);
    e->items[at] = (weir_held){.is_set = true, .time = time, .value = value};
    e->count++;
}

static void edge_add(const weir_agg_binding *binding, void *acc, const weir_rows *rows, size_t from,
                     size_t to)
{
    for (size_t i = from; i < to; i++) {
        if (weir_rows_count(binding, rows, i))
            insert(binding, acc, rows->times[i], weir_column_get(&rows->args[0], i));
    }
}

void weir_agg_narrow_edge(const weir_agg_binding *binding, const weir_rows *rows, size_t *from,
                          size_t *to)
{
    uint64_t wanted = kept(binding), found = 0;
    if (is_first(binding)) {
        for (size_t i = *from; i < *to; i++) {
            found += weir_rows_count(binding, rows, i);
            if (found == wanted) {
                *to = i + 1;
                return;
            }
        }
        return;
    }
    for (size_t i = *to; i > *from; i--) {
        found += weir_rows_count(binding, rows, i - 1);
        if (found == wanted) {
            *from = i - 1;
            return;
        }
    }
}

static weir_value list_result(const edge *e, weir_acc_context *context)
{
    weir_value *items = weir_arena_array(context->scratch, weir_value, e->count);
    weir_type type = context->binding->args[0];
    for (uint64_t i = 0; i < e->count; i++) {
        weir_value value = weir_value_copy(&e->items[i].value, context->scratch);
        items[i] = weir_column_open(type, value, context->scratch);
    }
    return (weir_value){.kind = WEIR_LIST, .size = (uint32_t)e->count, .as.items = items};
}

static weir_value edge_result(const void *acc, weir_acc_context *context)
{
    const edge *e = acc;
    if (context->binding->params[1].as.boolean) return list_result(e, context);
    if (e->count == 0) return weir_null();
    const weir_held *item = is_first(context->binding) ? &e->items[0] : &e->items[e->count - 1];
    return weir_column_open(context->binding->args[0], item->value, context->scratch);
}

/* lag(x, k): the k-th before the last; kept are k + 1. */
static weir_value lag_result(const void *acc, weir_acc_context *context)
{
    const edge *e = acc;
    if (e->count < kept(context->binding)) return weir_null();
    return weir_column_open(context->binding->args[0], e->items[0].value, context->scratch);
}

static weir_value difference(weir_type type, const weir_value *a, const weir_value *b,
                             weir_acc_context *context)
{
    if (type.kind == WEIR_FLOAT64) return weir_float(a->as.float64 - b->as.float64);
    weir_int128 unscaled = 0;
    int64_t result = 0;
    bool fits = type.kind == WEIR_DECIMAL
                    ? weir_decimal_subtract(a->as.decimal, b->as.decimal, &unscaled)
                    : !__builtin_sub_overflow(a->as.integer, b->as.integer, &result);
    context->overflow |= !fits;
    if (!fits) return weir_null();
    if (type.kind == WEIR_DECIMAL) return weir_decimal(unscaled);
    return (weir_value){.kind = context->binding->type.kind, .as.integer = result};
}

static weir_value delta_result(const void *acc, weir_acc_context *context)
{
    const edge *e = acc;
    if (e->count < 2) return weir_null();
    return difference(context->binding->args[0], &e->items[1].value, &e->items[0].value, context);
}

static void edge_deinit(const weir_agg_binding *binding, void *acc)
{
    (void)binding;
    edge *e = acc;
    for (uint64_t i = 0; i < e->count; i++)
        weir_held_deinit(&e->items[i]);
    e->count = 0;
}

static void edge_copy(const weir_agg_binding *binding, const void *acc, void *copy_out)
{
    (void)binding;
    const edge *e = acc;
    edge *copy = copy_out;
    copy->count = e->count;
    for (uint64_t i = 0; i < e->count; i++)
        copy->items[i] = weir_held_view(&e->items[i]);
}

static size_t edge_heap_bytes(const weir_agg_binding *binding, const void *acc)
{
    (void)binding;
    size_t bytes = 0;
    for (uint64_t i = 0; i < ((const edge *)acc)->count; i++)
        bytes += weir_held_bytes(&((const edge *)acc)->items[i]);
    return bytes;
}

static void edge_keep(const weir_agg_binding *binding, void *acc)
{
    (void)binding;
    edge *e = acc;
    for (uint64_t i = 0; i < e->count; i++)
        weir_held_keep(&e->items[i]);
}

static void edge_encode(const weir_agg_binding *binding, const void *acc, weir_buffer *out)
{
    const edge *e = acc;
    weir_buffer_put_varint(out, e->count);
    for (uint64_t i = 0; i < e->count; i++)
        weir_held_encode(binding->args[0], &e->items[i], out);
}

static bool edge_decode(const weir_agg_binding *binding, void *acc, weir_reader *reader)
{
    edge *e = acc;
    uint64_t count = weir_reader_varint(reader);
    if (reader->bad || count > kept(binding)) return false;
    for (e->count = 0; e->count < count; e->count++) {
        weir_held *item = &e->items[e->count];
        if (!weir_held_decode(binding->args[0], item, reader)) return false;
        if (!item->is_set || (e->count > 0 && item[-1].time > item->time)) {
            e->count++; /* so that deinit finds it */
            return false;
        }
    }
    return true;
}

#define EDGE(name, results)                                                                        \
    static const weir_acc_ops name##_ops = {.size = edge_size,                                     \
                                            .add = edge_add,                                       \
                                            .result = results,                                     \
                                            .deinit = edge_deinit,                                 \
                                            .copy = edge_copy,                                     \
                                            .heap_bytes = edge_heap_bytes,                         \
                                            .keep = edge_keep,                                     \
                                            .encode = edge_encode,                                 \
                                            .decode = edge_decode};                                \
    const weir_acc_ops *weir_acc_##name(const weir_agg_binding *binding)                           \
    {                                                                                              \
        (void)binding;                                                                             \
        return &name##_ops;                                                                        \
    }
EDGE(edge, edge_result)
EDGE(lag, lag_result)
EDGE(delta, delta_result)

const char *weir_agg_bind_edge(weir_agg_bind_context *context)
{
    int64_t items = 1;
    bool has_items = false;
    const char *problem = weir_agg_param_int(context, NULL, 1, ITEMS_MAX, &items, &has_items);
    if (problem != NULL) return problem;
    context->out->params[0] = weir_int(items);
    context->out->params[1] = weir_bool(has_items);
    context->out->type = has_items ? weir_agg_list_of(context->args[0], context->into)
                                   : weir_type_optional(context->args[0]);
    return NULL;
}

const char *weir_agg_bind_lag(weir_agg_bind_context *context)
{
    int64_t steps = 1;
    bool has_steps = false;
    const char *problem = weir_agg_param_int(context, NULL, 1, ITEMS_MAX, &steps, &has_steps);
    if (problem != NULL) return problem;
    context->out->params[0] = weir_int(steps + 1);
    context->out->params[1] = weir_bool(false);
    context->out->type = weir_type_optional(context->args[0]);
    return NULL;
}

const char *weir_agg_bind_delta(weir_agg_bind_context *context)
{
    weir_type type = context->args[0];
    if (!weir_agg_is_measure(type) && type.kind != WEIR_TIME)
        return weir_agg_wants(context, "a number or a time");
    if (type.kind == WEIR_TIME) type = weir_type_of(WEIR_DURATION);
    if (type.kind == WEIR_DECIMAL && type.precision < WEIR_DECIMAL_PRECISION_MAX) type.precision++;
    context->out->params[0] = weir_int(2);
    context->out->params[1] = weir_bool(false);
    context->out->type = weir_type_optional(type);
    return weir_agg_no_params(context);
}
