/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fn_convert.c - float(x) and decimal(x, scale): the conversions that a user asks for, since they
 * may round.
 */
#include "compute/expr/expr_internal.h"
#include "schemas/decimal.h"

static weir_value same(const weir_expr *node, const weir_value *args, weir_expr_env *env)
{
    (void)node;
    (void)env;
    return args[0];
}

static weir_value float_of_bool(const weir_expr *node, const weir_value *args, weir_expr_env *env)
{
    (void)node;
    (void)env;
    return weir_float(args[0].as.boolean ? 1.0 : 0.0);
}

const char *weir_fn_bind_float(weir_bind *bind)
{
    weir_type type = weir_type_of(WEIR_FLOAT64);
    if (bind->args[0]->type.kind == WEIR_BOOL)
        return weir_bind_done(bind, type, float_of_bool, "float.bool");
    if (!weir_type_is_number(bind->args[0]->type)) {
        return weir_bind_misfit(
            bind, "it converts numbers and bools; for a duration write hours(...) or days(...)");
    }
    weir_bind_convert(bind, 0, type);
    return weir_bind_done(bind, type, same, "float.float64");
}

static weir_value rounded(bool fits, weir_int128 value, weir_expr_env *env)
{
    if (fits && weir_decimal_fits(value, WEIR_DECIMAL_PRECISION_MAX)) return weir_decimal(value);
    env->overflow = true;
    return weir_null();
}

static weir_value decimal_of_float(const weir_expr *node, const weir_value *args,
                                   weir_expr_env *env)
{
    weir_int128 value = 0;
    bool fits = weir_decimal_from_double(args[0].as.float64, node->type.scale, &value);
    return rounded(fits, value, env);
}

static weir_value decimal_rounded(const weir_expr *node, const weir_value *args, weir_expr_env *env)
{
    weir_type from = node->args[0]->type;
    weir_int128 value = 0;
    unsigned scale = node->type.scale;
    bool fits = from.kind == WEIR_INT64
                    ? weir_decimal_rescale(args[0].as.integer, 0, scale, &value)
                    : weir_decimal_round(args[0].as.decimal, from.scale, scale, &value);
    return rounded(fits, value, env);
}

const char *weir_fn_bind_decimal(weir_bind *bind)
{
    const weir_expr *scale = bind->args[1];
    bool is_scale = scale->op == WEIR_EXPR_CONST && scale->constant.kind == WEIR_INT64 &&
                    scale->constant.as.integer >= 0 &&
                    scale->constant.as.integer <= WEIR_DECIMAL_PRECISION_MAX;
    if (!is_scale) return "`decimal` wants its scale as a number from 0 to 38: decimal(x, 2)";
    if (!weir_type_is_number(bind->args[0]->type)) {
        return weir_arena_printf(bind->into, "`decimal` converts numbers, not %s",
                                 weir_bind_print(bind, 0));
    }
    weir_type type =
        weir_type_decimal(WEIR_DECIMAL_PRECISION_MAX, (unsigned)scale->constant.as.integer);
    bool is_float = bind->args[0]->type.kind == WEIR_FLOAT64;
    return weir_bind_done(bind, type, is_float ? decimal_of_float : decimal_rounded,
                          is_float ? "decimal.round.float64" : "decimal.round");
}
