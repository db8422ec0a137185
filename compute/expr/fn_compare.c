/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fn_compare.c - == != < <= > >= not, min, max, clamp. Numbers of different types compare by exact
 * value, once constants have taken the type they meet (R12).
 */
#include "compute/expr/expr_internal.h"
#include "ops/runtime/assert.h"
#include "schemas/decimal.h"

static int compare_numbers(const weir_expr *node, const weir_value *args)
{
    if (args[0].kind == WEIR_DECIMAL && args[1].kind == WEIR_DECIMAL &&
        node->args[0]->type.scale == node->args[1]->type.scale)
        return (args[0].as.decimal > args[1].as.decimal) -
               (args[0].as.decimal < args[1].as.decimal);
    if (args[0].kind == WEIR_FLOAT64 && args[1].kind == WEIR_FLOAT64)
        return (args[0].as.float64 > args[1].as.float64) -
               (args[0].as.float64 < args[1].as.float64);
    return weir_number_compare(node->args[0]->type, &args[0], node->args[1]->type, &args[1]);
}

static int compare_values(const weir_expr *node, const weir_value *args)
{
    return weir_value_compare(node->args[0]->type, &args[0], &args[1]);
}

static int compare_integers(const weir_value *args)
{
    return (args[0].as.integer > args[1].as.integer) - (args[0].as.integer < args[1].as.integer);
}

/* One operator over the three ways to compare: int64-like, numbers of any types, everything else.
 */
#define COMPARISON(op_name, op)                                                                    \
    static weir_value op_name##_integer(const weir_expr *node, const weir_value *args,             \
                                        weir_expr_env *env)                                        \
    {                                                                                              \
        (void)node;                                                                                \
        (void)env;                                                                                 \
        return weir_bool(compare_integers(args) op 0);                                             \
    }                                                                                              \
    static weir_value op_name##_number(const weir_expr *node, const weir_value *args,              \
                                       weir_expr_env *env)                                         \
    {                                                                                              \
        (void)env;                                                                                 \
        return weir_bool(compare_numbers(node, args) op 0);                                        \
    }                                                                                              \
    static weir_value op_name##_value(const weir_expr *node, const weir_value *args,               \
                                      weir_expr_env *env)                                          \
    {                                                                                              \
        (void)env;                                                                                 \
        return weir_bool(compare_values(node, args) op 0);                                         \
    }

COMPARISON(equal, ==)
COMPARISON(not_equal, !=)
COMPARISON(less, <)
COMPARISON(less_equal, <=)
COMPARISON(greater, >)
COMPARISON(greater_equal, >=)

typedef struct comparison {
    weir_fn_eval *integer, *number, *value;
    const char *integer_name, *number_name, *value_name;
    bool is_order;
} comparison;

static bool is_integer_like(weir_kind kind)
{
    return kind == WEIR_INT64 || kind == WEIR_TIME || kind == WEIR_DURATION || kind == WEIR_ENUM;
}

static bool has_order(weir_kind kind)
{
    return kind == WEIR_STRING || kind == WEIR_BYTES || kind == WEIR_TIME || kind == WEIR_DURATION;
}

/* R12: "a literal takes the type it meets" before values compare: x == 0.1 is about the float64. */
static void constant_to_float(weir_bind *bind)
{
    for (size_t i = 0; i < 2; i++) {
        if (weir_bind_is_constant(bind->args[i]))
            weir_bind_convert(bind, i, weir_type_of(WEIR_FLOAT64));
    }
}

static const char *bind_comparison(weir_bind *bind, const comparison *row)
{
    const weir_expr *a = bind->args[0], *b = bind->args[1];
    weir_type type;
    if (!weir_expr_common_type(a, b, &type))
        return weir_bind_misfit(bind, "compare values of one type");
    if (weir_type_is_number(type) && a->type.kind != WEIR_NULL && b->type.kind != WEIR_NULL) {
        bool integers = a->type.kind == WEIR_INT64 && b->type.kind == WEIR_INT64;
        if (type.kind == WEIR_FLOAT64) constant_to_float(bind);
        return weir_bind_done(bind, weir_type_of(WEIR_BOOL), integers ? row->integer : row->number,
                              integers ? row->integer_name : row->number_name);
    }
    type.optional = false;
    for (size_t i = 0; i < 2; i++) {
        if (bind->args[i]->type.kind == WEIR_NULL) {
            bind->args[i] = weir_expr_const(bind->into, weir_type_optional(type), weir_null());
        } else {
            weir_bind_convert(bind, i, type);
        }
    }
    if (row->is_order && !has_order(type.kind) && type.kind != WEIR_NULL &&
        !weir_type_is_number(type)) {
        return weir_bind_misfit(bind, "these have no order; compare with == or !=");
    }
    bool integer = is_integer_like(type.kind);
    return weir_bind_done(bind, weir_type_of(WEIR_BOOL), integer ? row->integer : row->value,
                          integer ? row->integer_name : row->value_name);
}

#define BINDER(op_name, order)                                                                     \
    const char *weir_fn_bind_##op_name(weir_bind *bind)                                            \
    {                                                                                              \
        static const comparison row = {op_name##_integer,                                          \
                                       op_name##_number,                                           \
                                       op_name##_value,                                            \
                                       #op_name ".integer",                                        \
                                       #op_name ".number",                                         \
                                       #op_name ".value",                                          \
                                       order};                                                     \
        return bind_comparison(bind, &row);                                                        \
    }

BINDER(equal, false)
BINDER(not_equal, false)
BINDER(less, true)
BINDER(less_equal, true)
BINDER(greater, true)
BINDER(greater_equal, true)

static weir_value not_bool(const weir_expr *node, const weir_value *args, weir_expr_env *env)
{
    (void)node;
    (void)env;
    return weir_bool(!args[0].as.boolean);
}

const char *weir_fn_bind_not(weir_bind *bind)
{
    if (bind->args[0]->type.kind == WEIR_NULL) {
        bind->args[0] =
            weir_expr_const(bind->into, weir_type_optional(weir_type_of(WEIR_BOOL)), weir_null());
    }
    if (bind->args[0]->type.kind != WEIR_BOOL)
        return weir_bind_misfit(bind, "it wants a condition (bool)");
    return weir_bind_done(bind, weir_type_of(WEIR_BOOL), not_bool, "not");
}

/* The arguments of min, max and clamp have one type, so that the results are one of them. */
static int compare_two(const weir_expr *node, const weir_value *a, const weir_value *b)
{
    weir_type type = node->type;
    if (weir_type_is_number(type)) return weir_number_compare(type, a, type, b);
    return weir_value_compare(type, a, b);
}

static weir_value least(const weir_expr *node, const weir_value *args, weir_expr_env *env)
{
    (void)env;
    const weir_value *best = &args[0];
    for (uint32_t i = 1; i < node->arg_count; i++) {
        if (compare_two(node, &args[i], best) < 0) best = &args[i];
    }
    return *best;
}

static weir_value greatest(const weir_expr *node, const weir_value *args, weir_expr_env *env)
{
    (void)env;
    const weir_value *best = &args[0];
    for (uint32_t i = 1; i < node->arg_count; i++) {
        if (compare_two(node, &args[i], best) > 0) best = &args[i];
    }
    return *best;
}

static weir_value clamped(const weir_expr *node, const weir_value *args, weir_expr_env *env)
{
    (void)env;
    const weir_value *value = compare_two(node, &args[0], &args[1]) < 0 ? &args[1] : &args[0];
    return compare_two(node, value, &args[2]) > 0 ? args[2] : *value;
}

static const char *unify(weir_bind *bind, weir_type *type_out)
{
    weir_expr seen = *bind->args[0]; /* stands for the arguments so far: their common type */
    for (size_t i = 1; i < bind->arg_count; i++) {
        weir_type type;
        if (!weir_expr_common_type(&seen, bind->args[i], &type)) {
            return weir_arena_printf(
                bind->into, "the arguments of `%s` must have one type, these are %s and %s",
                bind->name, weir_type_print(seen.type, bind->into), weir_bind_print(bind, i));
        }
        seen = (weir_expr){.op = WEIR_EXPR_FIELD, .type = type};
    }
    *type_out = seen.type;
    type_out->optional = false;
    if (weir_type_is_number(*type_out) && type_out->kind == WEIR_FLOAT64)
        return weir_bind_to_float(bind);
    if (!weir_type_is_number(*type_out) && !has_order(type_out->kind)) {
        return weir_arena_printf(bind->into, "`%s` can not order %s", bind->name,
                                 weir_bind_print(bind, 0));
    }
    for (size_t i = 0; i < bind->arg_count; i++) {
        if (bind->args[i]->type.kind == WEIR_NULL) {
            bind->args[i] = weir_expr_const(bind->into, weir_type_optional(*type_out), weir_null());
        } else {
            weir_bind_convert(bind, i, *type_out);
        }
    }
    return NULL;
}

static const char *bind_choice(weir_bind *bind, weir_fn_eval *eval, const char *fn_name)
{
    weir_type type;
    const char *problem = unify(bind, &type);
    return problem != NULL ? problem : weir_bind_done(bind, type, eval, fn_name);
}

const char *weir_fn_bind_min(weir_bind *bind) { return bind_choice(bind, least, "min.value"); }
const char *weir_fn_bind_max(weir_bind *bind) { return bind_choice(bind, greatest, "max.value"); }
const char *weir_fn_bind_clamp(weir_bind *bind)
{
    return bind_choice(bind, clamped, "clamp.value");
}
