/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `test` blocks: literals become values of their fields' types, expectations find what they name.
 */
#include "compute/lang/check_internal.h"
#include "compute/lang/test.h"

#include <math.h>
#include <string.h>

#include "ops/runtime/assert.h"
#include "schemas/decimal.h"

#define REPORT(c, id, at, help, ...)                                                               \
    weir_diagnostics_add((c)->diagnostics, WEIR_D_##id, at, help, __VA_ARGS__)
#define HELP(c, ...) weir_arena_printf((c)->diagnostics->into, __VA_ARGS__)

static bool does_not_fit(weir_checker *c, const weir_ast_expr *node, weir_type type)
{
    const char *help = type.kind == WEIR_TIME   ? "12:00:00 or \"2026-01-01T00:00:00Z\""
                       : type.kind == WEIR_GEO  ? "{lat: 50.08, lon: 14.43}"
                       : type.kind == WEIR_ENUM ? "one of its values, by name"
                                                : NULL;
    REPORT(c, TEST_VALUE, node->span, help, "this value does not fit %s",
           weir_type_print(type, c->scratch));
    return false;
}

static bool test_value(weir_checker *c, const weir_ast_expr *node, weir_type type, weir_value *out);

static bool test_geo(weir_checker *c, const weir_ast_expr *node, weir_type type, weir_value *out)
{
    *out = (weir_value){.kind = WEIR_GEO};
    bool good = node->kind == WEIR_AST_RECORD && node->arg_count == 2;
    unsigned seen = 0;
    for (uint32_t i = 0; good && i < 2; i++) {
        weir_value part;
        if (!test_value(c, node->args[i], weir_type_of(WEIR_FLOAT64), &part)) return false;
        bool is_latitude = strcmp(node->parameters[i], "lat") == 0,
             is_longitude = strcmp(node->parameters[i], "lon") == 0;
        if (is_latitude) out->as.geo.latitude = part.as.float64;
        if (is_longitude) out->as.geo.longitude = part.as.float64;
        seen |= is_latitude ? 1 : is_longitude ? 2 : 0;
    }
    return (good && seen == 3) || does_not_fit(c, node, type);
}

static bool test_list(weir_checker *c, const weir_ast_expr *node, weir_type type, weir_value *out)
{
    if (node->kind != WEIR_AST_LIST) return does_not_fit(c, node, type);
    if (type.kind == WEIR_VEC) {
        if (node->arg_count != type.length) return does_not_fit(c, node, type);
        float *components = weir_arena_array(c->into, float, node->arg_count);
        for (uint32_t i = 0; i < node->arg_count; i++) {
            weir_value part;
            if (!test_value(c, node->args[i], weir_type_of(WEIR_FLOAT64), &part)) return false;
            components[i] = (float)part.as.float64;
        }
        *out = (weir_value){.kind = WEIR_VEC, .size = node->arg_count, .as.vec = components};
        return true;
    }
    weir_value *items = weir_arena_array(c->into, weir_value, node->arg_count);
    for (uint32_t i = 0; i < node->arg_count; i++) {
        if (!test_value(c, node->args[i], *type.item, &items[i])) return false;
    }
    *out = (weir_value){.kind = WEIR_LIST, .size = node->arg_count, .as.items = items};
    return true;
}

/* 5.0 where a whole number is wanted, 1.500 where two digits behind the point are: zeros are none. */
static const weir_expr *without_zeros(weir_checker *c, const weir_expr *expr, weir_type type)
{
    bool wants_exact = type.kind == WEIR_INT64 || type.kind == WEIR_DECIMAL;
    if (!wants_exact || expr->op != WEIR_EXPR_CONST || expr->type.kind != WEIR_DECIMAL ||
        weir_is_null(&expr->constant))
        return expr;
    weir_int128 unscaled = expr->constant.as.decimal;
    unsigned scale = expr->type.scale, wanted = type.kind == WEIR_DECIMAL ? type.scale : 0;
    for (; scale > wanted && unscaled % 10 == 0; scale--)
        unscaled /= 10;
    if (type.kind == WEIR_INT64 && scale == 0 && unscaled >= INT64_MIN && unscaled <= INT64_MAX)
        return weir_expr_const(c->into, type, weir_int((int64_t)unscaled));
    unsigned precision = scale > 0 ? scale : 1;
    while (!weir_decimal_fits(unscaled, precision))
        precision += 1;
    return weir_expr_const(c->into, weir_type_decimal(precision, scale), weir_decimal(unscaled));
}

static bool test_value(weir_checker *c, const weir_ast_expr *node, weir_type type, weir_value *out)
{
    if (node == NULL) return false;
    *out = weir_null();
    if (node->kind == WEIR_AST_NULL) return type.optional || does_not_fit(c, node, type);
    if (type.kind == WEIR_GEO) return test_geo(c, node, type, out);
    if (type.kind == WEIR_LIST || type.kind == WEIR_VEC) return test_list(c, node, type, out);
    if (node->kind == WEIR_AST_RECORD || node->kind == WEIR_AST_LIST)
        return does_not_fit(c, node, type);
    weir_scope scope = {.phase = WEIR_PHASE_TEST};
    weir_type plain = type;
    plain.optional = false;
    c->steps = 0;
    const weir_expr *expr = weir_check_expr(c, &scope, node, &plain);
    if (expr == NULL) return false;
    expr = without_zeros(c, expr, plain);
    if (type.kind == WEIR_BYTES && expr->type.kind == WEIR_STRING) {
        *out = expr->constant;
        out->kind = WEIR_BYTES;
        return true;
    }
    weir_type wanted = expr->type.optional ? weir_type_optional(plain) : plain;
    const weir_expr *fitting =
        weir_type_equal(expr->type, wanted) ? expr : weir_expr_coerce(c->into, expr, wanted);
    if (fitting == NULL || fitting->op != WEIR_EXPR_CONST) return does_not_fit(c, node, type);
    *out = fitting->constant;
    return !weir_is_null(out) || type.optional || does_not_fit(c, node, type);
}

/* ---- Events ---- */

/* What the schema's float of 32 bits would hold of it. */
static bool to_single(weir_checker *c, const weir_ast_expr *node, weir_type type, weir_value *value)
{
    float single = (float)value->as.float64;
    if (!isfinite(single)) return does_not_fit(c, node, type);
    *value = weir_float((double)single);
    return true;
}

/* Values by path, as given. NULL: a mistake was reported. */
static weir_value *event_values(weir_checker *c, const weir_ast_step *step,
                                const weir_stream_info *stream)
{
    weir_value *values = weir_arena_array(c->scratch, weir_value, step->field_count);
    bool good = true;
    for (uint32_t i = 0; i < step->field_count; i++) {
        const weir_ast_expr *root = NULL;
        const char *path = weir_path_of(c, step->paths[i], &root);
        const weir_schema_field *field = path == NULL ? NULL : weir_stream_field(stream, path);
        if (field == NULL && weir_report_unnamable(c, stream, path, step->paths[i]->span)) {
            good = false;
            continue;
        }
        if (field == NULL) {
            const char **paths =
                weir_arena_array(c->scratch, const char *, stream->schema->field_count);
            for (size_t k = 0; k < stream->schema->field_count; k++)
                paths[k] = stream->schema->fields[k].path;
            const char *near =
                path == NULL ? NULL : weir_nearest_name(path, paths, stream->schema->field_count);
            REPORT(c, UNKNOWN_FIELD, step->paths[i]->span,
                   near != NULL ? HELP(c, "did you mean `%s`?", near) : NULL,
                   "`%s` has no field `%s`", stream->name, path == NULL ? "?" : path);
            good = false;
            continue;
        }
        for (uint32_t k = 0; k < i; k++) {
            const weir_ast_expr *other_root = NULL;
            if (weir_path_of(c, step->paths[k], &other_root) != path) continue;
            REPORT(c, TWICE, step->paths[i]->span, NULL, "`%s` is given twice", path);
            good = false;
        }
        bool fits = test_value(c, step->values[i], field->type, &values[i]);
        if (fits && field->is_single && !weir_is_null(&values[i]))
            fits = to_single(c, step->values[i], field->type, &values[i]);
        good = good && fits;
    }
    return good ? values : NULL;
}

static weir_value zero_of(weir_checker *c, weir_type type)
{
    switch (type.kind) {
    case WEIR_STRING:
    case WEIR_BYTES: return (weir_value){.kind = type.kind, .as.bytes = (const uint8_t *)""};
    case WEIR_VEC:
        return (weir_value){.kind = WEIR_VEC,
                            .size = type.length,
                            .as.vec = weir_arena_array(c->into, float, type.length)};
    case WEIR_LIST:
    case WEIR_MAP:
        return (weir_value){.kind = type.kind,
                            .as.items = weir_arena_array(c->into, weir_value, 1)};
    default: return (weir_value){.kind = type.kind};
    }
}

static weir_value unique_id(weir_checker *c, weir_type type, uint64_t number)
{
    if (type.kind == WEIR_STRING || type.kind == WEIR_BYTES) {
        const char *text = weir_arena_printf(c->into, "test-%llu", (unsigned long long)number);
        return (weir_value){
            .kind = type.kind, .size = (uint32_t)strlen(text), .as.bytes = (const uint8_t *)text};
    }
    if (type.kind == WEIR_INT64 || type.kind == WEIR_TIME || type.kind == WEIR_DURATION)
        return (weir_value){.kind = type.kind, .as.integer = (int64_t)number};
    if (type.kind == WEIR_DECIMAL) return weir_decimal((weir_int128)number);
    return zero_of(c, type);
}

/* The number whose unique_id the value is, 0 if it is none. */
static uint64_t number_of_id(const weir_value *value)
{
    static const char start[] = "test-";
    uint64_t number = 0;
    if (value->kind == WEIR_STRING || value->kind == WEIR_BYTES) {
        size_t size = sizeof start - 1;
        bool is_one = value->size > size && value->size < size + 19 &&
                      memcmp(value->as.bytes, start, size) == 0;
        for (; is_one && size < value->size; size++) {
            is_one = value->as.bytes[size] >= '0' && value->as.bytes[size] <= '9';
            number = 10 * number + (uint64_t)(value->as.bytes[size] - '0');
        }
        return is_one ? number : 0;
    }
    weir_int128 whole = value->kind == WEIR_DECIMAL ? value->as.decimal : 0;
    if (value->kind == WEIR_INT64 || value->kind == WEIR_TIME || value->kind == WEIR_DURATION)
        whole = value->as.integer;
    return whole > 0 && whole < INT64_MAX / 2 ? (uint64_t)whole : 0;
}

/* Ids that the test does not name are numbered behind all that it names. */
static uint64_t last_named_number(weir_checker *c, const weir_ast_test *test)
{
    uint64_t last = 0;
    for (uint32_t i = 0; i < test->step_count; i++) {
        const weir_ast_step *step = &test->steps[i];
        if (step->kind == WEIR_STEP_EXPECT) continue;
        const weir_stream_info *stream = weir_stream_named(c, step->stream);
        if (stream->id_slot == WEIR_NONE) continue;
        const weir_value *given = event_values(c, step, stream);
        for (uint32_t k = 0; k < step->field_count; k++) {
            const weir_ast_expr *root = NULL;
            const char *path = weir_path_of(c, step->paths[k], &root);
            if (strcmp(path, stream->slots.items[stream->id_slot]) != 0) continue;
            uint64_t number = number_of_id(&given[k]);
            if (number > last) last = number;
        }
    }
    return last;
}

static const weir_value *event_slots(weir_checker *c, const weir_ast_step *step,
                                     const weir_stream_info *stream, uint64_t number)
{
    const weir_value *given = event_values(c, step, stream);
    WEIR_ASSERT(given != NULL);
    weir_value *slots = weir_arena_array(c->into, weir_value, stream->slots.count);
    for (uint32_t i = 0; i < stream->slots.count; i++) {
        const weir_schema_field *field = weir_stream_field(stream, stream->slots.items[i]);
        bool found = false;
        for (uint32_t k = 0; k < step->field_count && !found; k++) {
            const weir_ast_expr *root = NULL;
            found = strcmp(weir_path_of(c, step->paths[k], &root), stream->slots.items[i]) == 0;
            if (found) slots[i] = given[k];
        }
        if (found) continue;
        slots[i] = i == stream->id_slot   ? unique_id(c, field->type, number)
                   : field->has_default   ? weir_value_copy(&field->default_value, c->into)
                   : field->type.optional ? weir_null()
                                          : zero_of(c, field->type);
    }
    return slots;
}

/* ---- Expectations ---- */

typedef struct expect_target {
    weir_member_info *member;
    weir_vector_info *vector;
    uint32_t column;
    weir_type type;
} expect_target;

static bool find_column(weir_checker *c, const weir_ast_step *step, weir_vector_info *vector,
                        const char *name, expect_target *out)
{
    if (vector->is_broken) return false;
    for (uint32_t i = 0; i < vector->columns.count; i++) {
        const weir_vector_column *column = vector->columns.items[i];
        if (strcmp(column->name, name) != 0) continue;
        *out = (expect_target){.vector = vector, .column = i, .type = column->expr->type};
        return true;
    }
    REPORT(c, UNKNOWN_FEATURE, step->path->span, NULL, "the vector `%s` has no column `%s`",
           vector->decl->name.name, name);
    return false;
}

static bool find_target(weir_checker *c, const weir_ast_step *step, weir_stream_info *stream,
                        expect_target *out)
{
    const weir_ast_expr *path_node =
        step->path->kind == WEIR_AST_INDEX ? step->path->args[0] : step->path;
    const weir_ast_window *window = step->path->kind == WEIR_AST_INDEX ? step->path->window : NULL;
    const weir_ast_expr *root = NULL;
    const char *path = weir_path_of(c, path_node, &root);
    if (path == NULL || root == path_node) {
        REPORT(c, UNKNOWN_FEATURE, step->path->span,
               "write group.feature, group.feature[1h] or vector.column",
               "an expectation names a feature with its group");
        return false;
    }
    const weir_symbol *symbol = weir_symbol_find(c, root->name);
    const char *rest = weir_intern_text(c, path + strlen(root->name) + 1);
    if (symbol != NULL && symbol->kind == WEIR_SYMBOL_BROKEN) return false;
    if (symbol != NULL && symbol->kind == WEIR_SYMBOL_VECTOR && window == NULL) {
        if (symbol->as.vector->stream == stream)
            return find_column(c, step, symbol->as.vector, rest, out);
        if (symbol->as.vector->stream == NULL) return false;
        REPORT(c, TEST_ORDER, step->path->span, NULL,
               "the vector stands on `%s`, the `at` before on `%s`",
               symbol->as.vector->stream->name, stream->name);
        return false;
    }
    if (symbol == NULL || symbol->kind != WEIR_SYMBOL_GROUP) {
        REPORT(c, UNKNOWN_FEATURE, root->span, NULL, "there is no features group or vector `%s`",
               root->name);
        return false;
    }
    weir_feature_info *feature = weir_group_feature(c, symbol->as.group, rest, step->path->span);
    weir_member_info *member =
        feature == NULL ? NULL : weir_member_of(c, feature, step->path, window);
    if (member == NULL || symbol->as.group->is_broken) return false;
    weir_group_resolve(c, symbol->as.group);
    if (symbol->as.group->is_broken) return false;
    if (weir_stream_hop(stream, symbol->as.group->entity) == WEIR_NONE) {
        REPORT(c, NOT_OBSERVED, step->path->span, NULL,
               "`%s` is per %s, which does not observe `%s`", root->name,
               symbol->as.group->entity->name, stream->name);
        return false;
    }
    const weir_expr *expr = c->for_tests
                                ? weir_member_carried(c, member, stream, step->path->span)
                                : weir_member_instance(c, member, stream, step->path->span);
    if (expr == NULL) return false;
    *out = (expect_target){.member = member, .type = expr->type};
    return true;
}

static bool check_expectation(weir_checker *c, const weir_ast_step *step, weir_stream_info *stream,
                              expect_target *target_out, weir_value *value_out)
{
    if (!find_target(c, step, stream, target_out)) return false;
    weir_type type = target_out->type;
    type.optional = true; /* `= null` may be expected of anything, and fails */
    return test_value(c, step->value, type, value_out);
}

void weir_check_test(weir_checker *c, const weir_ast_decl *decl)
{
    const weir_ast_test *ast = &decl->as.test;
    weir_stream_info *at = NULL;
    bool seen_at = false;
    for (uint32_t i = 0; i < ast->step_count; i++) {
        const weir_ast_step *step = &ast->steps[i];
        if (step->kind == WEIR_STEP_EXPECT) {
            expect_target target;
            weir_value value;
            if (!seen_at)
                REPORT(c, TEST_ORDER, step->span, "write `at stream { ... }` before it",
                       "nothing is read here yet");
            if (at != NULL) (void)check_expectation(c, step, at, &target, &value);
            continue;
        }
        weir_stream_info *stream = weir_stream_named(c, step->stream);
        if (step->kind == WEIR_STEP_AT) {
            at = stream;
            seen_at = true;
        }
        if (stream != NULL) (void)event_values(c, step, stream);
    }
}

/* ---- Compiled tests ---- */

static uint32_t line_of(const weir_checker *c, weir_span span)
{
    uint32_t line = 1;
    const char *text = c->diagnostics->sources[span.source].text;
    for (uint32_t i = 0; i < span.start; i++)
        line += text[i] == '\n';
    return line;
}

static void build_expectation(weir_checker *c, const weir_ast_step *step, weir_stream_info *stream,
                              weir_test_expectation *out)
{
    expect_target target = {0};
    weir_value value = {0};
    bool good = check_expectation(c, step, stream, &target, &value);
    WEIR_ASSERT(good);
    weir_span span = step->path->span;
    *out = (weir_test_expectation){.stream = stream->index,
                                   .carried = WEIR_NONE,
                                   .vector = WEIR_NONE,
                                   .type = target.type,
                                   .value = value};
    out->text = weir_arena_string(c->into, c->diagnostics->sources[span.source].text + span.start,
                                  span.end - span.start);
    if (target.vector != NULL) {
        out->vector = target.vector->index;
        out->column = target.column;
        return;
    }
    for (uint32_t i = 0; i < stream->carried.count; i++) {
        const weir_carried_info *carried = stream->carried.items[i];
        if (carried->member == target.member) out->carried = carried->final_index;
    }
    WEIR_ASSERT(out->carried != WEIR_NONE);
}

static const weir_plan_test *build_test(weir_checker *c, const weir_plan *plan,
                                        const weir_ast_decl *decl)
{
    const weir_ast_test *ast = &decl->as.test;
    weir_plan_test *test = weir_arena_new(c->into, weir_plan_test);
    weir_test_step *steps = weir_arena_array(c->into, weir_test_step, ast->step_count);
    weir_stream_info *at = NULL;
    uint64_t number = last_named_number(c, ast);
    for (uint32_t i = 0; i < ast->step_count; i++) {
        const weir_ast_step *step = &ast->steps[i];
        steps[i] = (weir_test_step){.source = step->span.source, .line = line_of(c, step->span)};
        if (step->kind == WEIR_STEP_EXPECT) {
            steps[i].is_expectation = true;
            build_expectation(c, step, at, &steps[i].as.expectation);
            continue;
        }
        weir_stream_info *stream = weir_stream_named(c, step->stream);
        if (step->kind == WEIR_STEP_AT) at = stream;
        steps[i].as.event = (weir_test_event){.stream = stream->index,
                                              .is_at = step->kind == WEIR_STEP_AT,
                                              .fields = event_slots(c, step, stream, ++number)};
    }
    *test = (weir_plan_test){.title = weir_keep_text(c, ast->title),
                             .source = decl->span.source,
                             .line = line_of(c, decl->span),
                             .plan = plan,
                             .step_count = ast->step_count,
                             .steps = steps};
    return test;
}

void weir_build_tests(weir_checker *c, weir_plan *plan)
{
    weir_pointers tests = {0};
    for (size_t u = 0; u < c->unit_count; u++) {
        for (uint32_t i = 0; i < c->units[u].decl_count; i++) {
            const weir_ast_decl *decl = &c->units[u].decls[i];
            if (decl->kind == WEIR_DECL_TEST)
                weir_pointers_push(c, &tests, (void *)(uintptr_t)build_test(c, plan, decl));
        }
    }
    plan->tests = weir_arena_copy(c->into, tests.items, tests.count * sizeof(void *));
    plan->test_count = tests.count;
}
