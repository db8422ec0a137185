/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "serve/feast.h"

static const char *const card_keys[] = {"card"};
static const char *const item_keys[] = {"shop", "item"};
static const uint32_t card_members[] = {0, 1, 2}, item_members[] = {3, 4};
static const weir_plan_entity entities[] = {
    {.name = "card", .key_count = 1, .key_names = card_keys, .key_types = {{.kind = WEIR_STRING}}},
    {.name = "shop,item",
     .key_count = 2,
     .key_names = item_keys,
     .key_types = {{.kind = WEIR_STRING}, {.kind = WEIR_INT64}}},
};
static const weir_plan_member members[] = {
    {.group = "vel",
     .feature = "n",
     .column = "vel_n_1h",
     .type = {.kind = WEIR_INT64},
     .entity = 0},
    {.group = "vel",
     .feature = "avg",
     .column = "vel_avg",
     .type = {.kind = WEIR_FLOAT64, .optional = true},
     .entity = 0},
    {.group = "vel",
     .feature = "gap",
     .column = "vel_gap",
     .type = {.kind = WEIR_DURATION},
     .entity = 0,
     .uses_this = true},
    {.group = "pulse",
     .feature = "sold",
     .column = "pulse_sold",
     .type = {.kind = WEIR_INT64},
     .entity = 1},
    {.group = "pulse",
     .feature = "n",
     .column = "pulse_n_1h",
     .type = {.kind = WEIR_INT64},
     .entity = 1},
};
static const weir_plan_group groups[] = {
    {.name = "vel", .entity = 0, .member_count = 3, .members = card_members},
    {.name = "pulse", .entity = 1, .member_count = 2, .members = item_members},
};
static const weir_plan_column columns[] = {
    {.name = "vel_n_1h", .type = {.kind = WEIR_INT64}, .member = 0},
    {.name = "amount", .type = {.kind = WEIR_FLOAT64}, .member = WEIR_NONE},
};
static const weir_plan_vector vectors[] = {
    {.name = "fraud", .column_count = 2, .columns = columns}};
static const weir_plan plan = {.package = "t",
                               .entity_count = 2,
                               .entities = entities,
                               .group_count = 2,
                               .groups = groups,
                               .member_count = 5,
                               .members = members,
                               .vector_count = 1,
                               .vectors = vectors};

/* Card c1 is known: 3 events, average 2. Items answer with their number. */
static weir_error *look_up(void *context, const weir_lookup_request *request,
                           weir_lookup_answer *answer)
{
    (void)context;
    answer->is_known = request->entity == 1 || request->key[0].as.bytes[1] == '1';
    answer->tau_us = 1000000;
    for (size_t i = 0; i < request->member_count; i++) {
        switch (request->members[i]) {
        case 0: answer->values[i] = weir_int(answer->is_known ? 3 : 0); break;
        case 1: answer->values[i] = answer->is_known ? weir_float(2.0) : weir_null(); break;
        default: answer->values[i] = weir_int(request->key[1].as.integer); break;
        }
    }
    return NULL;
}

static void assert_answer(const char *body, int status, const char *want)
{
    weir_lookup_port port = {.lookup = look_up};
    weir_feast feast = {.plan = &plan, .port = &port};
    weir_http_request request = {.body = {(const uint8_t *)body, strlen(body)}};
    weir_http_response response = {.status = 200};
    weir_feast_answer(&feast, &request, &response);
    weir_buffer_put_u8(&response.body, 0);
    if (response.status != status || strcmp((const char *)response.body.data, want) != 0) {
        fail_msg("for %s\nstatus %d, wanted %d\ngot    %s\nwanted %s", body, response.status,
                 status, response.body.data, want);
    }
    weir_buffer_deinit(&response.body);
    weir_buffer_deinit(&response.headers);
    weir_arena_deinit(&feast.arena);
}

#define EPOCH "\"1970-01-01T00:00:00Z\""
#define TAU   "\"1970-01-01T00:00:01.000000Z\""

static void answers_have_the_shape_of_feast(void **state)
{
    (void)state;
    assert_answer(
        "{\"entities\":{\"card\":[\"c1\",\"c2\"]},\"features\":[\"vel:avg\",\"vel:n_1h\"],"
        "\"extra\":[{}]}",
        200,
        "{\"metadata\":{\"feature_names\":[\"card\",\"avg\",\"n_1h\"]},\"results\":["
        "{\"values\":[\"c1\",\"c2\"],\"statuses\":[\"PRESENT\",\"PRESENT\"],\"event_timestamps\":"
        "[" EPOCH "," EPOCH "]},"
        "{\"values\":[2.0,null],\"statuses\":[\"PRESENT\",\"NOT_FOUND\"],\"event_timestamps\":[" TAU
        "," TAU "]},"
        "{\"values\":[3,0],\"statuses\":[\"PRESENT\",\"NOT_FOUND\"],\"event_timestamps\":[" TAU
        "," TAU "]}]}");
    assert_answer(
        "{\"features\":[\"pulse:sold\"],\"entities\":{\"item\":[7],\"shop\":[\"s\"]},\"full_"
        "feature_names\":true}",
        200,
        "{\"metadata\":{\"feature_names\":[\"item\",\"shop\",\"pulse__sold\"]},\"results\":["
        "{\"values\":[7],\"statuses\":[\"PRESENT\"],\"event_timestamps\":[" EPOCH "]},"
        "{\"values\":[\"s\"],\"statuses\":[\"PRESENT\"],\"event_timestamps\":[" EPOCH "]},"
        "{\"values\":[7],\"statuses\":[\"PRESENT\"],\"event_timestamps\":[" TAU "]}]}");
    assert_answer("{\"feature_service\":\"fraud\",\"entities\":{\"card\":[]}}", 200,
                  "{\"metadata\":{\"feature_names\":[\"card\",\"vel_n_1h\"]},\"results\":["
                  "{\"values\":[],\"statuses\":[],\"event_timestamps\":[]},"
                  "{\"values\":[],\"statuses\":[],\"event_timestamps\":[]}]}");
}

static void assert_refused(const char *body, int status, const char *part)
{
    weir_lookup_port port = {.lookup = look_up};
    weir_feast feast = {.plan = &plan, .port = &port};
    weir_http_request request = {.body = {(const uint8_t *)body, strlen(body)}};
    weir_http_response response = {.status = 200};
    weir_feast_answer(&feast, &request, &response);
    weir_buffer_put_u8(&response.body, 0);
    bool is_form = strncmp((const char *)response.body.data,
                           "\"{\\\"module\\\":\\\"feast.errors\\\"", 29) == 0;
    if (response.status != status || !is_form ||
        strstr((const char *)response.body.data, part) == NULL) {
        fail_msg("for %s\nstatus %d, wanted %d: %s", body, response.status, status,
                 response.body.data);
    }
    weir_buffer_deinit(&response.body);
    weir_arena_deinit(&feast.arena);
}

static void mistakes_of_the_client_are_never_5xx(void **state)
{
    (void)state;
    assert_refused("", 422, "");
    assert_refused("[1]", 422, "");
    assert_refused("{\"features\":[\"vel:avg\"]", 422, "");
    assert_refused("{\"features\":[],\"entities\":{\"card\":[\"c1\"]}}", 422, "no features");
    assert_refused("{\"features\":[\"vel:avg\"]}", 422, "no entities");
    assert_refused("{\"features\":[\"avg\"],\"entities\":{\"card\":[\"c1\"]}}", 422,
                   "group:feature");
    assert_refused("{\"features\":[\"vel:x\"],\"entities\":{\"card\":[\"c1\"]}}", 404,
                   "no feature `x`");
    assert_refused("{\"features\":[\"no:x\"],\"entities\":{\"card\":[\"c1\"]}}", 404,
                   "FeatureViewNotFoundException");
    assert_refused("{\"feature_service\":\"no\",\"entities\":{\"card\":[\"c1\"]}}", 404,
                   "FeatureServiceNotFoundException");
    assert_refused("{\"features\":[\"vel:gap\"],\"entities\":{\"card\":[\"c1\"]}}", 422,
                   "depends on the event");
    assert_refused("{\"features\":[\"vel:avg\"],\"entities\":{\"user\":[\"c1\"]}}", 422,
                   "entity column `card`");
    assert_refused("{\"features\":[\"vel:avg\"],\"entities\":{\"card\":[null]}}", 422, "row 0");
    assert_refused("{\"features\":[\"vel:avg\"],\"entities\":{\"card\":[5]}}", 422,
                   "of type string: expected a string");
    assert_refused("{\"features\":[\"pulse:sold\"],\"entities\":{\"item\":[7,8],\"shop\":[\"s\"]}}",
                   422, "different numbers");
    assert_refused("{\"features\":[\"pulse:sold\"],\"entities\":{\"item\":[1.5],\"shop\":[\"s\"]}}",
                   422, "entity `item`");
    assert_refused("{\"features\":{},\"entities\":{\"card\":[\"c1\"]}}", 422, "");
    assert_refused("{\"features\":[\"vel:avg\"],\"entities\":{\"card\":[\"c1\"]}} 1", 422,
                   "request:1:53: something stands behind");
    assert_refused("{\"features\":[\"vel:avg\"],\"entities\":{\"card\":[\"\\ud800\"]}}", 422,
                   "request:1:46: an escape");
    assert_refused("{\"features\":[\"vel:avg\"],\"entities\":{\"card\":[\"a\"],\"card\":[\"b\"]}}",
                   422, "`card` stands twice");
    assert_refused("{\"features\":[\"vel:avg\\u0000x\"],\"entities\":{\"card\":[\"c1\"]}}", 422,
                   "a NUL");
}

/* Feast's client keeps an answer by name, so that one of two would be lost. */
static void features_that_are_called_alike_want_their_full_names(void **state)
{
    (void)state;
    const char *const both = "{\"features\":[\"vel:n_1h\",\"pulse:n_1h\"],\"entities\":{\"card\":["
                             "\"c1\"],\"shop\":[\"s\"],\"item\":[7]}";
    char body[256];
    (void)snprintf(body, sizeof body, "%s}", both);
    assert_refused(body, 422, "FeatureNameCollisionError");
    (void)snprintf(body, sizeof body, "%s,\"full_feature_names\":true}", both);
    assert_answer(
        body, 200,
        "{\"metadata\":{\"feature_names\":[\"card\",\"shop\",\"item\",\"vel__n_1h\",\"pulse__n_"
        "1h\"]},"
        "\"results\":["
        "{\"values\":[\"c1\"],\"statuses\":[\"PRESENT\"],\"event_timestamps\":[" EPOCH "]},"
        "{\"values\":[\"s\"],\"statuses\":[\"PRESENT\"],\"event_timestamps\":[" EPOCH "]},"
        "{\"values\":[7],\"statuses\":[\"PRESENT\"],\"event_timestamps\":[" EPOCH "]},"
        "{\"values\":[3],\"statuses\":[\"PRESENT\"],\"event_timestamps\":[" TAU "]},"
        "{\"values\":[7],\"statuses\":[\"PRESENT\"],\"event_timestamps\":[" TAU "]}]}");
    /* One that is asked for twice is answered twice. */
    assert_answer("{\"features\":[\"vel:n_1h\",\"vel:n_1h\"],\"entities\":{\"card\":[]}}", 200,
                  "{\"metadata\":{\"feature_names\":[\"card\",\"n_1h\",\"n_1h\"]},\"results\":["
                  "{\"values\":[],\"statuses\":[],\"event_timestamps\":[]},"
                  "{\"values\":[],\"statuses\":[],\"event_timestamps\":[]},"
                  "{\"values\":[],\"statuses\":[],\"event_timestamps\":[]}]}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_have_the_shape_of_feast),
        cmocka_unit_test(mistakes_of_the_client_are_never_5xx),
        cmocka_unit_test(features_that_are_called_alike_want_their_full_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
