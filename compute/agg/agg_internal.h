/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agg_internal.h - what a row of the table of aggregates consists of.
 */
#pragma once

#include "compute/agg/agg.h"

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

struct weir_agg {
    const char *name;
    const char *help; /* one line */
    const char *usage;
    uint8_t args_min, args_max;
    bool allows_ever;
    bool is_ordered;
    weir_agg_binder *bind;
};

extern const weir_agg weir_agg_table[];
extern const size_t weir_agg_count;

weir_agg_binder weir_agg_bind_count, weir_agg_bind_rate; /* agg_count.c    */
weir_agg_binder weir_agg_bind_sum, weir_agg_bind_mean;   /* agg_sum.c      */
weir_agg_binder weir_agg_bind_variance;                  /* agg_variance.c */
weir_agg_binder weir_agg_bind_extreme;                   /* agg_extreme.c  */
weir_agg_binder weir_agg_bind_distinct;                  /* agg_distinct.c */
weir_agg_binder weir_agg_bind_edge;                      /* agg_edge.c     */
weir_agg_binder weir_agg_bind_any_all;                   /* agg_any_all.c  */

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
