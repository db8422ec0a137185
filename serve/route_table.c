/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <string.h>

#include "ops/runtime/json.h"
#include "ops/runtime/metrics.h"
#include "schemas/json_value.h"
#include "serve/route_lookup.h"
#include "serve/route_score.h"

static void answer_features(weir_service *service, const weir_http_request *request,
                            weir_http_response *response)
{
    weir_feast_answer(weir_service_feast(service), request, response);
}

static void answer_health(weir_service *service, const weir_http_request *request,
                          weir_http_response *response)
{
    (void)service;
    (void)request;
    weir_buffer_put_text(&response->body, "{\"status\":\"ok\"}");
}

/* Truthful (G8): what is applied, how far it is behind, and whether Kafka can be reached. */
static void answer_ready(weir_service *service, const weir_http_request *request,
                         weir_http_response *response)
{
    (void)request;
    weir_follower_status status;
    weir_follower_describe(weir_service_follower(service), &status);
    bool is_ready = status.is_ready && !status.is_away;
    response->status = is_ready ? 200 : 503;
    weir_json_writer writer = {.out = &response->body};
    weir_json_write_begin(&writer, '{');
    weir_json_write_key(&writer, "status");
    weir_json_write_text(&writer, is_ready         ? "ready"
                                  : status.is_away ? "kafka can not be reached"
                                                   : "catching up");
    weir_json_write_key(&writer, "records_behind");
    weir_json_write_int(&writer, status.records_behind);
    weir_json_write_key(&writer, "events_applied");
    weir_json_write_int(&writer, (int64_t)status.events);
    weir_json_write_key(&writer, "newest_event_time");
    weir_value newest =
        status.greatest_et_us == INT64_MIN ? weir_null() : weir_time(status.greatest_et_us);
    weir_json_write_value(&writer, weir_type_optional(weir_type_of(WEIR_TIME)), &newest);
    weir_json_write_end(&writer, '}');
}

static void answer_metrics(weir_service *service, const weir_http_request *request,
                           weir_http_response *response)
{
    (void)service;
    (void)request;
    response->content_type = "text/plain; version=0.0.4; charset=utf-8";
    weir_metrics_print(&response->body);
}

// clang-format off
const weir_route weir_routes[] = {
    {"POST", "/get-online-features", answer_features},
    {"POST", "/lookup",              weir_route_lookup},
    {"POST", "/score",               weir_route_score},
    {"GET",  "/healthz",             answer_health},
    {"GET",  "/readyz",              answer_ready},
    {"GET",  "/metrics",             answer_metrics},
};
// clang-format on
const size_t weir_route_count = sizeof weir_routes / sizeof weir_routes[0];
