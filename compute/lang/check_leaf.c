/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The leaves of expressions: literals, names and paths. Everything that depends on where an
 * expression stands is decided here: which names exist, what they read, what is an error and which
 * help it deserves.
 */
#include "compute/lang/check_internal.h"

#include <math.h>
#include <string.h>

#include "ops/runtime/assert.h"
#include "schemas/decimal.h"

#define REPORT(c, id, at, help, ...)                                                               \
    weir_diagnostics_add((c)->diagnostics, WEIR_D_##id, at, help, __VA_ARGS__)
#define HELP(c, ...) weir_arena_printf((c)->diagnostics->into, __VA_ARGS__)

static const weir_expr *constant(weir_checker *c, weir_type type, weir_value value)
{
    return weir_expr_const(c->into, type, value);
}

/* ---- Literals ---- */

/* 1e300 is no decimal; with an exponent it may be the nearest float64. NULL: it is not. */
static const weir_expr *float_const(weir_checker *c, const char *text, size_t size, bool negative)
{
    double value = 0;
    bool has_exponent = memchr(text, 'e', size) != NULL || memchr(text, 'E', size) != NULL;
    if (!has_exponent || !weir_double_parse(text, size, &value) || !isfinite(value)) return NULL;
    return constant(c, weir_type_of(WEIR_FLOAT64), weir_float(negative ? 0.0 - value : value));
}

const weir_expr *weir_number_const(weir_checker *c, const weir_ast_expr *node, bool negative)
{
    const char *text = c->diagnostics->sources[node->span.source].text + node->span.start;
    size_t size = node->span.end - node->span.start - node->is_percent;
    int64_t fraction = 0, exponent = 0;
    bool has_point = false, whole = !node->is_percent;
    for (size_t i = 0; i < size; i++) {
        if (text[i] == '.') {
            has_point = true;
            whole = false;
        } else if (text[i] == 'e' || text[i] == 'E') {
            whole = false;
            bool minus = text[i + 1] == '-';
            for (size_t k = i + 1 + (text[i + 1] == '-' || text[i + 1] == '+');
                 k < size && exponent < 1000; k++)
                exponent = exponent * 10 + (text[k] - '0');
            if (minus) exponent = -exponent;
            break;
        } else if (has_point) {
            fraction += 1;
        }
    }
    int64_t scale = fraction > exponent ? fraction - exponent : 0;
    int64_t shown_scale = scale + (node->is_percent ? 2 : 0);
    weir_int128 unscaled = 0;
    if (shown_scale > WEIR_DECIMAL_PRECISION_MAX ||
        !weir_decimal_parse(text, size, WEIR_DECIMAL_PRECISION_MAX, (unsigned)scale, &unscaled)) {
        const weir_expr *real = node->is_percent ? NULL : float_const(c, text, size, negative);
        if (real != NULL) return real;
        REPORT(c, LITERAL, node->span, "38 digits are the most that a decimal holds",
               "this number does not fit a decimal");
        return NULL;
    }
    if (negative) unscaled = -unscaled;
    if (whole && unscaled >= INT64_MIN && unscaled <= INT64_MAX)
        return constant(c, weir_type_of(WEIR_INT64), weir_int((int64_t)unscaled));
    unsigned precision = 1;
    for (weir_int128 left = unscaled < 0 ? -unscaled : unscaled; left >= 10; left /= 10)
        precision += 1;
    if (precision < shown_scale) precision = (unsigned)shown_scale;
    return constant(c, weir_type_decimal(precision, (unsigned)shown_scale), weir_decimal(unscaled));
}

static const weir_expr *check_string(weir_checker *c, const weir_ast_expr *node,
                                     const weir_type *hint)
{
    if (hint != NULL && hint->kind == WEIR_TIME) {
        int64_t us = 0;
        if (weir_time_parse(node->name, node->size, &us))
            return constant(c, weir_type_of(WEIR_TIME), weir_time(us));
        REPORT(c, LITERAL, node->span, "write it in RFC 3339: \"2026-01-01T00:00:00Z\"",
               "this string is not a time");
        return NULL;
    }
    return constant(c, weir_type_of(WEIR_STRING),
                    weir_string(weir_arena_copy(c->into, node->name, node->size), node->size));
}

static const weir_expr *check_time(weir_checker *c, const weir_scope *scope,
                                   const weir_ast_expr *node)
{
    if (scope->phase == WEIR_PHASE_TEST) { /* 2000-01-01T00:00:00Z */
        return constant(c, weir_type_of(WEIR_TIME),
                        weir_time(INT64_C(946684800000000) + node->integer));
    }
    REPORT(c, LITERAL, node->span,
           "in expressions a time is a string: ts > \"2026-01-01T00:00:00Z\"",
           "a time of day stands in tests only");
    return NULL;
}

static const weir_expr *check_null(weir_checker *c, const weir_type *hint)
{
    weir_type type =
        hint != NULL ? weir_type_optional(*hint) : weir_type_optional(weir_type_of(WEIR_NULL));
    return constant(c, type, weir_null());
}

/* ---- Enum values ---- */

static int64_t symbol_index(const weir_enum_type *symbols, const char *name)
{
    for (uint32_t i = 0; symbols != NULL && i < symbols->symbol_count; i++) {
        if (strcmp(symbols->symbols[i], name) == 0) return i;
    }
    return -1;
}

static const weir_expr *enum_const(weir_checker *c, const weir_enum_type *symbols, int64_t index)
{
    weir_type type = {.kind = WEIR_ENUM, .symbols = symbols};
    return constant(c, type, (weir_value){.kind = WEIR_ENUM, .as.integer = index});
}

static bool hint_has(const weir_type *hint, const char *name)
{
    return hint != NULL && hint->kind == WEIR_ENUM && symbol_index(hint->symbols, name) >= 0;
}

/* The value of an enum that the hint wants, or of the only declared enum that has it. NULL, not
 * reported. */
static const weir_expr *enum_value(weir_checker *c, const char *name, const weir_type *hint,
                                   bool *ambiguous_out)
{
    *ambiguous_out = false;
    if (hint_has(hint, name))
        return enum_const(c, hint->symbols, symbol_index(hint->symbols, name));
    const weir_enum_type *found = NULL;
    for (uint32_t i = 0; i < c->enums.count; i++) {
        const weir_enum_type *one = c->enums.items[i];
        if (symbol_index(one, name) < 0) continue;
        if (found != NULL) *ambiguous_out = true;
        found = one;
    }
    if (found == NULL || *ambiguous_out || (hint != NULL && hint->kind == WEIR_ENUM)) return NULL;
    return enum_const(c, found, symbol_index(found, name));
}

/* Is the path one of the schemas that are looked at here, but nothing that can be named? */
static bool is_unnamable(weir_checker *c, const weir_scope *scope, const char *path, weir_span at)
{
    if (scope->group == NULL) return weir_report_unnamable(c, scope->source, path, at);
    for (uint32_t i = 0; i < scope->group->stream_count; i++)
        if (weir_report_unnamable(c, scope->group->streams[i], path, at)) return true;
    return false;
}

static const weir_expr *unknown_name(weir_checker *c, const weir_scope *scope,
                                     const weir_ast_expr *node, const weir_type *hint)
{
    const char *name = node->name;
    if (hint != NULL && hint->kind == WEIR_ENUM) {
        WEIR_ASSERT(hint->symbols != NULL);
        const char *near =
            weir_nearest_name(name, hint->symbols->symbols, hint->symbols->symbol_count);
        REPORT(c, ENUM_VALUE, node->span, near != NULL ? HELP(c, "did you mean `%s`?", near) : NULL,
               "`%s` has no value `%s`", hint->symbols->name, name);
        return NULL;
    }
    if (is_unnamable(c, scope, name, node->span)) return NULL;
    const char *near = weir_suggest_name(c, scope, name);
    const char *help = near != NULL ? HELP(c, "did you mean `%s`?", near) : NULL;
    if (help == NULL && hint != NULL && hint->kind == WEIR_STRING)
        help = HELP(c, "a string is written \"%s\"", name);
    if (help == NULL && scope->phase == WEIR_PHASE_VECTOR)
        help =
            "in a vector write group.feature for features and this.field for fields of the event";
    REPORT(c, UNKNOWN_NAME, node->span, help, "nothing here is called `%s`", name);
    return NULL;
}

/* ---- Fields ---- */

/* The type a field has in all streams of a group that have it. False: reported. */
static bool joined_type(weir_checker *c, const weir_group_info *group, const char *path,
                        weir_span at, weir_type *out)
{
    const weir_schema_field *first = NULL;
    const weir_stream_info *owner = NULL;
    bool optional = false;
    for (uint32_t i = 0; i < group->stream_count; i++) {
        const weir_schema_field *field = weir_stream_field(group->streams[i], path);
        optional |= field == NULL || field->type.optional;
        if (field == NULL) continue;
        if (first == NULL) {
            first = field;
            owner = group->streams[i];
            continue;
        }
        weir_type a = first->type, b = field->type;
        a.optional = b.optional = false;
        if (weir_type_equal(a, b)) continue;
        REPORT(
            c, FIELD_TYPES, at,
            HELP(c, "write `%s.%s` or `%s.%s`", owner->name, path, group->streams[i]->name, path),
            "`%s` is %s in `%s` and %s in `%s`", path, weir_type_print(first->type, c->scratch),
            owner->name, weir_type_print(field->type, c->scratch), group->streams[i]->name);
        return false;
    }
    WEIR_ASSERT(first != NULL); /* the caller has seen that one has it */
    *out = first->type;
    out->optional = optional;
    return true;
}

static const weir_expr *field_leaf(weir_checker *c, const weir_scope *scope, const char *path,
                                   weir_type type)
{
    weir_stream_info *source = (weir_stream_info *)(uintptr_t)scope->source;
    const weir_schema_field *field = weir_stream_field(source, path);
    if (field == NULL) return constant(c, weir_type_optional(type), weir_null());
    const weir_expr *leaf =
        weir_expr_leaf(c->into, WEIR_EXPR_FIELD, field->type, weir_stream_slot(c, source, path));
    if (type.optional == field->type.optional) return leaf;
    return weir_expr_coerce(c->into, leaf, type);
}

static const weir_expr *check_field(weir_checker *c, const weir_scope *scope, const char *path,
                                    weir_span at)
{
    if (scope->phase == WEIR_PHASE_EVENT)
        return field_leaf(c, scope, path, weir_stream_field(scope->source, path)->type);
    weir_type type;
    if (!joined_type(c, scope->group, path, at, &type)) return NULL;
    return field_leaf(c, scope, path, type);
}

/* stream.field inside a joined group: null for events of the other streams. */
static const weir_expr *check_qualified(weir_checker *c, const weir_scope *scope,
                                        const weir_stream_info *stream, const char *path,
                                        const weir_ast_expr *node)
{
    const weir_schema_field *field = weir_stream_field(stream, path);
    if (field == NULL && weir_report_unnamable(c, stream, path, node->span)) return NULL;
    if (field == NULL) {
        REPORT(c, UNKNOWN_FIELD, node->name_span, NULL, "`%s` has no field `%s`", stream->name,
               path);
        return NULL;
    }
    weir_type type = field->type;
    if (scope->phase != WEIR_PHASE_EVENT && scope->group->stream_count > 1) type.optional = true;
    if (scope->source != stream) return constant(c, weir_type_optional(type), weir_null());
    return field_leaf(c, scope, path, type);
}

static const weir_expr *check_this(weir_checker *c, const weir_scope *scope, const char *path,
                                   const weir_ast_expr *node)
{
    if (scope->no_this_here || scope->phase == WEIR_PHASE_EVENT ||
        scope->phase == WEIR_PHASE_TEST) {
        const char *help = scope->phase == WEIR_PHASE_TEST ? "write the value itself"
                           : path != NULL                  ? HELP(c, "write `%s`", path)
                                                           : NULL;
        REPORT(c, NO_THIS, node->span, help, "`this` has no meaning here");
        return NULL;
    }
    if (path == NULL) {
        REPORT(c, UNEXPECTED, node->span, "write this.field",
               "`this` is a whole event, not a value");
        return NULL;
    }
    const weir_schema_field *field =
        scope->self == NULL ? NULL : weir_stream_field(scope->self, path);
    if (field == NULL && weir_report_unnamable(c, scope->self, path, node->span)) return NULL;
    if (field == NULL) {
        const char *near = NULL;
        const weir_schema *schema = scope->self == NULL ? NULL : scope->self->schema;
        if (schema != NULL) {
            const char **paths = weir_arena_array(c->scratch, const char *, schema->field_count);
            for (size_t i = 0; i < schema->field_count; i++)
                paths[i] = schema->fields[i].path;
            near = weir_nearest_name(path, paths, schema->field_count);
        }
        const char *help = near != NULL ? HELP(c, "did you mean `this.%s`?", near) : NULL;
        if (scope->self == NULL) {
            REPORT(c, UNKNOWN_FIELD, node->span, help,
                   "no stream that is observed by this entity has the field `%s`", path);
        } else {
            REPORT(c, UNKNOWN_FIELD, node->span, help,
                   "`this` is an event of `%s`, which has no field `%s`", scope->self->name, path);
        }
        return NULL;
    }
    return weir_expr_leaf(c->into, WEIR_EXPR_THIS, field->type,
                          weir_stream_slot(c, scope->self, path));
}

/* ---- Features ---- */

static const weir_expr *check_member(weir_checker *c, const weir_scope *scope,
                                     weir_member_info *member, weir_span at)
{
    if (member == NULL) return NULL;
    weir_group_info *group = member->feature->group;
    if (scope->phase == WEIR_PHASE_ROW)
        return weir_member_carried(c, member, (weir_stream_info *)(uintptr_t)scope->source, at);
    if (scope->phase == WEIR_PHASE_VECTOR) return weir_member_carried(c, member, scope->self, at);
    WEIR_ASSERT(scope->phase == WEIR_PHASE_READ);
    weir_group_resolve(c, group);
    if (group->is_broken) return NULL;
    if (group->entity != scope->group->entity) {
        REPORT(c, OTHER_ENTITY, at,
               "combine them in a vector: name = group.feature / other.feature",
               "`%s` is per %s, this group is per %s", group->name, group->entity->name,
               scope->group->entity->name);
        return NULL;
    }
    return weir_member_instance(c, member, scope->self, at);
}

static bool no_features_here(weir_checker *c, const weir_scope *scope, const weir_ast_expr *node)
{
    if (scope->phase != WEIR_PHASE_EVENT && scope->phase != WEIR_PHASE_TEST) return false;
    REPORT(c, UNKNOWN_NAME, node->span, "only the event's own fields are known here",
           "a feature can not stand here");
    return true;
}

/* ---- Lets and columns: looked through, circles found by what is open ---- */

static bool is_open(const weir_checker *c, const void *what)
{
    for (uint32_t i = 0; i < c->open.count; i++) {
        if (c->open.items[i] == what) return true;
    }
    return false;
}

/* "a -> b -> c -> a"; of a long way its ends. */
static const char *way_round(weir_checker *c, const char *name)
{
    enum { SHOWN_MAX = 8 };
    uint32_t first = c->way.count;
    while (first > 0 && strcmp(c->way.items[first - 1], name) != 0)
        first--;
    const char *text = name;
    for (uint32_t i = first; i < c->way.count; i++) {
        bool is_shown = i < first + SHOWN_MAX || i + 1 == c->way.count;
        if (is_shown) text = HELP(c, "%s -> %s", text, (const char *)c->way.items[i]);
        if (i == first + SHOWN_MAX && !is_shown) text = HELP(c, "%s -> ...", text);
    }
    return HELP(c, "%s -> %s", text, name);
}

void weir_report_circle(weir_checker *c, const char *name, weir_span at)
{
    REPORT(c, CIRCLE, at, HELP(c, "break the circle %s", way_round(c, name)),
           "`%s` is defined through itself", name);
}

static const weir_expr *check_through(weir_checker *c, const weir_scope *scope, const void *what,
                                      const char *name, const weir_ast_expr *expr, weir_span at,
                                      const weir_type *hint)
{
    if (expr == NULL || weir_is_bad(c, what)) return NULL;
    if (is_open(c, what)) {
        weir_report_circle(c, name, at);
        for (uint32_t i = c->open.count; i > 0; i--) { /* one circle, one message */
            weir_mark_bad(c, c->open.items[i - 1]);
            if (c->open.items[i - 1] == what) break;
        }
        return NULL;
    }
    if (c->open.count >= WEIR_CHECK_NESTING_MAX) {
        REPORT(c, TOO_LARGE, at, "name each thing once, where it is used",
               "`%s` stands behind %u names that each stand for another", name, c->open.count);
        return NULL;
    }
    weir_pointers_push(c, &c->open, (void *)(uintptr_t)what);
    weir_pointers_push(c, &c->way, (void *)(uintptr_t)name);
    const weir_expr *result = weir_check_expr(c, scope, expr, hint);
    c->way.count -= 1;
    c->open.count -= 1;
    if (result == NULL) weir_mark_bad(c, what);
    return result;
}

void weir_mark_bad(weir_checker *c, const void *let)
{
    weir_map_put(&c->interned, &c->open, let, (void *)(uintptr_t)let);
}

bool weir_is_bad(const weir_checker *c, const void *let)
{
    return weir_map_get(&c->interned, &c->open, let) != NULL;
}

static const weir_expr *ambiguous(weir_checker *c, const weir_ast_expr *node, const char *one,
                                  const char *other, const char *help)
{
    REPORT(c, AMBIGUOUS, node->span, help, "`%s` may be %s or %s", node->name, one, other);
    return NULL;
}

/* How the value of the enum that the hint wants is written in full. */
static const char *in_full(weir_checker *c, const weir_type *hint, const char *value)
{
    const weir_enum_type *symbols = hint->symbols;
    const char *name = strrchr(symbols->name, '.');
    name = name == NULL ? symbols->name : name + 1;
    for (uint32_t i = 0; i < c->enums.count; i++) {
        const weir_enum_type *one = c->enums.items[i];
        if (strcmp(one->name, name) == 0) return HELP(c, "the enum value is `%s.%s`", name, value);
    }
    return HELP(c, "declare `enum %s { ... }`; the enum value is then `%s.%s`", name, name, value);
}

static const weir_expr *check_name_row(weir_checker *c, const weir_scope *scope,
                                       const weir_ast_expr *node, const weir_type *hint)
{
    const weir_group_info *group = scope->group;
    const weir_ast_feature *let = weir_let_find(c, group, node->name);
    bool is_field = weir_group_has_field(group, node->name), is_value = hint_has(hint, node->name);
    weir_feature_info *feature = weir_feature_find(c, group, node->name);
    const char *stream = group->streams[0]->name;
    if (let != NULL && is_field)
        return ambiguous(c, node, "a `let`", "a field",
                         HELP(c, "rename the `let`; the field is `%s.%s`", stream, node->name));
    if (is_value && let != NULL)
        return ambiguous(c, node, "a `let`", "an enum value",
                         HELP(c, "rename the `let`; %s", in_full(c, hint, node->name)));
    if (is_value && (is_field || feature != NULL))
        return ambiguous(c, node, is_field ? "a field" : "a feature", "an enum value",
                         HELP(c, "%s, the %s `%s.%s`", in_full(c, hint, node->name),
                              is_field ? "field" : "feature", is_field ? stream : group->name,
                              node->name));
    if (let != NULL) return check_through(c, scope, let, node->name, let->expr, node->span, hint);
    if (is_field) return check_field(c, scope, node->name, node->span);
    if (feature != NULL)
        return check_member(c, scope, weir_member_of(c, feature, node, NULL), node->span);
    bool several = false;
    const weir_expr *value = enum_value(c, node->name, hint, &several);
    if (value != NULL) return value;
    if (several) return ambiguous(c, node, "a value of one enum", "of another", "write Enum.value");
    const weir_symbol *symbol = weir_symbol_find(c, node->name);
    if (symbol != NULL && symbol->kind == WEIR_SYMBOL_BROKEN) return NULL;
    if (symbol != NULL && symbol->kind == WEIR_SYMBOL_STREAM) {
        REPORT(c, TYPE, node->span, HELP(c, "count its events with count(%s)", node->name),
               "`%s` is a stream, not a value", node->name);
        return NULL;
    }
    return unknown_name(c, scope, node, hint);
}

static const weir_expr *bare_field(weir_checker *c, const char *path, weir_span at)
{
    REPORT(c, BARE_FIELD, at, HELP(c, "write `this.%s`, or put it into an aggregate", path),
           "`%s` is a field of past events; write `this.%s`", path, path);
    return NULL;
}

static const weir_expr *check_name_read(weir_checker *c, const weir_scope *scope,
                                        const weir_ast_expr *node, const weir_type *hint)
{
    weir_feature_info *feature = weir_feature_find(c, scope->group, node->name);
    if (feature != NULL && hint_has(hint, node->name))
        return ambiguous(c, node, "a feature", "an enum value",
                         HELP(c, "%s, the feature `%s.%s`", in_full(c, hint, node->name),
                              scope->group->name, node->name));
    if (feature != NULL)
        return check_member(c, scope, weir_member_of(c, feature, node, NULL), node->span);
    const weir_ast_feature *let = weir_let_find(c, scope->group, node->name);
    if (let != NULL && let->expr != NULL &&
        (weir_ast_uses(c, scope->group, let->expr) & WEIR_USES_ROW) != 0) {
        REPORT(c, LET_OUTSIDE, node->span,
               "use it inside an aggregate, or write the expression with `this.`",
               "`%s` says something about past events", node->name);
        return NULL;
    }
    if (let != NULL) return check_through(c, scope, let, node->name, let->expr, node->span, hint);
    bool several = false;
    const weir_expr *value = enum_value(c, node->name, hint, &several);
    if (hint_has(hint, node->name)) return value;
    if (weir_group_has_field(scope->group, node->name))
        return bare_field(c, node->name, node->span);
    return value != NULL ? value : unknown_name(c, scope, node, hint);
}

static const weir_ast_item *vector_item(const weir_checker *c, const weir_vector_info *vector,
                                        const char *name)
{
    return vector == NULL ? NULL : weir_map_get(&c->members, vector->decl, name);
}

static const weir_expr *check_name_vector(weir_checker *c, const weir_scope *scope,
                                          const weir_ast_expr *node, const weir_type *hint)
{
    const weir_ast_item *item = vector_item(c, scope->vector, node->name);
    bool is_field = scope->self != NULL && weir_stream_field(scope->self, node->name) != NULL;
    if (strcmp(node->name, "score") == 0 && item == NULL) {
        if (scope->allow_score)
            return weir_expr_leaf(c->into, WEIR_EXPR_SCORE, weir_type_of(WEIR_FLOAT64), 0);
        REPORT(c, NO_SCORE, node->span, NULL, "the score is known in `decide` only");
        return NULL;
    }
    if (item != NULL && !(is_field && is_open(c, item)))
        return check_through(c, scope, item, node->name, item->expr, node->span, hint);
    bool several = false;
    const weir_expr *value = enum_value(c, node->name, hint, &several);
    if (hint_has(hint, node->name)) return value;
    if (is_field) return bare_field(c, node->name, node->span);
    const weir_symbol *symbol = weir_symbol_find(c, node->name);
    if (symbol != NULL && symbol->kind == WEIR_SYMBOL_BROKEN) return NULL;
    if (symbol != NULL && symbol->kind == WEIR_SYMBOL_GROUP) {
        REPORT(c, UNKNOWN_NAME, node->span,
               HELP(c, "write `%s.feature`, or `%s.*` for all", node->name, node->name),
               "`%s` is a whole group, not a value", node->name);
        return NULL;
    }
    return value != NULL ? value : unknown_name(c, scope, node, hint);
}

static const weir_expr *check_name(weir_checker *c, const weir_scope *scope,
                                   const weir_ast_expr *node, const weir_type *hint)
{
    switch (scope->phase) {
    case WEIR_PHASE_ROW:
    case WEIR_PHASE_FILTER: return check_name_row(c, scope, node, hint);
    case WEIR_PHASE_READ: return check_name_read(c, scope, node, hint);
    case WEIR_PHASE_VECTOR: return check_name_vector(c, scope, node, hint);
    default: break;
    }
    bool is_field =
        scope->phase == WEIR_PHASE_EVENT && weir_stream_field(scope->source, node->name) != NULL;
    if (is_field && hint_has(hint, node->name))
        return ambiguous(c, node, "a field", "an enum value",
                         HELP(c, "%s, the field `%s.%s`", in_full(c, hint, node->name),
                              scope->source->name, node->name));
    if (is_field) return check_field(c, scope, node->name, node->span);
    bool several = false;
    const weir_expr *value = enum_value(c, node->name, hint, &several);
    return value != NULL ? value : unknown_name(c, scope, node, hint);
}

/* ---- Paths ---- */

static bool stream_is_here(const weir_scope *scope, const weir_stream_info *stream)
{
    if (scope->phase == WEIR_PHASE_EVENT) return scope->source == stream;
    for (uint32_t i = 0; scope->group != NULL && i < scope->group->stream_count; i++) {
        if (scope->group->streams[i] == stream) return true;
    }
    return false;
}

static const weir_expr *check_table(weir_checker *c, const weir_stream_info *table,
                                    const weir_ast_expr *node)
{
    /* The table's own declaration has been reported once; its uses would only repeat it. */
    (void)node;
    WEIR_ASSERT(table->is_table && c->diagnostics->error_count > 0);
    return NULL;
}

/* Behind the first dot the root has been found to be a symbol of the package. */
static const weir_expr *check_symbol_path(weir_checker *c, const weir_scope *scope,
                                          const weir_ast_expr *node, const weir_symbol *symbol,
                                          const char *rest, const weir_ast_window *window)
{
    switch (symbol->kind) {
    case WEIR_SYMBOL_BROKEN: return NULL;
    case WEIR_SYMBOL_ENUM: {
        int64_t index = symbol_index(symbol->as.enumeration, rest);
        if (index >= 0 && window == NULL) return enum_const(c, symbol->as.enumeration, index);
        weir_type type = {.kind = WEIR_ENUM, .symbols = symbol->as.enumeration};
        weir_ast_expr name = *node;
        name.name = rest;
        return unknown_name(c, scope, &name, &type);
    }
    case WEIR_SYMBOL_GROUP: {
        if (no_features_here(c, scope, node)) return NULL;
        weir_feature_info *feature = weir_group_feature(c, symbol->as.group, rest, node->span);
        if (feature == NULL) return NULL;
        return check_member(c, scope, weir_member_of(c, feature, node, window), node->span);
    }
    case WEIR_SYMBOL_STREAM: {
        const weir_stream_info *stream = symbol->as.stream;
        if (stream->is_table) return check_table(c, stream, node);
        if (stream->is_broken) return NULL;
        bool is_row = scope->phase == WEIR_PHASE_ROW || scope->phase == WEIR_PHASE_EVENT;
        if (is_row && stream_is_here(scope, stream) && window == NULL)
            return check_qualified(c, scope, stream, rest, node);
        if (stream_is_here(scope, stream) ||
            (scope->self == stream && weir_stream_field(stream, rest) != NULL))
            return bare_field(c, rest, node->span);
        REPORT(c, UNKNOWN_NAME, node->span,
               "a group reads the streams behind its `from` and `join`",
               "`%s` is not a stream of this group", stream->name);
        return NULL;
    }
    default:
        REPORT(c, UNKNOWN_NAME, node->span, NULL, "`%s` has no values to read",
               symbol->decl->name.name);
        return NULL;
    }
}

static bool is_row_field(const weir_scope *scope, const char *path)
{
    if (scope->phase == WEIR_PHASE_EVENT) return weir_stream_field(scope->source, path) != NULL;
    if (scope->group != NULL && weir_group_has_field(scope->group, path)) return true;
    return scope->phase == WEIR_PHASE_VECTOR && scope->self != NULL &&
           weir_stream_field(scope->self, path) != NULL;
}

static const weir_expr *check_path(weir_checker *c, const weir_scope *scope,
                                   const weir_ast_expr *node, const weir_ast_window *window)
{
    const weir_ast_expr *root = NULL;
    const weir_ast_expr *inner = node->kind == WEIR_AST_INDEX ? node->args[0] : node;
    const char *path = weir_path_of(c, inner, &root);
    if (path == NULL) {
        REPORT(c, UNEXPECTED, node->name_span, NULL, "only fields, features and enums have parts");
        return NULL;
    }
    if (root->kind == WEIR_AST_THIS) {
        if (window == NULL) return check_this(c, scope, path, node);
        REPORT(c, NO_WINDOW, node->name_span, NULL, "a field of `this` has no windows");
        return NULL;
    }
    bool is_field = window == NULL && is_row_field(scope, path);
    bool row = scope->phase == WEIR_PHASE_ROW || scope->phase == WEIR_PHASE_EVENT;
    if (is_field)
        return row ? check_field(c, scope, path, node->span) : bare_field(c, path, node->span);
    const weir_symbol *symbol = weir_symbol_find(c, root->name);
    if (symbol != NULL)
        return check_symbol_path(c, scope, node, symbol,
                                 weir_intern_text(c, path + strlen(root->name) + 1), window);
    if (window == NULL && is_unnamable(c, scope, path, node->span)) return NULL;
    if (is_row_field(scope, root->name)) {
        REPORT(c, UNKNOWN_FIELD, node->name_span, NULL, "`%s` has no field `%s`", root->name,
               path + strlen(root->name) + 1);
        return NULL;
    }
    return unknown_name(c, scope, root, NULL);
}

static const weir_expr *check_index(weir_checker *c, const weir_scope *scope,
                                    const weir_ast_expr *node)
{
    const weir_ast_expr *of = node->args[0];
    if (of->kind == WEIR_AST_FIELD) return check_path(c, scope, node, node->window);
    weir_feature_info *feature = of->kind == WEIR_AST_NAME && scope->group != NULL
                                     ? weir_feature_find(c, scope->group, of->name)
                                     : NULL;
    if (feature != NULL && !no_features_here(c, scope, node))
        return check_member(c, scope, weir_member_of(c, feature, node, node->window), node->span);
    if (feature == NULL && of->kind == WEIR_AST_NAME && !is_row_field(scope, of->name))
        return unknown_name(c, scope, of, NULL);
    if (feature == NULL)
        REPORT(c, NO_WINDOW, node->name_span, NULL, "only a feature has windows to choose from");
    return NULL;
}

/* ---- Any of them ---- */

bool weir_leaf_waits(weir_checker *c, const weir_scope *scope, const weir_ast_expr *node)
{
    while (node->kind == WEIR_AST_BRACKETS)
        node = node->args[0];
    if (node->kind == WEIR_AST_STRING || node->kind == WEIR_AST_NULL) return true;
    if (node->kind != WEIR_AST_NAME) return false;
    if (scope->phase == WEIR_PHASE_VECTOR)
        return vector_item(c, scope->vector, node->name) == NULL &&
               strcmp(node->name, "score") != 0;
    if (scope->phase == WEIR_PHASE_EVENT)
        return weir_stream_field(scope->source, node->name) == NULL;
    if (scope->group == NULL) return true;
    if (weir_let_find(c, scope->group, node->name) != NULL ||
        weir_feature_find(c, scope->group, node->name) != NULL)
        return false;
    return scope->phase == WEIR_PHASE_READ || !weir_group_has_field(scope->group, node->name);
}

const weir_expr *weir_check_leaf(weir_checker *c, const weir_scope *scope,
                                 const weir_ast_expr *node, const weir_type *hint)
{
    switch ((weir_ast_kind)node->kind) {
    case WEIR_AST_NUMBER: return weir_number_const(c, node, false);
    case WEIR_AST_STRING: return check_string(c, node, hint);
    case WEIR_AST_DURATION:
        return constant(c, weir_type_of(WEIR_DURATION), weir_duration(node->integer));
    case WEIR_AST_TIME: return check_time(c, scope, node);
    case WEIR_AST_BOOL: return constant(c, weir_type_of(WEIR_BOOL), weir_bool(node->integer != 0));
    case WEIR_AST_NULL: return check_null(c, hint);
    case WEIR_AST_NAME: return check_name(c, scope, node, hint);
    case WEIR_AST_THIS: return check_this(c, scope, NULL, node);
    case WEIR_AST_FIELD: return check_path(c, scope, node, NULL);
    case WEIR_AST_INDEX: return check_index(c, scope, node);
    default: WEIR_UNREACHABLE();
    }
}
