/* SPDX-License-Identifier: Apache-2.0 */
#include "compute/expr/flat.h"

#include "compute/expr/expr_internal.h"
#include "ops/runtime/assert.h"

typedef enum step_op {
    STEP_LEAF,          /* to = where the leaf stands                        */
    STEP_TREE,          /* to = the subtree's value: `and`, `or`, `has`      */
    STEP_CALL,          /* to = fn(args)                                     */
    STEP_CHECK,         /* nothing, but `to` may be null                     */
    STEP_SKIP,          /* on to `target`                                    */
    STEP_SKIP_SET,      /* on to `target` if `to` is not null                */
    STEP_SKIP_NOT_TRUE, /* on to `target` if `to` is false or null          */
    STEP_DONE,
} step_op;

typedef struct step step;
struct step {
    step_op op;
    weir_value *to;
    const weir_expr *node;
    const weir_value *args;
    /* Where `to` is null: this becomes null, too, and it goes on there. */
    weir_value *null_to;
    const step *null_next;
    const step *target;
};

struct weir_flat {
    const step *steps;
    const weir_value *result;
};

/* ---- laying out ---- */

typedef struct layout {
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
    add(l, STEP_CALL, to, expr, in)->args = args;
    if (in != NULL) return;
    step *end = &l->steps[l->step_count];
    for (step *s = first; s < end; s++)
        if (s->null_next == NULL) s->null_next = end;
}

static void lay_if(layout *l, const weir_expr *expr, weir_value *to)
{
    weir_value *condition = new_registers(l, 1);
    lay(l, expr->args[0], condition, NULL);
    step *other = add(l, STEP_SKIP_NOT_TRUE, condition, NULL, NULL);
    lay(l, expr->args[1], to, NULL);
    step *end = add(l, STEP_SKIP, to, NULL, NULL);
    other->target = &l->steps[l->step_count];
    lay(l, expr->args[2], to, NULL);
    end->target = &l->steps[l->step_count];
}

static void lay_coalesce(layout *l, const weir_expr *expr, weir_value *to)
{
    lay(l, expr->args[0], to, NULL);
    step *end = add(l, STEP_SKIP_SET, to, NULL, NULL);
    lay(l, expr->args[1], to, NULL);
    end->target = &l->steps[l->step_count];
}

static void lay(layout *l, const weir_expr *expr, weir_value *to, const chain *in)
{
    switch (expr->op) {
    case WEIR_EXPR_CALL: lay_call(l, expr, to, in); return;
    case WEIR_EXPR_IF: lay_if(l, expr, to); break;
    case WEIR_EXPR_COALESCE: lay_coalesce(l, expr, to); break;
    case WEIR_EXPR_AND:
    case WEIR_EXPR_OR:
    case WEIR_EXPR_HAS: add(l, STEP_TREE, to, expr, in); return;
    default: add(l, STEP_LEAF, to, expr, in); return;
    }
    if (in != NULL) add(l, STEP_CHECK, to, NULL, in);
}

weir_flat *weir_flat_create(const weir_expr *expr, weir_arena *into)
{
    uint32_t nodes = 0;
    count_nodes(expr, &nodes);
    layout l = {.steps = weir_arena_array(into, step, 3 * (size_t)nodes + 1),
                .registers = weir_arena_array(into, weir_value, 2 * (size_t)nodes + 1)};
    weir_flat *flat = weir_arena_new(into, weir_flat);
    weir_value *result = new_registers(&l, 1);
    lay(&l, expr, result, NULL);
    add(&l, STEP_DONE, result, NULL, NULL);
    WEIR_ASSERT(l.step_count <= 3 * nodes + 1 && l.register_count <= 2 * nodes + 1);
    flat->steps = l.steps;
    flat->result = result;
    return flat;
}

/* ---- running ---- */

const weir_value *weir_flat_run(weir_flat *flat, weir_expr_env *env)
{
    for (const step *s = flat->steps;;) {
        switch (s->op) {
        case STEP_LEAF: {
            const weir_value *leaf = weir_expr_leaf_place(s->node, env);
            *s->to = *leaf;
            break;
        }
        case STEP_CALL: *s->to = s->node->eval(s->node, s->args, env); break;
        case STEP_TREE: *s->to = weir_expr_eval(s->node, env); break;
        case STEP_CHECK: break;
        case STEP_SKIP: s = s->target; continue;
        case STEP_SKIP_SET: s = weir_is_null(s->to) ? s + 1 : s->target; continue;
        case STEP_SKIP_NOT_TRUE:
            s = s->to->kind == WEIR_BOOL && s->to->as.boolean ? s + 1 : s->target;
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
