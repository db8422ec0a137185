/* SPDX-License-Identifier: Apache-2.0 */
/*
 * expr.h - typed expressions, checked once and evaluated many times.
 *
 * The checker (compute/lang) turns text into these trees; afterwards nothing is looked up by name
 * and no type is tested: overloads are chosen and conversions inserted when a node is bound. Two
 * phases are kept apart by what the leaves read: *row* expressions see a past event's fields
 * (FIELD) and what was carried with it (CARRIED); *read* expressions see cells (CELL), the trigger
 * (THIS) and carried values. A filter that compares a past event with `this` is evaluated at read
 * time over stored columns (COLUMN, THIS).
 *
 * Null in, null out, but for the lazy operators (R10). float64 goes operation by operation; int64
 * and decimal overflow gives null and sets env->overflow, which the caller turns into an error
 * entry that names the feature (R12). Pure: no clock, no locale, no libm.
 *
 * Owns:    trees live in the plan's arena and are immutable. Results may point into the leaves'
 * memory, the plan or env->scratch.
 */
#pragma once

#include "schemas/time.h"
#include "schemas/value.h"

typedef enum weir_expr_op {
    WEIR_EXPR_CONST,     /* `constant`                                                  */
    WEIR_EXPR_FIELD,     /* slot `index` of the (past) event                            */
    WEIR_EXPR_THIS,      /* slot `index` of the event being scored                      */
    WEIR_EXPR_COLUMN,    /* column `index` of a stored row of the view                  */
    WEIR_EXPR_CELL,      /* result of cell `index` of the plan                          */
    WEIR_EXPR_CARRIED,   /* feature value `index` of the stream's carried list          */
    WEIR_EXPR_SCORE,     /* the model's score (decide)                                  */
    WEIR_EXPR_IF,        /* args[0] true ? args[1] : args[2]; null counts as false, but is null
                            where it is one because of an overflow (R12)                */
    WEIR_EXPR_AND,       /* three-valued                                                */
    WEIR_EXPR_OR,        /* three-valued                                                */
    WEIR_EXPR_COALESCE,  /* args[0] ?? args[1]                                          */
    WEIR_EXPR_HAS,       /* true iff args[0] is not null                                */
    WEIR_EXPR_CALL,      /* fn over args; null if one of them is null                   */
    WEIR_EXPR_OVERFLOWS, /* true iff args[0] is null because of an overflow: in rows only */
} weir_expr_op;

typedef struct weir_expr weir_expr;
typedef struct weir_expr_env weir_expr_env;

/* Evaluates a bound function over non-null arguments. */
typedef weir_value weir_fn_eval(const weir_expr *node, const weir_value *args, weir_expr_env *env);

struct weir_expr {
    weir_expr_op op;
    weir_type type;
    uint32_t index;
    uint32_t arg_count; /* at most WEIR_EXPR_ARGS_MAX */
    const weir_expr *const *args;
    weir_fn_eval *eval; /* CALL */
    const char
        *fn_name; /* CALL: canonical, with its overload, e.g. "add.decimal": for digests and SQL */
    const void *data; /* CALL: a weir_zone, or NULL */
    weir_value constant;
};

enum { WEIR_EXPR_ARGS_MAX = 8, WEIR_EXPR_DEPTH_MAX = 256 };

struct weir_expr_env {
    const weir_value *fields;  /* FIELD   */
    const weir_value *self;    /* THIS    */
    const weir_value *columns; /* COLUMN  */
    const weir_value *cells;   /* CELL    */
    const weir_value *carried; /* CARRIED */
    weir_value score;          /* SCORE   */
    const bool *cell_overflow; /* per cell: it is null because of an overflow; NULL: none is    */
    const bool *carried_overflow; /* the same per carried value */
    weir_arena *scratch;          /* for results that need memory (lower(x), lists) */
    bool overflow;                /* set, never cleared, by evaluation */
};

weir_value weir_expr_eval(const weir_expr *expr, weir_expr_env *env);
/* The same value where it stands: a leaf's own place, a constant's in the plan, else `room`. */
const weir_value *weir_expr_view(const weir_expr *expr, weir_expr_env *env, weir_value *room);

/*
 * Binding. `name` is an operator ("+", "==", "not", "-" with one argument, ...), "if", "and", "or",
 * "??", "has", or a function of the language ("min", "div", "hour", ...). Arguments are bound
 * nodes; constants adapt ("a literal takes the type it meets"). On success *node_out is a node
 * whose type is set, folded to a CONST where all arguments are constants. Otherwise returns a
 * sentence that says what does not fit and the cure ("`+` can not add string and int64; ..."), made
 * in `into`; *node_out is then NULL.
 */
typedef struct weir_expr_bind_context {
    weir_arena *into;
    /* The rules of a zone by name, or NULL with *problem_out set. May be NULL itself: no zones. */
    const weir_zone *(*load_zone)(void *context, const char *name, const char **problem_out);
    void *context;
    bool in_aggregate; /* a decimal that meets a float64 is an error here (R12) */
} weir_expr_bind_context;

const char *weir_expr_bind(const weir_expr_bind_context *context, const char *name,
                           const weir_expr *const *args, size_t arg_count,
                           const weir_expr **node_out);
/* True if `name` is a scalar function of the language (not an operator). */
bool weir_expr_is_function(const char *name);
/* The nearest function name to a misspelt one, or NULL. */
const char *weir_expr_suggest(const char *name);

const weir_expr *weir_expr_const(weir_arena *into, weir_type type, weir_value value);
const weir_expr *weir_expr_leaf(weir_arena *into, weir_expr_op op, weir_type type, uint32_t index);
/* Converts without loss where the language does so by itself (int64 to float64 in read expressions,
 * T to T?, a literal to the type it meets, int64/decimal to a wider decimal); NULL where it does
 * not. */
const weir_expr *weir_expr_coerce(weir_arena *into, const weir_expr *expr, weir_type type);
/* The type that values of both types take where they meet, constants by their digits; false: there
 * is none. */
bool weir_expr_common_type(const weir_expr *a, const weir_expr *b, weir_type *type_out);
/* May it be null because an operation of its own overflows? */
bool weir_expr_may_overflow(const weir_expr *expr);
/* An OVERFLOWS of the expression; NULL where it never does. */
const weir_expr *weir_expr_overflows(weir_arena *into, const weir_expr *expr);
/* What an OVERFLOWS asks, as a condition over the same leaves: longer, for SQL. */
const weir_expr *weir_expr_overflow_words(const weir_expr_bind_context *context,
                                          const weir_expr *node);
/* The condition as it decides: true or false, since null is false; null only because of an overflow,
 * and not where another of the parts joined by `and` is false or null. */
const weir_expr *weir_expr_verdict(const weir_expr_bind_context *context, const weir_expr *expr);
/* `expr`; null and an overflow where `guard` is true. */
const weir_expr *weir_expr_unless_overflow(weir_arena *into, const weir_expr *guard,
                                           const weir_expr *expr);
bool weir_expr_equal(const weir_expr *a, const weir_expr *b);   /* same tree */
void weir_expr_encode(const weir_expr *expr, weir_buffer *out); /* canonical bytes for digests */
