/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agg.h - aggregates as rows of a table.
 *
 * Adding an aggregate is one file (agg_x.c) and one row (agg_table.c): parser, checker, engine, SQL
 * printer, documentation and the laws test read the row. This header is what everybody may know of
 * one; accumulators stand in agg_internal.h.
 *
 * All aggregates but the ordered ones are functions of the multiset of (event time, values): any
 * order, any partitioning, any restart give the same bits (R7). Results that are float64 are one
 * exact real number rounded once (R12).
 */
#pragma once

#include "schemas/value.h"

enum { WEIR_AGG_ARGS_MAX = 2, WEIR_AGG_PARAMS_MAX = 2 };

typedef struct weir_agg weir_agg; /* a row of the table */

/* An aggregate with its argument types and parameters: what a cell of a plan holds. */
typedef struct weir_agg_binding {
    const weir_agg *agg;
    uint32_t arg_count;
    weir_type args[WEIR_AGG_ARGS_MAX];
    weir_value params[WEIR_AGG_PARAMS_MAX]; /* quantile's q, top's k, ewma's alpha, ... */
    weir_type type;                         /* of the result */
} weir_agg_binding;

/* A named or positional literal after the arguments: top(x, 5), ewma(x, alpha 0.1). */
typedef struct weir_agg_param {
    const char *name; /* NULL: positional */
    weir_type type;
    weir_value value;
} weir_agg_param;

/* The row of that name, or NULL; suggest gives the nearest name or NULL. */
const weir_agg *weir_agg_find(const char *name);
const char *weir_agg_suggest(const char *name);
const char *weir_agg_name(const weir_agg *agg);
const char *weir_agg_help(const weir_agg *agg); /* one line of documentation */
/* May stand over `ever` (bounded state without a window, language.md rule 6). */
bool weir_agg_allows_ever(const weir_agg *agg);
/* first, last, ...: depends on (et, seq), not only on the multiset. */
bool weir_agg_is_ordered(const weir_agg *agg);

/*
 * Binds the row to arguments and parameters. Returns NULL, or a sentence (made in `into`) that says
 * what does not fit and the cure.
 */
const char *weir_agg_bind(const weir_agg *agg, const weir_type *args, size_t arg_count,
                          const weir_agg_param *params, size_t param_count, weir_arena *into,
                          weir_agg_binding *binding_out);
