/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/service.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ops/runtime/assert.h"
#include "ops/runtime/clock.h"
#include "ops/runtime/json.h"
#include "ops/runtime/metrics.h"
#include "ops/runtime/signal.h"
#include "serve/served.h"
#include "serve/trigger.h"

enum {
    TICK_MS = 2,
    ANSWER_COUNTS_MAX = 64,
    RECORDS_A_TICK = 64, /* packed records: some thousand events, a few milliseconds */
};

/* Requests of a route that were answered with one status; made when first seen. */
typedef struct answer_count {
    const char *route;
    int status;
    weir_metric_cell *cell;
} answer_count;

struct weir_service {
    answer_count counts[ANSWER_COUNTS_MAX];
    size_t count_of_counts;
    weir_metric_cell *keys_known, *keys_unknown, *answer_time;
    weir_service_options options;
    weir_http_server *server;
    weir_feast feast;
    weir_lookup_port lookups;
    weir_error *failure;
    uint64_t lookup_count;
    weir_buffer key, record;
};

const weir_plan *weir_service_plan(const weir_service *service) { return service->options.plan; }
weir_follower *weir_service_follower(weir_service *service) { return service->options.follower; }
const weir_lookup_port *weir_service_lookups(weir_service *service) { return &service->lookups; }
weir_feast *weir_service_feast(weir_service *service) { return &service->feast; }
weir_scorer *weir_service_scorer(weir_service *service, uint32_t score)
{
    WEIR_ASSERT(score < service->options.plan->score_count);
    return service->options.scorers[score];
}
uint16_t weir_service_port(const weir_service *service)
{
    return weir_http_server_port(service->server);
}

void weir_service_problem(weir_http_response *response, int status, const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    response->status = status;
    response->content_type = "application/problem+json";
    weir_buffer_clear(&response->body);
    weir_json_writer writer = {.out = &response->body};
    weir_json_write_begin(&writer, '{');
    weir_json_write_key(&writer, "type");
    weir_json_write_text(&writer, "about:blank");
    weir_json_write_key(&writer, "title");
    weir_json_write_text(&writer, weir_http_status_text(status));
    weir_json_write_key(&writer, "status");
    weir_json_write_int(&writer, status);
    weir_json_write_key(&writer, "detail");
    weir_json_write_text(&writer, text);
    weir_json_write_end(&writer, '}');
}

static void sample(weir_service *service, const weir_lookup_request *request,
                   const weir_lookup_answer *answer)
{
    const weir_plan_entity *entity = &service->options.plan->entities[request->entity];
    weir_buffer_clear(&service->key);
    weir_buffer_clear(&service->record);
    WEIR_ASSERT(weir_key_encode(entity->key_types, request->key, entity->key_count, &service->key));
    weir_bytes key = {service->key.data, service->key.size};
    weir_served_encode(service->options.plan, request, answer, key,
                       service->options.sample_schema_id, &service->record);
    weir_bytes record = {service->record.data, service->record.size};
    service->options.samples.send(service->options.samples.context, key, record);
}

static bool is_sampled(weir_service *service)
{
    uint32_t every = service->options.sample_every;
    return every > 0 && service->options.samples.send != NULL &&
           service->lookup_count++ % every == 0;
}

static weir_error *look_up(void *context, const weir_lookup_request *request,
                           weir_lookup_answer *answer)
{
    weir_service *service = context;
    const weir_lookup_port *port = weir_follower_port(service->options.follower);
    WEIR_TRY(port->lookup(port->context, request, answer));
    weir_metric_add(answer->is_known ? service->keys_known : service->keys_unknown, 1);
    if (is_sampled(service)) sample(service, request, answer);
    return NULL;
}

/* What a hop of a trigger showed, as the lookup that a proof can repeat: members that use `this`
 * need the trigger, so they are left out. */
static void sample_hop(weir_service *service, const weir_event *event,
                       const weir_hop_answer *answer)
{
    const weir_plan *plan = service->options.plan;
    const weir_plan_stream *stream = &plan->streams[event->stream];
    const weir_plan_hop *hop = &stream->hops[event->hop];
    weir_arena arena = {0};
    uint32_t *members = weir_arena_array(&arena, uint32_t, stream->carried_count + 1);
    weir_value *values = weir_arena_array(&arena, weir_value, stream->carried_count + 1);
    size_t count = 0;
    for (uint32_t i = 0; i < stream->carried_count; i++) {
        const weir_plan_carried *carried = &stream->carried[i];
        if (carried->hop != event->hop || !weir_trigger_is_free(plan, carried)) continue;
        members[count] = carried->member;
        values[count++] = event->carried[i];
    }
    weir_value key[WEIR_PLAN_KEY_FIELDS_MAX];
    for (uint32_t k = 0; k < plan->entities[hop->entity].key_count; k++)
        key[k] = event->fields[hop->key_slots[k]];
    weir_lookup_request request = {hop->entity, key, members, count, event->et_us, false};
    weir_lookup_answer shown = {.values = values,
                                .tau_us = event->et_us,
                                .partition = answer->partition,
                                .position = answer->position};
    if (count > 0) sample(service, &request, &shown);
    weir_arena_deinit(&arena);
}

static weir_error *read_hop(void *context, weir_event *event, weir_hop_answer *answer)
{
    weir_service *service = context;
    const weir_lookup_port *port = weir_follower_port(service->options.follower);
    WEIR_TRY(port->read(port->context, event, answer));
    if (is_sampled(service)) sample_hop(service, event, answer);
    return NULL;
}

static bool text_is(weir_bytes text, const char *want)
{
    return text.size == strlen(want) && memcmp(text.data, want, text.size) == 0;
}

static void count_answer(weir_service *service, const char *route, int status)
{
    size_t i = 0;
    while (i < service->count_of_counts &&
           (service->counts[i].route != route || service->counts[i].status != status)) {
        i++;
    }
    if (i == service->count_of_counts) {
        if (i == ANSWER_COUNTS_MAX) return;
        char text[16];
        (void)snprintf(text, sizeof text, "%d", status);
        weir_metric_cell *cell = weir_metric_cell_create2(WEIR_METRIC_HTTP_REQUESTS, route, text);
        service->counts[service->count_of_counts++] = (answer_count){route, status, cell};
    }
    weir_metric_add(service->counts[i].cell, 1);
}

static void answer(void *context, const weir_http_request *request, weir_http_response *response)
{
    weir_service *service = context;
    bool path_exists = false;
    for (size_t i = 0; i < weir_route_count; i++) {
        const weir_route *route = &weir_routes[i];
        if (!text_is(request->path, route->path)) continue;
        path_exists = true;
        if (!text_is(request->method, route->method)) continue;
        int64_t began_us = weir_clock_monotonic_us();
        route->answer(service, request, response);
        weir_metric_observe(service->answer_time, weir_clock_monotonic_us() - began_us);
        count_answer(service, route->path, response->status);
        return;
    }
    count_answer(service, "other", path_exists ? 405 : 404);
    if (!path_exists) {
        weir_service_problem(response, 404, "there is no %.*s here",
                             (int)(request->path.size < 200 ? request->path.size : 200),
                             (const char *)request->path.data);
        return;
    }
    weir_service_problem(response, 405, "this path wants another method");
    weir_buffer_put_text(&response->headers, "Allow:");
    for (size_t i = 0; i < weir_route_count; i++) {
        if (!text_is(request->path, weir_routes[i].path)) continue;
        bool is_get = strcmp(weir_routes[i].method, "GET") == 0;
        weir_buffer_printf(&response->headers, "%s %s%s", response->headers.size > 6 ? "," : "",
                           weir_routes[i].method, is_get ? ", HEAD" : "");
    }
    weir_buffer_put_text(&response->headers, "\r\n");
}

/* Applies what has come in since the last tick; a failure ends the service with its error. */
static void follow(void *context)
{
    weir_service *service = context;
    size_t applied = 0;
    if (weir_stop_requested()) weir_http_server_stop(service->server);
    if (service->options.samples.poll != NULL) {
        service->options.samples.poll(service->options.samples.context);
    }
    if (service->failure != NULL) return;
    weir_error *error = weir_follower_poll(service->options.follower, RECORDS_A_TICK, 0, &applied);
    if (error == NULL) return;
    WEIR_ASSERT(service->failure == NULL);
    service->failure = error;
    weir_http_server_stop(service->server);
}

weir_error *weir_service_create(const weir_service_options *options, weir_service **service_out)
{
    *service_out = NULL;
    weir_service *service = calloc(1, sizeof *service);
    WEIR_ASSERT(service != NULL);
    service->options = *options;
    service->lookups = (weir_lookup_port){service, look_up, read_hop};
    service->keys_known = weir_metric_cell_create(WEIR_METRIC_LOOKUP_KEYS, "known");
    service->keys_unknown = weir_metric_cell_create(WEIR_METRIC_LOOKUP_KEYS, "unknown");
    service->answer_time = weir_metric_cell_create0(WEIR_METRIC_HTTP_SECONDS);
    service->feast = (weir_feast){.plan = options->plan, .port = &service->lookups};
    weir_http_server_options http = options->http;
    http.handler = answer;
    http.context = service;
    http.tick = follow;
    http.tick_ms = TICK_MS;
    weir_error *error = weir_http_server_create(&http, &service->server);
    if (error != NULL) {
        weir_service_destroy(service);
        return error;
    }
    *service_out = service;
    return NULL;
}

void weir_service_destroy(weir_service *service)
{
    if (service == NULL) return;
    weir_http_server_destroy(service->server);
    for (size_t i = 0; i < service->count_of_counts; i++) {
        weir_metric_cell_destroy(service->counts[i].cell);
    }
    weir_metric_cell_destroy(service->keys_known);
    weir_metric_cell_destroy(service->keys_unknown);
    weir_metric_cell_destroy(service->answer_time);
    weir_arena_deinit(&service->feast.arena);
    weir_buffer_deinit(&service->key);
    weir_buffer_deinit(&service->record);
    weir_error_free(service->failure);
    free(service);
}

weir_error *weir_service_run(weir_service *service)
{
    WEIR_TRY(weir_http_server_run(service->server));
    weir_error *failure = service->failure;
    service->failure = NULL;
    return failure;
}

void weir_service_stop(weir_service *service) { weir_http_server_stop(service->server); }
