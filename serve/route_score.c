/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/route_score.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "ops/runtime/assert.h"
#include "ops/runtime/digest.h"
#include "serve/fields.h"
#include "serve/trigger.h"

typedef struct score_query {
    weir_service *service;
    const weir_plan *plan;
    weir_arena arena;
    /* As sent. */
    const char *vector_name, *score_name;
    weir_bytes key, self; /* JSON objects, raw */
    bool has_at;
    int64_t at_us;
    /* What it means. */
    uint32_t vector, score; /* score: WEIR_NONE, the vector has no model */
    const weir_plan_stream *stream;
    weir_trigger_needs needs;
    weir_field_want *wants; /* all slots in their order, then the schema's other fields */
    size_t want_count;
    bool *is_given;
    weir_event event;
    weir_value *fields;
    weir_hop_answer *points; /* per hop */
    bool *is_read;           /* per hop: its key is not null */
    const char *problem;     /* NULL while all is well */
} score_query;

__attribute__((format(printf, 2, 3))) static bool fail(score_query *q, const char *format, ...)
{
    if (q->problem != NULL) return false;
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    q->problem = weir_arena_string(&q->arena, text, strlen(text));
    return false;
}

/* ---- the body ---- */

static bool take_at(score_query *q, weir_json *json)
{
    weir_value at;
    bool bad_number = false;
    const char *problem = NULL;
    q->has_at = weir_json_read_value(json, weir_type_of(WEIR_TIME), WEIR_UNIT_US, &q->arena, &at,
                                     &bad_number, &problem);
    q->at_us = at.as.integer;
    return q->has_at || fail(q, "at: %s", problem != NULL ? problem : "no time");
}

static bool read_member(score_query *q, weir_json *json)
{
    static const char *const names[] = {"vector", "score", "key", "this", "at"};
    bool is_given[] = {q->vector_name != NULL, q->score_name != NULL, q->key.size > 0,
                       q->self.size > 0, q->has_at};
    if (!weir_fields_once(json, names, is_given, 5)) return false;
    if (weir_json_key_is(json, "vector")) return weir_fields_name(json, &q->arena, &q->vector_name);
    if (weir_json_key_is(json, "score")) return weir_fields_name(json, &q->arena, &q->score_name);
    if (weir_json_key_is(json, "key")) return weir_fields_raw(json, &q->key);
    if (weir_json_key_is(json, "this")) return weir_fields_raw(json, &q->self);
    if (weir_json_key_is(json, "at")) return take_at(q, json);
    return fail(q, "the body may have `vector`, `key`, `this`, `at` and `score`");
}

static bool read_body(score_query *q, weir_bytes body)
{
    weir_json json;
    weir_json_init(&json, body.data, body.size, &q->arena);
    bool is_read = weir_json_expect(&json, WEIR_JSON_OBJECT_BEGIN);
    while (is_read && weir_json_next_key(&json))
        is_read = read_member(q, &json);
    is_read = is_read && weir_json_expect(&json, WEIR_JSON_END);
    weir_error *error = weir_json_error(&json, WEIR_E_DATA, "body");
    if (error != NULL) (void)fail(q, "%s", weir_error_message(error));
    weir_error_free(error);
    return (is_read && q->problem == NULL) || fail(q, "the body is no JSON object");
}

/* ---- what it asks for ---- */

static bool choose_score(score_query *q)
{
    q->score = WEIR_NONE;
    for (uint32_t i = 0; i < q->plan->score_count; i++) {
        const weir_plan_score *score = &q->plan->scores[i];
        bool is_named = q->score_name != NULL && strcmp(score->name, q->score_name) == 0;
        if (score->vector != q->vector || (q->score_name != NULL && !is_named)) continue;
        if (q->score != WEIR_NONE) {
            return fail(q, "vector `%s` has scores `%s` and `%s`; name one with `score`",
                        q->vector_name, q->plan->scores[q->score].name, score->name);
        }
        q->score = i;
    }
    if (q->score != WEIR_NONE || q->score_name == NULL) return true;
    return fail(q, "vector `%s` has no score `%s`", q->vector_name, q->score_name);
}

static bool choose_vector(score_query *q)
{
    if (q->vector_name == NULL)
        return fail(q, "name a vector: {\"vector\": ..., \"key\": {...}, \"this\": {...}}");
    q->vector = weir_plan_find_vector(q->plan, q->vector_name);
    if (q->vector == WEIR_NONE) return fail(q, "there is no vector `%s`", q->vector_name);
    q->event.stream = q->plan->vectors[q->vector].stream;
    q->stream = &q->plan->streams[q->event.stream];
    if (!choose_score(q)) return false;
    q->needs = weir_trigger_needs_of(q->plan, q->vector, q->score, &q->arena);
    return true;
}

/* ---- the event ---- */

/* The stream's slots in their order, then the schema's other fields: whoever sends a whole event
 * has them checked, and nothing reads them. */
static void want_fields(score_query *q)
{
    const weir_schema *schema = q->stream->schema;
    size_t most = q->stream->slot_count + schema->field_count + 1;
    q->wants = weir_arena_array(&q->arena, weir_field_want, most);
    q->is_given = weir_arena_array(&q->arena, bool, most);
    q->fields = weir_arena_array(&q->arena, weir_value, most);
    for (uint32_t s = 0; s < q->stream->slot_count; s++) {
        const weir_schema_field *field = weir_schema_find(schema, q->stream->slot_paths[s]);
        WEIR_ASSERT(field != NULL);
        q->wants[q->want_count++] =
            (weir_field_want){field->path, q->stream->slot_types[s], field->unit};
    }
    for (size_t f = 0; f < schema->field_count; f++) {
        bool is_slot = false;
        for (uint32_t s = 0; s < q->stream->slot_count && !is_slot; s++)
            is_slot = strcmp(q->stream->slot_paths[s], schema->fields[f].path) == 0;
        if (is_slot) continue;
        q->wants[q->want_count++] = (weir_field_want){
            schema->fields[f].path, schema->fields[f].type, schema->fields[f].unit};
    }
}

static bool read_object(score_query *q, weir_bytes object, const char *what)
{
    if (object.size == 0) return true;
    const char *problem =
        weir_fields_read(object, what, q->wants, q->want_count, &q->arena, q->fields, q->is_given);
    return problem == NULL || fail(q, "%s", problem);
}

/* tau is one: the event's own time, `at`, or now. */
static bool set_time(score_query *q)
{
    uint32_t slot = q->stream->time_slot;
    bool has_time = q->is_given[slot] && !weir_is_null(&q->fields[slot]);
    if (has_time && q->has_at && q->fields[slot].as.integer != q->at_us)
        return fail(q, "`at` and the field `%s` differ; leave one out",
                    q->stream->slot_paths[slot]);
    int64_t now_us = weir_follower_now(weir_service_follower(q->service));
    q->event.et_us = has_time ? q->fields[slot].as.integer : q->has_at ? q->at_us : now_us;
    q->fields[slot] = weir_time(q->event.et_us);
    return true;
}

static bool complete(score_query *q)
{
    for (uint32_t s = 0; s < q->stream->slot_count; s++) {
        const char *name = q->stream->slot_paths[s];
        const weir_schema_field *field = weir_schema_find(q->stream->schema, name);
        if (q->is_given[s] || !q->needs.slots[s]) continue;
        if (field->has_default)
            q->fields[s] = field->default_value;
        else if (!q->stream->slot_types[s].optional)
            return fail(q,
                        "vector `%s` needs the field `%s` of stream %s; send it in `key` or `this`",
                        q->vector_name, name, q->stream->name);
    }
    weir_trigger_fill(&q->needs, q->fields);
    return true;
}

static bool read_event(score_query *q)
{
    want_fields(q);
    if (!read_object(q, q->key, "key") || !read_object(q, q->self, "this") || !set_time(q) ||
        !complete(q))
        return false;
    uint32_t carried = q->stream->carried_count;
    q->event.fields = q->fields;
    q->event.carried = weir_arena_array(&q->arena, weir_value, carried + 1);
    q->event.carried_overflow = weir_arena_array(&q->arena, bool, carried + 1);
    q->points = weir_arena_array(&q->arena, weir_hop_answer, q->stream->hop_count + 1);
    q->is_read = weir_arena_array(&q->arena, bool, q->stream->hop_count + 1);
    return true;
}

/* All hops, as the event would take them: an entity whose key is null reads as an unknown one. */
static weir_error *read_hops(score_query *q)
{
    const weir_lookup_port *port = weir_service_lookups(q->service);
    weir_buffer key = {0};
    weir_error *error = NULL;
    for (uint32_t h = 0; h < q->stream->hop_count && error == NULL; h++) {
        if (!q->needs.hops[h]) continue;
        weir_buffer_clear(&key);
        q->event.hop = h;
        q->is_read[h] = weir_trigger_key(q->plan, q->event.stream, h, q->fields, &key);
        q->event.key = (weir_bytes){key.data, key.size};
        error = q->is_read[h]
                    ? port->read(port->context, &q->event, &q->points[h])
                    : weir_engine_read_absent(
                          weir_follower_engine(weir_service_follower(q->service)), &q->event);
    }
    weir_buffer_deinit(&key);
    return error;
}

/* ---- the answer ---- */

static void write_values(const score_query *q, weir_json_writer *writer, const weir_value *values,
                         const bool *overflow)
{
    const weir_plan_vector *vector = &q->plan->vectors[q->vector];
    weir_json_write_key(writer, "values");
    weir_json_write_begin(writer, '{');
    for (uint32_t i = 0; i < vector->column_count; i++) {
        weir_json_write_key(writer, vector->columns[i].name);
        if (weir_is_null(&values[i]))
            weir_json_write_null(writer);
        else
            weir_json_write_value(writer, vector->columns[i].type, &values[i]);
    }
    weir_json_write_end(writer, '}');
    weir_json_write_key(writer, "errors");
    weir_json_write_begin(writer, '{');
    for (uint32_t i = 0; i < vector->column_count; i++) {
        if (!overflow[i]) continue;
        weir_json_write_key(writer, vector->columns[i].name);
        weir_json_write_text(writer, "overflow");
    }
    weir_json_write_end(writer, '}');
}

static void write_number(weir_json_writer *writer, double number)
{
    weir_value value = weir_float(number);
    if (weir_is_null(&value))
        weir_json_write_null(writer);
    else
        weir_json_write_value(writer, weir_type_of(WEIR_FLOAT64), &value);
}

static void write_reasons(const score_query *q, weir_json_writer *writer,
                          const weir_score_answer *answer)
{
    const weir_plan_vector *vector = &q->plan->vectors[q->vector];
    weir_json_write_key(writer, "reasons");
    weir_json_write_begin(writer, '[');
    for (uint32_t i = 0; i < answer->reason_count; i++) {
        weir_json_write_begin(writer, '{');
        weir_json_write_key(writer, "feature");
        weir_json_write_text(writer, vector->columns[answer->reason_columns[i]].name);
        weir_json_write_key(writer, "contribution");
        write_number(writer, answer->reason_values[i]);
        weir_json_write_end(writer, '}');
    }
    weir_json_write_end(writer, ']');
}

static void write_score(const score_query *q, weir_json_writer *writer,
                        const weir_score_answer *answer)
{
    weir_json_write_key(writer, "score");
    if (answer->has_score)
        write_number(writer, answer->score);
    else
        weir_json_write_null(writer);
    weir_json_write_key(writer, "decision");
    if (answer->decision != NULL)
        weir_json_write_text(writer, answer->decision);
    else
        weir_json_write_null(writer);
    weir_json_write_key(writer, "fallback");
    weir_json_write_bool(writer, answer->is_fallback);
    write_reasons(q, writer, answer);
    weir_json_write_key(writer, "model");
    weir_json_write_text(writer, q->plan->scores[q->score].model);
}

static void write_receipt(const score_query *q, weir_json_writer *writer)
{
    weir_value tau = weir_time(q->event.et_us);
    char digest[2 * WEIR_DIGEST_BYTES + 1];
    weir_sha256_print(q->plan->digest, digest);
    weir_json_write_key(writer, "receipt");
    weir_json_write_begin(writer, '{');
    weir_json_write_key(writer, "definition");
    weir_json_write_text(writer, digest);
    weir_json_write_key(writer, "tau");
    weir_json_write_value(writer, weir_type_of(WEIR_TIME), &tau);
    weir_json_write_key(writer, "read");
    weir_json_write_begin(writer, '[');
    for (uint32_t h = 0; h < q->stream->hop_count; h++) {
        if (!q->is_read[h]) continue;
        weir_json_write_begin(writer, '{');
        weir_json_write_key(writer, "entity");
        weir_json_write_text(writer, q->plan->entities[q->stream->hops[h].entity].name);
        weir_json_write_key(writer, "partition");
        weir_json_write_int(writer, q->points[h].partition);
        weir_json_write_key(writer, "position");
        weir_json_write_int(writer, weir_seq_offset(q->points[h].position));
        weir_json_write_key(writer, "beyond_horizon");
        weir_json_write_bool(writer, q->points[h].beyond_horizon);
        weir_json_write_key(writer, "horizon");
        weir_value horizon =
            q->points[h].horizon_us == INT64_MIN ? weir_null() : weir_time(q->points[h].horizon_us);
        weir_json_write_value(writer, weir_type_optional(weir_type_of(WEIR_TIME)), &horizon);
        weir_json_write_end(writer, '}');
    }
    weir_json_write_end(writer, ']');
    weir_json_write_end(writer, '}');
}

static void write_answer(score_query *q, weir_buffer *out)
{
    uint32_t count = q->plan->vectors[q->vector].column_count;
    weir_value *values = weir_arena_array(&q->arena, weir_value, count + 1);
    bool *overflow = weir_arena_array(&q->arena, bool, count + 1);
    weir_score_answer answer = {0};
    weir_engine_vector(weir_follower_engine(weir_service_follower(q->service)), q->vector,
                       &q->event, values, overflow);
    if (q->score != WEIR_NONE) {
        weir_scorer_answer(weir_service_scorer(q->service, q->score), values, q->event.carried,
                           q->fields, &answer);
    }
    weir_json_writer writer = {.out = out};
    weir_json_write_begin(&writer, '{');
    weir_json_write_key(&writer, "vector");
    weir_json_write_text(&writer, q->vector_name);
    write_values(q, &writer, values, overflow);
    if (q->score != WEIR_NONE) write_score(q, &writer, &answer);
    write_receipt(q, &writer);
    weir_json_write_end(&writer, '}');
}

void weir_route_score(weir_service *service, const weir_http_request *request,
                      weir_http_response *response)
{
    score_query q = {.service = service, .plan = weir_service_plan(service)};
    if (read_body(&q, request->body) && choose_vector(&q) && read_event(&q)) {
        weir_error *error = read_hops(&q);
        if (error == NULL)
            write_answer(&q, &response->body);
        else
            weir_service_problem(response, 503, "%s", weir_error_message(error));
        weir_error_free(error);
    } else {
        weir_service_problem(response, 400, "%s", q.problem);
    }
    weir_arena_deinit(&q.arena);
}
