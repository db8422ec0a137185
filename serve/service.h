/* SPDX-License-Identifier: Apache-2.0 */
/*
 * service.h - `weir serve`: the routes over a follower.
 *
 * POST /get-online-features in Feast's shape (feast.h), /lookup (route_lookup.h) and /score
 * (route_score.h); GET /healthz, /readyz and /metrics.
 *
 * Adding a route is one function and one row (route_table.c). One thread: the journals are polled
 * between requests, so an answer never sees half an event. One answer in `sample_every` goes, with
 * its read point, to the served topic.
 *
 * See also: docs/reference/http.md
 */
#pragma once

#include "ingest/scorer.h"
#include "serve/feast.h"
#include "serve/follower.h"
#include "serve/http_server.h"

/* Where sampled answers go; NULL functions: nowhere. */
typedef struct weir_sample_port {
    void *context;
    void (*send)(void *context, weir_bytes key, weir_bytes record);
    void (*poll)(void *context); /* at every tick */
} weir_sample_port;

typedef struct weir_service_options {
    const weir_plan *plan;
    weir_follower *follower;
    weir_scorer *const *scorers;   /* one per score of the plan */
    weir_http_server_options http; /* handler, context and tick are the service's own */
    uint32_t sample_every;         /* 0: never */
    int32_t sample_schema_id;
    weir_sample_port samples;
} weir_service_options;

typedef struct weir_service weir_service;

weir_error *weir_service_create(const weir_service_options *options, weir_service **service_out);
void weir_service_destroy(weir_service *service);
uint16_t weir_service_port(const weir_service *service);
/* Serves until weir_service_stop, or until the follower fails: then its error. */
weir_error *weir_service_run(weir_service *service);
void weir_service_stop(weir_service *service); /* any thread */

/* A row of the route table. */
typedef struct weir_route {
    const char *method, *path;
    void (*answer)(weir_service *service, const weir_http_request *request,
                   weir_http_response *response);
} weir_route;
extern const weir_route weir_routes[];
extern const size_t weir_route_count;

/* What routes may use of the service. */
const weir_plan *weir_service_plan(const weir_service *service);
weir_follower *weir_service_follower(weir_service *service);
const weir_lookup_port *weir_service_lookups(weir_service *service); /* counts and samples */
weir_feast *weir_service_feast(weir_service *service);
weir_scorer *weir_service_scorer(weir_service *service, uint32_t score);
/* A problem document (RFC 9457). */
__attribute__((format(printf, 3, 4))) void weir_service_problem(weir_http_response *response,
                                                                int status, const char *format,
                                                                ...);
