/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Types of expressions: operators and calls, over the leaves of check_leaf.c. They are bound by
 * compute/expr.
 */
#include "compute/lang/check_internal.h"

#include <string.h>

#include "ops/runtime/assert.h"

#define REPORT(c, id, at, help, ...)                                                               \
    weir_diagnostics_add((c)->diagnostics, WEIR_D_##id, at, help, __VA_ARGS__)
#define HELP(c, ...) weir_arena_printf((c)->diagnostics->into, __VA_ARGS__)

/* ---- Binding ---- */

typedef struct size_of_expr {
    double nodes;
    uint32_t depth;
} size_of_expr;

static const size_of_expr *expr_size(weir_checker *c, const weir_expr *expr)
{
    size_of_expr *known = weir_map_get(&c->sizes, NULL, expr);
    if (known != NULL) return known;
    size_of_expr size = {1, 1};
    for (uint32_t i = 0; i < expr->arg_count; i++) {
        const size_of_expr *arg = expr_size(c, expr->args[i]);
        size.nodes += arg->nodes;
        if (arg->depth >= size.depth) size.depth = arg->depth + 1;
    }
    known = weir_arena_copy(c->scratch, &size, sizeof size);
    weir_map_put(&c->sizes, NULL, expr, known);
    return known;
}

bool weir_expr_is_small(weir_checker *c, const weir_expr *expr)
{
    const size_of_expr *size = expr_size(c, expr);
    return size->nodes <= WEIR_EXPR_SIZE_MAX && size->depth <= WEIR_EXPR_DEPTH_MAX - 8;
}

/* One table a zone and compilation, however often it is named. */
static const weir_zone *load_zone(void *context, const char *name, const char **problem_out)
{
    weir_checker *c = context;
    const char *interned = weir_intern_text(c, name);
    const weir_zone *zone = weir_map_get(&c->interned, c, interned);
    if (zone != NULL) return zone;
    *problem_out = "no time zones are known here";
    if (c->host->load_zone == NULL) return NULL;
    zone = c->host->load_zone(c->host->context, name, problem_out);
    if (zone != NULL) weir_map_put(&c->interned, c, interned, (void *)(uintptr_t)zone);
    return zone;
}

const weir_expr *weir_bind(weir_checker *c, const weir_scope *scope, weir_span at, const char *name,
                           const weir_expr *const *args, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (args[i] == NULL) return NULL;
    }
    weir_expr_bind_context context = {
        .into = c->into, .load_zone = load_zone, .context = c, .in_aggregate = scope->in_aggregate};
    const weir_expr *node = NULL;
    const char *problem = weir_expr_bind(&context, name, args, count, &node);
    if (problem != NULL) {
        const char *cure = strstr(problem, "; ");
        if (cure != NULL) {
            REPORT(c, TYPE, at, HELP(c, "%s", cure + 2), "%.*s", (int)(cure - problem), problem);
        } else {
            REPORT(c, TYPE, at, NULL, "%s", problem);
        }
        return NULL;
    }
    WEIR_ASSERT(node != NULL);
    if (weir_expr_is_small(c, node)) return node;
    REPORT(c, TOO_LARGE, at, "give parts of it names, or use fewer features of features",
           "with all that it refers to, this expression is too large");
    return NULL;
}

/* ---- Operators and calls ---- */

/* Two sides that shall have one type: the one that knows its type is typed first. */
static bool check_pair(weir_checker *c, const weir_scope *scope, const weir_ast_expr *const pair[2],
                       const weir_type *hint, const weir_expr *out[2])
{
    unsigned first =
        weir_leaf_waits(c, scope, pair[0]) && !weir_leaf_waits(c, scope, pair[1]) ? 1 : 0;
    out[first] = weir_check_expr(c, scope, pair[first], hint);
    if (out[first] == NULL && weir_leaf_waits(c, scope, pair[1 - first]))
        return false; /* it can not know its type */
    const weir_type *other =
        out[first] != NULL && out[first]->type.kind != WEIR_NULL ? &out[first]->type : hint;
    weir_type plain = {0};
    if (other != NULL) {
        plain = *other;
        plain.optional = false;
        other = &plain;
    }
    out[1 - first] = weir_check_expr(c, scope, pair[1 - first], other);
    return out[0] != NULL && out[1] != NULL;
}

static bool is_comparison(const char *op)
{
    return op[0] == '=' || op[0] == '!' || op[0] == '<' || op[0] == '>';
}

/* Two sides of + - * /. A string beside a time is a time: this.ts - "2026-01-01T00:00:00Z". */
static void check_operands(weir_checker *c, const weir_scope *scope,
                           const weir_ast_expr *const sides[2], const weir_expr *out[2])
{
    bool is_left = sides[0]->kind == WEIR_AST_STRING;
    unsigned first = is_left ? 1 : 0;
    out[first] = weir_check_expr(c, scope, sides[first], NULL);
    bool meets_time = out[first] != NULL && out[first]->type.kind == WEIR_TIME;
    weir_type time = weir_type_of(WEIR_TIME);
    out[1 - first] = weir_check_expr(c, scope, sides[1 - first], meets_time ? &time : NULL);
}

static const weir_expr *check_binary(weir_checker *c, const weir_scope *scope,
                                     const weir_ast_expr *node, const weir_type *hint)
{
    const weir_expr *args[2];
    if (is_comparison(node->name) &&
        (node->args[0]->kind == WEIR_AST_NULL || node->args[1]->kind == WEIR_AST_NULL))
        REPORT(c, NULL_COMPARED, node->span, "write `not has x`, or `has x`",
               "what is compared with null gives null, whatever it is");
    if (is_comparison(node->name) || strcmp(node->name, "??") == 0) {
        if (!check_pair(c, scope, node->args, is_comparison(node->name) ? NULL : hint, args))
            return NULL;
    } else if (strcmp(node->name, "and") == 0 || strcmp(node->name, "or") == 0) {
        args[0] = weir_check_condition(c, scope, node->args[0]);
        args[1] = weir_check_condition(c, scope, node->args[1]);
    } else {
        check_operands(c, scope, node->args, args);
    }
    return weir_bind(c, scope, node->name_span, node->name, args, 2);
}

static const weir_expr *check_unary(weir_checker *c, const weir_scope *scope,
                                    const weir_ast_expr *node)
{
    const weir_ast_expr *of = node->args[0];
    if (strcmp(node->name, "-") == 0 && of->kind == WEIR_AST_NUMBER)
        return weir_number_const(c, of, true);
    const weir_expr *arg = strcmp(node->name, "not") == 0 ? weir_check_condition(c, scope, of)
                                                          : weir_check_expr(c, scope, of, NULL);
    return weir_bind(c, scope, node->span, node->name, &arg, 1);
}

static const weir_expr *check_if(weir_checker *c, const weir_scope *scope,
                                 const weir_ast_expr *node, const weir_type *hint)
{
    const weir_expr *args[3];
    args[0] = weir_check_condition(c, scope, node->args[0]);
    if (!check_pair(c, scope, node->args + 1, hint, args + 1)) return NULL;
    return weir_bind(c, scope, node->span, "if", args, 3);
}

/* What others call it. */
static const char *foreign_help(const char *name)
{
    static const struct {
        const char *name, *help;
    } others[] = {{"abs", "write if x < 0 then 0 - x else x"},
                  {"average", "write mean(x)"},
                  {"avg", "write mean(x)"},
                  {"coalesce", "write x ?? y"},
                  {"count_distinct", "write distinct(x)"},
                  {"countif", "write count() where ..."},
                  {"greatest", "write max(x, y)"},
                  {"ifnull", "write x ?? y"},
                  {"isnull", "write not has x"},
                  {"least", "write min(x, y)"},
                  {"nunique", "write distinct(x)"},
                  {"percentile", "write quantile(x, 0.95)"},
                  {"std", "write stddev(x)"},
                  {"sumif", "write sum(x) where ..."},
                  {"variance", "write var(x)"}};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (strcmp(others[i].name, name) == 0) return others[i].help;
    return NULL;
}

const weir_expr *weir_report_function(weir_checker *c, const weir_ast_expr *node)
{
    if (weir_language_has_function(node->name)) {
        REPORT(c, NOT_SUPPORTED, node->name_span, NULL, "the function `%s` is not supported yet",
               node->name);
        return NULL;
    }
    bool is_shown = !weir_diagnostics_is_full(c->diagnostics);
    const char *help = foreign_help(node->name), *near = NULL;
    if (is_shown && help == NULL) near = weir_expr_suggest(node->name);
    if (is_shown && help == NULL && near == NULL) near = weir_agg_suggest(node->name);
    if (near != NULL) help = HELP(c, "did you mean `%s`?", near);
    REPORT(c, UNKNOWN_FUNCTION, node->name_span, help, "there is no function or aggregate `%s`",
           node->name);
    return NULL;
}

static const weir_expr *misplaced_aggregate(weir_checker *c, const weir_scope *scope,
                                            const weir_ast_expr *node)
{
    bool nested = scope->phase == WEIR_PHASE_ROW || scope->phase == WEIR_PHASE_FILTER;
    if (nested && (strcmp(node->name, "delta") == 0 || strcmp(node->name, "lag") == 0)) {
        REPORT(c, NOT_SUPPORTED, node->name_span, NULL,
               "`%s` inside another aggregate is not supported yet", node->name);
        return NULL;
    }
    REPORT(c, NO_AGGREGATE, node->name_span,
           nested
               ? "make it a feature of its own; its value at each past event can stand here by name"
               : "make it a feature of a group and use group.feature",
           "the aggregate `%s` can not stand here", node->name);
    return NULL;
}

/* Where a named parameter belongs; what has no name stands where it is written. WEIR_NONE:
 * reported. */
static uint32_t argument_place(weir_checker *c, const weir_ast_expr *node, uint32_t index)
{
    static const char *const names[] = {NULL, NULL, "prior", "weight"};
    const char *name = node->parameters[index];
    bool is_smooth = strcmp(node->name, "smooth") == 0;
    if (name == NULL && (!is_smooth || index < 2)) return index;
    for (uint32_t i = 2; name != NULL && is_smooth && i < 4; i++) {
        if (strcmp(names[i], name) == 0) return i;
    }
    if (name == NULL && index < 4) return index;
    REPORT(c, ARGUMENTS, node->args[index]->span,
           is_smooth ? "write smooth(a, n, prior p, weight w)" : NULL, "`%s` has no parameter `%s`",
           node->name, name == NULL ? "?" : name);
    return WEIR_NONE;
}

static const weir_expr *check_call(weir_checker *c, const weir_scope *scope,
                                   const weir_ast_expr *node)
{
    if (weir_is_aggregate_call(node)) {
        if (scope->phase == WEIR_PHASE_READ) return weir_check_aggregate(c, scope, node);
        return misplaced_aggregate(c, scope, node);
    }
    bool good = weir_expr_is_function(node->name);
    if (!good) (void)weir_report_function(c, node);
    if (node->arg_count > WEIR_EXPR_ARGS_MAX) {
        REPORT(c, ARGUMENTS, node->span, NULL, "`%s` has too many arguments", node->name);
        return NULL;
    }
    const weir_expr *args[WEIR_EXPR_ARGS_MAX] = {NULL};
    for (uint32_t i = 0; i < node->arg_count; i++) {
        uint32_t place = argument_place(c, node, i);
        const weir_expr *arg = weir_check_expr(c, scope, node->args[i], NULL);
        if (place != WEIR_NONE && (place >= node->arg_count || args[place] != NULL)) {
            REPORT(c, ARGUMENTS, node->span, "write smooth(a, n, prior p, weight w)",
                   "the arguments of `%s` do not fit", node->name);
            place = WEIR_NONE;
        }
        good = good && arg != NULL && place != WEIR_NONE;
        if (good) args[place] = arg;
    }
    bool is_vector = strcmp(node->name, "cosine") == 0 || strcmp(node->name, "dot") == 0;
    if (good && is_vector && node->arg_count == 2 && args[0]->type.kind == WEIR_LIST) {
        REPORT(c, NOT_SUPPORTED, node->span, NULL, "`%s` of vectors is not supported yet",
               node->name);
        return NULL;
    }
    return good ? weir_bind(c, scope, node->span, node->name, args, node->arg_count) : NULL;
}

static const weir_expr *check_kind(weir_checker *c, const weir_scope *scope,
                                   const weir_ast_expr *node, const weir_type *hint)
{
    switch ((weir_ast_kind)node->kind) {
    case WEIR_AST_NUMBER:
    case WEIR_AST_STRING:
    case WEIR_AST_DURATION:
    case WEIR_AST_TIME:
    case WEIR_AST_BOOL:
    case WEIR_AST_NULL:
    case WEIR_AST_NAME:
    case WEIR_AST_THIS:
    case WEIR_AST_FIELD:
    case WEIR_AST_INDEX: return weir_check_leaf(c, scope, node, hint);
    case WEIR_AST_CALL: return check_call(c, scope, node);
    case WEIR_AST_UNARY: return check_unary(c, scope, node);
    case WEIR_AST_BINARY: return check_binary(c, scope, node, hint);
    case WEIR_AST_IF: return check_if(c, scope, node, hint);
    case WEIR_AST_BRACKETS: return weir_check_expr(c, scope, node->args[0], hint);
    case WEIR_AST_ELEMENT:
        REPORT(c, NOT_SUPPORTED, node->name_span, NULL,
               "elements of a series of windows are not supported yet");
        return NULL;
    case WEIR_AST_RECORD:
    case WEIR_AST_LIST: break;
    }
    REPORT(c, UNEXPECTED, node->span, NULL, "a record or list stands in tests only");
    return NULL;
}

/* Past events against `this`: what does not see `this` is stored with the row. */
static const weir_expr *check_stored(weir_checker *c, const weir_scope *scope,
                                     const weir_ast_expr *node)
{
    weir_column_info *column = weir_check_column(c, scope, node, false);
    if (column == NULL) return NULL;
    return weir_expr_leaf(c->into, WEIR_EXPR_COLUMN, column->type, column->id);
}

const weir_expr *weir_check_expr(weir_checker *c, const weir_scope *scope,
                                 const weir_ast_expr *node, const weir_type *hint)
{
    if (node == NULL) return NULL;
    if (c->steps > WEIR_CHECK_STEPS_MAX) return NULL; /* reported */
    if (++c->steps > WEIR_CHECK_STEPS_MAX || c->nesting > 8 * WEIR_CHECK_NESTING_MAX) {
        REPORT(c, TOO_LARGE, node->span, "use fewer `let`s of `let`s",
               "with all that it refers to, this is too large");
        return NULL;
    }
    c->nesting += 1;
    bool is_stored =
        scope->phase == WEIR_PHASE_FILTER && weir_ast_uses(c, scope->group, node) == WEIR_USES_ROW;
    const weir_expr *result =
        is_stored ? check_stored(c, scope, node) : check_kind(c, scope, node, hint);
    c->nesting -= 1;
    return result;
}

const weir_expr *weir_check_condition(weir_checker *c, const weir_scope *scope,
                                      const weir_ast_expr *node)
{
    weir_type want = weir_type_of(WEIR_BOOL);
    const weir_expr *expr = weir_check_expr(c, scope, node, &want);
    if (expr == NULL || expr->type.kind == WEIR_BOOL) return expr;
    if (expr->op == WEIR_EXPR_CONST && expr->type.kind == WEIR_NULL)
        return weir_expr_const(c->into, weir_type_optional(want), weir_null());
    REPORT(c, NOT_BOOL, node->span,
           weir_type_is_number(expr->type) ? "compare it: x != 0" : "write a comparison",
           "this is %s, a condition must be bool", weir_type_print(expr->type, c->scratch));
    return NULL;
}
