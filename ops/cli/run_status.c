/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/cli/run_status.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "ops/runtime/assert.h"
#include "ops/runtime/json.h"
#include "ops/runtime/metrics.h"
#include "serve/http_server.h"

enum { CONNECTIONS_MAX = 64, BODY_MAX = 1024, TIMEOUT_MS = 10000 };

struct weir_run_status {
    weir_worker *worker;
    weir_http_server *server;
    pthread_t thread;
    weir_metric_cell *consumed_sources, *consumed_journals, *produced, *commits, *shards, *restarts,
        *waits, *lag;
};

static bool path_is(const weir_http_request *request, const char *path)
{
    return request->path.size == strlen(path) &&
           memcmp(request->path.data, path, request->path.size) == 0;
}

static void answer_ready(const weir_run_status *self, weir_http_response *response)
{
    weir_driver_stats stats = weir_worker_describe(self->worker);
    response->status = stats.is_ready ? 200 : 503;
    weir_json_writer writer = {.out = &response->body};
    weir_json_write_begin(&writer, '{');
    weir_json_write_key(&writer, "status");
    weir_json_write_text(&writer, stats.is_ready          ? "ready"
                                  : stats.stopped > 0     ? "a partition stands still"
                                  : stats.partitions == 0 ? "no partitions"
                                                          : "catching up");
    weir_json_write_key(&writer, "worker");
    weir_json_write_text(&writer, weir_worker_name(self->worker));
    weir_json_write_key(&writer, "partitions");
    weir_json_write_int(&writer, stats.partitions);
    weir_json_write_key(&writer, "stopped");
    weir_json_write_int(&writer, stats.stopped);
    weir_json_write_key(&writer, "records_behind");
    weir_json_write_int(&writer, (int64_t)stats.lag);
    weir_json_write_end(&writer, '}');
}

static void handle(void *context, const weir_http_request *request, weir_http_response *response)
{
    weir_run_status *self = context;
    if (request->method.size != 3 || memcmp(request->method.data, "GET", 3) != 0) {
        response->status = 405;
    } else if (path_is(request, "/healthz")) {
        weir_buffer_put_text(&response->body, "{\"status\":\"ok\"}");
    } else if (path_is(request, "/readyz")) {
        answer_ready(self, response);
    } else if (path_is(request, "/metrics")) {
        response->content_type = "text/plain; version=0.0.4; charset=utf-8";
        weir_metrics_print(&response->body);
    } else {
        response->status = 404;
    }
}

static void *serve(void *context)
{
    weir_run_status *self = context;
    weir_error_free(weir_http_server_run(self->server));
    return NULL;
}

static void cells_make(weir_run_status *self)
{
    self->consumed_sources = weir_metric_cell_create(WEIR_METRIC_RECORDS_CONSUMED, "sources");
    self->consumed_journals = weir_metric_cell_create(WEIR_METRIC_RECORDS_CONSUMED, "journals");
    self->produced = weir_metric_cell_create(WEIR_METRIC_RECORDS_PRODUCED, "outputs");
    self->commits = weir_metric_cell_create0(WEIR_METRIC_COMMITS);
    self->shards = weir_metric_cell_create0(WEIR_METRIC_SHARDS);
    self->restarts = weir_metric_cell_create(WEIR_METRIC_SHARD_RESTARTS, "clients");
    self->waits = weir_metric_cell_create(WEIR_METRIC_ALIGN_WAITS, "");
    self->lag = weir_metric_cell_create2(WEIR_METRIC_SHARD_LAG, "all", "");
}

weir_error *weir_run_status_start(const char *listen, weir_worker *worker,
                                  weir_run_status **status_out)
{
    *status_out = NULL;
    if (listen == NULL || listen[0] == 0) return NULL;
    weir_run_status *self = calloc(1, sizeof *self);
    WEIR_ASSERT(self != NULL);
    self->worker = worker;
    weir_http_server_options options = {.listen = listen,
                                        .connections_max = CONNECTIONS_MAX,
                                        .body_bytes_max = BODY_MAX,
                                        .read_timeout_ms = TIMEOUT_MS,
                                        .idle_timeout_ms = TIMEOUT_MS,
                                        .handler = handle,
                                        .context = self};
    weir_error *error = weir_http_server_create(&options, &self->server);
    if (error != NULL) {
        free(self);
        return error;
    }
    cells_make(self);
    if (pthread_create(&self->thread, NULL, serve, self) != 0) {
        weir_http_server_destroy(self->server);
        free(self);
        return weir_error_new(WEIR_E_LIMIT, "the system gives no further thread");
    }
    *status_out = self;
    return NULL;
}

uint16_t weir_run_status_port(const weir_run_status *status)
{
    return weir_http_server_port(status->server);
}

void weir_run_status_update(weir_run_status *status, const weir_driver_stats *stats)
{
    if (status == NULL) return;
    weir_metric_set(status->consumed_sources, (int64_t)stats->source_events);
    weir_metric_set(status->consumed_journals, (int64_t)stats->journal_events);
    weir_metric_set(status->produced, (int64_t)(stats->outputs + stats->packs));
    weir_metric_set(status->commits, (int64_t)stats->commits);
    weir_metric_set(status->shards, stats->partitions);
    weir_metric_set(status->restarts, (int64_t)stats->restarts);
    weir_metric_set(status->waits, (int64_t)stats->waits_given_up);
    weir_metric_set(status->lag, (int64_t)stats->lag);
}

void weir_run_status_stop(weir_run_status *status)
{
    if (status == NULL) return;
    weir_http_server_stop(status->server);
    (void)pthread_join(status->thread, NULL);
    weir_http_server_destroy(status->server);
    weir_metric_cell *const cells[] = {
        status->consumed_sources, status->consumed_journals, status->produced, status->commits,
        status->shards,           status->restarts,          status->waits,    status->lag};
    for (size_t i = 0; i < sizeof cells / sizeof *cells; i++)
        weir_metric_cell_destroy(cells[i]);
    free(status);
}
