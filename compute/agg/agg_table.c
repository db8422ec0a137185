/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agg_table.c - the aggregates of the language, a row each.
 */
#include "compute/agg/agg_internal.h"

// clang-format off
const weir_agg weir_agg_table[] = {
    {.name = "count", .usage = "count() or count(x)", .args_min = 0, .args_max = 1, .allows_ever = true,
     .help = "number of events, or of events whose x is not null",
     .bind = weir_agg_bind_count},
    {.name = "sum", .usage = "sum(x)", .args_min = 1, .args_max = 1, .allows_ever = true,
     .help = "exact sum; 0 of no values; of float64 rounded once",
     .bind = weir_agg_bind_sum},
    {.name = "mean", .usage = "mean(x)", .args_min = 1, .args_max = 1, .allows_ever = true,
     .help = "exact sum divided by the number of values, rounded once to float64",
     .bind = weir_agg_bind_mean},
    {.name = "min", .usage = "min(x)", .args_min = 1, .args_max = 1, .allows_ever = true,
     .help = "least value", .bind = weir_agg_bind_extreme},
    {.name = "max", .usage = "max(x)", .args_min = 1, .args_max = 1, .allows_ever = true,
     .help = "greatest value", .bind = weir_agg_bind_extreme},
    {.name = "var", .usage = "var(x)", .args_min = 1, .args_max = 1, .allows_ever = true,
     .help = "sample variance (n - 1), exact and rounded once; null below two values",
     .bind = weir_agg_bind_variance},
    {.name = "stddev", .usage = "stddev(x)", .args_min = 1, .args_max = 1, .allows_ever = true,
     .help = "root of var", .bind = weir_agg_bind_variance},
    {.name = "distinct", .usage = "distinct(x)", .args_min = 1, .args_max = 1,
     .help = "number of different values", .bind = weir_agg_bind_distinct},
    {.name = "first", .usage = "first(x) or first(x, k)", .args_min = 1, .args_max = 1, .allows_ever = true,
     .is_ordered = true, .help = "first value by (time, seq), or the first k as a list", .bind = weir_agg_bind_edge},
    {.name = "last", .usage = "last(x) or last(x, k)", .args_min = 1, .args_max = 1, .allows_ever = true,
     .is_ordered = true, .help = "last value by (time, seq), or the last k as a list, oldest first",
     .bind = weir_agg_bind_edge},
    {.name = "any", .usage = "any(p)", .args_min = 1, .args_max = 1, .allows_ever = true,
     .help = "is p true of an event? false of none", .bind = weir_agg_bind_any_all},
    {.name = "all", .usage = "all(p)", .args_min = 1, .args_max = 1, .allows_ever = true,
     .help = "is p true of every event? true of none", .bind = weir_agg_bind_any_all},
    {.name = "rate", .usage = "rate() or rate(x)", .args_min = 0, .args_max = 1,
     .help = "count per second of the window", .bind = weir_agg_bind_rate},
};
// clang-format on
const size_t weir_agg_count = sizeof weir_agg_table / sizeof weir_agg_table[0];
