/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Aggregates: from `sum(amount) where ok and merchant == this.merchant over 30d` to a cell of a
 * view.
 *
 * The condition is cut at its `and`s, lets looked through. A part without `this` becomes, with its
 * like, one bool column of the stored row. A part `row == this-side` becomes a key of the view,
 * where the window does not depend on which events exist (a duration or `ever`): `last n` chooses
 * among all events of the entity, and a view with a longer key would not have them. Every other
 * part is evaluated at read time over stored columns.
 *
 * Where an argument or a condition may overflow, further cells say whether it did for one of the
 * events (compute/expr/overflow.c): the feature is then null, and not as if that event had no value
 * or did not count.
 */
#include "compute/lang/check_internal.h"

#include <string.h>

#include "ops/runtime/assert.h"

#define REPORT(c, id, at, help, ...)                                                               \
    weir_diagnostics_add((c)->diagnostics, WEIR_D_##id, at, help, __VA_ARGS__)
#define HELP(c, ...) weir_arena_printf((c)->diagnostics->into, __VA_ARGS__)

enum { PARTS_MAX = 64 };

/* An aggregate on its way to a cell. */
typedef struct aggregate {
    const weir_scope *scope;
    const weir_ast_expr *call;
    const weir_agg *agg;
    uint32_t arg_count;
    const weir_ast_expr *args[WEIR_AGG_ARGS_MAX];
    weir_column_info *columns[WEIR_AGG_ARGS_MAX];
    weir_agg_param params[WEIR_EXPR_ARGS_MAX];
    size_t param_count;
    uint32_t part_count;
    const weir_ast_expr *parts[PARTS_MAX]; /* of the condition, joined by `and` */
    const weir_ast_expr *rest;             /* parts without `this`, joined again */
    uint32_t key_count;
    weir_column_info *keys[WEIR_PLAN_KEY_FIELDS_MAX];
    const weir_expr *this_keys[WEIR_PLAN_KEY_FIELDS_MAX];
    const char *no_key; /* why an equality is no key, as help; NULL: none was in question */
    const weir_expr *read_filter;
    weir_column_info *filter;
    weir_plan_window window;
    weir_agg_binding binding;
} aggregate;

/* ---- Columns ---- */

/* `view` in count(view): true for its events, null for others. */
static const weir_stream_info *stream_argument(weir_checker *c, const weir_scope *scope,
                                               const weir_ast_expr *node)
{
    if (node->kind != WEIR_AST_NAME) return NULL;
    const weir_group_info *group = scope->group;
    if (weir_let_find(c, group, node->name) != NULL || weir_group_has_field(group, node->name))
        return NULL;
    for (uint32_t i = 0; i < group->stream_count; i++) {
        if (group->streams[i]->name == node->name) return group->streams[i];
    }
    return NULL;
}

/* One type for all sources: the first that is not merely null, optional if one is. */
static bool unify(weir_checker *c, const weir_group_info *group, const weir_expr **exprs,
                  weir_span at, weir_type *out)
{
    bool found = false, optional = false;
    for (uint32_t i = 0; i < group->stream_count; i++) {
        const weir_expr *expr = exprs[i];
        optional |= expr->type.optional || expr->type.kind == WEIR_NULL;
        bool is_null = expr->op == WEIR_EXPR_CONST && weir_is_null(&expr->constant);
        if (found && is_null) continue;
        if (found && exprs[i]->type.kind == out->kind) continue;
        if (found && exprs[i]->type.kind != out->kind) break;
        if (is_null && i + 1 < group->stream_count && !found) {
            *out = expr->type;
            continue;
        }
        *out = expr->type;
        found = true;
    }
    if (out->kind == WEIR_NULL) {
        REPORT(c, TYPE, at, NULL, "`null` alone has no type");
        return false;
    }
    out->optional = optional;
    for (uint32_t i = 0; i < group->stream_count; i++) {
        const weir_expr *expr = exprs[i];
        bool is_null = expr->op == WEIR_EXPR_CONST && weir_is_null(&expr->constant);
        exprs[i] = is_null                             ? weir_expr_const(c->into, *out, weir_null())
                   : weir_type_equal(expr->type, *out) ? expr
                                                       : weir_expr_coerce(c->into, expr, *out);
        if (exprs[i] != NULL) continue;
        REPORT(c, TYPE, at, "convert it so that all joined streams agree",
               "the joined streams give this different types");
        return false;
    }
    return true;
}

static weir_column_info *intern_column(weir_checker *c, const weir_group_info *group,
                                       const weir_column_info *made)
{
    weir_digester sha;
    weir_digester_init(&sha);
    weir_digest_text(&sha, "column");
    weir_digest_type(&sha, made->type);
    for (uint32_t i = 0; i < group->stream_count; i++)
        weir_digester_put(&sha, weir_digest_expr(c, group->streams[i], NULL, made->exprs[i]),
                          WEIR_DIGEST_BYTES);
    uint8_t digest[WEIR_DIGEST_BYTES];
    weir_digester_finish(&sha, digest);
    const char *rows = weir_digest_name(c, group->digest), *name = weir_digest_name(c, digest);
    weir_column_info *known = weir_map_get(&c->interned, rows, name);
    if (known != NULL) return known;
    weir_column_info *column = weir_arena_copy(c->scratch, made, sizeof *made);
    memcpy(column->digest, digest, sizeof digest);
    column->id = c->columns.count;
    weir_pointers_push(c, &c->columns, column);
    weir_map_put(&c->interned, rows, name, column);
    return column;
}

static weir_column_info *column_of(weir_checker *c, const weir_scope *scope,
                                   const weir_ast_expr *node, bool in_aggregate, bool is_condition)
{
    weir_group_info *group = scope->group;
    const weir_stream_info *stream = is_condition ? NULL : stream_argument(c, scope, node);
    weir_column_info made = {0};
    bool good = true;
    for (uint32_t i = 0; i < group->stream_count; i++) {
        weir_scope row = {.phase = WEIR_PHASE_ROW,
                          .group = group,
                          .source = group->streams[i],
                          .source_index = i,
                          .in_aggregate = in_aggregate};
        if (stream != NULL) {
            weir_value here = stream == group->streams[i] ? weir_bool(true) : weir_null();
            made.exprs[i] =
                weir_expr_const(c->into, weir_type_optional(weir_type_of(WEIR_BOOL)), here);
        } else if (is_condition) {
            made.exprs[i] = weir_check_condition(c, &row, node);
        } else {
            made.exprs[i] = weir_check_expr(c, &row, node, NULL);
        }
        good = good && made.exprs[i] != NULL;
    }
    if (!good || !unify(c, group, made.exprs, node->span, &made.type)) return NULL;
    return intern_column(c, group, &made);
}

weir_column_info *weir_check_column(weir_checker *c, const weir_scope *scope,
                                    const weir_ast_expr *node, bool in_aggregate)
{
    return column_of(c, scope, node, in_aggregate, false);
}

/* ---- Reading the call ---- */

static const weir_ast_expr *plain(const weir_ast_expr *node)
{
    while (node->kind == WEIR_AST_BRACKETS)
        node = node->args[0];
    return node;
}

static bool is_literal(const weir_ast_expr *node)
{
    node = plain(node);
    if (node->kind == WEIR_AST_UNARY && node->name[0] == '-') node = node->args[0];
    return node->kind <= WEIR_AST_NULL;
}

static bool read_arguments(weir_checker *c, aggregate *a)
{
    const weir_ast_expr *call = a->call;
    for (uint32_t i = 0; i < call->arg_count; i++) {
        bool is_param = call->parameters[i] != NULL || (i > 0 && is_literal(call->args[i]));
        if (!is_param && a->arg_count < WEIR_AGG_ARGS_MAX) {
            a->args[a->arg_count++] = call->args[i];
            continue;
        }
        if (!is_param || a->param_count == WEIR_EXPR_ARGS_MAX) {
            REPORT(c, ARGUMENTS, call->args[i]->span, NULL, "`%s` has too many arguments",
                   call->name);
            return false;
        }
        weir_scope scope = {.phase = WEIR_PHASE_TEST};
        const weir_expr *value = weir_check_expr(c, &scope, call->args[i], NULL);
        if (value == NULL) return false;
        if (value->op != WEIR_EXPR_CONST) {
            REPORT(c, ARGUMENTS, call->args[i]->span, NULL, "this must be a literal");
            return false;
        }
        a->params[a->param_count++] =
            (weir_agg_param){call->parameters[i], value->type, value->constant};
    }
    return true;
}

static const weir_agg *find_aggregate(weir_checker *c, const weir_ast_expr *call)
{
    const char *name = call->is_approx ? HELP(c, "approx %s", call->name) : call->name;
    const weir_agg *agg = weir_agg_find(name);
    if (agg == NULL && call->is_approx) agg = weir_agg_find(HELP(c, "approx_%s", call->name));
    if (agg != NULL) return agg;
    if (call->is_approx && strcmp(call->name, "distinct") != 0) {
        REPORT(c, UNKNOWN_FUNCTION, call->name_span, "only approx distinct(x, err 2%)",
               "there is no aggregate `%s`", name);
        return NULL;
    }
    REPORT(c, NOT_SUPPORTED, call->name_span,
           call->is_approx ? "distinct(x) over a window counts exactly" : NULL,
           "the aggregate `%s` is not supported yet", name);
    return NULL;
}

static weir_ast_expr *synthetic(weir_checker *c, weir_ast_kind kind, const char *name,
                                const weir_ast_expr *left, const weir_ast_expr *right)
{
    weir_ast_expr *node = weir_arena_new(c->scratch, weir_ast_expr);
    *node = (weir_ast_expr){.kind = (uint8_t)kind,
                            .name = name,
                            .span = left->span,
                            .name_span = left->span,
                            .arg_count = right == NULL ? 1 : 2,
                            .depth = left->depth};
    node->args = weir_arena_array(c->scratch, const weir_ast_expr *, 2);
    node->args[0] = left;
    node->args[1] = right;
    return node;
}

/* ---- The condition ---- */

static bool add_parts(weir_checker *c, aggregate *a, const weir_ast_expr *node, unsigned depth)
{
    node = plain(node);
    if (depth > WEIR_CHECK_NESTING_MAX || a->part_count == PARTS_MAX) {
        REPORT(c, TOO_LARGE, node->span, NULL, "a condition has at most %d parts", PARTS_MAX);
        return false;
    }
    if (node->kind == WEIR_AST_BINARY && strcmp(node->name, "and") == 0)
        return add_parts(c, a, node->args[0], depth + 1) &&
               add_parts(c, a, node->args[1], depth + 1);
    const weir_ast_feature *let =
        node->kind == WEIR_AST_NAME ? weir_let_find(c, a->scope->group, node->name) : NULL;
    bool clash = let != NULL && weir_group_has_field(a->scope->group, node->name);
    if (let != NULL && let->expr != NULL && !clash &&
        (weir_ast_uses(c, a->scope->group, let->expr) & WEIR_USES_THIS) != 0)
        return add_parts(c, a, let->expr, depth + 1);
    a->parts[a->part_count++] = node;
    return true;
}

static bool is_exact_number(weir_type type)
{
    return type.kind == WEIR_INT64 || type.kind == WEIR_DECIMAL;
}

static unsigned whole_digits(weir_type type)
{
    return type.kind == WEIR_DECIMAL ? type.precision - type.scale : 19;
}

/* The type in which equal values of both have equal bytes. False: there is none. */
static bool key_type(weir_type a, weir_type b, weir_type *out)
{
    a.optional = b.optional = false;
    *out = a;
    if (a.kind == WEIR_DECIMAL && b.kind == WEIR_DECIMAL && a.scale == b.scale) return true;
    if (weir_type_equal(a, b))
        return a.kind != WEIR_GEO && a.kind != WEIR_VEC && a.kind != WEIR_LIST &&
               a.kind != WEIR_MAP && a.kind != WEIR_NULL;
    if (!is_exact_number(a) || !is_exact_number(b)) return false;
    unsigned scale_a = a.kind == WEIR_DECIMAL ? a.scale : 0,
             scale_b = b.kind == WEIR_DECIMAL ? b.scale : 0;
    unsigned scale = scale_a > scale_b ? scale_a : scale_b;
    unsigned whole = whole_digits(a) > whole_digits(b) ? whole_digits(a) : whole_digits(b);
    if (whole + scale > WEIR_DECIMAL_PRECISION_MAX) return false;
    *out = weir_type_decimal(whole + scale, scale);
    return true;
}

/* Bytes of a decimal follow from its scale, whatever its precision. */
static bool encodes_like(weir_type type, weir_type wanted)
{
    return type.kind == wanted.kind && (type.kind != WEIR_DECIMAL || type.scale == wanted.scale);
}

/* The column in a wider type. */
static weir_column_info *widened(weir_checker *c, const weir_group_info *group,
                                 weir_column_info *column, weir_type type)
{
    weir_column_info made = {.type = type};
    made.type.optional = column->type.optional;
    for (uint32_t i = 0; i < group->stream_count; i++) {
        made.exprs[i] = weir_expr_coerce(c->into, column->exprs[i], made.type);
        WEIR_ASSERT(made.exprs[i] != NULL);
    }
    return intern_column(c, group, &made);
}

static const char *no_key_help(weir_checker *c, weir_type a, weir_type b)
{
    a.optional = b.optional = false;
    if (weir_type_equal(a, b))
        return HELP(c, "give it a window (over 90d); %s can not be a key",
                    weir_type_print(a, c->scratch));
    return HELP(c, "give it a window (over 90d), or convert one side of `==`: these are %s and %s",
                weir_type_print(a, c->scratch), weir_type_print(b, c->scratch));
}

static weir_scope filter_scope(const aggregate *a)
{
    return (weir_scope){
        .phase = WEIR_PHASE_FILTER, .group = a->scope->group, .self = a->scope->self};
}

static bool may_overflow(weir_checker *c, const aggregate *a, const weir_column_info *column,
                         const weir_expr *key)
{
    bool may = weir_expr_overflows(c->scratch, key) != NULL;
    for (uint32_t i = 0; i < a->scope->group->stream_count; i++)
        may = may || weir_expr_overflows(c->scratch, column->exprs[i]) != NULL;
    return may;
}

/* `row == this-side`: a key. *done_out: it was taken (or is wrong and reported). */
static bool try_key(weir_checker *c, aggregate *a, const weir_ast_expr *part, bool *done_out)
{
    *done_out = false;
    if (part->kind != WEIR_AST_BINARY || strcmp(part->name, "==") != 0) return true;
    if (a->window.kind != WEIR_WINDOW_TIME && a->window.kind != WEIR_WINDOW_EVER) return true;
    unsigned left = weir_ast_uses(c, a->scope->group, part->args[0]),
             right = weir_ast_uses(c, a->scope->group, part->args[1]);
    if ((left | right) != (WEIR_USES_ROW | WEIR_USES_THIS) || left == right || left == 3 ||
        right == 3)
        return true;
    const weir_ast_expr *row = part->args[left == WEIR_USES_ROW ? 0 : 1],
                        *now = part->args[left == WEIR_USES_ROW ? 1 : 0];
    weir_column_info *column = weir_check_column(c, a->scope, row, false);
    weir_scope scope = filter_scope(a);
    weir_type hint = column != NULL ? column->type : (weir_type){0};
    hint.optional = false;
    const weir_expr *key = weir_check_expr(c, &scope, now, column != NULL ? &hint : NULL);
    if (column == NULL || key == NULL) {
        *done_out = true;
        return false;
    }
    /* A key says nothing of an overflow; over `ever`, what overflows just equals nothing. */
    if (a->window.kind == WEIR_WINDOW_TIME && may_overflow(c, a, column, key)) return true;
    weir_type type;
    if (!key_type(column->type, key->type, &type)) {
        a->no_key = no_key_help(c, column->type, key->type);
        return true;
    }
    if (!encodes_like(column->type, type)) column = widened(c, a->scope->group, column, type);
    if (!encodes_like(key->type, type)) {
        type.optional = key->type.optional;
        key = weir_expr_coerce(c->into, key, type);
        WEIR_ASSERT(key != NULL);
    }
    for (uint32_t i = 0; i < a->key_count; i++) {
        bool known = a->keys[i] == column &&
                     memcmp(weir_digest_expr(c, NULL, a->scope->self, a->this_keys[i]),
                            weir_digest_expr(c, NULL, a->scope->self, key), WEIR_DIGEST_BYTES) == 0;
        if (known) *done_out = true;
        if (known) return true;
    }
    if (a->scope->group->entity->key_count + a->key_count >= WEIR_PLAN_KEY_FIELDS_MAX) return true;
    a->keys[a->key_count] = column;
    a->this_keys[a->key_count++] = key;
    *done_out = true;
    return true;
}

/* Keys in an order that does not depend on the order of the text. */
static void sort_keys(weir_checker *c, aggregate *a)
{
    for (uint32_t i = 1; i < a->key_count; i++) {
        for (uint32_t k = i; k > 0; k--) {
            int order = memcmp(a->keys[k - 1]->digest, a->keys[k]->digest, WEIR_DIGEST_BYTES);
            if (order == 0)
                order = memcmp(weir_digest_expr(c, NULL, a->scope->self, a->this_keys[k - 1]),
                               weir_digest_expr(c, NULL, a->scope->self, a->this_keys[k]),
                               WEIR_DIGEST_BYTES);
            if (order <= 0) break;
            weir_column_info *column = a->keys[k];
            a->keys[k] = a->keys[k - 1];
            a->keys[k - 1] = column;
            const weir_expr *key = a->this_keys[k];
            a->this_keys[k] = a->this_keys[k - 1];
            a->this_keys[k - 1] = key;
        }
    }
}

static bool add_read_filter(weir_checker *c, aggregate *a, const weir_ast_expr *part)
{
    weir_scope scope = filter_scope(a);
    const weir_expr *condition = weir_check_condition(c, &scope, part);
    if (condition == NULL) return false;
    if (a->read_filter == NULL) {
        a->read_filter = condition;
        return true;
    }
    const weir_expr *both[2] = {a->read_filter, condition};
    a->read_filter = weir_bind(c, &scope, part->span, "and", both, 2);
    return a->read_filter != NULL;
}

static bool sort_condition(weir_checker *c, aggregate *a)
{
    bool good = true;
    for (uint32_t i = 0; i < a->part_count; i++) {
        const weir_ast_expr *part = a->parts[i];
        if ((weir_ast_uses(c, a->scope->group, part) & WEIR_USES_THIS) == 0) {
            a->rest = a->rest == NULL ? part : synthetic(c, WEIR_AST_BINARY, "and", a->rest, part);
            continue;
        }
        bool done = false;
        good = try_key(c, a, part, &done) && good;
        if (!done) good = add_read_filter(c, a, part) && good;
    }
    if (a->rest != NULL) {
        a->filter = column_of(c, a->scope, a->rest, false, true);
        good = good && a->filter != NULL;
    }
    sort_keys(c, a);
    return good;
}

/* ---- Windows ---- */

static void set_window(aggregate *a)
{
    const weir_ast_feature *feature = a->scope->feature;
    const weir_ast_window *window = a->scope->window;
    a->window = (weir_plan_window){.kind = window->kind,
                                   .width_us = window->width.us,
                                   .delay_us = feature->delayed.us,
                                   .step_us = feature->step.us};
    if (window->kind == WEIR_WINDOW_LAST) a->window.count = (uint32_t)window->count;
}

static bool check_bounded(weir_checker *c, const aggregate *a)
{
    if (strcmp(a->call->name, "rate") == 0 && a->window.kind != WEIR_WINDOW_TIME) {
        REPORT(c, ARGUMENTS, a->scope->window->span, "give it a duration: over 1h",
               "`rate` is per second of the window, and this window has no width");
        return false;
    }
    if (a->window.kind != WEIR_WINDOW_EVER) return true;
    weir_span at = a->scope->window->span;
    if (!weir_agg_allows_ever(a->agg)) {
        bool distinct = strcmp(a->call->name, "distinct") == 0;
        REPORT(c, UNBOUNDED, at,
               distinct ? "give it a window, such as over 90d"
                        : "give it a window (over 90d) or `over last 100`",
               "`%s` over `ever` would keep every event for ever", a->call->name);
        return false;
    }
    if (a->read_filter != NULL) {
        REPORT(c, UNBOUNDED, at,
               a->no_key != NULL ? a->no_key
                                 : "give it a window (over 90d), or compare with `==` alone, the "
                                   "past event on one side and `this` on the other",
               "past events compared with `this` over `ever` would all be kept for ever");
        return false;
    }
    return true;
}

/* ---- Views and cells ---- */

static bool has_column(const weir_view_info *view, const weir_column_info *column)
{
    for (uint32_t i = 0; i < view->columns.count; i++) {
        if (view->columns.items[i] == column) return true;
    }
    return false;
}

static void gather_columns(weir_checker *c, const weir_expr *expr, weir_pointers *needed)
{
    if (expr->op == WEIR_EXPR_COLUMN) weir_pointers_push(c, needed, c->columns.items[expr->index]);
    for (uint32_t i = 0; i < expr->arg_count; i++)
        gather_columns(c, expr->args[i], needed);
}

static weir_pointers needed_columns(weir_checker *c, const aggregate *a)
{
    weir_pointers needed = {0};
    for (uint32_t i = 0; i < a->arg_count; i++)
        weir_pointers_push(c, &needed, a->columns[i]);
    if (a->filter != NULL) weir_pointers_push(c, &needed, a->filter);
    if (a->read_filter != NULL) gather_columns(c, a->read_filter, &needed);
    return needed;
}

static bool place_columns(weir_checker *c, weir_view_info *view, const weir_pointers *needed)
{
    uint32_t before = view->columns.count;
    for (uint32_t i = 0; i < needed->count; i++) {
        if (!has_column(view, needed->items[i]))
            weir_pointers_push(c, &view->columns, needed->items[i]);
    }
    if (view->columns.count <= WEIR_PLAN_COLUMNS_MAX) return true;
    view->columns.count = before;
    return false;
}

static void bind_view(weir_checker *c, weir_view_info *view, const aggregate *a)
{
    if (a->key_count == 0) return;
    for (uint32_t i = 0; i < view->bindings.count; i++) {
        if (((weir_view_binding *)view->bindings.items[i])->self == a->scope->self) return;
    }
    weir_view_binding *binding = weir_arena_new(c->scratch, weir_view_binding);
    binding->self = a->scope->self;
    memcpy(binding->exprs, a->this_keys, sizeof binding->exprs);
    weir_pointers_push(c, &view->bindings, binding);
}

static void view_identity(weir_checker *c, const aggregate *a, uint8_t identity[WEIR_DIGEST_BYTES])
{
    weir_digester sha;
    weir_digester_init(&sha);
    weir_digest_text(&sha, "view");
    weir_digester_put(&sha, a->scope->group->digest, WEIR_DIGEST_BYTES);
    weir_digest_int(&sha, a->key_count);
    for (uint32_t i = 0; i < a->key_count; i++) {
        weir_digester_put(&sha, a->keys[i]->digest, WEIR_DIGEST_BYTES);
        weir_digester_put(&sha, weir_digest_expr(c, NULL, a->scope->self, a->this_keys[i]),
                          WEIR_DIGEST_BYTES);
    }
    weir_digester_finish(&sha, identity);
}

/* The view of these rows and keys that has the columns, or has room for them. */
static weir_view_info *view_for(weir_checker *c, const aggregate *a)
{
    uint8_t identity[WEIR_DIGEST_BYTES];
    view_identity(c, a, identity);
    weir_pointers needed = needed_columns(c, a);
    for (uint32_t i = 0; i < c->views.count; i++) {
        weir_view_info *view = c->views.items[i];
        if (memcmp(view->identity, identity, sizeof identity) != 0 ||
            !place_columns(c, view, &needed))
            continue;
        bind_view(c, view, a);
        return view;
    }
    weir_view_info *view = weir_arena_new(c->scratch, weir_view_info);
    *view = (weir_view_info){.group = a->scope->group, .key_count = a->key_count};
    memcpy(view->keys, a->keys, sizeof view->keys);
    memcpy(view->identity, identity, sizeof identity);
    if (c->views.count == WEIR_PLAN_VIEWS_MAX || !place_columns(c, view, &needed)) {
        REPORT(c, TOO_LARGE, a->call->span, "split the project",
               "a project has at most %d views, a view %d columns", WEIR_PLAN_VIEWS_MAX,
               WEIR_PLAN_COLUMNS_MAX);
        return NULL;
    }
    weir_pointers_push(c, &c->views, view);
    bind_view(c, view, a);
    return view;
}

static void cell_digest(weir_checker *c, const aggregate *a, const weir_view_info *view,
                        bool including_this, uint8_t digest[WEIR_DIGEST_BYTES])
{
    weir_digester sha;
    weir_digester_init(&sha);
    weir_digest_text(&sha, "cell");
    weir_digester_put(&sha, view->identity, WEIR_DIGEST_BYTES);
    weir_digest_binding(&sha, &a->binding);
    for (uint32_t i = 0; i < a->arg_count; i++)
        weir_digester_put(&sha, a->columns[i]->digest, WEIR_DIGEST_BYTES);
    weir_digest_int(&sha, a->filter != NULL);
    if (a->filter != NULL) weir_digester_put(&sha, a->filter->digest, WEIR_DIGEST_BYTES);
    weir_digest_int(&sha, a->read_filter != NULL);
    if (a->read_filter != NULL)
        weir_digester_put(&sha, weir_digest_expr(c, NULL, a->scope->self, a->read_filter),
                          WEIR_DIGEST_BYTES);
    weir_digest_window(&sha, &a->window);
    weir_digest_int(&sha, including_this);
    weir_digester_finish(&sha, digest);
}

static const weir_expr *cell_leaf(weir_checker *c, const weir_cell_info *cell)
{
    return weir_expr_leaf(c->into, WEIR_EXPR_CELL, cell->binding.type, cell->id);
}

static const weir_expr *make_cell(weir_checker *c, const aggregate *a)
{
    weir_view_info *view = view_for(c, a);
    if (view == NULL) return NULL;
    bool including_this = a->scope->feature->including_this;
    uint8_t digest[WEIR_DIGEST_BYTES];
    cell_digest(c, a, view, including_this, digest);
    /* A filter that reads `this` is bound to one stream's slots; others share the cell whoever
     * `this` is. */
    const void *scope =
        a->read_filter != NULL ? (const void *)a->scope->self : (const void *)&c->cells;
    const char *name = weir_digest_name(c, digest);
    weir_cell_info *known = weir_map_get(&c->interned, scope, name);
    if (known != NULL) return cell_leaf(c, known);
    if (c->cells.count == WEIR_PLAN_CELLS_MAX) {
        REPORT(c, TOO_LARGE, a->call->span, "split the project", "a project has at most %d cells",
               WEIR_PLAN_CELLS_MAX);
        return NULL;
    }
    weir_cell_info *cell = weir_arena_new(c->scratch, weir_cell_info);
    *cell = (weir_cell_info){.view = view,
                             .binding = a->binding,
                             .filter = a->filter,
                             .read_filter = a->read_filter,
                             .window = a->window,
                             .including_this = including_this,
                             .id = c->cells.count};
    memcpy(cell->args, a->columns, sizeof cell->args);
    memcpy(cell->digest, digest, sizeof digest);
    weir_pointers_push(c, &c->cells, cell);
    weir_pointers_push(c, &view->cells, cell);
    weir_map_put(&c->interned, scope, name, cell);
    return cell_leaf(c, cell);
}

static bool bind_aggregate(weir_checker *c, aggregate *a)
{
    bool good = true;
    weir_type types[WEIR_AGG_ARGS_MAX];
    for (uint32_t i = 0; i < a->arg_count; i++) {
        a->columns[i] = weir_check_column(c, a->scope, a->args[i], true);
        good = good && a->columns[i] != NULL;
        if (a->columns[i] != NULL) types[i] = a->columns[i]->type;
    }
    if (!good) return false;
    const char *name = weir_agg_name(a->agg);
    if (a->arg_count > 0 && (strcmp(name, "sum") == 0 || strcmp(name, "mean") == 0) &&
        types[0].kind == WEIR_LIST) {
        REPORT(c, NOT_SUPPORTED, a->call->span, NULL, "`%s` of vectors is not supported yet", name);
        return false;
    }
    const char *problem =
        weir_agg_bind(a->agg, types, a->arg_count, a->params, a->param_count, c->into, &a->binding);
    if (problem == NULL) return true;
    const char *cure = strstr(problem, "; ");
    REPORT(c, ARGUMENTS, a->call->span,
           cure != NULL ? HELP(c, "%s", cure + 2) : weir_agg_help(a->agg), "%.*s",
           (int)(cure != NULL ? cure - problem : (ptrdiff_t)strlen(problem)), problem);
    return false;
}

/* ---- Overflow ---- */

/* Where one of the columns is null because of an overflow; NULL: none ever is. */
static weir_column_info *overflow_column(weir_checker *c, const aggregate *a,
                                         weir_column_info *const *columns, uint32_t column_count)
{
    const weir_group_info *group = a->scope->group;
    weir_column_info made = {.type = weir_type_of(WEIR_BOOL)};
    bool any = false;
    for (uint32_t i = 0; i < group->stream_count; i++) {
        const weir_expr *sides[2];
        size_t count = 0;
        for (uint32_t k = 0; k < column_count; k++) {
            const weir_expr *side = weir_expr_overflows(c->into, columns[k]->exprs[i]);
            if (side != NULL) sides[count++] = side;
        }
        any = any || count > 0;
        made.exprs[i] = count == 0   ? weir_expr_const(c->into, made.type, weir_bool(false))
                        : count == 1 ? sides[0]
                                     : weir_bind(c, a->scope, a->call->span, "or", sides, count);
        if (made.exprs[i] == NULL) return NULL;
    }
    return any ? intern_column(c, group, &made) : NULL;
}

/* The cell's value, or an overflow where the column holds for one of the events of `a`. */
static const weir_expr *unless_any(weir_checker *c, const aggregate *from, weir_column_info *column,
                                   const weir_expr *cell)
{
    aggregate a = *from;
    a.agg = weir_agg_find("any");
    a.arg_count = 1;
    a.columns[0] = column;
    const char *problem = weir_agg_bind(a.agg, &column->type, 1, NULL, 0, c->into, &a.binding);
    WEIR_ASSERT(problem == NULL);
    const weir_expr *guard = make_cell(c, &a);
    return guard == NULL ? NULL : weir_expr_unless_overflow(c->into, guard, cell);
}

/* Where a condition that is stored gives no verdict; NULL: it always does. */
static weir_column_info *undecided_column(weir_checker *c, const aggregate *a,
                                          const weir_expr *const *conditions)
{
    const weir_expr_bind_context context = {.into = c->into};
    weir_column_info verdict = {.type = weir_type_of(WEIR_BOOL)}, *const of = &verdict;
    for (uint32_t i = 0; i < a->scope->group->stream_count; i++) {
        if (conditions[i] == NULL) return NULL; /* reported */
        verdict.exprs[i] = weir_expr_verdict(&context, conditions[i]);
    }
    return overflow_column(c, a, &of, 1);
}

static const weir_expr *column_leaf(weir_checker *c, const weir_column_info *column)
{
    return weir_expr_leaf(c->into, WEIR_EXPR_COLUMN, column->type, column->id);
}

/* A filter over stored columns, over what they were computed from: an overflow is one again. */
static const weir_expr *over_computed(weir_checker *c, const aggregate *a, const weir_expr *expr)
{
    if (expr->op == WEIR_EXPR_COLUMN) {
        weir_column_info *column = c->columns.items[expr->index];
        const weir_column_info *lost = overflow_column(c, a, &column, 1);
        return lost == NULL ? expr : weir_expr_unless_overflow(c->into, column_leaf(c, lost), expr);
    }
    weir_expr *copy = weir_arena_copy(c->into, expr, sizeof *expr);
    const weir_expr **args = weir_arena_array(c->into, const weir_expr *, expr->arg_count);
    for (uint32_t i = 0; i < expr->arg_count; i++)
        args[i] = over_computed(c, a, expr->args[i]);
    copy->args = args;
    return copy;
}

/* An overflow, too, where the condition overflows for one of the window's events (R12). */
static const weir_expr *unless_condition(weir_checker *c, const aggregate *from,
                                         const weir_expr *cell)
{
    const weir_expr_bind_context context = {.into = c->into};
    const weir_column_info *filter = from->filter;
    weir_column_info *lost = filter == NULL ? NULL : undecided_column(c, from, filter->exprs);
    aggregate a = *from;
    if (lost != NULL) a.filter = NULL;
    if (from->read_filter == NULL) return lost == NULL ? cell : unless_any(c, &a, lost, cell);
    const weir_expr *verdict =
        weir_expr_verdict(&context, over_computed(c, from, from->read_filter));
    if (lost != NULL) {
        const weir_expr *parts[2] = {weir_expr_verdict(&context, column_leaf(c, filter)), verdict};
        parts[0] = weir_expr_unless_overflow(c->into, column_leaf(c, lost), parts[0]);
        verdict = weir_bind(c, from->scope, from->call->span, "and", parts, 2);
    }
    a.read_filter = weir_expr_overflows(c->into, verdict);
    if (a.read_filter == NULL) return cell;
    weir_column_info here = {.type = weir_type_of(WEIR_BOOL)};
    for (uint32_t i = 0; i < from->scope->group->stream_count; i++)
        here.exprs[i] = weir_expr_const(c->into, here.type, weir_bool(true));
    return unless_any(c, &a, intern_column(c, from->scope->group, &here), cell);
}

/* An overflow, too, where nobody could say whether an event is one of the group's. */
static const weir_expr *unless_membership(weir_checker *c, const aggregate *from,
                                          const weir_expr *cell)
{
    const weir_group_info *group = from->scope->group;
    weir_column_info *lost =
        group->decl->as.group.where == NULL ? NULL : undecided_column(c, from, group->own_wheres);
    aggregate a = *from;
    a.filter = NULL;
    a.read_filter = NULL;
    return lost == NULL ? cell : unless_any(c, &a, lost, cell);
}

/* The cell's value, or an overflow where one of its events is not what it seems. */
static const weir_expr *guarded(weir_checker *c, const aggregate *a, const weir_expr *cell)
{
    weir_column_info *lost = cell == NULL ? NULL : overflow_column(c, a, a->columns, a->arg_count);
    if (lost != NULL) cell = unless_any(c, a, lost, cell);
    if (cell != NULL) cell = unless_condition(c, a, cell);
    return cell == NULL ? NULL : unless_membership(c, a, cell);
}

/* One cell: `agg(args) where the feature's condition and extra`. */
static const weir_expr *aggregate_cell(weir_checker *c, aggregate *a, const weir_ast_expr *extra)
{
    const weir_ast_expr *where = a->scope->feature->where;
    a->part_count = 0;
    bool good = where == NULL || add_parts(c, a, where, 0);
    good = (extra == NULL || add_parts(c, a, extra, 0)) && good;
    good = good && sort_condition(c, a);
    good = bind_aggregate(c, a) && good;
    if (!good || !check_bounded(c, a)) return NULL;
    return guarded(c, a, make_cell(c, a));
}

/* ---- Arguments that look at `this` ---- */

static weir_ast_expr *true_node(weir_checker *c, weir_span at)
{
    weir_ast_expr *node = weir_arena_new(c->scratch, weir_ast_expr);
    *node = (weir_ast_expr){
        .kind = WEIR_AST_BOOL, .integer = 1, .span = at, .name_span = at, .depth = 1};
    return node;
}

/*
 * any(p), all(p), count(p) and share_of(p) where p sees `this` are the same question put to a
 * filter: any(true) where p, not any(true) where not p, count() where has p, count() where p /
 * count().
 */
static const weir_expr *filtered(weir_checker *c, const aggregate *from)
{
    const char *name = from->call->name;
    const weir_ast_expr *p = from->args[0];
    aggregate a = {
        .scope = from->scope, .call = from->call, .agg = from->agg, .window = from->window};
    bool is_all = strcmp(name, "all") == 0, is_any = strcmp(name, "any") == 0;
    if (is_any || is_all) {
        a.agg = weir_agg_find("any");
        a.arg_count = 1;
        a.args[0] = true_node(c, from->call->span);
        const weir_expr *cell =
            aggregate_cell(c, &a, is_all ? synthetic(c, WEIR_AST_UNARY, "not", p, NULL) : p);
        return is_any ? cell : weir_bind(c, from->scope, from->call->span, "not", &cell, 1);
    }
    a.agg = weir_agg_find("count");
    if (strcmp(name, "count") == 0)
        return aggregate_cell(c, &a, synthetic(c, WEIR_AST_UNARY, "has", p, NULL));
    aggregate all = a;
    const weir_expr *parts[2] = {aggregate_cell(c, &a, p), aggregate_cell(c, &all, NULL)};
    return weir_bind(c, from->scope, from->call->span, "/", parts, 2);
}

static bool can_be_filtered(const aggregate *a)
{
    static const char *const names[] = {"any", "all", "count", "share_of"};
    for (size_t i = 0; i < 4; i++) {
        if (strcmp(names[i], a->call->name) == 0) return a->arg_count == 1 && a->param_count == 0;
    }
    return false;
}

const weir_expr *weir_check_aggregate(weir_checker *c, const weir_scope *scope,
                                      const weir_ast_expr *call)
{
    if (scope->window == NULL) return NULL; /* the clauses were wrong: reported */
    aggregate a = {.scope = scope, .call = call};
    if (!read_arguments(c, &a)) return NULL;
    set_window(&a);
    bool sees_this = false;
    for (uint32_t i = 0; i < a.arg_count; i++)
        sees_this |= (weir_ast_uses(c, scope->group, a.args[i]) & WEIR_USES_THIS) != 0;
    if (sees_this && can_be_filtered(&a)) return filtered(c, &a);
    a.agg = find_aggregate(c, call);
    if (a.agg == NULL) return NULL;
    if (sees_this) {
        REPORT(c, NOT_SUPPORTED, call->span,
               "compare with `this` in `where`, or take `this` out of the aggregate",
               "`this` inside the argument of `%s` is not supported yet", call->name);
        return NULL;
    }
    return aggregate_cell(c, &a, NULL);
}
