/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fn_table.c - the functions and eager operators of the language, a row each.
 */
#include <string.h>

#include "compute/expr/expr_internal.h"
#include "ops/runtime/nearest.h"

// clang-format off
const weir_fn weir_fn_table[] = {
    {"+",           2, 2, true,  weir_fn_bind_add,           "a + b"},
    {"-",           2, 2, true,  weir_fn_bind_subtract,      "a - b"},
    {"-",           1, 1, true,  weir_fn_bind_negate,        "-a"},
    {"*",           2, 2, true,  weir_fn_bind_multiply,      "a * b"},
    {"/",           2, 2, true,  weir_fn_bind_divide,        "a / b"},
    {"==",          2, 2, true,  weir_fn_bind_equal,         "a == b"},
    {"!=",          2, 2, true,  weir_fn_bind_not_equal,     "a != b"},
    {"<",           2, 2, true,  weir_fn_bind_less,          "a < b"},
    {"<=",          2, 2, true,  weir_fn_bind_less_equal,    "a <= b"},
    {">",           2, 2, true,  weir_fn_bind_greater,       "a > b"},
    {">=",          2, 2, true,  weir_fn_bind_greater_equal, "a >= b"},
    {"not",         1, 1, true,  weir_fn_bind_not,           "not a"},
    {"div",         2, 2, false, weir_fn_bind_div,           "div(a, b)"},
    {"mod",         2, 2, false, weir_fn_bind_mod,           "mod(a, b)"},
    {"min",         2, WEIR_FN_ARGS_ANY, false, weir_fn_bind_min, "min(a, b, ...)"},
    {"max",         2, WEIR_FN_ARGS_ANY, false, weir_fn_bind_max, "max(a, b, ...)"},
    {"clamp",       3, 3, false, weir_fn_bind_clamp,         "clamp(x, low, high)"},
    {"float",       1, 1, false, weir_fn_bind_float,         "float(x)"},
    {"decimal",     2, 2, false, weir_fn_bind_decimal,       "decimal(x, scale)"},
    {"hour",        2, 2, false, weir_fn_bind_hour,          "hour(time, \"Europe/Prague\")"},
    {"day",         2, 2, false, weir_fn_bind_day,           "day(time, \"Europe/Prague\")"},
    {"weekday",     2, 2, false, weir_fn_bind_weekday,       "weekday(time, \"Europe/Prague\")"},
    {"hours",       1, 1, false, weir_fn_bind_hours,         "hours(duration)"},
    {"days",        1, 1, false, weir_fn_bind_days,          "days(duration)"},
    {"years",       1, 1, false, weir_fn_bind_years,         "years(duration)"},
    {"starts_with", 2, 2, false, weir_fn_bind_starts_with,   "starts_with(text, prefix)"},
    {"ends_with",   2, 2, false, weir_fn_bind_ends_with,     "ends_with(text, suffix)"},
    {"contains",    2, 2, false, weir_fn_bind_contains,      "contains(text, part)"},
    {"length",      1, 1, false, weir_fn_bind_length,        "length(text)"},
    {"lower",       1, 1, false, weir_fn_bind_lower,         "lower(text)"},
    {"log1p",       1, 1, false, weir_fn_bind_log1p,         "log1p(x)"},
    {"smooth",      4, 4, false, weir_fn_bind_smooth,        "smooth(a, n, prior p, weight w)"},
    {"geo_km",      2, 2, false, weir_fn_bind_geo_km,        "geo_km(a, b)"},
    {"hash",        1, 1, false, weir_fn_bind_hash,          "hash(x)"},
    {"bucket",      2, 2, false, weir_fn_bind_bucket,        "bucket(x, count)"},
    {"cosine",      2, 2, false, weir_fn_bind_cosine,        "cosine(a, b)"},
    {"dot",         2, 2, false, weir_fn_bind_dot,           "dot(a, b)"},
};
// clang-format on
const size_t weir_fn_count = sizeof weir_fn_table / sizeof weir_fn_table[0];

bool weir_expr_is_function(const char *name)
{
    for (size_t i = 0; i < weir_fn_count; i++) {
        if (!weir_fn_table[i].is_operator && strcmp(weir_fn_table[i].name, name) == 0) return true;
    }
    return false;
}

const char *weir_expr_suggest(const char *name)
{
    weir_nearest nearest = weir_nearest_of(name);
    for (size_t i = 0; i < weir_fn_count; i++) {
        if (!weir_fn_table[i].is_operator) weir_nearest_offer(&nearest, weir_fn_table[i].name);
    }
    return nearest.name;
}
