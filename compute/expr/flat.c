/* SPDX-License-Identifier: Apache-2.0 */
#include "compute/expr/flat.h"

#include <string.h>

#include "compute/expr/expr_internal.h"
#include "ops/runtime/assert.h"

typedef enum step_op {
    STEP_LEAF,       /* to = where the leaf stands                                */
    STEP_CALL,       /* to = fn(args)                                             */
    STEP_FLOAT_FROM, /* to = (args[0] >= float_least) == wanted                   */
    STEP_WHOLE_FROM, /* to = (args[0] >= whole_least) == wanted                   */
    STEP_HAS,        /* to = args[0] is not null                                  */
    STEP_DECIDES,    /* on to `target` with that in `to` if args[0] is `wanted`   */
    STEP_UNDECIDED,  /* to = null if one of args is, else not `wanted`            */
    STEP_CHECK,      /* nothing, but `to` may be null                             */
    STEP_SKIP,       /* on to `target`                                            */
    STEP_SKIP_SET,   /* on to `target` if `to` is not null                        */
    STEP_NOTE,       /* to = was there an overflow?                               */
    STEP_VALUED,     /* no more overflows than NOTE saw, unless `to` is null      */
    STEP_WATCH,      /* to = was there an overflow? From here on there is none    */
    STEP_CHOOSE,     /* on to `target` unless args[0] is true; null if it is lost */
    STEP_DONE,
} step_op;

typedef struct step step;
struct step {
    step_op op;
    bool wanted;
    weir_value *to;
    const weir_expr *node;
    const weir_value *args;
    /* CHOOSE: what WATCH left there; VALUED, HAS, DECIDES: NOTE, or NULL. */
    const weir_value *watch;
    double float_least;
    int64_t whole_least;
    /* Where `to` is null: this becomes null, too, and it goes on there. */
    weir_value *null_to;
    const step *null_next;
    const step *target;
};

struct weir_flat {
    const step *steps;
    const weir_value *result;
    /* `leaf ?? constant`, which many columns are, needs no steps. Else NULL. */
    const weir_expr *leaf;
    const weir_value *otherwise;
};

/* ---- laying out ---- */

typedef struct layout {
    weir_arena *into;
    step *steps;
    weir_value *registers;
    uint32_t step_count, register_count;
} layout;

/* A call and the calls among its arguments: null in one of them is null in the outermost. */
typedef struct chain {
    weir_value *to;
} chain;

static void count_nodes(const weir_expr *expr, uint32_t *count)
{
    ++*count;
    for (uint32_t i = 0; i < expr->arg_count; i++)
        count_nodes(expr->args[i], count);
}

static weir_value *new_registers(layout *l, uint32_t count)
{
    weir_value *first = &l->registers[l->register_count];
    l->register_count += count;
    return first;
}

/* Null in `to` ends the chain; without one it is just null. */
static step *add(layout *l, step_op op, weir_value *to, const weir_expr *node, const chain *in)
{
    step *made = &l->steps[l->step_count++];
    *made = (step){.op = op, .to = to, .node = node, .null_to = to, .null_next = made + 1};
    if (in != NULL) {
        made->null_to = in->to;
        made->null_next = NULL; /* set where the chain ends */
    }
    return made;
}

static void lay(layout *l, const weir_expr *expr, weir_value *to, const chain *in);

/* The float64 above, of those that are not -0. */
static double next_above(double x)
{
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    bits = x >= 0 ? bits + 1 : bits - 1;
    memcpy(&x, &bits, sizeof bits);
    return x;
}

/* The least float64 that is not below the constant; or above it, if `is_strict`. */
static double float_from(const weir_expr *bound, bool is_strict)
{
    double least = bound->constant.as.float64;
    return is_strict ? next_above(least) : least;
}

/*
 * A number against a constant of its type is one comparison with the least number of that type
 * for which `x >= constant` holds, or `x > constant`; `<` and `<=` are their opposites. False:
 * it is no such comparison.
 */
static bool find_threshold(const weir_expr *expr, step *out)
{
    static const struct {
        const char *name;
        bool is_whole, is_strict, wanted;
    } rows[] = {
        {"greater_equal.number", false, false, true}, {"greater.number", false, true, true},
        {"less.number", false, false, false},         {"less_equal.number", false, true, false},
        {"greater_equal.integer", true, false, true}, {"greater.integer", true, true, true},
        {"less.integer", true, false, false},         {"less_equal.integer", true, true, false}};
    const weir_expr *bound = expr->arg_count == 2 ? expr->args[1] : NULL;
    if (bound == NULL || bound->op != WEIR_EXPR_CONST || weir_is_null(&bound->constant))
        return false;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (strcmp(expr->fn_name, rows[i].name) != 0) continue;
        out->wanted = rows[i].wanted;
        if (rows[i].is_whole) {
            out->op = STEP_WHOLE_FROM;
            return !__builtin_add_overflow(bound->constant.as.integer, rows[i].is_strict,
                                           &out->whole_least);
        }
        if (expr->args[0]->type.kind != WEIR_FLOAT64) return false;
        out->op = STEP_FLOAT_FROM;
        out->float_least = float_from(bound, rows[i].is_strict);
        return true;
    }
    return false;
}

static step *add_call(layout *l, const weir_expr *expr, weir_value *to, const weir_value *args,
                      const chain *in)
{
    step *made = add(l, STEP_CALL, to, expr, in);
    if (!find_threshold(expr, made)) made->op = STEP_CALL;
    made->args = args;
    return made;
}

static void lay_call(layout *l, const weir_expr *expr, weir_value *to, const chain *in)
{
    step *first = &l->steps[l->step_count];
    chain own = {.to = to};
    const chain *around = in != NULL ? in : &own;
    weir_value *args = new_registers(l, expr->arg_count);
    for (uint32_t i = 0; i < expr->arg_count; i++) {
        const weir_expr *arg = expr->args[i];
        if (arg->op == WEIR_EXPR_CONST && !weir_is_null(&arg->constant))
            args[i] = arg->constant;
        else
            lay(l, arg, &args[i], around);
    }
    (void)add_call(l, expr, to, args, in);
    if (in != NULL) return;
    step *end = &l->steps[l->step_count];
    for (step *s = first; s < end; s++)
        if (s->null_next == NULL) s->null_next = end;
}

static void lay_if(layout *l, const weir_expr *expr, weir_value *to)
{
    weir_value *condition = new_registers(l, 2);
    add(l, STEP_WATCH, &condition[1], NULL, NULL);
    lay(l, expr->args[0], condition, NULL);
    step *choose = add(l, STEP_CHOOSE, to, NULL, NULL);
    choose->args = condition;
    choose->watch = &condition[1];
    lay(l, expr->args[1], to, NULL);
    step *end = add(l, STEP_SKIP, to, NULL, NULL);
    choose->target = &l->steps[l->step_count];
    lay(l, expr->args[2], to, NULL);
    choose->null_next = end->target = &l->steps[l->step_count];
}

/* f(constant), computed now, unless it overflows: that is told at every event. */
static const weir_expr *applied(layout *l, const weir_expr *call, const weir_expr *constant)
{
    weir_expr_env env = {.scratch = l->into};
    if (constant->op != WEIR_EXPR_CONST || weir_is_null(&constant->constant)) return NULL;
    weir_value value = call->eval(call, &constant->constant, &env);
    return env.overflow ? NULL : weir_expr_const(l->into, call->type, value);
}

/* f(if c then 0.9 else 0.1) as if c then f(0.9) else f(0.1): a conversion, done once. NULL: not. */
static const weir_expr *through_if(layout *l, const weir_expr *expr)
{
    if (expr->arg_count != 1 || expr->args[0]->op != WEIR_EXPR_IF) return NULL;
    const weir_expr *choice = expr->args[0];
    const weir_expr *args[] = {choice->args[0], applied(l, expr, choice->args[1]),
                               applied(l, expr, choice->args[2])};
    if (args[1] == NULL || args[2] == NULL) return NULL;
    weir_expr *made = weir_arena_copy(l->into, choice, sizeof *choice);
    made->type = expr->type;
    made->args = weir_arena_copy(l->into, args, sizeof args);
    return made;
}

static bool reads_cells(const weir_expr *expr)
{
    bool does = expr->op == WEIR_EXPR_CELL || expr->op == WEIR_EXPR_CARRIED;
    for (uint32_t i = 0; !does && i < expr->arg_count; i++)
        does = reads_cells(expr->args[i]);
    return does;
}

/* What has a value has not overflowed: NOTE keeps what was before. NULL: nothing here overflows. */
static const weir_value *note(layout *l, const weir_expr *const *args, uint32_t arg_count)
{
    bool may_overflow = false;
    for (uint32_t i = 0; i < arg_count; i++)
        may_overflow |= weir_expr_may_overflow(args[i]) || reads_cells(args[i]);
    if (!may_overflow) return NULL;
    weir_value *noted = new_registers(l, 1);
    add(l, STEP_NOTE, noted, NULL, NULL);
    return noted;
}

static void lay_coalesce(layout *l, const weir_expr *expr, weir_value *to)
{
    const weir_value *noted = note(l, expr->args, 1);
    lay(l, expr->args[0], to, NULL);
    step *end = add(l, STEP_SKIP_SET, to, NULL, NULL);
    lay(l, expr->args[1], to, NULL);
    if (noted != NULL) add(l, STEP_VALUED, to, NULL, NULL)->watch = noted;
    end->target = &l->steps[l->step_count];
}

/* As view_logic of expr.c: the first argument that decides ends it. */
static void lay_logic(layout *l, const weir_expr *expr, weir_value *to)
{
    step *deciding[WEIR_EXPR_ARGS_MAX];
    const weir_value *noted = note(l, expr->args, expr->arg_count - 1);
    weir_value *args = new_registers(l, expr->arg_count);
    for (uint32_t i = 0; i < expr->arg_count; i++) {
        lay(l, expr->args[i], &args[i], NULL);
        deciding[i] = add(l, STEP_DECIDES, to, expr, NULL);
        deciding[i]->args = &args[i];
        deciding[i]->watch = noted;
        deciding[i]->wanted = expr->op == WEIR_EXPR_OR;
    }
    step *last = add(l, STEP_UNDECIDED, to, expr, NULL);
    last->args = args;
    last->wanted = expr->op == WEIR_EXPR_OR;
    for (uint32_t i = 0; i < expr->arg_count; i++)
        deciding[i]->target = last + 1;
}

static void lay_has(layout *l, const weir_expr *expr, weir_value *to)
{
    const weir_value *noted = note(l, expr->args, 1);
    weir_value *arg = new_registers(l, 1);
    lay(l, expr->args[0], arg, NULL);
    step *made = add(l, STEP_HAS, to, expr, NULL);
    made->args = arg;
    made->watch = noted;
}

static void lay(layout *l, const weir_expr *expr, weir_value *to, const chain *in)
{
    const weir_expr *other = expr->op == WEIR_EXPR_CALL ? through_if(l, expr) : NULL;
    if (other != NULL) expr = other;
    switch (expr->op) {
    case WEIR_EXPR_CALL: lay_call(l, expr, to, in); return;
    case WEIR_EXPR_HAS: lay_has(l, expr, to); return;
    case WEIR_EXPR_IF: lay_if(l, expr, to); break;
    case WEIR_EXPR_COALESCE: lay_coalesce(l, expr, to); break;
    case WEIR_EXPR_AND:
    case WEIR_EXPR_OR: lay_logic(l, expr, to); break;
    case WEIR_EXPR_OVERFLOWS: WEIR_UNREACHABLE(); /* in rows; these are for vectors */
    default: add(l, STEP_LEAF, to, expr, in); return;
    }
    if (in != NULL) add(l, STEP_CHECK, to, NULL, in);
}

static bool is_leaf(const weir_expr *expr)
{
    switch (expr->op) {
    case WEIR_EXPR_FIELD:
    case WEIR_EXPR_THIS:
    case WEIR_EXPR_COLUMN:
    case WEIR_EXPR_CARRIED:
    case WEIR_EXPR_CELL: return true;
    default: return false;
    }
}

weir_flat *weir_flat_create(const weir_expr *expr, weir_arena *into)
{
    uint32_t nodes = 0;
    count_nodes(expr, &nodes);
    layout l = {.into = into,
                .steps = weir_arena_array(into, step, 4 * (size_t)nodes + 1),
                .registers = weir_arena_array(into, weir_value, 2 * (size_t)nodes + 1)};
    weir_flat *flat = weir_arena_new(into, weir_flat);
    weir_value *result = new_registers(&l, 1);
    lay(&l, expr, result, NULL);
    add(&l, STEP_DONE, result, NULL, NULL);
    WEIR_ASSERT(l.step_count <= 4 * nodes + 1 && l.register_count <= 2 * nodes + 1);
    flat->steps = l.steps;
    flat->result = result;
    if (expr->op == WEIR_EXPR_COALESCE && is_leaf(expr->args[0]) &&
        expr->args[1]->op == WEIR_EXPR_CONST) {
        flat->leaf = expr->args[0];
        flat->otherwise = &expr->args[1]->constant;
    }
    return flat;
}

/* ---- running ---- */

static weir_value undecided(const step *s)
{
    for (uint32_t i = 0; i < s->node->arg_count; i++)
        if (weir_is_null(&s->args[i])) return weir_null();
    return weir_bool(!s->wanted);
}

/* Long: an interpreter. */
const weir_value *weir_flat_run(weir_flat *flat, weir_expr_env *env)
{
    if (flat->leaf != NULL) {
        const weir_value *value = weir_expr_leaf_place(flat->leaf, env);
        return weir_is_null(value) ? flat->otherwise : value;
    }
    for (const step *s = flat->steps;;) {
        switch (s->op) {
        case STEP_LEAF: {
            const weir_value *leaf = weir_expr_leaf_place(s->node, env);
            *s->to = *leaf;
            break;
        }
        case STEP_CALL: *s->to = s->node->eval(s->node, s->args, env); break;
        case STEP_FLOAT_FROM:
            *s->to = weir_bool((s->args->as.float64 >= s->float_least) == s->wanted);
            s++;
            continue;
        case STEP_WHOLE_FROM:
            *s->to = weir_bool((s->args->as.integer >= s->whole_least) == s->wanted);
            s++;
            continue;
        case STEP_HAS:
            if (s->watch != NULL) env->overflow = s->watch->as.boolean;
            *s->to = weir_bool(!weir_is_null(s->args));
            break;
        case STEP_DECIDES:
            if (weir_is_null(s->args) || s->args->as.boolean != s->wanted) {
                s++;
                continue;
            }
            if (s->watch != NULL) env->overflow = s->watch->as.boolean;
            *s->to = weir_bool(s->wanted);
            s = s->target;
            continue;
        case STEP_UNDECIDED: *s->to = undecided(s); break;
        case STEP_CHECK: break;
        case STEP_SKIP: s = s->target; continue;
        case STEP_SKIP_SET: s = weir_is_null(s->to) ? s + 1 : s->target; continue;
        case STEP_NOTE: *s->to = weir_bool(env->overflow); break;
        case STEP_VALUED:
            if (!weir_is_null(s->to)) env->overflow = s->watch->as.boolean;
            break;
        case STEP_WATCH:
            *s->to = weir_bool(env->overflow);
            env->overflow = false;
            break;
        case STEP_CHOOSE:
            if (weir_is_null(s->args) && env->overflow) {
                *s->to = weir_null();
                s = s->null_next;
                continue;
            }
            env->overflow |= s->watch->as.boolean;
            s = !weir_is_null(s->args) && s->args->as.boolean ? s + 1 : s->target;
            continue;
        case STEP_DONE: return flat->result;
        }
        if (!weir_is_null(s->to)) {
            s++;
        } else {
            *s->null_to = weir_null();
            s = s->null_next;
        }
    }
}
