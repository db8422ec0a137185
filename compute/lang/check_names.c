/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What names mean, without typing anything yet.
 */
#include "compute/lang/check_internal.h"

#include <string.h>

#include "ops/runtime/assert.h"

void weir_pointers_push(weir_checker *c, weir_pointers *list, void *item)
{
    if (list->count == list->capacity) {
        uint32_t capacity = list->capacity == 0 ? 8 : list->capacity * 2;
        void **larger = weir_arena_array(c->scratch, void *, capacity);
        if (list->count > 0) memcpy(larger, list->items, list->count * sizeof *larger);
        list->items = larger;
        list->capacity = capacity;
    }
    list->items[list->count++] = item;
}

const char *weir_intern_text(weir_checker *c, const char *text)
{
    return weir_intern_name(c->intern, text, strlen(text));
}

const char *weir_path_of(weir_checker *c, const weir_ast_expr *node, const weir_ast_expr **root_out)
{
    const char *path = NULL;
    for (; node->kind == WEIR_AST_FIELD; node = node->args[0])
        path = path == NULL ? node->name : weir_arena_printf(c->scratch, "%s.%s", node->name, path);
    *root_out = node;
    if (node->kind == WEIR_AST_THIS) return path == NULL ? NULL : weir_intern_text(c, path);
    if (node->kind != WEIR_AST_NAME) return NULL;
    if (path == NULL) return node->name;
    return weir_intern_text(c, weir_arena_printf(c->scratch, "%s.%s", node->name, path));
}

const weir_schema_field *weir_stream_field(const weir_stream_info *stream, const char *path)
{
    return stream->schema == NULL ? NULL : weir_schema_find(stream->schema, path);
}

bool weir_report_unnamable(weir_checker *c, const weir_stream_info *stream, const char *path,
                           weir_span at)
{
    const char *found = stream == NULL || stream->schema == NULL || path == NULL
                            ? NULL
                            : weir_schema_unnamed(stream->schema, path, c->scratch);
    if (found == NULL) return false;
    const char *help =
        strstr(found, "record") != NULL
            ? weir_arena_printf(c->diagnostics->into, "name one of its fields: %s.field", path)
            : "docs/language/types.md lists the types that can be named";
    weir_diagnostics_add(c->diagnostics, WEIR_D_UNKNOWN_FIELD, at, help,
                         "`%s` can not be named: in the schema %s it is %s", path,
                         stream->schema->full_name, found);
    return true;
}

uint32_t weir_stream_slot(weir_checker *c, weir_stream_info *stream, const char *path)
{
    path = weir_intern_text(c, path);
    uintptr_t known = (uintptr_t)weir_map_get(&c->slots, stream, path);
    if (known != 0) return (uint32_t)(known - 1);
    const weir_schema_field *field = weir_stream_field(stream, path);
    WEIR_ASSERT(field != NULL);
    uint32_t slot = stream->slots.count;
    weir_pointers_push(c, &stream->slots, (void *)(uintptr_t)path);
    weir_type *type = weir_arena_new(c->scratch, weir_type);
    *type = field->type;
    weir_pointers_push(c, &stream->slot_types, type);
    weir_map_put(&c->slots, stream, path, (void *)(uintptr_t)(slot + 1));
    return slot;
}

weir_symbol *weir_symbol_find(weir_checker *c, const char *name)
{
    return weir_map_get(&c->symbols, NULL, name);
}

static const char *nearest_stream(weir_checker *c, const char *name)
{
    const char **names = weir_arena_array(c->scratch, const char *, c->streams.count);
    for (uint32_t i = 0; i < c->streams.count; i++)
        names[i] = ((weir_stream_info *)c->streams.items[i])->name;
    return weir_nearest_name(name, names, c->streams.count);
}

weir_stream_info *weir_stream_named(weir_checker *c, weir_ast_name name)
{
    const weir_symbol *symbol = weir_symbol_find(c, name.name);
    if (symbol != NULL && symbol->kind == WEIR_SYMBOL_BROKEN) return NULL;
    if (symbol != NULL && symbol->kind == WEIR_SYMBOL_STREAM && !symbol->as.stream->is_table)
        return symbol->as.stream->is_broken ? NULL : symbol->as.stream;
    const char *near = nearest_stream(c, name.name);
    const char *help =
        near != NULL ? weir_arena_printf(c->diagnostics->into, "did you mean `%s`?", near)
                     : "declare it: stream name from kafka(\"topic\") avro(\"schema\") { ... }";
    weir_diagnostics_add(c->diagnostics, WEIR_D_UNKNOWN_STREAM, name.span, help,
                         symbol == NULL ? "there is no stream `%s`" : "`%s` is not a stream",
                         name.name);
    if (near == NULL) return NULL; /* else go on as if that was meant: the rest is checked, too */
    symbol = weir_symbol_find(c, near);
    return symbol->as.stream->is_broken ? NULL : symbol->as.stream;
}

const weir_ast_feature *weir_let_find(weir_checker *c, const weir_group_info *group,
                                      const char *name)
{
    return weir_map_get(&c->members, group->decl, name);
}

weir_feature_info *weir_feature_find(weir_checker *c, const weir_group_info *group,
                                     const char *name)
{
    return weir_map_get(&c->members, group, name);
}

bool weir_group_has_field(const weir_group_info *group, const char *path)
{
    for (uint32_t i = 0; i < group->stream_count; i++) {
        if (group->streams[i] != NULL && weir_stream_field(group->streams[i], path) != NULL)
            return true;
    }
    return false;
}

/* A bare name or path in the row phase: does it read the past event? */
static unsigned name_uses(weir_checker *c, const weir_group_info *group, const weir_ast_expr *node,
                          unsigned depth);

static unsigned uses(weir_checker *c, const weir_group_info *group, const weir_ast_expr *node,
                     unsigned depth)
{
    if (depth > 4 * WEIR_CHECK_NESTING_MAX) return WEIR_USES_ROW;
    switch (node->kind) {
    case WEIR_AST_THIS: return WEIR_USES_THIS;
    case WEIR_AST_NAME: return name_uses(c, group, node, depth);
    case WEIR_AST_FIELD: {
        const weir_ast_expr *root = NULL;
        const char *path = weir_path_of(c, node, &root);
        if (root->kind == WEIR_AST_THIS) return WEIR_USES_THIS;
        if (path == NULL) return uses(c, group, node->args[0], depth + 1);
        const weir_symbol *symbol = weir_symbol_find(c, root->name);
        bool is_enum = symbol != NULL && symbol->kind == WEIR_SYMBOL_ENUM &&
                       !weir_group_has_field(group, path);
        return is_enum ? 0 : WEIR_USES_ROW;
    }
    case WEIR_AST_INDEX: return WEIR_USES_ROW;
    default: {
        unsigned all = 0;
        for (uint32_t i = 0; i < node->arg_count; i++)
            all |= uses(c, group, node->args[i], depth + 1);
        return all;
    }
    }
}

static unsigned name_uses(weir_checker *c, const weir_group_info *group, const weir_ast_expr *node,
                          unsigned depth)
{
    const weir_ast_feature *let = weir_let_find(c, group, node->name);
    if (let != NULL) { /* looked at once: lets of lets would double at each step */
        uintptr_t known = (uintptr_t)weir_map_get(&c->interned, &c->sizes, let);
        if (known == 0) {
            known = 1 + (let->expr == NULL ? 0 : uses(c, group, let->expr, depth + 1));
            weir_map_put(&c->interned, &c->sizes, let, (void *)known);
        }
        return (unsigned)(known - 1);
    }
    if (weir_group_has_field(group, node->name)) return WEIR_USES_ROW;
    return weir_feature_find(c, group, node->name) != NULL ? WEIR_USES_ROW : 0;
}

unsigned weir_ast_uses(weir_checker *c, const weir_group_info *group, const weir_ast_expr *node)
{
    return uses(c, group, node, 0);
}

static bool is_one_of(const char *name, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(name, names[i]) == 0) return true;
    }
    return false;
}

bool weir_language_has_aggregate(const char *name)
{
    static const char *const names[] = {
        "count",    "sum",      "mean",     "min",    "max",    "stddev",  "var",   "skew",
        "kurt",     "distinct", "quantile", "median", "mode",   "entropy", "top",   "share",
        "share_of", "hist",     "first",    "last",   "argmax", "argmin",  "delta", "lag",
        "streak",   "any",      "all",      "rate",   "decay",  "ewma",    "slope", "corr",
    };
    return is_one_of(name, names, sizeof names / sizeof names[0]);
}

bool weir_language_has_function(const char *name)
{
    static const char *const names[] = {
        "div",         "mod",       "min",      "max",    "clamp",   "log1p", "smooth",
        "hash",        "bucket",    "hour",     "day",    "weekday", "hours", "days",
        "years",       "float",     "decimal",  "geo_km", "cosine",  "dot",   "lower",
        "starts_with", "ends_with", "contains", "length",
    };
    return is_one_of(name, names, sizeof names / sizeof names[0]);
}

/* min and max with one argument are aggregates, with more functions. */
bool weir_is_aggregate_call(const weir_ast_expr *node)
{
    if (node->kind != WEIR_AST_CALL) return false;
    if (strcmp(node->name, "min") == 0 || strcmp(node->name, "max") == 0)
        return node->arg_count <= 1;
    return node->is_approx || weir_language_has_aggregate(node->name) ||
           weir_agg_find(node->name) != NULL;
}

const char *weir_suggest_name(weir_checker *c, const weir_scope *scope, const char *name)
{
    if (weir_diagnostics_is_full(c->diagnostics)) return NULL;
    weir_pointers names = {0};
    const weir_group_info *group = scope->group;
    bool is_row = scope->phase == WEIR_PHASE_ROW || scope->phase == WEIR_PHASE_FILTER;
    for (uint32_t i = 0; group != NULL && i < group->decl->as.group.feature_count; i++) {
        const weir_ast_feature *feature = &group->decl->as.group.features[i];
        weir_pointers_push(c, &names, (void *)(uintptr_t)feature->name);
    }
    for (uint32_t i = 0; group != NULL && is_row && i < group->stream_count; i++) {
        const weir_schema *schema = group->streams[i] == NULL ? NULL : group->streams[i]->schema;
        for (size_t k = 0; schema != NULL && k < schema->field_count; k++)
            weir_pointers_push(c, &names, (void *)(uintptr_t)schema->fields[k].path);
    }
    if (scope->phase == WEIR_PHASE_EVENT && scope->source != NULL) {
        for (size_t k = 0; k < scope->source->schema->field_count; k++)
            weir_pointers_push(c, &names, (void *)(uintptr_t)scope->source->schema->fields[k].path);
    }
    for (uint32_t i = 0; scope->phase == WEIR_PHASE_VECTOR && i < c->groups.count; i++)
        weir_pointers_push(c, &names,
                           (void *)(uintptr_t)((weir_group_info *)c->groups.items[i])->name);
    return weir_nearest_name(name, (const char *const *)names.items, names.count);
}

/* ---- Features and their members ---- */

bool weir_window_equal(const weir_ast_window *a, const weir_ast_window *b)
{
    if (a->kind != b->kind || a->width.us != b->width.us || a->count != b->count) return false;
    if (a->kind == WEIR_WINDOW_CALENDAR)
        return a->unit == b->unit && a->zone != NULL && b->zone != NULL &&
               strcmp(a->zone, b->zone) == 0;
    return a->kind != WEIR_WINDOW_SINCE;
}

/* As they are written where `at` stands: n[1h] in the group itself, group.n[1h] elsewhere. */
static const char *windows_of(weir_checker *c, const weir_feature_info *feature,
                              const weir_ast_expr *at)
{
    if (at->kind == WEIR_AST_INDEX) at = at->args[0];
    bool is_bare = at->kind == WEIR_AST_NAME;
    const char *name = is_bare ? feature->ast->name
                               : weir_arena_printf(c->diagnostics->into, "%s.%s",
                                                   feature->group->name, feature->ast->name);
    const char *all = "";
    for (uint32_t i = 0; i < feature->member_count && i < 12; i++) {
        const weir_ast_window *window = feature->members[i]->window;
        if (window == NULL) continue;
        const char *text = c->diagnostics->sources[window->span.source].text + window->span.start;
        all = weir_arena_printf(c->diagnostics->into, "%s%s%s[%.*s]", all, i == 0 ? "" : ", ", name,
                                (int)(window->span.end - window->span.start), text);
    }
    return all;
}

weir_member_info *weir_member_of(weir_checker *c, weir_feature_info *feature,
                                 const weir_ast_expr *at, const weir_ast_window *window)
{
    if (feature->ast->is_broken || feature->group->is_broken) return NULL;
    if (window == NULL) {
        if (feature->member_count == 1) return feature->members[0];
        if (feature->member_count == 0) return NULL; /* its windows were wrong */
        weir_diagnostics_add(
            c->diagnostics, WEIR_D_FAMILY, at->span,
            weir_arena_printf(c->diagnostics->into, "write one of %s", windows_of(c, feature, at)),
            "`%s` is a family of %u windows", feature->ast->name, feature->member_count);
        return NULL;
    }
    for (uint32_t i = 0; i < feature->member_count; i++) {
        const weir_member_info *member = feature->members[i];
        if (member->window != NULL && weir_window_equal(member->window, window))
            return feature->members[i];
    }
    if (feature->member_count == 0) return NULL;
    bool has_windows = feature->members[0]->window != NULL;
    const char *help = has_windows ? weir_arena_printf(c->diagnostics->into, "it has %s",
                                                       windows_of(c, feature, at))
                                   : "it has no `over`: write it without an index";
    weir_diagnostics_add(c->diagnostics, WEIR_D_NO_WINDOW, at->name_span, help,
                         "`%s` has no such window", feature->ast->name);
    return NULL;
}

static const char *feature_help(weir_checker *c, const weir_group_info *group, const char *name)
{
    if (weir_let_find(c, group, name) != NULL)
        return "a `let` is known inside its group only; make it a feature to read it elsewhere";
    if (weir_diagnostics_is_full(c->diagnostics)) return NULL;
    const char **names = weir_arena_array(c->scratch, const char *, group->features.count);
    for (uint32_t i = 0; i < group->features.count; i++)
        names[i] = ((weir_feature_info *)group->features.items[i])->ast->name;
    const char *near = weir_nearest_name(name, names, group->features.count);
    return near == NULL ? NULL
                        : weir_arena_printf(c->diagnostics->into, "did you mean `%s.%s`?",
                                            group->name, near);
}

weir_feature_info *weir_group_feature(weir_checker *c, weir_group_info *group, const char *name,
                                      weir_span at)
{
    if (group->is_broken) return NULL;
    weir_feature_info *feature = weir_feature_find(c, group, name);
    if (feature != NULL) return feature;
    weir_diagnostics_add(c->diagnostics, WEIR_D_UNKNOWN_FEATURE, at, feature_help(c, group, name),
                         "`%s` has no feature `%s`", group->name, name);
    return NULL;
}
