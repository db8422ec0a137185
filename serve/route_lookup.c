/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/route_lookup.h"

#include <string.h>

#include "ops/runtime/json.h"
#include "schemas/json_value.h"
#include "serve/fields.h"

typedef struct lookup_query {
    const weir_plan *plan;
    weir_arena arena;
    const char *group_name;
    weir_bytes key_text; /* the JSON object, raw */
    bool has_at;
    int64_t at_us;
    const weir_plan_group *group;
    weir_value key[WEIR_PLAN_KEY_FIELDS_MAX];
    const char *problem; /* NULL while all is well */
} lookup_query;

static bool fail(lookup_query *query, const char *problem)
{
    if (query->problem == NULL) query->problem = problem;
    return false;
}

static bool read_at(lookup_query *query, weir_json *json)
{
    weir_value at;
    bool bad_number = false;
    const char *problem = NULL;
    if (!weir_json_read_value(json, weir_type_of(WEIR_TIME), WEIR_UNIT_US, &query->arena, &at,
                              &bad_number, &problem)) {
        return fail(query, weir_arena_printf(&query->arena, "at: %s",
                                             problem != NULL ? problem : "no time"));
    }
    query->has_at = true;
    query->at_us = at.as.integer;
    return true;
}

static bool read_member(lookup_query *query, weir_json *json)
{
    static const char *const names[] = {"features", "key", "at"};
    bool is_given[] = {query->group_name != NULL, query->key_text.size > 0, query->has_at};
    if (!weir_fields_once(json, names, is_given, 3)) return false;
    if (weir_json_key_is(json, "features"))
        return weir_fields_name(json, &query->arena, &query->group_name);
    if (weir_json_key_is(json, "key")) return weir_fields_raw(json, &query->key_text);
    if (weir_json_key_is(json, "at")) return read_at(query, json);
    return fail(query, "the body may have `features`, `key` and `at`");
}

static bool read_body(lookup_query *query, weir_json *json)
{
    if (!weir_json_expect(json, WEIR_JSON_OBJECT_BEGIN)) return false;
    while (weir_json_next_key(json))
        if (!read_member(query, json)) return false;
    return weir_json_expect(json, WEIR_JSON_END);
}

static bool read_key(lookup_query *query)
{
    const weir_plan_entity *entity = &query->plan->entities[query->group->entity];
    weir_field_want wants[WEIR_PLAN_KEY_FIELDS_MAX];
    bool is_given[WEIR_PLAN_KEY_FIELDS_MAX] = {false};
    for (uint32_t i = 0; i < entity->key_count; i++)
        wants[i] = (weir_field_want){entity->key_names[i], entity->key_types[i], WEIR_UNIT_US};
    if (query->key_text.size == 0)
        return fail(query, "name the key: {\"key\": {\"card\": \"c1\"}}");
    const char *problem = weir_fields_read(query->key_text, "key", wants, entity->key_count,
                                           &query->arena, query->key, is_given);
    if (problem != NULL) return fail(query, problem);
    for (uint32_t i = 0; i < entity->key_count; i++) {
        if (!is_given[i]) {
            return fail(query, weir_arena_printf(&query->arena, "key: the field `%s` is missing",
                                                 entity->key_names[i]));
        }
    }
    return true;
}

static bool read_query(lookup_query *query, weir_bytes body)
{
    weir_json json;
    weir_json_init(&json, body.data, body.size, &query->arena);
    bool is_read = read_body(query, &json);
    weir_error *error = weir_json_error(&json, WEIR_E_DATA, "body");
    if (error != NULL)
        (void)fail(query, weir_arena_printf(&query->arena, "%s", weir_error_message(error)));
    weir_error_free(error);
    if (!is_read || query->problem != NULL) return fail(query, "the body is no JSON object");
    if (query->group_name == NULL)
        return fail(query, "name a features group: {\"features\": ..., \"key\": {...}}");
    uint32_t group = weir_plan_find_group(query->plan, query->group_name);
    if (group == WEIR_NONE) {
        return fail(query, weir_arena_printf(&query->arena, "there is no features group `%s`",
                                             query->group_name));
    }
    query->group = &query->plan->groups[group];
    return read_key(query);
}

static void write_answer(const lookup_query *query, const uint32_t *members, size_t count,
                         const weir_lookup_answer *answer, weir_buffer *out)
{
    weir_json_writer writer = {.out = out};
    weir_json_write_begin(&writer, '{');
    weir_json_write_key(&writer, "values");
    weir_json_write_begin(&writer, '{');
    for (size_t i = 0; i < count; i++) {
        const weir_plan_member *member = &query->plan->members[members[i]];
        weir_json_write_key(&writer, member->column);
        weir_json_write_value(&writer, member->type, &answer->values[i]);
    }
    weir_json_write_end(&writer, '}');
    weir_json_write_key(&writer, "errors");
    weir_json_write_begin(&writer, '{');
    for (size_t i = 0; i < count; i++) {
        if (!answer->overflow[i]) continue;
        weir_json_write_key(&writer, query->plan->members[members[i]].column);
        weir_json_write_text(&writer, "overflow");
    }
    weir_json_write_end(&writer, '}');
    weir_json_write_key(&writer, "known");
    weir_json_write_bool(&writer, answer->is_known);
    weir_json_write_key(&writer, "receipt");
    weir_json_write_begin(&writer, '{');
    weir_json_write_key(&writer, "entity");
    weir_json_write_text(&writer, query->plan->entities[query->group->entity].name);
    weir_json_write_key(&writer, "partition");
    weir_json_write_int(&writer, answer->partition);
    weir_json_write_key(&writer, "position");
    weir_json_write_int(&writer, weir_seq_offset(answer->position));
    weir_json_write_key(&writer, "tau");
    weir_value tau = weir_time(answer->tau_us);
    weir_json_write_value(&writer, weir_type_of(WEIR_TIME), &tau);
    weir_json_write_key(&writer, "beyond_horizon");
    weir_json_write_bool(&writer, answer->tau_us < answer->horizon_us);
    weir_json_write_key(&writer, "horizon");
    weir_value horizon =
        answer->horizon_us == INT64_MIN ? weir_null() : weir_time(answer->horizon_us);
    weir_json_write_value(&writer, weir_type_optional(weir_type_of(WEIR_TIME)), &horizon);
    weir_json_write_end(&writer, '}');
    weir_json_write_end(&writer, '}');
}

static void look_up(weir_service *service, lookup_query *query, weir_http_response *response)
{
    uint32_t *members = weir_arena_array(&query->arena, uint32_t, query->group->member_count + 1);
    size_t count = 0;
    for (uint32_t i = 0; i < query->group->member_count; i++) {
        uint32_t member = query->group->members[i];
        if (!query->plan->members[member].uses_this) members[count++] = member;
    }
    weir_lookup_request lookup = {.entity = query->group->entity,
                                  .key = query->key,
                                  .members = members,
                                  .member_count = count,
                                  .tau_us = query->at_us,
                                  .is_now = !query->has_at};
    weir_lookup_answer answer = {.values = weir_arena_array(&query->arena, weir_value, count + 1),
                                 .overflow = weir_arena_array(&query->arena, bool, count + 1)};
    const weir_lookup_port *port = weir_service_lookups(service);
    weir_error *error = port->lookup(port->context, &lookup, &answer);
    if (error != NULL) {
        weir_service_problem(response, 503, "%s", weir_error_message(error));
        weir_error_free(error);
        return;
    }
    write_answer(query, members, count, &answer, &response->body);
}

void weir_route_lookup(weir_service *service, const weir_http_request *request,
                       weir_http_response *response)
{
    lookup_query query = {.plan = weir_service_plan(service)};
    if (read_query(&query, request->body)) {
        look_up(service, &query, response);
    } else {
        weir_service_problem(response, 400, "%s",
                             query.problem != NULL ? query.problem : "the request can not be read");
    }
    weir_arena_deinit(&query.arena);
}
