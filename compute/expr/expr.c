/* SPDX-License-Identifier: Apache-2.0 */
#include "compute/expr/expr.h"

#include <string.h>

#include "compute/expr/expr_internal.h"
#include "ops/runtime/assert.h"

static bool is_true(const weir_value *value)
{
    return value->kind == WEIR_BOOL && value->as.boolean;
}

static const weir_value *view_inner(const weir_expr *expr, weir_expr_env *env, weir_value *room);

static inline const weir_value *view(const weir_expr *expr, weir_expr_env *env, weir_value *room)
{
    const weir_value *place = weir_expr_leaf_place(expr, env);
    return place != NULL ? place : view_inner(expr, env, room);
}

static const weir_value *null_in(weir_value *room)
{
    *room = weir_null();
    return room;
}

/* Arguments stand side by side for the function; a leaf is copied there once. */
static __attribute__((noinline)) const weir_value *view_call(const weir_expr *expr,
                                                             weir_expr_env *env, weir_value *room)
{
    weir_value args[WEIR_EXPR_ARGS_MAX];
    for (uint32_t i = 0; i < expr->arg_count; i++) {
        const weir_value *arg = view(expr->args[i], env, &args[i]);
        if (weir_is_null(arg)) return null_in(room);
        if (arg != &args[i]) args[i] = *arg;
    }
    *room = expr->eval(expr, args, env);
    return room;
}

/* The same for two arguments, as most calls have them. */
static __attribute__((noinline)) const weir_value *view_pair(const weir_expr *expr,
                                                             weir_expr_env *env, weir_value *room)
{
    weir_value args[2];
    const weir_value *first = view(expr->args[0], env, &args[0]);
    if (weir_is_null(first)) return null_in(room);
    if (first != &args[0]) args[0] = *first;
    const weir_value *second = view(expr->args[1], env, &args[1]);
    if (weir_is_null(second)) return null_in(room);
    if (second != &args[1]) args[1] = *second;
    *room = expr->eval(expr, args, env);
    return room;
}

/*
 * SQL's three values: false decides an `and`, true decides an `or`, else a null makes it null. What
 * has a value has not overflowed, whatever was asked on the way: so it is here and below.
 */
static const weir_value *view_logic(const weir_expr *expr, weir_expr_env *env, weir_value *room)
{
    bool before = env->overflow, has_null = false, deciding = expr->op == WEIR_EXPR_OR;
    for (uint32_t i = 0; i < expr->arg_count; i++) {
        const weir_value *value = view(expr->args[i], env, room);
        bool is_null = weir_is_null(value);
        has_null |= is_null;
        if (is_null || value->as.boolean != deciding) continue;
        env->overflow = before;
        *room = weir_bool(deciding);
        return room;
    }
    *room = has_null ? weir_null() : weir_bool(!deciding);
    return room;
}

static const weir_value *view_coalesce(const weir_expr *expr, weir_expr_env *env, weir_value *room)
{
    bool before = env->overflow;
    const weir_value *value = view(expr->args[0], env, room);
    if (!weir_is_null(value)) return value;
    value = view(expr->args[1], env, room);
    if (!weir_is_null(value)) env->overflow = before;
    return value;
}

static const weir_value *view_has(const weir_expr *expr, weir_expr_env *env, weir_value *room)
{
    bool before = env->overflow;
    *room = weir_bool(!weir_is_null(view(expr->args[0], env, room)));
    env->overflow = before;
    return room;
}

static const weir_value *view_overflows(const weir_expr *expr, weir_expr_env *env, weir_value *room)
{
    bool before = env->overflow;
    env->overflow = false;
    bool is_null = weir_is_null(view(expr->args[0], env, room));
    *room = weir_bool(is_null && env->overflow);
    env->overflow = before;
    return room;
}

/* Where an overflow left the condition without a truth value, neither branch is right (R12). */
static const weir_value *view_if(const weir_expr *expr, weir_expr_env *env, weir_value *room)
{
    bool before = env->overflow;
    env->overflow = false;
    const weir_value *condition = view(expr->args[0], env, room);
    bool is_lost = weir_is_null(condition) && env->overflow, holds = is_true(condition);
    env->overflow |= before;
    return is_lost ? null_in(room) : view(expr->args[holds ? 1 : 2], env, room);
}

static const weir_value *view_inner(const weir_expr *expr, weir_expr_env *env, weir_value *room)
{
    switch (expr->op) {
    case WEIR_EXPR_CALL:
        return expr->arg_count == 2 ? view_pair(expr, env, room) : view_call(expr, env, room);
    case WEIR_EXPR_IF: return view_if(expr, env, room);
    case WEIR_EXPR_COALESCE: return view_coalesce(expr, env, room);
    case WEIR_EXPR_AND:
    case WEIR_EXPR_OR: return view_logic(expr, env, room);
    case WEIR_EXPR_HAS: return view_has(expr, env, room);
    case WEIR_EXPR_OVERFLOWS: return view_overflows(expr, env, room);
    default: WEIR_UNREACHABLE();
    }
}

const weir_value *weir_expr_view(const weir_expr *expr, weir_expr_env *env, weir_value *room)
{
    return view(expr, env, room);
}

weir_value weir_expr_eval(const weir_expr *expr, weir_expr_env *env)
{
    weir_value room;
    return *view(expr, env, &room);
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
