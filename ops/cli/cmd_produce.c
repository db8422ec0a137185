/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "ingest/event_file.h"
#include "ingest/kafka_producer.h"
#include "ops/cli/stack.h"
#include "ops/runtime/clock.h"
#include "ops/runtime/signal.h"

enum {
    BATCH = 2000,
    PENDING_MAX = 200000,
    DRAIN_MS = 120000,
    PROGRESS_US = 1000000,
    SLICE_US = 5000, /* pace is kept in steps of this */
    REFUSALS_TOLD = 10,
};

static const weir_option options[] = {
    {"stream", 0, "NAME", "the stream of the rows, where the file does not name it", false},
    {"rate", 0, "N", "rows a second; else as fast as it goes", false},
    {"ingest", 0, "WHEN", "Kafka's timestamp: now (the default), time (the event's own) or a FIELD",
     false},
    {"strict", 0, NULL, "stop at the first row that is refused, before anything behind it", false},
    {0},
};

/* One stream on its way out: where its key and timestamp stand in a body. */
typedef struct outlet {
    const weir_plan_stream *stream;
    const weir_decoder *decoder;
    weir_value *slots;    /* the stream's slots, then the ingest field */
    uint32_t ingest_slot; /* WEIR_NONE: none */
    int32_t schema_id;
    weir_topic topic;
    int32_t partitions;
} outlet;

typedef struct publisher {
    weir_cli *cli;
    weir_stack *stack;
    weir_kafka_producer *producer;
    outlet *outlets;    /* per stream; decoder NULL until it is needed */
    const char *ingest; /* NULL: now */
    int64_t rate;       /* 0: none */
    weir_arena arena, scratch;
    weir_buffer key, value;
    uint64_t sent, no_key, refused;
    int64_t began_us, told_us;
    uint64_t told;
} publisher;

/* --- opening a stream --- */

static weir_error *ingest_bind(publisher *self, outlet *out, const char **paths, weir_type *types,
                               size_t *count)
{
    const weir_plan_stream *stream = out->stream;
    out->ingest_slot = WEIR_NONE;
    if (self->ingest == NULL) return NULL;
    if (strcmp(self->ingest, "time") == 0) {
        out->ingest_slot = stream->time_slot;
        return NULL;
    }
    const weir_schema_field *field = weir_schema_find(stream->schema, self->ingest);
    if (field == NULL || field->type.kind != WEIR_TIME) {
        return weir_error_new(WEIR_E_USAGE,
                              "--ingest %s: stream %s has no field of that name that is a time; "
                              "now and time do always",
                              self->ingest, stream->name);
    }
    out->ingest_slot = (uint32_t)*count;
    paths[*count] = field->path;
    types[(*count)++] = field->type;
    return NULL;
}

static weir_error *outlet_open(publisher *self, uint32_t index)
{
    weir_stack *stack = self->stack;
    outlet *out = &self->outlets[index];
    const weir_plan_stream *stream = out->stream = &stack->plan->streams[index];
    size_t count = stream->slot_count;
    const char **paths = weir_arena_array(&self->arena, const char *, count + 1);
    weir_type *types = weir_arena_array(&self->arena, weir_type, count + 1);
    memcpy(paths, stream->slot_paths, count * sizeof *paths);
    memcpy(types, stream->slot_types, count * sizeof *types);
    WEIR_TRY(ingest_bind(self, out, paths, types, &count));
    out->slots = weir_arena_array(&self->arena, weir_value, count + 1);
    char *json = weir_arena_string(&self->arena, stream->schema->json, stream->schema->json_size);
    WEIR_TRY(weir_error_while(
        stack->schemas.output_id(stack->schemas.context, stream->topic, json, &out->schema_id),
        "the schema of stream %s", stream->name));
    out->topic = stack->topics->sources[index];
    for (uint32_t i = 0; i < index; i++) { /* two streams may share a topic */
        if (self->outlets[i].decoder != NULL && self->outlets[i].topic == out->topic) {
            out->partitions = self->outlets[i].partitions;
        }
    }
    if (out->partitions == 0) {
        WEIR_TRY(weir_kafka_producer_topic(self->producer, out->topic, stream->topic));
        out->partitions = weir_kafka_producer_partitions(self->producer, out->topic);
    }
    return weir_decoder_compile(stream->schema, stream->schema, paths, types, count, &self->arena,
                                &out->decoder);
}

/* --- one event --- */

/* The canonical key of the first entity that has one; none: the record goes out without. */
static bool key_make(publisher *self, const outlet *out)
{
    const weir_plan *plan = self->stack->plan;
    weir_value fields[WEIR_PLAN_KEY_FIELDS_MAX];
    for (uint32_t hop = 0; hop < out->stream->hop_count; hop++) {
        const weir_plan_hop *at = &out->stream->hops[hop];
        const weir_plan_entity *entity = &plan->entities[at->entity];
        for (uint32_t i = 0; i < entity->key_count; i++)
            fields[i] = out->slots[at->key_slots[i]];
        weir_buffer_clear(&self->key);
        if (weir_key_encode(entity->key_types, fields, entity->key_count, &self->key)) return true;
    }
    return false;
}

static weir_error *event_send(publisher *self, const weir_file_event *event)
{
    outlet *out = &self->outlets[event->stream];
    if (out->decoder == NULL) WEIR_TRY(outlet_open(self, event->stream));
    weir_arena_reset(&self->scratch);
    weir_decode_result result =
        weir_decoder_decode(out->decoder, event->body, &self->scratch, out->slots);
    bool has_key = result.reason == WEIR_DECODE_OK && key_make(self, out);
    int64_t timestamp_ms = 0;
    if (out->ingest_slot != WEIR_NONE && result.reason == WEIR_DECODE_OK &&
        !weir_is_null(&out->slots[out->ingest_slot])) {
        int64_t time_us = out->slots[out->ingest_slot].as.integer;
        timestamp_ms = time_us >= 0 ? time_us / 1000 : 0; /* Kafka knows no times before 1970 */
    }
    weir_buffer_clear(&self->value);
    weir_frame_write(&self->value, out->schema_id);
    weir_buffer_put(&self->value, event->body.data, event->body.size);
    weir_bytes key = {has_key ? self->key.data : NULL, has_key ? self->key.size : 0};
    int32_t partition = has_key ? weir_partition_of(key, out->partitions)
                                : (int32_t)(self->no_key++ % (uint64_t)out->partitions);
    self->sent++;
    return weir_kafka_producer_add(self->producer, out->topic, partition, key,
                                   (weir_bytes){self->value.data, self->value.size}, timestamp_ms,
                                   0);
}

/* --- pace and progress --- */

static void progress_tell(publisher *self, bool is_last)
{
    int64_t now_us = weir_clock_monotonic_us();
    if (!is_last && now_us - self->told_us < PROGRESS_US) return;
    int64_t since_us = is_last ? self->began_us : self->told_us;
    uint64_t rows = is_last ? self->sent : self->sent - self->told;
    weir_cli_note(self->cli, "%s%" PRIu64 " rows, %.0f/s", is_last ? "published " : "", self->sent,
                  (double)rows * 1e6 / (double)(now_us - since_us + 1));
    self->told_us = now_us;
    self->told = self->sent;
}

static weir_error *pace(publisher *self)
{
    WEIR_TRY(weir_kafka_producer_send(self->producer));
    WEIR_TRY(weir_kafka_producer_poll(self->producer, 0));
    while (weir_kafka_producer_pending(self->producer) > PENDING_MAX) {
        WEIR_TRY(weir_kafka_producer_poll(self->producer, 10));
    }
    while (self->rate > 0 && !weir_stop_requested()) {
        int64_t due_us = self->began_us + (int64_t)((double)self->sent * 1e6 / (double)self->rate);
        int64_t wait_us = due_us - weir_clock_monotonic_us();
        if (wait_us <= 0) break;
        progress_tell(self, false);
        WEIR_TRY(weir_kafka_producer_poll(self->producer, 0));
        usleep((unsigned)(wait_us < SLICE_US ? wait_us : SLICE_US));
    }
    progress_tell(self, false);
    return NULL;
}

static void refusal_tell(publisher *self, const char *problem)
{
    self->refused++;
    if (self->refused <= REFUSALS_TOLD)
        weir_cli_note(self->cli, "not published: %s", problem);
    else if (self->refused == REFUSALS_TOLD + 1)
        weir_cli_note(self->cli, "more rows are not published, and only counted");
}

static weir_error *publish(publisher *self, weir_event_file *file)
{
    bool is_strict = weir_cli_flag(self->cli, "strict");
    uint64_t batch = self->rate > 0 ? (uint64_t)self->rate * SLICE_US / 1000000 + 1 : BATCH;
    if (batch > BATCH) batch = BATCH;
    self->began_us = self->told_us = weir_clock_monotonic_us();
    while (!weir_stop_requested()) {
        weir_file_event event;
        WEIR_TRY(weir_event_file_next(file, &event));
        if (event.status == WEIR_FILE_EVENT_END) break;
        if (event.status == WEIR_FILE_EVENT_REFUSED) {
            refusal_tell(self, event.problem);
            if (is_strict) break;
            continue;
        }
        WEIR_TRY(event_send(self, &event));
        if (self->sent % batch == 0) WEIR_TRY(pace(self));
    }
    WEIR_TRY(weir_kafka_producer_flush(self->producer, DRAIN_MS));
    progress_tell(self, true);
    return NULL;
}

static weir_error *refusals_report(const weir_event_file *file)
{
    weir_event_file_counts counts = weir_event_file_counted(file);
    uint64_t refused = counts.bad_line + counts.bad_value + counts.bad_number;
    if (refused == 0) return NULL;
    return weir_error_new(WEIR_E_DATA,
                          "%" PRIu64 " of %" PRIu64 " rows were not published; the first: %s",
                          refused, counts.lines, counts.first_problem);
}

static weir_error *run(weir_cli *cli)
{
    weir_stack stack;
    WEIR_TRY(weir_stack_open(cli, &stack));
    publisher self = {.cli = cli, .stack = &stack, .ingest = weir_cli_option(cli, "ingest")};
    if (self.ingest != NULL && strcmp(self.ingest, "now") == 0) self.ingest = NULL;
    self.outlets = weir_arena_array(&self.arena, outlet, stack.plan->stream_count + 1);
    weir_producer_options how = {.kafka = &stack.kafka, .wake_fd = -1};
    weir_event_file *file = NULL;
    const char *path = cli->arguments[0];
    weir_error *error = NULL;
    WEIR_TRY_OUT(weir_cli_int(cli, "rate", 1, 100000000, &self.rate));
    if (strcmp(path, "-") != 0) path = weir_cli_path(cli, path);
    WEIR_TRY_OUT(weir_event_file_open(stack.plan, path, weir_cli_option(cli, "stream"), &file));
    WEIR_TRY_OUT(weir_kafka_producer_open(&how, &self.producer));
    WEIR_TRY_OUT(publish(&self, file));
    WEIR_TRY_OUT(refusals_report(file));
out:
    weir_kafka_producer_close(self.producer);
    weir_event_file_close(file);
    weir_buffer_deinit(&self.key);
    weir_buffer_deinit(&self.value);
    weir_arena_deinit(&self.arena);
    weir_arena_deinit(&self.scratch);
    weir_stack_close(&stack);
    return error;
}

const weir_command weir_command_produce = {
    .name = "produce",
    .group = WEIR_GROUP_STREAM,
    .summary = "Publish rows of a file to the topic of a stream",
    .arguments = "FILE|-",
    .help =
        "Rows of CSV, JSON Lines, Parquet or Avro become Avro messages under the stream's schema, "
        "keyed by its first entity.\n"
        "- reads standard input. Rows that do not fit are told (ten of them) and counted, the "
        "others go "
        "out; the exit code is then 65.",
    .options = options,
    .arguments_min = 1,
    .arguments_max = 1,
    .is_long_running = true,
    .run = run,
};
