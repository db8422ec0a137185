/* SPDX-License-Identifier: Apache-2.0 */
#include "compute/expr/expr.h"

#include <string.h>

#include "compute/expr/expr_internal.h"
#include "ops/runtime/assert.h"

static bool is_true(const weir_value *value)
{
    return value->kind == WEIR_BOOL && value->as.boolean;
}

static weir_value eval_call(const weir_expr *expr, weir_expr_env *env)
{
    weir_value args[WEIR_EXPR_ARGS_MAX];
    for (uint32_t i = 0; i < expr->arg_count; i++) {
        args[i] = weir_expr_eval(expr->args[i], env);
        if (weir_is_null(&args[i])) return weir_null();
    }
    return expr->eval(expr, args, env);
}

/* SQL's three values: false decides an `and`, true decides an `or`, else a null makes it null. */
static weir_value eval_logic(const weir_expr *expr, weir_expr_env *env, bool deciding)
{
    bool has_null = false;
    for (uint32_t i = 0; i < expr->arg_count; i++) {
        weir_value value = weir_expr_eval(expr->args[i], env);
        if (weir_is_null(&value)) {
            has_null = true;
        } else if (value.as.boolean == deciding) {
            return weir_bool(deciding);
        }
    }
    return has_null ? weir_null() : weir_bool(!deciding);
}

static weir_value eval_if(const weir_expr *expr, weir_expr_env *env)
{
    weir_value condition = weir_expr_eval(expr->args[0], env);
    return weir_expr_eval(expr->args[is_true(&condition) ? 1 : 2], env);
}

static weir_value eval_coalesce(const weir_expr *expr, weir_expr_env *env)
{
    weir_value value = weir_expr_eval(expr->args[0], env);
    return weir_is_null(&value) ? weir_expr_eval(expr->args[1], env) : value;
}

static weir_value eval_has(const weir_expr *expr, weir_expr_env *env)
{
    weir_value value = weir_expr_eval(expr->args[0], env);
    return weir_bool(!weir_is_null(&value));
}

weir_value weir_expr_eval(const weir_expr *expr, weir_expr_env *env)
{
    switch (expr->op) {
    case WEIR_EXPR_CONST: return expr->constant;
    case WEIR_EXPR_FIELD: return env->fields[expr->index];
    case WEIR_EXPR_THIS: return env->self[expr->index];
    case WEIR_EXPR_COLUMN: return env->columns[expr->index];
    case WEIR_EXPR_CELL:
        if (env->cell_overflow != NULL && env->cell_overflow[expr->index]) env->overflow = true;
        return env->cells[expr->index];
    case WEIR_EXPR_CARRIED:
        if (env->carried_overflow != NULL && env->carried_overflow[expr->index])
            env->overflow = true;
        return env->carried[expr->index];
    case WEIR_EXPR_SCORE: return env->score;
    case WEIR_EXPR_IF: return eval_if(expr, env);
    case WEIR_EXPR_AND: return eval_logic(expr, env, false);
    case WEIR_EXPR_OR: return eval_logic(expr, env, true);
    case WEIR_EXPR_COALESCE: return eval_coalesce(expr, env);
    case WEIR_EXPR_HAS: return eval_has(expr, env);
    case WEIR_EXPR_CALL: return eval_call(expr, env);
    }
    WEIR_UNREACHABLE();
}

const weir_expr *weir_expr_const(weir_arena *into, weir_type type, weir_value value)
{
    weir_expr *expr = weir_arena_new(into, weir_expr);
    expr->op = WEIR_EXPR_CONST;
    expr->type = type;
    expr->constant = value;
    if (weir_is_null(&value)) expr->type.optional = true;
    return expr;
}

const weir_expr *weir_expr_leaf(weir_arena *into, weir_expr_op op, weir_type type, uint32_t index)
{
    WEIR_ASSERT(op >= WEIR_EXPR_FIELD && op <= WEIR_EXPR_SCORE);
    weir_expr *expr = weir_arena_new(into, weir_expr);
    expr->op = op;
    expr->type = type;
    expr->index = index;
    return expr;
}

bool weir_expr_equal(const weir_expr *a, const weir_expr *b)
{
    if (a == b) return true;
    if (a == NULL || b == NULL || a->op != b->op || a->arg_count != b->arg_count) return false;
    if (!weir_type_equal(a->type, b->type) || a->index != b->index) return false;
    if (a->op == WEIR_EXPR_CONST && !weir_value_equal(&a->constant, &b->constant)) return false;
    if (a->op == WEIR_EXPR_CALL && strcmp(a->fn_name, b->fn_name) != 0) return false;
    for (uint32_t i = 0; i < a->arg_count; i++) {
        if (!weir_expr_equal(a->args[i], b->args[i])) return false;
    }
    return true;
}

void weir_expr_encode(const weir_expr *expr, weir_buffer *out)
{
    weir_buffer_put_u8(out, (uint8_t)expr->op);
    weir_type_encode(expr->type, out);
    if (expr->op == WEIR_EXPR_CONST) {
        weir_type type = expr->type;
        type.optional = true;
        if (type.kind != WEIR_NULL) weir_value_encode(type, &expr->constant, out);
        return;
    }
    if (expr->op == WEIR_EXPR_CALL) {
        weir_buffer_put_varint(out, strlen(expr->fn_name));
        weir_buffer_put_text(out, expr->fn_name);
        weir_buffer_put_u8(out, expr->data != NULL);
        if (expr->data != NULL) weir_zone_encode((const weir_zone *)expr->data, out);
    } else {
        weir_buffer_put_varint(out, expr->index);
    }
    weir_buffer_put_varint(out, expr->arg_count);
    for (uint32_t i = 0; i < expr->arg_count; i++) {
        weir_expr_encode(expr->args[i], out);
    }
}
