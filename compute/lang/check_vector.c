/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Vectors, scores and labels: what is read when an event has passed all its entities.
 */
#include "compute/lang/check_internal.h"

#include <string.h>

#include "ops/runtime/assert.h"

#define REPORT(c, id, at, help, ...)                                                               \
    weir_diagnostics_add((c)->diagnostics, WEIR_D_##id, at, help, __VA_ARGS__)
#define HELP(c, ...) weir_arena_printf((c)->diagnostics->into, __VA_ARGS__)

static weir_scope vector_scope(weir_vector_info *vector)
{
    return (weir_scope){.phase = WEIR_PHASE_VECTOR, .self = vector->stream, .vector = vector};
}

static void add_column(weir_checker *c, weir_vector_info *vector, const char *name, weir_span span,
                       const weir_expr *expr, const weir_member_info *member)
{
    if (expr == NULL) {
        vector->is_broken = true;
        return;
    }
    if (expr->type.kind == WEIR_NULL) {
        REPORT(c, TYPE, span, NULL, "`null` alone has no type");
        return;
    }
    name = weir_intern_text(c, name);
    if (weir_map_get(&c->slots, vector, name) != NULL) {
        REPORT(c, DUPLICATE_COLUMN, span, "give one of them another name: name = ...",
               "the vector has a column `%s` already", name);
        return;
    }
    weir_vector_column *column = weir_arena_new(c->scratch, weir_vector_column);
    *column = (weir_vector_column){name, span, expr, member};
    weir_map_put(&c->slots, vector, name, column);
    weir_pointers_push(c, &vector->columns, column);
}

static void add_feature(weir_checker *c, weir_vector_info *vector, weir_feature_info *feature,
                        weir_span at)
{
    for (uint32_t i = 0; i < feature->member_count; i++) {
        weir_member_info *member = feature->members[i];
        add_column(c, vector, member->column, at,
                   weir_member_carried(c, member, vector->stream, at), member);
    }
    vector->is_broken |= feature->member_count == 0;
}

static weir_group_info *group_named(weir_checker *c, weir_ast_name name)
{
    const weir_symbol *symbol = weir_symbol_find(c, name.name);
    if (symbol != NULL && symbol->kind == WEIR_SYMBOL_BROKEN) return NULL;
    if (symbol != NULL && symbol->kind == WEIR_SYMBOL_GROUP)
        return symbol->as.group->is_broken ? NULL : symbol->as.group;
    weir_scope scope = {.phase = WEIR_PHASE_VECTOR};
    const char *near = weir_suggest_name(c, &scope, name.name);
    REPORT(c, UNKNOWN_FEATURE, name.span, near != NULL ? HELP(c, "did you mean `%s`?", near) : NULL,
           "there is no features group `%s`", name.name);
    return NULL;
}

static void add_set(weir_checker *c, weir_vector_info *vector, const weir_ast_item *item)
{
    weir_group_info *group = group_named(c, item->name);
    if (group == NULL) vector->is_broken = true;
    for (uint32_t i = 0; group != NULL && i < item->set.count; i++) {
        weir_feature_info *feature =
            weir_group_feature(c, group, item->set.items[i].name, item->set.items[i].span);
        if (feature != NULL) add_feature(c, vector, feature, item->set.items[i].span);
    }
}

static void add_star(weir_checker *c, weir_vector_info *vector, const weir_ast_item *item)
{
    weir_group_info *group = group_named(c, item->name);
    if (group == NULL) vector->is_broken = true;
    for (uint32_t i = 0; group != NULL && i < group->features.count; i++)
        add_feature(c, vector, group->features.items[i], item->span);
}

/* The feature that `group.feature` means, without an index; NULL (not reported) if it is something
 * else. */
static weir_feature_info *feature_of_path(weir_checker *c, const weir_ast_expr *expr)
{
    while (expr->kind == WEIR_AST_BRACKETS)
        expr = expr->args[0];
    if (expr->kind == WEIR_AST_INDEX) expr = expr->args[0];
    const weir_ast_expr *root = NULL;
    const char *path = expr->kind == WEIR_AST_FIELD ? weir_path_of(c, expr, &root) : NULL;
    if (path == NULL || root->kind != WEIR_AST_NAME) return NULL;
    const weir_symbol *symbol = weir_symbol_find(c, root->name);
    if (symbol == NULL || symbol->kind != WEIR_SYMBOL_GROUP) return NULL;
    return weir_feature_find(c, symbol->as.group,
                             weir_intern_text(c, path + strlen(root->name) + 1));
}

static const weir_member_info *shown_member(const weir_vector_info *vector, const weir_expr *expr)
{
    if (expr == NULL || expr->op != WEIR_EXPR_CARRIED) return NULL;
    return ((weir_carried_info *)vector->stream->carried.items[expr->index])->member;
}

static void add_named(weir_checker *c, weir_vector_info *vector, const weir_ast_item *item)
{
    weir_feature_info *feature =
        item->expr->kind == WEIR_AST_INDEX ? NULL : feature_of_path(c, item->expr);
    if (feature != NULL && feature->member_count > 1) { /* a whole family under another name */
        for (uint32_t i = 0; i < feature->member_count; i++) {
            weir_member_info *member = feature->members[i];
            const char *name = HELP(c, "%s_%s", item->name.name, member->suffix);
            add_column(c, vector, name, item->name.span,
                       weir_member_carried(c, member, vector->stream, item->expr->span), member);
        }
        return;
    }
    weir_scope scope = vector_scope(vector);
    c->steps = 0;
    weir_pointers_push(c, &c->open, (void *)(uintptr_t)item);
    weir_pointers_push(c, &c->way, (void *)(uintptr_t)item->name.name);
    const weir_expr *expr = weir_check_expr(c, &scope, item->expr, NULL);
    c->way.count -= 1;
    c->open.count -= 1;
    if (item->kind == WEIR_ITEM_NAMED)
        add_column(c, vector, item->name.name, item->name.span, expr, shown_member(vector, expr));
}

static void add_path(weir_checker *c, weir_vector_info *vector, const weir_ast_item *item)
{
    weir_scope scope = vector_scope(vector);
    const weir_ast_expr *root = NULL;
    const char *path = weir_path_of(
        c, item->expr->kind == WEIR_AST_INDEX ? item->expr->args[0] : item->expr, &root);
    c->steps = 0;
    const weir_expr *expr = weir_check_expr(c, &scope, item->expr, NULL);
    if (expr == NULL || path == NULL) {
        vector->is_broken = true;
        return;
    }
    const weir_member_info *member = shown_member(vector, expr);
    char *name = weir_arena_string(c->into, member != NULL ? member->column : path,
                                   strlen(member != NULL ? member->column : path));
    for (char *at = name; *at != '\0'; at++) {
        if (*at == '.') *at = '_';
    }
    bool is_value = root->kind == WEIR_AST_THIS || member != NULL;
    if (is_value) {
        add_column(c, vector, name, item->span, expr, member);
        return;
    }
    REPORT(c, UNEXPECTED, item->span, "write name = expression",
           "a column without a name must be group.feature or this.field");
}

static void digest_vector(weir_checker *c, weir_vector_info *vector)
{
    weir_digester sha;
    weir_digester_init(&sha);
    weir_digest_text(&sha, "vector");
    weir_digester_put(&sha, vector->stream->digest, WEIR_DIGEST_BYTES);
    weir_digest_int(&sha, vector->columns.count);
    for (uint32_t i = 0; i < vector->columns.count; i++) {
        const weir_vector_column *column = vector->columns.items[i];
        weir_digest_text(&sha, column->name);
        weir_digester_put(&sha, weir_digest_expr(c, vector->stream, vector->stream, column->expr),
                          WEIR_DIGEST_BYTES);
    }
    weir_digester_finish(&sha, vector->digest);
}

/* What columns may call by name. Two columns of one name are found when they are added. */
static void collect_items(weir_checker *c, const weir_ast_decl *decl)
{
    for (uint32_t i = 0; i < decl->as.vector.item_count; i++) {
        weir_ast_item *item = &decl->as.vector.items[i];
        if (item->kind != WEIR_ITEM_NAMED && item->kind != WEIR_ITEM_LET) continue;
        const weir_ast_item *known = weir_map_get(&c->members, decl, item->name.name);
        if (known == NULL)
            weir_map_put(&c->members, decl, item->name.name, item);
        else if (known->kind == WEIR_ITEM_LET || item->kind == WEIR_ITEM_LET)
            REPORT(c, DUPLICATE_NAME, item->name.span, "give one of them another name",
                   "the vector `%s` has `%s` already", decl->name.name, item->name.name);
    }
}

void weir_check_vector(weir_checker *c, weir_vector_info *vector)
{
    const weir_ast_vector *ast = &vector->decl->as.vector;
    if (vector->is_broken) return;
    vector->stream = weir_stream_named(c, ast->stream);
    if (ast->candidates.name != NULL) {
        REPORT(c, NOT_SUPPORTED, ast->candidates.span, NULL,
               "ranking of candidates is not supported yet");
        vector->is_broken = true;
    }
    if (vector->stream == NULL) {
        vector->is_broken = true;
        return;
    }
    collect_items(c, vector->decl);
    for (uint32_t i = 0; i < ast->item_count; i++) {
        const weir_ast_item *item = &ast->items[i];
        switch (item->kind) {
        case WEIR_ITEM_STAR: add_star(c, vector, item); break;
        case WEIR_ITEM_SET: add_set(c, vector, item); break;
        case WEIR_ITEM_PATH: add_path(c, vector, item); break;
        case WEIR_ITEM_NAMED:
        case WEIR_ITEM_LET: add_named(c, vector, item); break;
        }
    }
    if (vector->columns.count == 0 && c->diagnostics->error_count == 0)
        REPORT(c, EMPTY, vector->decl->name.span, "name a column", "the vector `%s` has no columns",
               vector->decl->name.name);
    if (!vector->is_broken) digest_vector(c, vector);
}

/* ---- Scores ---- */

static weir_vector_info *vector_named(weir_checker *c, weir_ast_name name)
{
    const weir_symbol *symbol = weir_symbol_find(c, name.name);
    if (symbol != NULL && symbol->kind == WEIR_SYMBOL_BROKEN) return NULL;
    if (symbol != NULL && symbol->kind == WEIR_SYMBOL_VECTOR) return symbol->as.vector;
    const char **names = weir_arena_array(c->scratch, const char *, c->vectors.count);
    for (uint32_t i = 0; i < c->vectors.count; i++)
        names[i] = ((weir_vector_info *)c->vectors.items[i])->decl->name.name;
    const char *near = weir_nearest_name(name.name, names, c->vectors.count);
    REPORT(c, UNKNOWN_VECTOR, name.span, near != NULL ? HELP(c, "did you mean `%s`?", near) : NULL,
           "there is no vector `%s`", name.name);
    return NULL;
}

static bool check_score_clauses(weir_checker *c, const weir_ast_decl *decl)
{
    const weir_ast_score *ast = &decl->as.score;
    bool good = true;
    if (ast->input.name == NULL) {
        REPORT(c, SCORE_CLAUSE, decl->name.span, "add `input vector`",
               "the score `%s` has no input", decl->name.name);
        good = false;
    }
    if (ast->to.name == NULL) {
        REPORT(c, SCORE_CLAUSE, decl->name.span, "add `to kafka(\"topic\")`",
               "the score `%s` goes nowhere", decl->name.name);
        good = false;
    } else if (strcmp(ast->to.name, "kafka") != 0) {
        REPORT(c, SOURCE, ast->to.span, "write kafka(\"topic\")",
               "`%s` is no place that scores can go to", ast->to.name);
        good = false;
    }
    if (ast->top >= 0 || ast->top_span.end != 0) {
        REPORT(c, NOT_SUPPORTED, ast->top_span, NULL,
               "`top` belongs to rankings, which are not supported yet");
        good = false;
    }
    if (ast->reasons_span.end != 0 && (ast->reasons < 0 || ast->reasons > 64)) {
        REPORT(c, BAD_SETTING, ast->reasons_span, "0 to 64 reasons",
               "the number of reasons is out of range");
        good = false;
    }
    return good;
}

static void check_decisions(weir_checker *c, weir_score_info *score, const weir_scope *scope)
{
    const weir_ast_score *ast = &score->decl->as.score;
    bool has_else = false;
    weir_scope decide = *scope;
    decide.allow_score = true;
    score->whens = weir_arena_array(c->scratch, const weir_expr *, ast->decision_count);
    for (uint32_t i = 0; i < ast->decision_count; i++) {
        const weir_ast_decision *decision = &ast->decisions[i];
        if (has_else) {
            REPORT(c, UNEXPECTED, decision->name.span, "put `else` last",
                   "this decision can never be taken");
            score->is_broken = true;
        }
        has_else |= decision->is_else;
        if (decision->is_else) continue;
        c->steps = 0;
        score->whens[i] = weir_check_condition(c, &decide, decision->when);
        score->is_broken |= score->whens[i] == NULL;
    }
    if (!ast->has_decide || has_else) return;
    REPORT(c, SCORE_CLAUSE, ast->decide_span, "end it with `else name`", "`decide` has no `else`");
    score->is_broken = true;
}

static void check_fallback(weir_checker *c, weir_score_info *score, const weir_scope *scope)
{
    const weir_ast_expr *ast = score->decl->as.score.fallback;
    if (ast == NULL) return;
    weir_type want = weir_type_of(WEIR_FLOAT64);
    c->steps = 0;
    const weir_expr *expr = weir_check_expr(c, scope, ast, &want);
    score->is_broken |= expr == NULL;
    if (expr == NULL) return;
    want.optional = expr->type.optional;
    score->fallback = weir_expr_coerce(c->into, expr, want);
    if (score->fallback == NULL && weir_type_is_number(expr->type))
        score->fallback = weir_bind(c, scope, ast->span, "float", &expr, 1);
    if (score->fallback != NULL) return;
    score->is_broken = true;
    REPORT(c, TYPE, ast->span, "a fallback is a number such as 0.5",
           "this is %s, a fallback is a score: float64", weir_type_print(expr->type, c->scratch));
}

void weir_check_score(weir_checker *c, weir_score_info *score)
{
    const weir_ast_score *ast = &score->decl->as.score;
    weir_stream_info *stream = weir_stream_named(c, ast->stream);
    score->is_broken |= !check_score_clauses(c, score->decl) || stream == NULL;
    score->vector = ast->input.name == NULL ? NULL : vector_named(c, ast->input);
    if (score->vector == NULL || score->vector->stream == NULL || stream == NULL) {
        score->is_broken = true;
        return;
    }
    if (score->vector->stream != stream) {
        REPORT(c, SCORE_STREAM, ast->input.span,
               HELP(c, "write score %s on %s", score->decl->name.name, score->vector->stream->name),
               "the vector `%s` stands on `%s`, the score on `%s`", ast->input.name,
               score->vector->stream->name, stream->name);
        score->is_broken = true;
        return;
    }
    weir_scope scope = vector_scope(score->vector);
    check_decisions(c, score, &scope);
    check_fallback(c, score, &scope);
}

/* ---- Labels ---- */

static bool cell_leaks(weir_checker *c, const weir_expr *expr, const weir_stream_info *stream,
                       int64_t within)
{
    if (expr->op == WEIR_EXPR_CELL) {
        const weir_cell_info *cell = c->cells.items[expr->index];
        const weir_group_info *group = cell->view->group;
        for (uint32_t i = 0; i < group->stream_count; i++) {
            if (group->streams[i] == stream && cell->window.delay_us < within) return true;
        }
    }
    for (uint32_t i = 0; i < expr->arg_count; i++) {
        if (cell_leaks(c, expr->args[i], stream, within)) return true;
    }
    return false;
}

static const weir_member_info *leaking_member(weir_checker *c, const weir_vector_info *vector,
                                              const weir_expr *expr, const weir_stream_info *stream,
                                              int64_t within)
{
    if (expr->op == WEIR_EXPR_CARRIED) {
        const weir_carried_info *carried = vector->stream->carried.items[expr->index];
        if (cell_leaks(c, carried->expr, stream, within)) return carried->member;
    }
    for (uint32_t i = 0; i < expr->arg_count; i++) {
        const weir_member_info *member = leaking_member(c, vector, expr->args[i], stream, within);
        if (member != NULL) return member;
    }
    return NULL;
}

static void warn_leak(weir_checker *c, const weir_ast_decl *decl, const weir_vector_info *vector,
                      const weir_stream_info *stream)
{
    const weir_ast_label *ast = &decl->as.label;
    for (uint32_t i = 0; i < vector->columns.count; i++) {
        const weir_vector_column *column = vector->columns.items[i];
        const weir_member_info *member =
            leaking_member(c, vector, column->expr, stream, ast->within.us);
        if (member == NULL) continue;
        const char *text =
            c->diagnostics->sources[ast->within.span.source].text + ast->within.span.start;
        REPORT(c, LABEL_LEAK, ast->path.items[0].span,
               HELP(c, "write `delayed %.*s` behind `%s.%s`, or leave it out of the vector",
                    (int)(ast->within.span.end - ast->within.span.start), text,
                    member->feature->group->name, member->feature->ast->name),
               "the label looks at `%s`, and so does the feature `%s.%s` of its vector",
               stream->name, member->feature->group->name, member->feature->ast->name);
        return;
    }
}

static void check_label_where(weir_checker *c, const weir_ast_decl *decl, weir_stream_info *stream,
                              weir_stream_info *self)
{
    if (decl->as.label.where == NULL) return;
    weir_group_info *group = weir_arena_new(c->scratch, weir_group_info);
    weir_ast_decl *empty = weir_arena_new(c->scratch, weir_ast_decl);
    empty->kind = WEIR_DECL_FEATURES;
    *group =
        (weir_group_info){.decl = empty, .name = "label", .stream_count = 1, .is_resolved = true};
    group->streams[0] = stream;
    memcpy(group->digest, stream->digest, WEIR_DIGEST_BYTES);
    weir_scope scope = {.phase = WEIR_PHASE_FILTER, .group = group, .self = self};
    c->steps = 0;
    (void)weir_check_condition(c, &scope, decl->as.label.where);
}

void weir_check_label(weir_checker *c, const weir_ast_decl *decl)
{
    const weir_ast_label *ast = &decl->as.label;
    if (ast->path.count != 2) {
        REPORT(c, UNEXPECTED, ast->path.items[0].span,
               "label vector.name = any(stream where ...) within 7d",
               "a label is called vector.name");
        return;
    }
    weir_vector_info *vector = vector_named(c, ast->path.items[0]);
    weir_stream_info *stream = weir_stream_named(c, ast->stream);
    if (!weir_language_has_aggregate(ast->aggregate.name))
        REPORT(c, UNKNOWN_FUNCTION, ast->aggregate.span, NULL, "there is no aggregate `%s`",
               ast->aggregate.name);
    if (ast->within.us <= 0 || ast->within.us > WEIR_DURATION_MAX_US)
        REPORT(c, BAD_WINDOW, ast->within.span, NULL, "the label's time is out of range");
    if (vector == NULL || stream == NULL || vector->stream == NULL) return;
    check_label_where(c, decl, stream, vector->stream);
    if (weir_map_get(&c->slots, vector, ast->path.items[1].name) != NULL)
        REPORT(c, DUPLICATE_COLUMN, ast->path.items[1].span, "give the label another name",
               "the vector has a column `%s` already", ast->path.items[1].name);
    if (!vector->is_broken) warn_leak(c, decl, vector, stream);
    REPORT(c, LABEL_WAITS, decl->as.label.aggregate.span, NULL,
           "labels are checked but not exported yet");
}
