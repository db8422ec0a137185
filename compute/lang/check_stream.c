/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Streams: their schema, their clauses, and the entities that observe them.
 */
#include "compute/lang/check_internal.h"

#include <string.h>

#include "ops/runtime/assert.h"

#define REPORT(c, id, at, help, ...)                                                               \
    weir_diagnostics_add((c)->diagnostics, WEIR_D_##id, at, help, __VA_ARGS__)
#define HELP(c, ...) weir_arena_printf((c)->diagnostics->into, __VA_ARGS__)

/* "card", or "card,merchant": what the entity is known by. */
static const char *entity_name(weir_checker *c, const weir_ast_names *names)
{
    const char *name = names->items[0].name;
    for (uint32_t i = 1; i < names->count; i++)
        name = weir_arena_printf(c->scratch, "%s,%s", name, names->items[i].name);
    return weir_intern_text(c, name);
}

weir_entity_info *weir_entity_of(weir_checker *c, const weir_ast_names *names, bool create)
{
    const char *name = entity_name(c, names);
    for (uint32_t i = 0; i < c->entities.count; i++) {
        weir_entity_info *entity = c->entities.items[i];
        if (entity->name == name) return entity;
    }
    if (!create) return NULL;
    weir_entity_info *entity = weir_arena_new(c->scratch, weir_entity_info);
    const char **keys = weir_arena_array(c->into, const char *, names->count);
    for (uint32_t i = 0; i < names->count; i++)
        keys[i] = weir_arena_string(c->into, names->items[i].name, strlen(names->items[i].name));
    *entity = (weir_entity_info){
        .name = name, .index = c->entities.count, .key_count = names->count, .key_names = keys};
    weir_pointers_push(c, &c->entities, entity);
    return entity;
}

uint32_t weir_stream_hop(const weir_stream_info *stream, const weir_entity_info *entity)
{
    for (uint32_t i = 0; i < stream->hop_count; i++) {
        if (stream->entities[i] == entity) return i;
    }
    return WEIR_NONE;
}

static const weir_schema_field *want_field(weir_checker *c, const weir_stream_info *stream,
                                           weir_ast_name name)
{
    const weir_schema_field *field = weir_stream_field(stream, name.name);
    if (field != NULL) return field;
    if (weir_report_unnamable(c, stream, name.name, name.span)) return NULL;
    const char **paths = weir_arena_array(c->scratch, const char *, stream->schema->field_count);
    for (size_t i = 0; i < stream->schema->field_count; i++)
        paths[i] = stream->schema->fields[i].path;
    const char *near = weir_nearest_name(name.name, paths, stream->schema->field_count);
    REPORT(c, UNKNOWN_FIELD, name.span, near != NULL ? HELP(c, "did you mean `%s`?", near) : NULL,
           "the schema %s has no field `%s`", stream->schema->full_name, name.name);
    return NULL;
}

/* False: it has no schema that could type its fields. */
static bool check_source(weir_checker *c, weir_stream_info *stream)
{
    const weir_ast_stream *ast = &stream->decl->as.stream;
    bool is_file = strcmp(ast->source.name, "file") == 0;
    if (is_file)
        REPORT(c, NOT_SUPPORTED, ast->source.span, "read a file with `weir eval` or `weir produce`",
               "a stream from a file is not supported yet");
    if (!is_file && strcmp(ast->source.name, "kafka") != 0)
        REPORT(c, SOURCE, ast->source.span, "write kafka(\"topic\")",
               "`%s` is not a source of events", ast->source.name);
    if (ast->format.name == NULL) {
        REPORT(c, SCHEMA, stream->decl->name.span, "name its schema: avro(\"pay.Tx\")",
               "the stream `%s` has no schema", stream->name);
        return false;
    }
    if (strcmp(ast->format.name, "json") == 0) {
        REPORT(c, NOT_SUPPORTED, ast->format.span, "write avro(\"...\")",
               "streams in JSON are not supported yet");
        return false;
    }
    return true;
}

void weir_check_stream_schema(weir_checker *c, weir_stream_info *stream)
{
    const weir_ast_stream *ast = &stream->decl->as.stream;
    if (stream->is_broken) return;
    if (!check_source(c, stream)) {
        stream->is_broken = true;
        return;
    }
    weir_error *error = c->host->load_schema(c->host->context, ast->schema, &stream->schema);
    if (error == NULL && stream->schema != NULL) return;
    REPORT(c, SCHEMA, ast->schema_span, HELP(c, "put it into schemas/, one named type a file"),
           "%s", error != NULL ? weir_error_message(error) : "there is no such schema");
    weir_error_free(error);
    stream->schema = NULL;
    stream->is_broken = true;
}

static void check_time(weir_checker *c, weir_stream_info *stream)
{
    const weir_ast_stream *ast = &stream->decl->as.stream;
    if (ast->time.name == NULL && ast->has_mistakes) return;
    if (ast->time.name == NULL) {
        REPORT(c, NO_TIME, stream->decl->name.span, "add `time field` to its block",
               "the stream `%s` has no time", stream->name);
        return;
    }
    const weir_schema_field *field = want_field(c, stream, ast->time);
    if (field == NULL) return;
    if (field->type.kind != WEIR_TIME || field->type.optional) {
        REPORT(c, TIME_TYPE, ast->time.span,
               field->type.kind == WEIR_TIME
                   ? "an event needs a time: make the field non-null in the schema"
                   : "give it logicalType timestamp-micros or timestamp-millis in the schema",
               "`%s` is %s, a stream's time must be a time", ast->time.name,
               weir_type_print(field->type, c->scratch));
        return;
    }
    stream->time_slot = weir_stream_slot(c, stream, ast->time.name);
}

static bool can_be_key(weir_type type)
{
    switch (type.kind) {
    case WEIR_STRING:
    case WEIR_INT64:
    case WEIR_BYTES:
    case WEIR_ENUM:
    case WEIR_BOOL:
    case WEIR_DECIMAL:
    case WEIR_TIME:
    case WEIR_DURATION: return true;
    default: return false;
    }
}

static void check_id(weir_checker *c, weir_stream_info *stream)
{
    const weir_ast_stream *ast = &stream->decl->as.stream;
    stream->id_slot = WEIR_NONE;
    if (ast->id.name == NULL) return;
    const weir_schema_field *field = want_field(c, stream, ast->id);
    if (field == NULL) return;
    if (!can_be_key(field->type)) {
        REPORT(c, KEY_TYPE, ast->id.span, "use a string or int64 field",
               "`%s` is %s, which can not be an id", ast->id.name,
               weir_type_print(field->type, c->scratch));
        return;
    }
    stream->id_slot = weir_stream_slot(c, stream, ast->id.name);
}

static bool type_key(weir_checker *c, weir_entity_info *entity, uint32_t index, weir_type type,
                     weir_ast_name name)
{
    type.optional = false;
    if (!entity->typed) {
        entity->key_types[index] = type;
        return true;
    }
    if (weir_type_equal(entity->key_types[index], type)) return true;
    REPORT(c, KEY_TYPES, name.span, "give both streams the same type, or the entity another name",
           "`%s` is %s here and %s in another stream that it observes", name.name,
           weir_type_print(type, c->scratch),
           weir_type_print(entity->key_types[index], c->scratch));
    return false;
}

static void check_entity(weir_checker *c, weir_stream_info *stream, const weir_ast_names *names)
{
    if (names->count > WEIR_PLAN_KEY_FIELDS_MAX || stream->hop_count >= WEIR_PLAN_HOPS_MAX) {
        REPORT(c, TOO_LARGE, names->items[0].span, NULL,
               "a stream has at most %d entities, a key %d fields", WEIR_PLAN_HOPS_MAX,
               WEIR_PLAN_KEY_FIELDS_MAX);
        return;
    }
    weir_entity_info *entity = weir_entity_of(c, names, true);
    if (weir_stream_hop(stream, entity) != WEIR_NONE) {
        REPORT(c, DUPLICATE_NAME, names->items[0].span, "name it once",
               "`%s` observes the stream twice", entity->name);
        return;
    }
    uint32_t hop = stream->hop_count;
    bool good = true;
    for (uint32_t i = 0; i < names->count; i++) {
        const weir_schema_field *field = want_field(c, stream, names->items[i]);
        if (field == NULL) {
            good = false;
        } else if (!can_be_key(field->type)) {
            REPORT(c, KEY_TYPE, names->items[i].span, "use a string or int64 field",
                   "`%s` is %s, which can not be a key", names->items[i].name,
                   weir_type_print(field->type, c->scratch));
            good = false;
        } else {
            good = type_key(c, entity, i, field->type, names->items[i]) && good;
            stream->key_slots[hop][i] = weir_stream_slot(c, stream, names->items[i].name);
        }
    }
    entity->typed |= good;
    stream->entities[stream->hop_count++] = entity;
}

static void check_entities(weir_checker *c, weir_stream_info *stream)
{
    const weir_ast_stream *ast = &stream->decl->as.stream;
    if (ast->entity_count == 0 && !ast->has_mistakes)
        REPORT(c, NO_OBSERVED, stream->decl->name.span, "add `observed by entity` to its block",
               "the stream `%s` is observed by nobody", stream->name);
    for (uint32_t i = 0; i < ast->entity_count; i++)
        check_entity(c, stream, &ast->entities[i]);
}

static int64_t limit_of(weir_checker *c, const char *name, weir_ast_duration written,
                        int64_t otherwise)
{
    if (written.span.end == 0) return otherwise;
    if (written.us > WEIR_DURATION_MAX_US)
        REPORT(c, BAD_SETTING, written.span, "at most 36500d", "`%s` is out of range", name);
    return written.us;
}

static void check_limits(weir_checker *c, weir_stream_info *stream)
{
    const weir_ast_stream *ast = &stream->decl->as.stream;
    stream->late_us = limit_of(c, "late", ast->late, WEIR_US_PER_DAY);
    stream->future_us = limit_of(c, "future", ast->future, 300 * WEIR_US_PER_S);
}

static void check_expects(weir_checker *c, weir_stream_info *stream)
{
    const weir_ast_stream *ast = &stream->decl->as.stream;
    stream->expects = weir_arena_array(c->into, const weir_expr *, ast->expect_count);
    stream->expect_texts = weir_arena_array(c->into, const char *, ast->expect_count);
    weir_scope scope = {.phase = WEIR_PHASE_EVENT, .source = stream};
    for (uint32_t i = 0; i < ast->expect_count; i++) {
        weir_span span = ast->expects[i]->span;
        c->steps = 0;
        stream->expects[i] = weir_check_condition(c, &scope, ast->expects[i]);
        stream->expect_texts[i] = weir_arena_string(
            c->into, c->diagnostics->sources[span.source].text + span.start, span.end - span.start);
    }
    stream->expect_count = ast->expect_count;
}

/* A declared enum lists the symbols of the schema's enum of that name, in order. */
static void check_enums(weir_checker *c, const weir_stream_info *stream)
{
    for (size_t i = 0; i < stream->schema->field_count; i++) {
        weir_type type = stream->schema->fields[i].type;
        if (type.kind != WEIR_ENUM) continue;
        const char *dot = strrchr(type.symbols->name, '.');
        const char *name = weir_intern_text(c, dot == NULL ? type.symbols->name : dot + 1);
        const weir_symbol *symbol = weir_symbol_find(c, name);
        if (symbol == NULL || symbol->kind != WEIR_SYMBOL_ENUM) continue;
        weir_type declared = {.kind = WEIR_ENUM, .symbols = symbol->as.enumeration};
        type.optional = false;
        if (weir_type_equal(type, declared)) continue;
        const char *all = "";
        for (uint32_t k = 0; k < type.symbols->symbol_count && k < 30; k++)
            all = HELP(c, "%s%s%s", all, k == 0 ? "" : ", ", type.symbols->symbols[k]);
        REPORT(c, ENUM_DIFFERS, symbol->decl->name.span, HELP(c, "write enum %s { %s }", name, all),
               "`%s` differs from the enum of the schema %s", name, stream->schema->full_name);
    }
}

static void digest_stream(weir_checker *c, weir_stream_info *stream)
{
    weir_digester sha;
    weir_digester_init(&sha);
    weir_digest_text(&sha, "stream");
    weir_digest_text(&sha, stream->name);
    weir_digest_text(&sha, stream->decl->as.stream.topic);
    weir_digest_text(&sha, stream->schema->full_name);
    weir_digest_text(&sha, stream->decl->as.stream.time.name);
    weir_digest_text(&sha, stream->decl->as.stream.id.name);
    weir_digest_int(&sha, stream->late_us);
    weir_digest_int(&sha, stream->future_us);
    weir_digest_int(&sha, stream->hop_count);
    for (uint32_t i = 0; i < stream->hop_count; i++) {
        weir_digest_text(&sha, stream->entities[i]->name);
        for (uint32_t k = 0; k < stream->entities[i]->key_count; k++)
            weir_digest_type(&sha, stream->entities[i]->key_types[k]);
    }
    for (uint32_t i = 0; i < stream->expect_count; i++) {
        if (stream->expects[i] == NULL) continue;
        weir_digester_put(&sha, weir_digest_expr(c, stream, NULL, stream->expects[i]),
                          WEIR_DIGEST_BYTES);
    }
    weir_digester_finish(&sha, stream->digest);
}

/* With a schema its fields have types, whatever else is wrong: what reads them is checked, too. */
void weir_check_stream(weir_checker *c, weir_stream_info *stream)
{
    if (stream->is_broken) return;
    WEIR_ASSERT(stream->schema != NULL);
    check_time(c, stream);
    check_id(c, stream);
    check_entities(c, stream);
    check_limits(c, stream);
    const weir_ast_stream *ast = &stream->decl->as.stream;
    if (ast->key.count > 0)
        REPORT(c, UNEXPECTED, ast->key.items[0].span,
               "an event's keys are its entities: observed by ...",
               "`key` belongs to a table, not to a stream");
    if (ast->refresh.span.end != 0)
        REPORT(c, UNEXPECTED, ast->refresh.span, NULL,
               "`refresh` belongs to a table, not to a stream");
    check_enums(c, stream);
    check_expects(c, stream);
    digest_stream(c, stream);
}
