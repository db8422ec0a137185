/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agg_internal.h - what a row of the table of aggregates consists of.
 */
#pragma once

#include "compute/agg/agg.h"
#include "compute/agg/column.h"

/* What a binder works on: arguments and parameters in, the binding out. */
typedef struct weir_agg_bind_context {
    const weir_agg *agg;
    const weir_type *args; /* `optional` as written */
    size_t arg_count;
    const weir_agg_param *params;
    size_t param_count;
    weir_arena *into;
    weir_agg_binding *out; /* agg and args are set; params and type are the binder's */
} weir_agg_bind_context;

typedef const char *weir_agg_binder(weir_agg_bind_context *context);

/* What a result may need besides the accumulator. */
typedef struct weir_acc_context {
    const weir_agg_binding *binding;
    weir_arena *scratch; /* for results that need memory */
    int64_t tau_us;      /* read point, less the delay */
    int64_t width_us;    /* of a time window, else 0   */
    bool overflow;       /* set where the exact result does not fit its type (R12) */
} weir_acc_context;

/*
 * An accumulator: what is known of a set of rows. All zero bytes are the empty one. Rows are added
 * by ranges, in any order unless the aggregate is ordered (then by (time, seq)); `remove` undoes
 * `add` exactly.
 */
typedef struct weir_acc_ops {
    size_t (*size)(const weir_agg_binding *binding); /* a multiple of 8 */
    void (*add)(const weir_agg_binding *binding, void *acc, const weir_rows *rows, size_t from,
                size_t to);
    void (*remove)(const weir_agg_binding *binding, void *acc, const weir_rows *rows, size_t from,
                   size_t to);
    weir_value (*result)(const void *acc, weir_acc_context *context);
    /* NULL where an accumulator owns no memory: */
    void (*deinit)(const weir_agg_binding *binding, void *acc);
    void (*copy)(const weir_agg_binding *binding, const void *acc, void *copy_out);
    size_t (*heap_bytes)(const weir_agg_binding *binding, const void *acc);
    /* For `ever`: the accumulator owns all it points to after keep, and has canonical bytes. */
    void (*keep)(const weir_agg_binding *binding, void *acc);
    void (*encode)(const weir_agg_binding *binding, const void *acc, weir_buffer *out);
    bool (*decode)(const weir_agg_binding *binding, void *acc, weir_reader *reader);
} weir_acc_ops;

typedef const weir_acc_ops *weir_acc_choice(const weir_agg_binding *binding);
typedef void weir_agg_narrower(const weir_agg_binding *binding, const weir_rows *rows, size_t *from,
                               size_t *to);

struct weir_agg {
    const char *name;
    const char *help; /* one line */
    const char *usage;
    uint8_t args_min, args_max;
    bool allows_ever;
    bool is_ordered;
    weir_agg_binder *bind;
    /* Adds only (but for those that can remove anyway): what a scan, or `ever`, folds rows into. */
    weir_acc_choice *running;
    /* Adds and removes: what slides with a window over a long log. NULL: such windows are scanned.
     */
    weir_acc_choice *sliding;
    /* Shrinks a range to rows that decide the result alone (last: the last one that counts). NULL:
     * none do. */
    weir_agg_narrower *narrow;
};

/* Does a row count: passes the filter, and its first argument (if there is one) is not null? */
static inline bool weir_rows_count(const weir_agg_binding *binding, const weir_rows *rows, size_t i)
{
    return weir_rows_pass(rows, i) &&
           (binding->arg_count == 0 || !weir_column_is_null(&rows->args[0], i));
}

extern const weir_agg weir_agg_table[];
extern const size_t weir_agg_count;

/* agg_count.c */
weir_agg_binder weir_agg_bind_count, weir_agg_bind_rate, weir_agg_bind_any_all,
    weir_agg_bind_share_of;
weir_acc_choice weir_acc_count, weir_acc_rate, weir_acc_any, weir_acc_all, weir_acc_share_of;
/* agg_sum.c */
weir_agg_binder weir_agg_bind_sum, weir_agg_bind_mean;
weir_acc_choice weir_acc_sum, weir_acc_mean;
/* agg_moments.c */
weir_agg_binder weir_agg_bind_moments;
weir_acc_choice weir_acc_var, weir_acc_stddev, weir_acc_skew, weir_acc_kurt, weir_acc_corr,
    weir_acc_slope;
/* agg_extreme.c */
weir_agg_binder weir_agg_bind_extreme;
weir_acc_choice weir_acc_extreme, weir_acc_extreme_sliding;
/* agg_distinct.c */
weir_agg_binder weir_agg_bind_distinct;
weir_acc_choice weir_acc_distinct;
/* agg_edge.c */
weir_agg_binder weir_agg_bind_edge, weir_agg_bind_lag, weir_agg_bind_delta;
weir_acc_choice weir_acc_edge, weir_acc_lag, weir_acc_delta;
weir_agg_narrower weir_agg_narrow_edge;

/* agg_quantile.c */
weir_agg_binder weir_agg_bind_quantile, weir_agg_bind_median;
weir_acc_choice weir_acc_quantile;
/* agg_top.c */
weir_agg_binder weir_agg_bind_mode, weir_agg_bind_top, weir_agg_bind_hist, weir_agg_bind_share,
    weir_agg_bind_entropy;
weir_acc_choice weir_acc_mode, weir_acc_top, weir_acc_hist, weir_acc_share, weir_acc_entropy;
/* agg_ordered.c */
weir_agg_binder weir_agg_bind_streak, weir_agg_bind_ewma;
weir_acc_choice weir_acc_streak, weir_acc_ewma;
weir_agg_narrower weir_agg_narrow_streak;

/* Helpers of binders: each returns NULL, or a sentence. */
const char *weir_agg_no_params(weir_agg_bind_context *context);
/* The parameter at a place or of a name as a whole number in [least, most]; *found_out false if
 * there is none. */
const char *weir_agg_param_int(weir_agg_bind_context *context, const char *name, int64_t least,
                               int64_t most, int64_t *value_out, bool *found_out);
const char *weir_agg_wants(weir_agg_bind_context *context,
                           const char *what); /* "sum wants ..., not string" */
bool weir_agg_is_measure(weir_type type);     /* a number or a duration */
bool weir_agg_has_order(weir_type type);
weir_type weir_agg_list_of(weir_type item, weir_arena *into);
