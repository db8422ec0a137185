/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bind.c - from a name and bound arguments to a node whose overload is chosen and whose type is
 * known.
 *
 * Constants adapt: "a literal takes the type it meets". An int64 or decimal literal counts by the
 * digits it has, so that `amount * 2` has amount's scale and `amount ?? 0` has amount's type; a
 * decimal literal that meets a float64 is that float64; a string literal that meets an enum or a
 * time is one if it can be read so.
 */
#include <string.h>

#include "compute/expr/expr_internal.h"
#include "ops/runtime/assert.h"
#include "schemas/decimal.h"

bool weir_bind_is_constant(const weir_expr *expr) { return expr->op == WEIR_EXPR_CONST; }

static unsigned digits_of(weir_int128 value)
{
    unsigned digits = 1;
    while (digits < WEIR_DECIMAL_PRECISION_MAX && !weir_decimal_fits(value, digits))
        digits++;
    return digits;
}

/* A constant int64 is a decimal of its digits; a constant decimal has no more precision than it
 * shows. */
static weir_type decimal_type(const weir_expr *expr)
{
    weir_type type = expr->type;
    bool is_constant = weir_bind_is_constant(expr) && !weir_is_null(&expr->constant);
    if (type.kind == WEIR_INT64) {
        return weir_type_decimal(is_constant ? digits_of(expr->constant.as.integer) : 19, 0);
    }
    if (is_constant) {
        unsigned digits = digits_of(expr->constant.as.decimal);
        type.precision = (uint8_t)(digits < type.scale ? type.scale : digits);
        if (type.precision == 0) type.precision = 1;
    }
    return type;
}

static weir_type effective(const weir_expr *expr)
{
    weir_type type = expr->type;
    if (type.kind == WEIR_DECIMAL) type = decimal_type(expr);
    type.optional = false;
    return type;
}

weir_type weir_bind_type(const weir_bind *bind, size_t arg)
{
    WEIR_ASSERT(arg < bind->arg_count);
    return effective(bind->args[arg]);
}

static bool constant_string_fits(const weir_expr *expr, weir_type type, weir_value *value_out)
{
    if (!weir_bind_is_constant(expr) || expr->constant.kind != WEIR_STRING) return false;
    const weir_value *text = &expr->constant;
    if (type.kind == WEIR_TIME) {
        int64_t time_us = 0;
        if (!weir_time_parse((const char *)text->as.bytes, text->size, &time_us)) return false;
        *value_out = weir_time(time_us);
        return true;
    }
    if (type.kind != WEIR_ENUM) return false;
    for (uint32_t i = 0; i < type.symbols->symbol_count; i++) {
        const char *symbol = type.symbols->symbols[i];
        if (strlen(symbol) == text->size && memcmp(symbol, text->as.bytes, text->size) == 0) {
            *value_out = (weir_value){.kind = WEIR_ENUM, .as.integer = i};
            return true;
        }
    }
    return false;
}

static bool common_decimal(weir_type a, weir_type b, weir_type *out)
{
    unsigned scale = a.scale > b.scale ? a.scale : b.scale;
    unsigned whole = a.precision - a.scale > b.precision - b.scale ? a.precision - a.scale
                                                                   : b.precision - b.scale;
    unsigned precision = whole + scale;
    *out = weir_type_decimal(
        precision > WEIR_DECIMAL_PRECISION_MAX ? WEIR_DECIMAL_PRECISION_MAX : precision, scale);
    return true;
}

static bool common_number(const weir_expr *a, const weir_expr *b, weir_type *out)
{
    if (a->type.kind == WEIR_FLOAT64 || b->type.kind == WEIR_FLOAT64) {
        *out = weir_type_of(WEIR_FLOAT64);
        return true;
    }
    if (a->type.kind == WEIR_INT64 && b->type.kind == WEIR_INT64) {
        *out = weir_type_of(WEIR_INT64);
        return true;
    }
    return common_decimal(decimal_type(a), decimal_type(b), out);
}

bool weir_expr_common_type(const weir_expr *a, const weir_expr *b, weir_type *type_out)
{
    bool optional = a->type.optional || b->type.optional;
    weir_type ta = a->type, tb = b->type;
    ta.optional = tb.optional = false;
    weir_value ignored;
    bool found = true;
    if (ta.kind == WEIR_NULL) {
        *type_out = tb;
        optional = true;
    } else if (tb.kind == WEIR_NULL) {
        *type_out = ta;
        optional = true;
    } else if (weir_type_is_number(ta) && weir_type_is_number(tb)) {
        found = common_number(a, b, type_out);
    } else if (weir_type_equal(ta, tb)) {
        *type_out = ta;
    } else if (constant_string_fits(a, tb, &ignored)) {
        *type_out = tb;
    } else if (constant_string_fits(b, ta, &ignored)) {
        *type_out = ta;
    } else {
        return false;
    }
    type_out->optional = optional;
    return found;
}

/* Conversions */

static weir_value float_of_int(const weir_expr *node, const weir_value *args, weir_expr_env *env)
{
    (void)node;
    (void)env;
    return weir_float(weir_int64_to_double(args[0].as.integer));
}

static weir_value float_of_decimal(const weir_expr *node, const weir_value *args,
                                   weir_expr_env *env)
{
    (void)env;
    return weir_float(weir_decimal_to_double(args[0].as.decimal, node->args[0]->type.scale));
}

static weir_value rescaled(weir_int128 value, unsigned from, unsigned to, weir_expr_env *env)
{
    weir_int128 out = 0;
    if (weir_decimal_rescale(value, from, to, &out)) return weir_decimal(out);
    env->overflow = true;
    return weir_null();
}

static weir_value decimal_of_int(const weir_expr *node, const weir_value *args, weir_expr_env *env)
{
    return rescaled(args[0].as.integer, 0, node->type.scale, env);
}

static weir_value decimal_of_decimal(const weir_expr *node, const weir_value *args,
                                     weir_expr_env *env)
{
    return rescaled(args[0].as.decimal, node->args[0]->type.scale, node->type.scale, env);
}

static const weir_expr *call_node(weir_arena *into, weir_type type, weir_fn_eval *eval,
                                  const char *fn_name, const weir_expr *const *args,
                                  size_t arg_count, const void *data)
{
    weir_expr *node = weir_arena_new(into, weir_expr);
    node->op = WEIR_EXPR_CALL;
    node->type = type;
    node->arg_count = (uint32_t)arg_count;
    node->args = weir_arena_copy(into, args, arg_count * sizeof *args);
    node->eval = eval;
    node->fn_name = fn_name;
    node->data = data;
    return node;
}

/* A node over constants becomes a constant; *overflow_out if its value does not fit. */
static const weir_expr *folded(weir_arena *into, const weir_expr *node, bool *overflow_out)
{
    for (uint32_t i = 0; i < node->arg_count; i++) {
        if (!weir_bind_is_constant(node->args[i])) return node;
    }
    weir_expr_env env = {.scratch = into};
    weir_value value = weir_expr_eval(node, &env);
    *overflow_out |= env.overflow;
    return weir_expr_const(into, node->type, weir_value_copy(&value, into));
}

static const weir_expr *with_type(weir_arena *into, const weir_expr *expr, weir_type type)
{
    if (weir_type_equal(expr->type, type)) return expr;
    weir_expr *copy = weir_arena_copy(into, expr, sizeof *expr);
    copy->type = type;
    return copy;
}

static const weir_expr *convert_number(weir_arena *into, const weir_expr *expr, weir_type type)
{
    weir_type from = expr->type;
    weir_fn_eval *eval = NULL;
    const char *fn_name = NULL;
    if (type.kind == WEIR_FLOAT64) {
        eval = from.kind == WEIR_INT64 ? float_of_int : float_of_decimal;
        fn_name = from.kind == WEIR_INT64 ? "float.int64" : "float.decimal";
    } else {
        eval = from.kind == WEIR_INT64 ? decimal_of_int : decimal_of_decimal;
        fn_name = from.kind == WEIR_INT64 ? "decimal.int64" : "decimal.decimal";
    }
    type.optional = from.optional;
    bool overflow = false;
    return folded(into, call_node(into, type, eval, fn_name, &expr, 1, NULL), &overflow);
}

/* May `from` become `type` without losing anything? Both are numbers of different types. */
static bool widens(const weir_expr *expr, weir_type type)
{
    weir_type from = effective(expr);
    bool is_constant = weir_bind_is_constant(expr);
    if (type.kind == WEIR_FLOAT64) return from.kind == WEIR_INT64 || is_constant;
    if (type.kind != WEIR_DECIMAL || from.kind == WEIR_FLOAT64) return false;
    weir_type decimal = decimal_type(expr);
    return decimal.scale <= type.scale &&
           decimal.precision - decimal.scale <= type.precision - type.scale;
}

const weir_expr *weir_expr_coerce(weir_arena *into, const weir_expr *expr, weir_type type)
{
    if (weir_bind_is_constant(expr) && weir_is_null(&expr->constant)) {
        return type.optional ? weir_expr_const(into, type, weir_null()) : NULL;
    }
    if (expr->type.optional && !type.optional) return NULL;
    weir_type base = type, from = expr->type;
    base.optional = from.optional = false;
    weir_value constant;
    if (weir_type_equal(from, base)) return with_type(into, expr, type);
    if (constant_string_fits(expr, base, &constant)) return weir_expr_const(into, type, constant);
    if (!weir_type_is_number(from) || !weir_type_is_number(base) || !widens(expr, base))
        return NULL;
    return with_type(into, convert_number(into, expr, base), type);
}

void weir_bind_convert(weir_bind *bind, size_t arg, weir_type type)
{
    const weir_expr *expr = bind->args[arg];
    type.optional = expr->type.optional;
    if (weir_type_equal(expr->type, type)) return;
    const weir_expr *lossless = weir_expr_coerce(bind->into, expr, type);
    if (lossless == NULL) {
        WEIR_ASSERT(weir_type_is_number(expr->type) && weir_type_is_number(type));
        lossless = convert_number(bind->into, expr, type);
    }
    bind->args[arg] = lossless;
}

const char *weir_bind_print(const weir_bind *bind, size_t arg)
{
    return weir_type_print(bind->args[arg]->type, bind->into);
}

const char *weir_bind_misfit(const weir_bind *bind, const char *cure)
{
    if (bind->arg_count == 1) {
        return weir_arena_printf(bind->into, "`%s` can not take %s; %s", bind->name,
                                 weir_bind_print(bind, 0), cure);
    }
    return weir_arena_printf(bind->into, "`%s` can not combine %s and %s; %s", bind->name,
                             weir_bind_print(bind, 0), weir_bind_print(bind, 1), cure);
}

/* R12: a decimal that meets a float64 inside an aggregate's argument would round every event. */
static const char *decimal_meets_float(const weir_bind *bind)
{
    bool has_float = false;
    size_t decimal = SIZE_MAX;
    for (size_t i = 0; i < bind->arg_count; i++) {
        const weir_expr *arg = bind->args[i];
        has_float |= arg->type.kind == WEIR_FLOAT64;
        if (arg->type.kind == WEIR_DECIMAL && !weir_bind_is_constant(arg)) decimal = i;
    }
    if (!has_float || decimal == SIZE_MAX || !bind->context->in_aggregate) return NULL;
    return weir_arena_printf(
        bind->into,
        "`%s` can not combine %s and float64 inside an aggregate, every event would be "
        "rounded; write float(...) around the decimal",
        bind->name, weir_bind_print(bind, decimal));
}

const char *weir_bind_to_float(weir_bind *bind)
{
    for (size_t i = 0; i < bind->arg_count; i++) {
        if (bind->args[i]->type.kind != WEIR_NULL && !weir_type_is_number(bind->args[i]->type)) {
            return weir_arena_printf(bind->into, "`%s` wants numbers, not %s", bind->name,
                                     weir_bind_print(bind, i));
        }
    }
    const char *problem = decimal_meets_float(bind);
    if (problem != NULL) return problem;
    for (size_t i = 0; i < bind->arg_count; i++) {
        weir_bind_convert(bind, i, weir_type_of(WEIR_FLOAT64));
    }
    return NULL;
}

const char *weir_bind_done(weir_bind *bind, weir_type type, weir_fn_eval *eval, const char *fn_name)
{
    bind->type = type;
    bind->eval = eval;
    bind->fn_name = fn_name;
    return NULL;
}

bool weir_expr_is_never_zero(const weir_expr *expr)
{
    if (expr->op == WEIR_EXPR_CONST) {
        weir_type type = expr->type;
        if (weir_is_null(&expr->constant)) return false;
        if (type.kind == WEIR_FLOAT64) return expr->constant.as.float64 != 0.0;
        if (type.kind == WEIR_DECIMAL) return expr->constant.as.decimal != 0;
        return expr->constant.as.integer != 0;
    }
    if (expr->op != WEIR_EXPR_CALL) return false;
    if (strncmp(expr->fn_name, "float.", 6) == 0 || strncmp(expr->fn_name, "decimal.", 8) == 0) {
        return weir_expr_is_never_zero(expr->args[0]);
    }
    if (strncmp(expr->fn_name, "max.", 4) != 0) return false;
    for (uint32_t i = 0; i < expr->arg_count; i++) { /* max(x, 1) is at least 1 */
        const weir_expr *arg = expr->args[i];
        if (!weir_expr_is_never_zero(arg) || arg->op != WEIR_EXPR_CONST) continue;
        if (arg->type.kind == WEIR_FLOAT64   ? arg->constant.as.float64 > 0
            : arg->type.kind == WEIR_DECIMAL ? arg->constant.as.decimal > 0
                                             : arg->constant.as.integer > 0) {
            return true;
        }
    }
    return false;
}

/* The lazy operators */

static const weir_expr *lazy_node(weir_arena *into, weir_expr_op op, weir_type type,
                                  const weir_expr *const *args, size_t arg_count)
{
    weir_expr *node = weir_arena_new(into, weir_expr);
    node->op = op;
    node->type = type;
    node->arg_count = (uint32_t)arg_count;
    node->args = weir_arena_copy(into, args, arg_count * sizeof *args);
    bool ignored = false;
    return folded(into, node, &ignored);
}

static const char *want_bool(weir_bind *bind, size_t arg)
{
    const weir_expr *expr = bind->args[arg];
    if (expr->type.kind == WEIR_NULL) {
        bind->args[arg] =
            weir_expr_const(bind->into, weir_type_optional(weir_type_of(WEIR_BOOL)), weir_null());
        return NULL;
    }
    if (expr->type.kind == WEIR_BOOL) return NULL;
    return weir_arena_printf(bind->into,
                             "`%s` wants a condition (bool), not %s; compare it with something",
                             bind->name, weir_bind_print(bind, arg));
}

static const char *bind_logic(weir_bind *bind, weir_expr_op op, const weir_expr **node_out)
{
    bool optional = false;
    for (size_t i = 0; i < bind->arg_count; i++) {
        const char *problem = want_bool(bind, i);
        if (problem != NULL) return problem;
        optional |= bind->args[i]->type.optional;
    }
    weir_type type = weir_type_of(WEIR_BOOL);
    type.optional = optional;
    *node_out = lazy_node(bind->into, op, type, bind->args, bind->arg_count);
    return NULL;
}

/* args[first] and args[first + 1] get one type. */
static const char *bind_branches(weir_bind *bind, size_t first, weir_type *type_out)
{
    const weir_expr *a = bind->args[first], *b = bind->args[first + 1];
    if (!weir_expr_common_type(a, b, type_out)) {
        return weir_arena_printf(
            bind->into, "both sides of `%s` must have one type, these are %s and %s", bind->name,
            weir_bind_print(bind, first), weir_bind_print(bind, first + 1));
    }
    const char *problem = decimal_meets_float(bind);
    if (problem != NULL) return problem;
    weir_type type = *type_out;
    if (type.kind == WEIR_NULL) return NULL;
    for (size_t i = first; i < first + 2; i++) {
        if (bind->args[i]->type.kind == WEIR_NULL) {
            bind->args[i] = weir_expr_const(bind->into, weir_type_optional(type), weir_null());
        } else {
            weir_bind_convert(bind, i, type);
        }
    }
    return NULL;
}

static const char *bind_if(weir_bind *bind, const weir_expr **node_out)
{
    const char *problem = want_bool(bind, 0);
    weir_type type;
    if (problem == NULL) problem = bind_branches(bind, 1, &type);
    if (problem != NULL) return problem;
    *node_out = lazy_node(bind->into, WEIR_EXPR_IF, type, bind->args, 3);
    return NULL;
}

static const char *bind_coalesce(weir_bind *bind, const weir_expr **node_out)
{
    weir_type type;
    const char *problem = bind_branches(bind, 0, &type);
    if (problem != NULL) return problem;
    type.optional = bind->args[1]->type.optional;
    *node_out = lazy_node(bind->into, WEIR_EXPR_COALESCE, type, bind->args, 2);
    return NULL;
}

static const struct lazy_row {
    const char *name;
    uint8_t args_min, args_max;
    weir_expr_op op;
} lazy_rows[] = {
    {"and", 2, WEIR_EXPR_ARGS_MAX, WEIR_EXPR_AND},
    {"or", 2, WEIR_EXPR_ARGS_MAX, WEIR_EXPR_OR},
    {"if", 3, 3, WEIR_EXPR_IF},
    {"??", 2, 2, WEIR_EXPR_COALESCE},
    {"has", 1, 1, WEIR_EXPR_HAS},
};

static const char *bind_lazy(weir_bind *bind, const struct lazy_row *row,
                             const weir_expr **node_out)
{
    if (bind->arg_count < row->args_min || bind->arg_count > row->args_max) {
        return weir_arena_printf(bind->into, "`%s` wants %u arguments, not %zu", bind->name,
                                 row->args_min, bind->arg_count);
    }
    switch (row->op) {
    case WEIR_EXPR_IF: return bind_if(bind, node_out);
    case WEIR_EXPR_COALESCE: return bind_coalesce(bind, node_out);
    case WEIR_EXPR_HAS:
        *node_out = lazy_node(bind->into, WEIR_EXPR_HAS, weir_type_of(WEIR_BOOL), bind->args, 1);
        return NULL;
    default: return bind_logic(bind, row->op, node_out);
    }
}

static const weir_fn *find_fn(const char *name, size_t arg_count)
{
    const weir_fn *of_name = NULL; /* "-" stands twice, with one argument and with two */
    for (size_t i = 0; i < weir_fn_count; i++) {
        const weir_fn *fn = &weir_fn_table[i];
        if (strcmp(fn->name, name) != 0) continue;
        of_name = fn;
        if (arg_count >= fn->args_min && arg_count <= fn->args_max) return fn;
    }
    return of_name;
}

static const char *bind_fn(weir_bind *bind, const weir_fn *fn, const weir_expr **node_out)
{
    if (bind->arg_count < fn->args_min || bind->arg_count > fn->args_max) {
        return weir_arena_printf(bind->into, "`%s` does not take %zu arguments; write %s",
                                 bind->name, bind->arg_count, fn->usage);
    }
    const char *problem = fn->bind(bind);
    if (problem != NULL) return problem;
    for (size_t i = 0; i < bind->arg_count; i++)
        bind->may_be_null |= bind->args[i]->type.optional;
    bind->type.optional = bind->may_be_null;
    const weir_expr *node = call_node(bind->into, bind->type, bind->eval, bind->fn_name, bind->args,
                                      bind->arg_count, bind->data);
    bool overflow = false;
    node = folded(bind->into, node, &overflow);
    if (overflow) {
        return weir_arena_printf(bind->into,
                                 "the result of `%s` does not fit %s; write smaller constants",
                                 bind->name, weir_type_print(bind->type, bind->into));
    }
    *node_out = node;
    return NULL;
}

const char *weir_expr_bind(const weir_expr_bind_context *context, const char *name,
                           const weir_expr *const *args, size_t arg_count,
                           const weir_expr **node_out)
{
    *node_out = NULL;
    if (arg_count > WEIR_EXPR_ARGS_MAX) {
        return weir_arena_printf(context->into, "`%s` takes at most %d arguments", name,
                                 WEIR_EXPR_ARGS_MAX);
    }
    weir_bind bind = {
        .context = context, .into = context->into, .name = name, .arg_count = arg_count};
    memcpy(bind.args, args, arg_count * sizeof *args);
    for (size_t i = 0; i < sizeof lazy_rows / sizeof lazy_rows[0]; i++) {
        if (strcmp(lazy_rows[i].name, name) == 0) return bind_lazy(&bind, &lazy_rows[i], node_out);
    }
    const weir_fn *fn = find_fn(name, arg_count);
    if (fn == NULL) return weir_arena_printf(context->into, "there is no function `%s`", name);
    return bind_fn(&bind, fn, node_out);
}
