/* SPDX-License-Identifier: Apache-2.0 */
/*
 * overflow.c - where an argument of an aggregate overflows.
 *
 * An aggregate skips nulls: a null says that an event has no value. An overflow is null, too, but
 * there the event has a value, which could not be held; what skips it would be silently wrong. So
 * R12 wants the feature null, with an error entry, as long as such an event is among those that it
 * looks at. Whether an event's argument overflows is a condition like others (OVERFLOWS): a bool
 * column of the view, an any() over it, and an `if` around the aggregate's cell. Codecs, tiles and
 * windows know nothing of it.
 *
 * A condition that overflows is neither true nor false, and not as if null either: an event is not
 * left out because nobody could say whether it counts. What decides without it, does.
 *
 * An expression overflows where it is null and an operation on the way did not fit: the same that
 * marks a column of a vector. What is not asked (the right of a null, the other branch) does not.
 */
#include <string.h>

#include "compute/expr/expr_internal.h"
#include "ops/runtime/assert.h"

/* ---- One operation ---- */

static unsigned whole_digits(weir_type type)
{
    return type.kind == WEIR_DECIMAL ? type.precision - type.scale : 19;
}

static unsigned scale_of(weir_type type) { return type.kind == WEIR_DECIMAL ? type.scale : 0; }

/* Rounding may carry into one digit more. */
static bool conversion_may_overflow(const weir_expr *call)
{
    weir_type from = call->args[0]->type;
    if (from.kind == WEIR_FLOAT64) return true;
    unsigned carry = scale_of(from) > call->type.scale;
    return whole_digits(from) + call->type.scale + carry > WEIR_DECIMAL_PRECISION_MAX;
}

/* Of int64 and durations only the least divided by -1 has no quotient. */
static bool quotient_may_overflow(const weir_expr *call)
{
    const weir_expr *divisor = call->args[1];
    if (call->type.kind == WEIR_DECIMAL)
        return whole_digits(call->args[0]->type) + scale_of(divisor->type) >=
               WEIR_DECIMAL_PRECISION_MAX;
    return divisor->op != WEIR_EXPR_CONST || divisor->constant.as.integer == -1;
}

static bool remainder_may_overflow(const weir_expr *call)
{
    return call->type.kind == WEIR_DECIMAL &&
           whole_digits(call->args[1]->type) + call->type.scale > WEIR_DECIMAL_PRECISION_MAX;
}

static bool is_call_of(const weir_expr *call, const char *base)
{
    size_t size = strlen(base);
    return strncmp(call->fn_name, base, size) == 0 && call->fn_name[size] == '.';
}

static bool is_exact_arithmetic(const weir_expr *call)
{
    static const char *const names[] = {"add", "subtract", "multiply", "negate"};
    if (call->type.kind == WEIR_FLOAT64) return false;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (is_call_of(call, names[i])) return true;
    return false;
}

/* May the operation give null for arguments that are none, because the result does not fit? */
static bool may_overflow(const weir_expr *call)
{
    if (strcmp(call->fn_name, "overflow") == 0) return true;
    if (is_call_of(call, "decimal")) return conversion_may_overflow(call);
    if (is_call_of(call, "div")) return quotient_may_overflow(call);
    if (is_call_of(call, "mod")) return remainder_may_overflow(call);
    if (!is_exact_arithmetic(call)) return false;
    if (call->type.kind != WEIR_DECIMAL) return true;
    return !is_call_of(call, "negate") && call->type.precision == WEIR_DECIMAL_PRECISION_MAX;
}

bool weir_expr_may_overflow(const weir_expr *expr)
{
    if (expr->op == WEIR_EXPR_HAS || expr->op == WEIR_EXPR_OVERFLOWS) return false;
    if (expr->op == WEIR_EXPR_CALL && may_overflow(expr)) return true;
    for (uint32_t i = 0; i < expr->arg_count; i++)
        if (weir_expr_may_overflow(expr->args[i])) return true;
    return false;
}

const weir_expr *weir_expr_overflows(weir_arena *into, const weir_expr *expr)
{
    if (!weir_expr_may_overflow(expr)) return NULL;
    weir_expr *node = weir_arena_new(into, weir_expr);
    node->op = WEIR_EXPR_OVERFLOWS;
    node->type = weir_type_of(WEIR_BOOL);
    node->arg_count = 1;
    node->args = weir_arena_copy(into, &expr, sizeof expr);
    return node;
}

/* ---- In the language's own words ---- */

static const weir_expr *bound(const weir_expr_bind_context *context, const char *name,
                              const weir_expr *const *args, size_t count)
{
    const weir_expr *node = NULL;
    const char *problem = weir_expr_bind(context, name, args, count, &node);
    WEIR_ASSERT(problem == NULL && node != NULL);
    return node;
}

static const weir_expr *has(const weir_expr_bind_context *context, const weir_expr *expr)
{
    return bound(context, "has", &expr, 1);
}

static const weir_expr *not_so(const weir_expr_bind_context *context, const weir_expr *expr)
{
    return bound(context, "not", &expr, 1);
}

/* NULL is never. */
static const weir_expr *either(const weir_expr_bind_context *context, const weir_expr *a,
                               const weir_expr *b)
{
    const weir_expr *both[] = {a, b};
    if (a == NULL || b == NULL) return a == NULL ? b : a;
    return bound(context, "or", both, 2);
}

static const weir_expr *and_so(const weir_expr_bind_context *context, const weir_expr *a,
                               const weir_expr *b)
{
    const weir_expr *both[] = {a, b};
    return b == NULL ? NULL : bound(context, "and", both, 2);
}

static const weir_expr *truth(const weir_expr_bind_context *context, bool value)
{
    return weir_expr_const(context->into, weir_type_of(WEIR_BOOL), weir_bool(value));
}

/* The operation itself, of arguments that are there. */
static const weir_expr *own_overflow(const weir_expr_bind_context *context, const weir_expr *call)
{
    if (!may_overflow(call)) return NULL;
    const weir_expr *misfit = not_so(context, has(context, call));
    bool divides = is_call_of(call, "div") || is_call_of(call, "mod");
    if (!divides || weir_expr_is_never_zero(call->args[1])) return misfit;
    weir_type type = call->args[1]->type;
    type.optional = false;
    const weir_expr *sides[] = {
        call->args[1], weir_expr_const(context->into, type, (weir_value){.kind = type.kind})};
    return and_so(context, bound(context, "!=", sides, 2), misfit);
}

static const weir_expr *flagged(const weir_expr_bind_context *context, const weir_expr *expr);

/* Arguments are computed from the left, up to the first that is null. */
static const weir_expr *flagged_call(const weir_expr_bind_context *context, const weir_expr *call)
{
    const weir_expr *tail = own_overflow(context, call);
    for (uint32_t i = call->arg_count; i-- > 0;) {
        tail = and_so(context, has(context, call->args[i]), tail);
        tail = either(context, flagged(context, call->args[i]), tail);
    }
    return tail;
}

static const weir_expr *flagged_if(const weir_expr_bind_context *context, const weir_expr *expr)
{
    const weir_expr *branches[3] = {expr->args[0]};
    bool any = false;
    for (uint32_t i = 1; i < 3; i++) {
        branches[i] = flagged(context, expr->args[i]);
        any = any || branches[i] != NULL;
        if (branches[i] == NULL) branches[i] = truth(context, false);
    }
    return either(context, flagged(context, expr->args[0]),
                  any ? bound(context, "if", branches, 3) : NULL);
}

/* The right side is asked only where the left one does not decide. */
static const weir_expr *flagged_lazy(const weir_expr_bind_context *context, const weir_expr *expr)
{
    const weir_expr *rest = NULL;
    for (uint32_t i = expr->arg_count; i-- > 0;) {
        const weir_expr *arg = expr->args[i], *goes_on = NULL;
        if (expr->op == WEIR_EXPR_COALESCE) {
            goes_on = not_so(context, has(context, arg));
        } else {
            const weir_expr *sides[] = {arg, truth(context, expr->op == WEIR_EXPR_AND)};
            goes_on = bound(context, "??", sides, 2);
            if (expr->op == WEIR_EXPR_OR) goes_on = not_so(context, goes_on);
        }
        rest = either(context, flagged(context, arg), and_so(context, goes_on, rest));
    }
    return rest;
}

/* Is it null because of an operation on the way? What has a value has not overflowed. */
static const weir_expr *flagged(const weir_expr_bind_context *context, const weir_expr *expr)
{
    if (!weir_expr_may_overflow(expr)) return NULL;
    switch (expr->op) {
    case WEIR_EXPR_CALL: return flagged_call(context, expr);
    case WEIR_EXPR_IF: return flagged_if(context, expr);
    default:
        return and_so(context, flagged_lazy(context, expr), not_so(context, has(context, expr)));
    }
}

const weir_expr *weir_expr_overflow_words(const weir_expr_bind_context *context,
                                          const weir_expr *node)
{
    WEIR_ASSERT(node->op == WEIR_EXPR_OVERFLOWS);
    return flagged(context, node->args[0]);
}

/* ---- Conditions ---- */

const weir_expr *weir_expr_verdict(const weir_expr_bind_context *context, const weir_expr *expr)
{
    WEIR_ASSERT(expr->type.kind == WEIR_BOOL || expr->type.kind == WEIR_NULL);
    const weir_expr *sides[2];
    if (expr->op == WEIR_EXPR_AND) {
        for (uint32_t i = 0; i < 2; i++)
            sides[i] = weir_expr_verdict(context, expr->args[i]);
        return bound(context, "and", sides, 2);
    }
    sides[0] = expr;
    sides[1] = truth(context, false);
    const weir_expr *lost = weir_expr_overflows(context->into, expr),
                    *sure = bound(context, "??", sides, 2);
    return lost == NULL ? sure : weir_expr_unless_overflow(context->into, lost, sure);
}

/* ---- Reading ---- */

static weir_value overflowed(const weir_expr *node, const weir_value *args, weir_expr_env *env)
{
    (void)node;
    (void)args;
    env->overflow = true;
    return weir_null();
}

static weir_expr *node_like(weir_arena *into, const weir_expr *expr, weir_expr_op op)
{
    weir_expr *node = weir_arena_new(into, weir_expr);
    node->op = op;
    node->type = expr->type; /* as a sum's: an overflow makes no type optional */
    return node;
}

const weir_expr *weir_expr_unless_overflow(weir_arena *into, const weir_expr *guard,
                                           const weir_expr *expr)
{
    WEIR_ASSERT(guard->type.kind == WEIR_BOOL);
    weir_expr *overflow = node_like(into, expr, WEIR_EXPR_CALL);
    overflow->eval = overflowed;
    overflow->fn_name = "overflow";
    const weir_expr *args[] = {guard, overflow, expr};
    weir_expr *choice = node_like(into, expr, WEIR_EXPR_IF);
    choice->arg_count = 3;
    choice->args = weir_arena_copy(into, args, sizeof args);
    return choice;
}
