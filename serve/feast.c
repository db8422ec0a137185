/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/feast.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "ops/runtime/assert.h"
#include "ops/runtime/json.h"
#include "schemas/json_value.h"

/* A name that was asked for: the member behind it. */
typedef struct asked {
    const char *name; /* as the answer shows it */
    uint32_t member;
} asked;

/* One column of "entities": its raw JSON values. */
typedef struct entity_column {
    const char *name;
    weir_bytes values; /* the array's text */
    uint32_t count;
} entity_column;

typedef struct query {
    weir_feast *feast;
    asked *names;
    uint32_t name_count;
    entity_column *columns;
    uint32_t column_count, row_count;
    bool full_names;
    int64_t tau_us; /* of all rows alike: the server's clock at the first */
    bool has_tau;
    /* What goes wrong: Feast's class, an HTTP status, a message. */
    const char *error_class;
    int status;
    const char *message;
} query;

/* Feast's classes that its SDK raises again on the other side. */
#define VIEW_NOT_FOUND    "FeatureViewNotFoundException"
#define SERVICE_NOT_FOUND "FeatureServiceNotFoundException"
#define NAME_COLLISION    "FeatureNameCollisionError"
#define BAD_REQUEST       "FeastError"

__attribute__((format(printf, 4, 5))) static bool fail(query *q, int status,
                                                       const char *error_class, const char *format,
                                                       ...)
{
    if (q->status != 0) return false;
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    q->status = status;
    q->error_class = error_class;
    q->message = weir_arena_string(&q->feast->arena, text, strlen(text));
    return false;
}

/* True while the document is as it should be. */
static bool is_sound(query *q, const weir_json *json)
{
    weir_error *error = weir_json_error(json, WEIR_E_DATA, "request");
    if (error != NULL) (void)fail(q, 422, BAD_REQUEST, "%s", weir_error_message(error));
    weir_error_free(error);
    return error == NULL;
}

/* As a text of the arena; a NUL would end it too soon. */
static bool take_name(query *q, weir_bytes text, const char **name_out)
{
    if (text.size > 0 && memchr(text.data, 0, text.size) != NULL)
        return fail(q, 422, BAD_REQUEST, "a name has a NUL in it");
    *name_out = weir_arena_string(&q->feast->arena, (const char *)text.data, text.size);
    return true;
}

static bool add_name(query *q, const char *name, uint32_t member)
{
    if (q->name_count == WEIR_FEAST_NAMES_MAX) {
        return fail(q, 422, BAD_REQUEST, "more than %d features in one request; ask in several",
                    WEIR_FEAST_NAMES_MAX);
    }
    q->names[q->name_count++] = (asked){name, member};
    return true;
}

/* A member's name within its group: the column without "group_". */
static const char *short_name(const weir_plan_member *member)
{
    return member->column + strlen(member->group) + 1;
}

/* Feast's client keeps an answer by its name: of two features that are called alike one would stand
 * for both, and nobody would notice. */
static bool check_name(query *q, const char *name, const weir_plan_member *member)
{
    for (uint32_t i = 0; i < q->name_count && !q->full_names; i++) {
        const weir_plan_member *other = &q->feast->plan->members[q->names[i].member];
        if (other == member || strcmp(q->names[i].name, name) != 0) continue;
        return fail(q, 422, NAME_COLLISION,
                    "both `%s` and `%s` have a feature `%s`; tell them apart with "
                    "full_feature_names=True",
                    other->group, member->group, name);
    }
    return true;
}

static bool add_feature(query *q, weir_bytes text)
{
    const weir_plan *plan = q->feast->plan;
    const char *name = NULL;
    if (!take_name(q, text, &name)) return false;
    const char *colon = strchr(name, ':');
    if (colon == NULL) {
        return fail(q, 422, BAD_REQUEST, "feature `%s` names no group; write it as group:feature",
                    name);
    }
    const char *group_name = weir_arena_string(&q->feast->arena, name, (size_t)(colon - name));
    uint32_t group = weir_plan_find_group(plan, group_name);
    if (group == WEIR_NONE)
        return fail(q, 404, VIEW_NOT_FOUND, "there is no features group `%s`", group_name);
    for (uint32_t i = 0; i < plan->groups[group].member_count; i++) {
        uint32_t index = plan->groups[group].members[i];
        const weir_plan_member *member = &plan->members[index];
        if (strcmp(short_name(member), colon + 1) != 0) continue;
        if (member->uses_this) {
            return fail(
                q, 422, BAD_REQUEST,
                "%s depends on the event being scored (`this`) and can not be looked up by key",
                name);
        }
        if (!check_name(q, colon + 1, member)) return false;
        return add_name(q,
                        q->full_names
                            ? weir_arena_printf(&q->feast->arena, "%s__%s", group_name, colon + 1)
                            : colon + 1,
                        index);
    }
    return fail(q, 404, VIEW_NOT_FOUND, "the features group `%s` has no feature `%s`", group_name,
                colon + 1);
}

static bool add_service(query *q, weir_bytes text)
{
    const weir_plan *plan = q->feast->plan;
    const char *name = NULL;
    if (!take_name(q, text, &name)) return false;
    uint32_t vector = weir_plan_find_vector(plan, name);
    if (vector == WEIR_NONE)
        return fail(q, 404, SERVICE_NOT_FOUND, "there is no vector `%s`", name);
    for (uint32_t i = 0; i < plan->vectors[vector].column_count; i++) {
        const weir_plan_column *column = &plan->vectors[vector].columns[i];
        if (column->member == WEIR_NONE || plan->members[column->member].uses_this) continue;
        if (!add_name(q, column->name, column->member)) return false;
    }
    return true;
}

static bool read_features(query *q, weir_json *json)
{
    if (!weir_json_expect(json, WEIR_JSON_ARRAY_BEGIN)) return false;
    while (weir_json_next_item(json)) {
        weir_bytes text = {0};
        if (!weir_json_string(json, &text) || !add_feature(q, text)) return false;
    }
    return true;
}

/* Keeps the array's text: its values are read when the entity's key types are known. */
static bool read_entity(query *q, weir_json *json, weir_bytes name)
{
    if (q->column_count == WEIR_PLAN_KEY_FIELDS_MAX * WEIR_PLAN_HOPS_MAX) {
        return fail(q, 422, BAD_REQUEST, "too many entity columns");
    }
    entity_column *column = &q->columns[q->column_count];
    if (!take_name(q, name, &column->name)) return false;
    for (uint32_t i = 0; i < q->column_count; i++) {
        if (strcmp(q->columns[i].name, column->name) == 0)
            return fail(q, 422, BAD_REQUEST, "the entity column `%s` stands twice", column->name);
    }
    q->column_count++;
    (void)weir_json_peek(json);
    column->values.data = json->next;
    if (!weir_json_expect(json, WEIR_JSON_ARRAY_BEGIN)) return false;
    while (weir_json_next_item(json)) {
        if (++column->count > WEIR_FEAST_ROWS_MAX) {
            return fail(q, 422, BAD_REQUEST, "more than %d rows in one request; ask in several",
                        WEIR_FEAST_ROWS_MAX);
        }
        if (!weir_json_skip(json)) return false;
    }
    column->values.size = (size_t)(json->next - column->values.data);
    return true;
}

static bool read_entities(query *q, weir_json *json)
{
    if (!weir_json_expect(json, WEIR_JSON_OBJECT_BEGIN)) return false;
    while (weir_json_next_key(json)) {
        if (!read_entity(q, json, json->text)) return false;
        if (q->columns[q->column_count - 1].count != q->columns[0].count) {
            return fail(q, 422, BAD_REQUEST,
                        "entities `%s` and `%s` have different numbers of rows", q->columns[0].name,
                        q->columns[q->column_count - 1].name);
        }
    }
    return true;
}

/* full_feature_names may stand behind the features, so it is looked for first. */
static bool read_full_names(query *q, weir_bytes body)
{
    weir_json json;
    weir_json_init(&json, body.data, body.size, &q->feast->arena);
    (void)weir_json_expect(&json, WEIR_JSON_OBJECT_BEGIN);
    while (weir_json_next_key(&json)) {
        bool is_wanted = weir_json_key_is(&json, "full_feature_names");
        if (is_wanted ? !weir_json_bool(&json, &q->full_names) : !weir_json_skip(&json)) break;
    }
    return is_sound(q, &json);
}

static bool read_member(query *q, weir_json *json)
{
    if (weir_json_key_is(json, "features")) return read_features(q, json);
    if (weir_json_key_is(json, "entities")) return read_entities(q, json);
    if (weir_json_key_is(json, "feature_service")) {
        if (weir_json_peek(json) == WEIR_JSON_NULL) return weir_json_skip(json);
        weir_bytes name = {0};
        return weir_json_string(json, &name) && add_service(q, name);
    }
    return weir_json_skip(json);
}

static bool read_query(query *q, weir_bytes body)
{
    weir_json json;
    weir_json_init(&json, body.data, body.size, &q->feast->arena);
    bool is_read = read_full_names(q, body) && weir_json_expect(&json, WEIR_JSON_OBJECT_BEGIN);
    while (is_read && weir_json_next_key(&json))
        is_read = read_member(q, &json);
    is_read = is_read && weir_json_expect(&json, WEIR_JSON_END);
    is_read = is_sound(q, &json) && is_read;
    if (q->status == 0 && !is_read)
        (void)fail(q, 422, BAD_REQUEST, "the body is no JSON object of the expected form");
    if (q->status != 0) return false;
    if (q->name_count == 0)
        return fail(q, 422, BAD_REQUEST, "no features: name `features` or a `feature_service`");
    if (q->column_count == 0)
        return fail(q, 422, BAD_REQUEST, "no entities: {\"entities\": {\"card\": [\"c1\"]}}");
    q->row_count = q->columns[0].count;
    if ((uint64_t)q->row_count * q->name_count > WEIR_FEAST_CELLS_MAX) {
        return fail(q, 422, BAD_REQUEST, "rows times features exceed %d; ask in several requests",
                    WEIR_FEAST_CELLS_MAX);
    }
    return true;
}

static const entity_column *find_column(const query *q, const char *name)
{
    for (uint32_t i = 0; i < q->column_count; i++) {
        if (strcmp(q->columns[i].name, name) == 0) return &q->columns[i];
    }
    return NULL;
}

/* Reads one column of keys as values of `type`, rows apart by `stride`. */
static bool read_keys(query *q, const entity_column *column, weir_type type, weir_value *out,
                      size_t stride)
{
    weir_json json;
    weir_json_init(&json, column->values.data, column->values.size, &q->feast->arena);
    (void)weir_json_expect(&json, WEIR_JSON_ARRAY_BEGIN);
    for (uint32_t row = 0; weir_json_next_item(&json); row++) {
        const char *problem = NULL;
        bool bad_number = false;
        if (!weir_json_read_value(&json, type, WEIR_UNIT_US, &q->feast->arena, &out[row * stride],
                                  &bad_number, &problem) ||
            weir_is_null(&out[row * stride])) {
            return fail(q, 422, BAD_REQUEST, "entity `%s`, row %u, of type %s: %s", column->name,
                        row, weir_type_print(type, &q->feast->arena),
                        problem != NULL ? problem : "null");
        }
    }
    return true;
}

typedef struct cell {
    weir_value value;
    bool is_known;
} cell;

/* Looks up all members of one entity for every row. `cells` is names x rows. */
static bool look_up_entity(query *q, uint32_t entity_index, cell *cells)
{
    const weir_plan_entity *entity = &q->feast->plan->entities[entity_index];
    weir_arena *arena = &q->feast->arena;
    weir_value *keys =
        weir_arena_array(arena, weir_value, (size_t)q->row_count * entity->key_count + 1);
    for (uint32_t k = 0; k < entity->key_count; k++) {
        const entity_column *column = find_column(q, entity->key_names[k]);
        if (column == NULL) {
            return fail(q, 422, BAD_REQUEST, "features of `%s` want the entity column `%s`",
                        entity->name, entity->key_names[k]);
        }
        if (!read_keys(q, column, entity->key_types[k], keys + k, entity->key_count)) return false;
    }
    uint32_t *members = weir_arena_array(arena, uint32_t, q->name_count);
    uint32_t *names = weir_arena_array(arena, uint32_t, q->name_count);
    uint32_t count = 0;
    for (uint32_t i = 0; i < q->name_count; i++) {
        if (q->feast->plan->members[q->names[i].member].entity != entity_index) continue;
        members[count] = q->names[i].member;
        names[count++] = i;
    }
    weir_lookup_answer answer = {.values = weir_arena_array(arena, weir_value, count),
                                 .overflow = weir_arena_array(arena, bool, count)};
    for (uint32_t row = 0; row < q->row_count; row++) {
        weir_lookup_request request = {entity_index, keys + (size_t)row * entity->key_count,
                                       members,      count,
                                       q->tau_us,    !q->has_tau};
        weir_error *error = q->feast->port->lookup(q->feast->port->context, &request, &answer);
        if (error != NULL) {
            (void)fail(q, 503, BAD_REQUEST, "%s", weir_error_message(error));
            weir_error_free(error);
            return false;
        }
        q->tau_us = answer.tau_us;
        q->has_tau = true;
        for (uint32_t i = 0; i < count; i++) {
            cell *into = &cells[(size_t)names[i] * q->row_count + row];
            *into = (cell){weir_value_copy(&answer.values[i], arena), answer.is_known};
        }
    }
    return true;
}

static bool look_up_all(query *q, cell *cells)
{
    uint32_t entity_count = q->feast->plan->entity_count;
    for (uint32_t e = 0; e < entity_count; e++) {
        bool is_used = false;
        for (uint32_t i = 0; i < q->name_count; i++)
            is_used |= q->feast->plan->members[q->names[i].member].entity == e;
        if (is_used && !look_up_entity(q, e, cells)) return false;
    }
    return true;
}

/* `token` is JSON as it stands. */
static void write_repeated(weir_json_writer *writer, const char *key, const char *token,
                           uint32_t count)
{
    size_t size = strlen(token);
    weir_json_write_key(writer, key);
    weir_json_write_begin(writer, '[');
    for (uint32_t i = 0; i < count; i++)
        weir_json_write_raw(writer, token, size);
    weir_json_write_end(writer, ']');
}

/* The entity columns come back as they were sent, at the epoch, as Feast has it. */
static void write_entity(weir_json_writer *writer, const entity_column *column)
{
    weir_json_write_begin(writer, '{');
    weir_json_write_key(writer, "values");
    weir_json_write_raw(writer, (const char *)column->values.data, column->values.size);
    write_repeated(writer, "statuses", "\"PRESENT\"", column->count);
    write_repeated(writer, "event_timestamps", "\"1970-01-01T00:00:00Z\"", column->count);
    weir_json_write_end(writer, '}');
}

static void write_status(weir_json_writer *writer, const cell *c)
{
    if (!c->is_known) {
        weir_json_write_raw(writer, "\"NOT_FOUND\"", 11);
    } else if (weir_is_null(&c->value)) {
        weir_json_write_raw(writer, "\"NULL_VALUE\"", 12);
    } else {
        weir_json_write_raw(writer, "\"PRESENT\"", 9);
    }
}

static void write_feature(weir_json_writer *writer, weir_type type, const cell *cells,
                          uint32_t count, const char *instant)
{
    weir_json_write_begin(writer, '{');
    weir_json_write_key(writer, "values");
    weir_json_write_begin(writer, '[');
    for (uint32_t i = 0; i < count; i++)
        weir_json_write_value(writer, type, &cells[i].value);
    weir_json_write_end(writer, ']');
    weir_json_write_key(writer, "statuses");
    weir_json_write_begin(writer, '[');
    for (uint32_t i = 0; i < count; i++)
        write_status(writer, &cells[i]);
    weir_json_write_end(writer, ']');
    write_repeated(writer, "event_timestamps", instant, count);
    weir_json_write_end(writer, '}');
}

static void write_answer(const query *q, const cell *cells, weir_buffer *out)
{
    weir_json_writer writer = {.out = out};
    char time[48], instant[52];
    time[weir_time_print(q->tau_us, time)] = '\0';
    (void)snprintf(instant, sizeof instant, "\"%s\"", time);
    weir_json_write_begin(&writer, '{');
    weir_json_write_key(&writer, "metadata");
    weir_json_write_begin(&writer, '{');
    weir_json_write_key(&writer, "feature_names");
    weir_json_write_begin(&writer, '[');
    for (uint32_t i = 0; i < q->column_count; i++)
        weir_json_write_text(&writer, q->columns[i].name);
    for (uint32_t i = 0; i < q->name_count; i++)
        weir_json_write_text(&writer, q->names[i].name);
    weir_json_write_end(&writer, ']');
    weir_json_write_end(&writer, '}');
    weir_json_write_key(&writer, "results");
    weir_json_write_begin(&writer, '[');
    for (uint32_t i = 0; i < q->column_count; i++)
        write_entity(&writer, &q->columns[i]);
    for (uint32_t i = 0; i < q->name_count; i++) {
        weir_type type = q->feast->plan->members[q->names[i].member].type;
        write_feature(&writer, type, cells + (size_t)i * q->row_count, q->row_count, instant);
    }
    weir_json_write_end(&writer, ']');
    weir_json_write_end(&writer, '}');
}

/* Feast's own form: a JSON string that holds a JSON object. */
static void write_error(const query *q, weir_http_response *response)
{
    weir_buffer inner = {0};
    weir_json_writer writer = {.out = &inner};
    weir_json_write_begin(&writer, '{');
    weir_json_write_key(&writer, "module");
    weir_json_write_text(&writer, "feast.errors");
    weir_json_write_key(&writer, "class");
    weir_json_write_text(&writer, q->error_class);
    weir_json_write_key(&writer, "message");
    weir_json_write_text(&writer, q->message);
    weir_json_write_end(&writer, '}');
    weir_json_writer outer = {.out = &response->body};
    weir_json_write_string(&outer, inner.data, inner.size);
    weir_buffer_deinit(&inner);
    response->status = q->status;
}

void weir_feast_answer(weir_feast *feast, const weir_http_request *request,
                       weir_http_response *response)
{
    weir_arena_reset(&feast->arena);
    query q = {.feast = feast};
    q.names = weir_arena_array(&feast->arena, asked, WEIR_FEAST_NAMES_MAX);
    q.columns = weir_arena_array(&feast->arena, entity_column,
                                 WEIR_PLAN_KEY_FIELDS_MAX * WEIR_PLAN_HOPS_MAX);
    bool is_done = read_query(&q, request->body);
    cell *cells = NULL;
    if (is_done) {
        cells = weir_arena_array(&feast->arena, cell, (size_t)q.row_count * q.name_count + 1);
        is_done = look_up_all(&q, cells);
    }
    response->content_type = "application/json";
    if (is_done) {
        write_answer(&q, cells, &response->body);
    } else {
        write_error(&q, response);
    }
}
