/* SPDX-License-Identifier: Apache-2.0 */
#include "ingest/filelog.h"

#include <stdlib.h>

#include "ingest/packer.h"
#include "ops/runtime/assert.h"

/* A node with its port: the port must know who sends, to acknowledge at once. */
typedef struct station {
    weir_filelog *log;
    weir_node *node;
    weir_output_port port;
    weir_buffer pack; /* of what this node sent last */
} station;

struct weir_filelog {
    weir_filelog_options options;
    weir_topics *topics;
    weir_engine *engine;
    weir_schema_source schemas;
    weir_store_port store;
    station *observers; /* per stream */
    station *folds;     /* per entity; node NULL where no stream observes it */
    weir_buffer frame;
    int64_t line;
    int64_t ingest_us;
};

/* ---- a store that has nothing and is never written ---- */

static weir_error *store_load(void *context, uint32_t slice, uint32_t view, weir_bytes key,
                              weir_error *(*sink)(void *sink_context, uint64_t part,
                                                  weir_bytes bytes),
                              void *sink_context)
{
    (void)context, (void)slice, (void)view, (void)key, (void)sink, (void)sink_context;
    return NULL;
}

static weir_error *store_write(void *context, uint32_t slice, const weir_store_item *items,
                               size_t count, weir_bytes slice_record)
{
    (void)context, (void)slice, (void)items, (void)count, (void)slice_record;
    return weir_error_new(WEIR_E_BUG, "a file log's state is never written");
}

static weir_error *store_read_slices(void *context, weir_bytes records_out[WEIR_SLICE_COUNT])
{
    (void)context;
    memset(records_out, 0, WEIR_SLICE_COUNT * sizeof *records_out);
    return NULL;
}

static weir_error *store_read_identity(void *context, weir_bytes *identity_out)
{
    (void)context;
    *identity_out = (weir_bytes){0};
    return NULL;
}

static weir_error *store_write_identity(void *context, weir_bytes identity)
{
    (void)context, (void)identity;
    return NULL;
}

/* ---- schemas: the id of a stream's schema is the stream's number ---- */

static weir_error *schema_writer(void *context, const char *topic, int32_t id,
                                 const weir_schema **schema_out)
{
    const weir_filelog *log = context;
    (void)topic;
    bool is_known = id >= 0 && (uint32_t)id < log->options.plan->stream_count;
    *schema_out = is_known ? log->options.plan->streams[id].schema : NULL;
    return NULL;
}

static weir_error *schema_output_id(void *context, const char *topic, const char *schema_json,
                                    int32_t *id_out)
{
    (void)context, (void)topic, (void)schema_json;
    *id_out = 0;
    return NULL;
}

/* ---- the port: a copy goes on at once, under the number of its line ---- */

static weir_error *deliver(station *from, const weir_output *output)
{
    weir_filelog *log = from->log;
    uint32_t entity = log->topics->items[output->topic].entity;
    weir_node *node = log->folds[entity].node;
    weir_buffer_clear(&from->pack);
    weir_pack_one(output->head, output->value, &from->pack);
    weir_log_record record = {.offset = log->line,
                              .timestamp_us = log->ingest_us,
                              .value = {from->pack.data, from->pack.size}};
    weir_node_turn turn = {.until_us = INT64_MAX};
    return node->ops->apply(node, &record, 1, &turn);
}

static weir_error *port_send(void *context, const weir_output *output)
{
    station *from = context;
    from->node->ops->acked(from->node, output->epoch, 1);
    if (output->is_copy) return deliver(from, output);
    if (from->log->options.output == NULL) return NULL;
    return from->log->options.output(from->log->options.context, output);
}

static int32_t port_partition_count(void *context, weir_topic topic)
{
    (void)context, (void)topic;
    return 1;
}

/* ---- making the stations ---- */

static weir_error *open_station(station *s)
{
    weir_node_position at = {.committed = 0, .log_start = 0, .log_end = INT64_MAX};
    int64_t start = 0;
    return s->node->ops->open(s->node, &at, &start);
}

static void station_init(weir_filelog *log, station *s)
{
    s->log = log;
    s->port = (weir_output_port){s, port_send, port_partition_count};
}

static weir_error *add_observer(weir_filelog *log, uint32_t stream)
{
    station *s = &log->observers[stream];
    station_init(log, s);
    weir_observe_options options = {.topics = log->topics,
                                    .topic = log->topics->sources[stream],
                                    .port = &s->port,
                                    .schemas = &log->schemas,
                                    .serves_one_stream = true,
                                    .stream = stream};
    WEIR_TRY(weir_observe_create(&options, &s->node));
    return open_station(s);
}

static weir_error *add_fold(weir_filelog *log, uint32_t entity)
{
    station *s = &log->folds[entity];
    station_init(log, s);
    if (log->topics->journals[entity] == WEIR_NONE) return NULL;
    weir_fold_options options = {.topics = log->topics,
                                 .topic = log->topics->journals[entity],
                                 .port = &s->port,
                                 .schemas = &log->schemas,
                                 .store = &log->store,
                                 .engine = log->engine,
                                 .scorers = log->options.scorers,
                                 .rows = log->options.rows,
                                 .accepts_gaps = true,
                                 .table_bytes = SIZE_MAX / 4,
                                 .freeze_every_events = UINT32_MAX};
    WEIR_TRY(weir_fold_create(&options, &s->node));
    return open_station(s);
}

static weir_error *add_stations(weir_filelog *log)
{
    const weir_plan *plan = log->options.plan;
    WEIR_TRY(weir_topics_create(plan, &log->topics));
    log->engine = weir_engine_create(plan);
    log->observers = calloc(plan->stream_count + 1, sizeof *log->observers);
    log->folds = calloc(plan->entity_count + 1, sizeof *log->folds);
    WEIR_ASSERT(log->observers != NULL && log->folds != NULL);
    for (uint32_t i = 0; i < plan->entity_count; i++)
        WEIR_TRY(add_fold(log, i));
    for (uint32_t i = 0; i < plan->stream_count; i++)
        WEIR_TRY(add_observer(log, i));
    return NULL;
}

weir_error *weir_filelog_create(const weir_filelog_options *options, weir_filelog **log_out)
{
    weir_filelog *log = calloc(1, sizeof *log);
    WEIR_ASSERT(log != NULL && options->plan != NULL);
    log->options = *options;
    log->line = -1;
    log->schemas = (weir_schema_source){log, schema_writer, schema_output_id};
    log->store = (weir_store_port){.context = log,
                                   .load = store_load,
                                   .write = store_write,
                                   .read_slices = store_read_slices,
                                   .read_identity = store_read_identity,
                                   .write_identity = store_write_identity};
    weir_error *error = add_stations(log);
    if (error != NULL) {
        weir_filelog_destroy(log);
        log = NULL;
    }
    *log_out = log;
    return error;
}

static void station_deinit(station *s)
{
    if (s->node != NULL) s->node->ops->close(s->node);
    weir_buffer_deinit(&s->pack);
}

void weir_filelog_destroy(weir_filelog *log)
{
    if (log == NULL) return;
    for (uint32_t i = 0; log->observers != NULL && i < log->options.plan->stream_count; i++)
        station_deinit(&log->observers[i]);
    for (uint32_t i = 0; log->folds != NULL && i < log->options.plan->entity_count; i++)
        station_deinit(&log->folds[i]);
    free(log->observers);
    free(log->folds);
    if (log->engine != NULL) weir_engine_destroy(log->engine);
    weir_topics_destroy(log->topics);
    weir_buffer_deinit(&log->frame);
    free(log);
}

weir_error *weir_filelog_take(weir_filelog *log, uint32_t stream, int64_t line, int64_t ingest_us,
                              weir_bytes body)
{
    WEIR_ASSERT(stream < log->options.plan->stream_count && line > log->line);
    log->line = line;
    log->ingest_us = ingest_us;
    weir_buffer_clear(&log->frame);
    weir_frame_write(&log->frame, (int32_t)stream);
    weir_buffer_put(&log->frame, body.data, body.size);
    weir_log_record record = {
        .offset = line, .timestamp_us = ingest_us, .value = {log->frame.data, log->frame.size}};
    weir_node_turn turn = {.until_us = INT64_MAX};
    weir_node *node = log->observers[stream].node;
    return node->ops->apply(node, &record, 1, &turn);
}

static void add_observed(weir_filelog_counts *counts, const weir_observe_counters *from)
{
    counts->copies += from->copies;
    counts->nulled_numbers += from->nulled_numbers;
    for (size_t i = 0; i < WEIR_DEAD_REASON_COUNT; i++)
        counts->dead[i] += from->dead[i];
}

weir_filelog_counts weir_filelog_count(const weir_filelog *log)
{
    weir_filelog_counts counts = {0};
    for (uint32_t i = 0; i < log->options.plan->stream_count; i++)
        add_observed(&counts, weir_observe_counted(log->observers[i].node));
    for (uint32_t i = 0; i < log->options.plan->entity_count; i++) {
        if (log->folds[i].node == NULL) continue;
        const weir_fold_counters *from = weir_fold_counted(log->folds[i].node);
        counts.duplicates += from->duplicates;
        counts.late += from->late;
        counts.overflows += from->overflows;
    }
    return counts;
}

const weir_topics *weir_filelog_topics(const weir_filelog *log) { return log->topics; }
