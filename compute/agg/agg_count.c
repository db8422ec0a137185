/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agg_count.c - count, rate, any, all, share_of: what needs no more than two counts.
 */
#include "compute/agg/agg_internal.h"
#include "schemas/decimal.h"

typedef struct tally {
    int64_t rows; /* that count */
    int64_t trues;
} tally;

static size_t tally_size(const weir_agg_binding *binding)
{
    (void)binding;
    return sizeof(tally);
}

static int64_t count_rows(const weir_agg_binding *binding, const weir_rows *rows, size_t from,
                          size_t to)
{
    bool may_skip = binding->arg_count > 0 &&
                    (rows->args[0].nulls != NULL || rows->args[0].layout == WEIR_LAYOUT_BOOL);
    int64_t count = 0;
    if (!may_skip && rows->filter == NULL) return (int64_t)(to - from);
    if (!may_skip) {
        for (size_t i = from; i < to; i++)
            count += rows->filter[i] == 1;
        return count;
    }
    for (size_t i = from; i < to; i++)
        count += weir_rows_count(binding, rows, i);
    return count;
}

static void count_add(const weir_agg_binding *binding, void *acc, const weir_rows *rows,
                      size_t from, size_t to)
{
    ((tally *)acc)->rows += count_rows(binding, rows, from, to);
}

static void count_remove(const weir_agg_binding *binding, void *acc, const weir_rows *rows,
                         size_t from, size_t to)
{
    ((tally *)acc)->rows -= count_rows(binding, rows, from, to);
}

static void tally_move(void *acc, const weir_rows *rows, size_t from, size_t to, int64_t sign)
{
    const uint8_t *values = rows->args[0].values;
    int64_t trues = 0, known = 0;
    for (size_t i = from; i < to; i++) {
        bool passes = weir_rows_pass(rows, i);
        trues += passes && values[i] == 1;
        known += passes && values[i] != WEIR_BOOL_NULL;
    }
    ((tally *)acc)->trues += sign * trues;
    ((tally *)acc)->rows += sign * known;
}

static void tally_add(const weir_agg_binding *binding, void *acc, const weir_rows *rows,
                      size_t from, size_t to)
{
    (void)binding;
    tally_move(acc, rows, from, to, 1);
}

static void tally_remove(const weir_agg_binding *binding, void *acc, const weir_rows *rows,
                         size_t from, size_t to)
{
    (void)binding;
    tally_move(acc, rows, from, to, -1);
}

/* share_of takes null as false: every row that passes counts (R10). */
static void share_move(void *acc, const weir_rows *rows, size_t from, size_t to, int64_t sign)
{
    const uint8_t *values = rows->args[0].values;
    int64_t trues = 0, all = 0;
    for (size_t i = from; i < to; i++) {
        bool passes = weir_rows_pass(rows, i);
        trues += passes && values[i] == 1;
        all += passes;
    }
    ((tally *)acc)->trues += sign * trues;
    ((tally *)acc)->rows += sign * all;
}

static void share_add(const weir_agg_binding *binding, void *acc, const weir_rows *rows,
                      size_t from, size_t to)
{
    (void)binding;
    share_move(acc, rows, from, to, 1);
}

static void share_remove(const weir_agg_binding *binding, void *acc, const weir_rows *rows,
                         size_t from, size_t to)
{
    (void)binding;
    share_move(acc, rows, from, to, -1);
}

static weir_value count_result(const void *acc, weir_acc_context *context)
{
    (void)context;
    return weir_int(((const tally *)acc)->rows);
}

/* Per second of the window: rows / (width / 10^6). */
static weir_value rate_result(const void *acc, weir_acc_context *context)
{
    if (context->width_us <= 0) return weir_null();
    return weir_float(
        weir_int128_ratio((weir_int128)((const tally *)acc)->rows * 1000000, context->width_us));
}

static weir_value any_result(const void *acc, weir_acc_context *context)
{
    (void)context;
    return weir_bool(((const tally *)acc)->trues > 0);
}

static weir_value all_result(const void *acc, weir_acc_context *context)
{
    (void)context;
    const tally *t = acc;
    return weir_bool(t->trues == t->rows);
}

static weir_value share_result(const void *acc, weir_acc_context *context)
{
    (void)context;
    const tally *t = acc;
    if (t->rows == 0) return weir_null();
    return weir_float(weir_int128_ratio(t->trues, t->rows));
}

static void tally_encode(const weir_agg_binding *binding, const void *acc, weir_buffer *out)
{
    (void)binding;
    const tally *t = acc;
    weir_buffer_put_varint(out, (uint64_t)t->rows);
    weir_buffer_put_varint(out, (uint64_t)t->trues);
}

static bool tally_decode(const weir_agg_binding *binding, void *acc, weir_reader *reader)
{
    (void)binding;
    tally *t = acc;
    t->rows = (int64_t)weir_reader_varint(reader);
    t->trues = (int64_t)weir_reader_varint(reader);
    return !reader->bad && t->rows >= 0 && t->trues >= 0 && t->trues <= t->rows;
}

#define TALLY(name, adder, remover, results)                                                       \
    static const weir_acc_ops name = {.size = tally_size,                                          \
                                      .add = adder,                                                \
                                      .remove = remover,                                           \
                                      .result = results,                                           \
                                      .encode = tally_encode,                                      \
                                      .decode = tally_decode};
TALLY(count_ops, count_add, count_remove, count_result)
TALLY(rate_ops, count_add, count_remove, rate_result)
TALLY(any_ops, tally_add, tally_remove, any_result)
TALLY(all_ops, tally_add, tally_remove, all_result)
TALLY(share_ops, share_add, share_remove, share_result)

static const weir_acc_ops *choose(const weir_agg_binding *binding, const weir_acc_ops *ops)
{
    (void)binding;
    return ops;
}

const weir_acc_ops *weir_acc_count(const weir_agg_binding *binding)
{
    return choose(binding, &count_ops);
}
const weir_acc_ops *weir_acc_rate(const weir_agg_binding *binding)
{
    return choose(binding, &rate_ops);
}
const weir_acc_ops *weir_acc_any(const weir_agg_binding *binding)
{
    return choose(binding, &any_ops);
}
const weir_acc_ops *weir_acc_all(const weir_agg_binding *binding)
{
    return choose(binding, &all_ops);
}
const weir_acc_ops *weir_acc_share_of(const weir_agg_binding *binding)
{
    return choose(binding, &share_ops);
}

const char *weir_agg_bind_count(weir_agg_bind_context *context)
{
    context->out->type = weir_type_of(WEIR_INT64);
    return weir_agg_no_params(context);
}

const char *weir_agg_bind_rate(weir_agg_bind_context *context)
{
    context->out->type = weir_type_of(WEIR_FLOAT64);
    return weir_agg_no_params(context);
}

const char *weir_agg_bind_any_all(weir_agg_bind_context *context)
{
    if (context->args[0].kind != WEIR_BOOL) return weir_agg_wants(context, "a condition (bool)");
    context->out->type = weir_type_of(WEIR_BOOL);
    return weir_agg_no_params(context);
}

const char *weir_agg_bind_share_of(weir_agg_bind_context *context)
{
    if (context->args[0].kind != WEIR_BOOL) return weir_agg_wants(context, "a condition (bool)");
    context->out->type = weir_type_optional(weir_type_of(WEIR_FLOAT64));
    return weir_agg_no_params(context);
}
