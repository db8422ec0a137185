/* SPDX-License-Identifier: Apache-2.0 */
/*
 * expr_internal.h - how a function of the language is a row of a table.
 *
 * A row names the function, its arity and a binder. The binder looks at the argument types, inserts
 * conversions, chooses an overload (eval and fn_name) and the result type, or returns a sentence
 * that says what does not fit. The names of overloads are part of digests: they never change their
 * meaning.
 */
#pragma once

#include "compute/expr/expr.h"

/* Where the value of a leaf stands; NULL: the node must be computed. */
static inline const weir_value *weir_expr_leaf_place(const weir_expr *expr, weir_expr_env *env)
{
    switch (expr->op) {
    case WEIR_EXPR_CONST: return &expr->constant;
    case WEIR_EXPR_FIELD: return &env->fields[expr->index];
    case WEIR_EXPR_THIS: return &env->self[expr->index];
    case WEIR_EXPR_COLUMN: return &env->columns[expr->index];
    case WEIR_EXPR_SCORE: return &env->score;
    case WEIR_EXPR_CELL:
        if (env->cell_overflow != NULL && env->cell_overflow[expr->index]) env->overflow = true;
        return &env->cells[expr->index];
    case WEIR_EXPR_CARRIED:
        if (env->carried_overflow != NULL && env->carried_overflow[expr->index])
            env->overflow = true;
        return &env->carried[expr->index];
    default: return NULL;
    }
}

enum { WEIR_FN_ARGS_ANY = WEIR_EXPR_ARGS_MAX };

typedef struct weir_bind {
    const weir_expr_bind_context *context;
    weir_arena *into;
    const char *name; /* as the user wrote it */
    const weir_expr *args[WEIR_EXPR_ARGS_MAX];
    size_t arg_count;
    /* Results of the binder: */
    weir_fn_eval *eval;
    const char *fn_name;
    const void *data;
    weir_type type;
    bool may_be_null; /* null though no argument is */
} weir_bind;

typedef const char *weir_fn_binder(weir_bind *bind);

typedef struct weir_fn {
    const char *name;
    uint8_t args_min, args_max;
    bool is_operator;
    weir_fn_binder *bind;
    const char *usage; /* "clamp(x, low, high)" */
} weir_fn;

extern const weir_fn weir_fn_table[];
extern const size_t weir_fn_count;

/* Binders, one per family; see the file of each. */
weir_fn_binder weir_fn_bind_add, weir_fn_bind_subtract, weir_fn_bind_multiply, weir_fn_bind_divide,
    weir_fn_bind_negate, weir_fn_bind_div, weir_fn_bind_mod; /* fn_arithmetic.c */
weir_fn_binder weir_fn_bind_float, weir_fn_bind_decimal;     /* fn_convert.c    */
weir_fn_binder weir_fn_bind_equal, weir_fn_bind_not_equal, weir_fn_bind_less,
    weir_fn_bind_less_equal, weir_fn_bind_greater, weir_fn_bind_greater_equal,
    weir_fn_bind_not;                                                  /* fn_compare.c    */
weir_fn_binder weir_fn_bind_min, weir_fn_bind_max, weir_fn_bind_clamp; /* fn_compare.c    */
weir_fn_binder weir_fn_bind_hour, weir_fn_bind_day, weir_fn_bind_weekday, weir_fn_bind_hours,
    weir_fn_bind_days, weir_fn_bind_years; /* fn_time.c       */
weir_fn_binder weir_fn_bind_starts_with, weir_fn_bind_ends_with, weir_fn_bind_contains,
    weir_fn_bind_length, weir_fn_bind_lower;                                 /* fn_text.c       */
weir_fn_binder weir_fn_bind_log1p, weir_fn_bind_smooth, weir_fn_bind_geo_km; /* fn_math.c       */
weir_fn_binder weir_fn_bind_hash, weir_fn_bind_bucket;                       /* fn_hash.c       */
weir_fn_binder weir_fn_bind_cosine, weir_fn_bind_dot;                        /* fn_vector.c     */

/* Helpers of binders. */
weir_type weir_bind_type(const weir_bind *bind,
                         size_t arg); /* without `optional`, constants by their digits */
bool weir_bind_is_constant(const weir_expr *expr);
const char *weir_bind_print(const weir_bind *bind, size_t arg); /* the type, for messages */
/* Converts args[arg] to `type` (a decimal to the nearest float64 included); asserts that it can. */
void weir_bind_convert(weir_bind *bind, size_t arg, weir_type type);
/* All arguments to float64; a sentence where one is no number or R12 forbids it. */
const char *weir_bind_to_float(weir_bind *bind);
/* Sets the result. Returns NULL, so that binders can end with it. */
const char *weir_bind_done(weir_bind *bind, weir_type type, weir_fn_eval *eval,
                           const char *fn_name);
/* "`+` can not combine string and int64; <cure>" */
const char *weir_bind_misfit(const weir_bind *bind, const char *cure);
/* Is the value certainly a number other than zero (so that dividing by it is never null)? */
bool weir_expr_is_never_zero(const weir_expr *expr);

/* ln(1 + x), x > -1, and ln(x), x > 0, with bits of our own (R13). */
double weir_math_log1p(double x);
double weir_math_log(double x);
