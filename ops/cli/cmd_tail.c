/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ingest/admin.h"
#include "ingest/dead_letter.h"
#include "ingest/journal.h"
#include "ingest/kafka_reader.h"
#include "ingest/packer.h"
#include "ingest/scorer.h"
#include "ops/cli/columns.h"
#include "ops/cli/stack.h"
#include "ops/runtime/digest.h"
#include "ops/runtime/json.h"
#include "ops/runtime/signal.h"
#include "ops/runtime/utf8.h"
#include "schemas/avro_json.h"
#include "schemas/json_value.h"
#include "schemas/time.h"
#include "serve/served.h"

enum { BATCH = 500, OWN_SCHEMAS = 3 };

static const weir_option options[] = {
    {"from", 0, "WHERE", "start, end (the default), an offset, or a time (RFC 3339)", false},
    {"partition", 0, "P", "only this partition", false},
    {"count", 0, "N", "stop after N records", false},
    {"until-end", 0, NULL, "stop where the topic ends now, instead of following it", false},
    {0},
};

typedef struct tail {
    weir_cli *cli;
    weir_stack *stack;
    weir_kafka_reader *reader;
    weir_arena arena, scratch;
    const weir_schema *own[OWN_SCHEMAS]; /* schemas of the topics that weir itself writes */
    weir_columns *columns;
    weir_buffer line, body;
    uint64_t printed;
    int64_t count; /* 0: no limit */
    bool until_end;
    uint32_t sources, ended;
    bool *has_ended;
} tail;

static weir_error *own_schemas(tail *self)
{
    const char *const texts[OWN_SCHEMAS] = {weir_score_schema, weir_dead_letter_schema,
                                            weir_served_schema};
    for (int i = 0; i < OWN_SCHEMAS; i++) {
        WEIR_TRY(
            weir_schema_parse(texts[i], strlen(texts[i]), "weir", &self->arena, &self->own[i]));
    }
    return weir_columns_create(self->stack->plan, self->own[0], self->own[2], &self->arena,
                               &self->columns);
}

/* --- values --- */

/* A member with JSON that was made on the side: what can not be decoded leaves no half of it
 * behind. */
static void put_json(weir_json_writer *writer, const char *name, const weir_buffer *json)
{
    weir_json_write_key(writer, name);
    weir_json_write_raw(writer, (const char *)json->data, json->size);
}

static bool print_avro(tail *self, const weir_schema *schema, weir_bytes body, const char *name,
                       weir_json_writer *writer)
{
    weir_buffer_clear(&self->body);
    weir_json_writer inner = {.out = &self->body};
    if (!weir_avro_write_json(schema, body, &inner)) return false;
    put_json(writer, name, &self->body);
    return true;
}

/* The schema of an id: weir's own for its own topics, else the registry's or the folder's. */
static const weir_schema *schema_of(tail *self, const char *topic, int32_t id)
{
    const weir_schema *schema = NULL;
    weir_topic number = weir_topics_find(self->stack->topics, topic);
    bool is_known = number != WEIR_NONE;
    for (int i = 0; i < OWN_SCHEMAS; i++) {
        if ((int32_t)(self->own[i]->fingerprint & 0x7fffffff) == id) return self->own[i];
    }
    weir_topic_role role = is_known ? self->stack->topics->items[number].role : WEIR_TOPIC_SOURCE;
    if (role == WEIR_TOPIC_SCORE) schema = self->own[0];
    if (role == WEIR_TOPIC_DEAD) schema = self->own[1];
    if (role == WEIR_TOPIC_SERVED) schema = self->own[2];
    if (schema != NULL) return schema;
    weir_error *error =
        self->stack->schemas.writer(self->stack->schemas.context, topic, id, &schema);
    weir_error_free(error); /* then it is shown raw */
    return schema;
}

static void print_time(weir_json_writer *writer, const char *name, int64_t time_us)
{
    if (time_us == INT64_MIN) return;
    char text[48];
    weir_json_write_key(writer, name);
    weir_json_write_string(writer, text, weir_time_print(time_us, text));
}

static void print_text(weir_json_writer *writer, const char *name, weir_bytes text)
{
    weir_json_write_key(writer, name);
    weir_json_write_string(writer, text.data, text.size);
}

static void print_int(weir_json_writer *writer, const char *name, int64_t number)
{
    weir_json_write_key(writer, name);
    weir_json_write_int(writer, number);
}

static void print_raw(weir_json_writer *writer, const char *name, weir_bytes bytes)
{
    weir_value value = {.kind = WEIR_BYTES, .size = (uint32_t)bytes.size, .as.bytes = bytes.data};
    weir_json_write_key(writer, name);
    weir_json_write_value(writer, weir_type_of(WEIR_BYTES), &value);
}

/* UTF-8 without control characters; with other bytes in it the line would be no JSON. */
static bool is_text(weir_bytes bytes)
{
    for (size_t i = 0; i < bytes.size; i++) {
        if (bytes.data[i] < 0x20 || bytes.data[i] == 0x7f) return false;
    }
    return weir_utf8_is_valid(bytes.data, bytes.size);
}

/* What somebody else wrote: text as it is, other bytes in base64 under `NAME_raw`. */
static void print_bytes(tail *self, const char *name, weir_bytes bytes, weir_json_writer *writer)
{
    if (is_text(bytes)) {
        print_text(writer, name, bytes);
    } else {
        print_raw(writer, weir_arena_printf(&self->scratch, "%s_raw", name), bytes);
    }
}

static void print_copy(tail *self, const weir_packed *packed, weir_json_writer *writer)
{
    weir_journal_head head;
    weir_journal_copy copy;
    weir_json_write_begin(writer, '{');
    if (!weir_journal_head_decode(packed->head, &head) ||
        !weir_journal_copy_decode(&head, packed->rest, &copy)) {
        print_raw(writer, "raw", packed->rest);
        weir_json_write_end(writer, '}');
        return;
    }
    print_text(writer, "stream", head.stream);
    print_int(writer, "hop", head.hop);
    print_bytes(self, "key", copy.key, writer);
    print_time(writer, "time", copy.et_us);
    print_time(writer, "ingest", copy.source_timestamp_us);
    print_int(writer, "source_partition", copy.source_partition);
    print_int(writer, "source_offset", copy.source_offset);
    print_int(writer, "schema_id", head.schema_id);
    char name[300];
    (void)snprintf(name, sizeof name, "%.*s", (int)head.stream.size,
                   (const char *)head.stream.data);
    uint32_t stream = weir_plan_find_stream(self->stack->plan, name);
    const char *topic = stream == WEIR_NONE ? "" : self->stack->plan->streams[stream].topic;
    const weir_schema *schema = schema_of(self, topic, head.schema_id);
    if (schema == NULL || !print_avro(self, schema, copy.body, "value", writer)) {
        print_raw(writer, "raw", copy.body);
    }
    weir_json_write_end(writer, '}');
}

static bool print_pack(tail *self, weir_bytes value, weir_json_writer *writer)
{
    bool bad = false;
    weir_pack_reader reader;
    weir_packed packed;
    if (!weir_pack_open(&reader, value)) return false;
    weir_json_write_key(writer, "copies");
    weir_json_write_begin(writer, '[');
    while (weir_pack_next(&reader, &packed, &bad))
        print_copy(self, &packed, writer);
    weir_json_write_end(writer, ']');
    return true;
}

static bool print_notice(weir_bytes value, weir_json_writer *writer)
{
    weir_journal_notice notice;
    if (!weir_journal_notice_decode(value, &notice)) return false;
    char digest[WEIR_SHA256_TEXT_SIZE];
    weir_sha256_print(notice.digest, digest);
    print_text(writer, notice.kind == WEIR_JOURNAL_DEFINITION ? "definition" : "model",
               notice.name);
    weir_json_write_key(writer, "digest");
    weir_json_write_text(writer, digest);
    return true;
}

static void print_value(tail *self, const char *topic, weir_bytes value, weir_json_writer *writer)
{
    if (value.data == NULL) {
        weir_json_write_key(writer, "value");
        weir_json_write_null(writer);
        return;
    }
    int32_t id = 0;
    weir_bytes body = {0};
    if (weir_frame_read(value, &id, &body)) {
        const weir_schema *schema = schema_of(self, topic, id);
        print_int(writer, "schema_id", id);
        if (schema != NULL && print_avro(self, schema, body, "value", writer)) {
            weir_columns_write(self->columns, schema, body, &self->scratch, writer);
            return;
        }
    } else if (print_pack(self, value, writer) || print_notice(value, writer)) {
        return;
    }
    print_raw(writer, "raw", value);
}

/* --- records --- */

typedef struct header_context {
    tail *tail;
    weir_json_writer *writer;
} header_context;

static void print_header(void *context, const char *name, weir_bytes value)
{
    header_context *self = context;
    print_bytes(self->tail, name, value, self->writer);
}

static void print_record(tail *self, const weir_fetched *item)
{
    const char *topic = weir_kafka_reader_topic(self->reader, item->source);
    weir_json_writer writer = {.out = &self->line};
    weir_buffer_clear(&self->line);
    weir_arena_reset(&self->scratch);
    weir_json_write_begin(&writer, '{');
    weir_json_write_key(&writer, "topic");
    weir_json_write_text(&writer, topic);
    print_int(&writer, "partition", weir_kafka_reader_partition(self->reader, item->source));
    print_int(&writer, "offset", item->record.offset);
    print_time(&writer, "timestamp", item->record.timestamp_us);
    if (item->record.key.data != NULL) print_bytes(self, "key", item->record.key, &writer);
    weir_json_write_key(&writer, "headers");
    weir_json_write_begin(&writer, '{');
    header_context headers = {self, &writer};
    weir_kafka_reader_headers(item, print_header, &headers);
    weir_json_write_end(&writer, '}');
    print_value(self, topic, item->record.value, &writer);
    weir_json_write_end(&writer, '}');
    weir_buffer_put_text(&self->line, "\n");
    (void)fwrite(self->line.data, 1, self->line.size, stdout);
    self->printed++;
}

/* --- where to begin --- */

static weir_error *begin_at(tail *self, weir_admin *admin, const char *topic, int32_t partition,
                            int64_t *offset_out)
{
    const char *from = weir_cli_option(self->cli, "from");
    *offset_out = WEIR_OFFSET_END;
    if (from == NULL || strcmp(from, "end") == 0) return NULL;
    *offset_out = WEIR_OFFSET_START;
    if (strcmp(from, "start") == 0) return NULL;
    int64_t time_us = 0, start = 0, end = 0;
    if (weir_time_parse(from, strlen(from), &time_us)) {
        return weir_admin_offset_at(admin, topic, partition, time_us, offset_out);
    }
    char *rest = NULL;
    *offset_out = strtoll(from, &rest, 10);
    if (rest == from || *rest != 0 || *offset_out < 0) {
        return weir_error_new(
            WEIR_E_USAGE, "--from %s: write start, end, an offset or 2026-03-01T12:00:00Z", from);
    }
    WEIR_TRY(weir_admin_ends(admin, topic, partition, &start, &end));
    if (*offset_out < start) *offset_out = start;
    if (*offset_out > end) *offset_out = end;
    return NULL;
}

static weir_error *sources_add(tail *self, const char *topic)
{
    int32_t partitions = 0;
    int64_t only = -1;
    uint32_t source = 0;
    WEIR_TRY(weir_cli_int(self->cli, "partition", 0, INT32_MAX, &only));
    WEIR_TRY(weir_kafka_reader_count(self->reader, topic, &partitions));
    weir_admin *admin = NULL;
    WEIR_TRY(weir_admin_open(&self->stack->kafka, &admin));
    weir_error *error = NULL;
    for (int32_t i = only < 0 ? 0 : (int32_t)only; i < partitions || i == only; i++) {
        int64_t offset = 0;
        WEIR_TRY_OUT(begin_at(self, admin, topic, i, &offset));
        WEIR_TRY_OUT(weir_kafka_reader_add(self->reader, topic, i, offset, &source));
        self->sources++;
        if (only >= 0) break;
    }
    self->has_ended = weir_arena_calloc(&self->arena, self->sources + 1, sizeof(bool));
out:
    weir_admin_close(admin);
    return error;
}

static bool is_done(const tail *self)
{
    return weir_stop_requested() || (self->count > 0 && self->printed >= (uint64_t)self->count) ||
           (self->until_end && self->ended == self->sources);
}

static weir_error *follow(tail *self)
{
    while (!is_done(self)) {
        const weir_fetched *items = NULL;
        size_t got = 0;
        WEIR_TRY(weir_kafka_reader_poll(self->reader, BATCH, 100, &items, &got, NULL));
        for (size_t i = 0; i < got && !is_done(self); i++) {
            if (!items[i].is_end) {
                print_record(self, &items[i]);
            } else if (!self->has_ended[items[i].source]) {
                self->has_ended[items[i].source] = true;
                self->ended++;
            }
        }
        if (fflush(stdout) != 0) return weir_error_new(WEIR_E_IO, "standard output is closed");
    }
    return NULL;
}

static weir_error *run(weir_cli *cli)
{
    weir_stack stack;
    WEIR_TRY(weir_stack_open(cli, &stack));
    tail self = {.cli = cli, .stack = &stack, .until_end = weir_cli_flag(cli, "until-end")};
    weir_error *error = NULL;
    WEIR_TRY_OUT(weir_cli_int(cli, "count", 1, INT64_MAX, &self.count));
    WEIR_TRY_OUT(own_schemas(&self));
    WEIR_TRY_OUT(weir_kafka_reader_open(&stack.kafka, &self.reader));
    WEIR_TRY_OUT(sources_add(&self, cli->arguments[0]));
    WEIR_TRY_OUT(follow(&self));
out:
    weir_kafka_reader_close(self.reader);
    weir_buffer_deinit(&self.line);
    weir_buffer_deinit(&self.body);
    weir_arena_deinit(&self.arena);
    weir_arena_deinit(&self.scratch);
    weir_stack_close(&stack);
    return error;
}

const weir_command weir_command_tail = {
    .name = "tail",
    .group = WEIR_GROUP_STREAM,
    .summary = "Print the records of a topic, decoded",
    .arguments = "TOPIC",
    .help =
        "One JSON object a record: partition, offset, timestamp, key, headers, and the value by "
        "its schema; records of journals\n"
        "with the copies packed in them. The vector of a score, and what a sampled answer showed, "
        "stand as `values` by column,\n"
        "if the definitions of this folder made them. What can not be decoded is shown in base64 "
        "as `raw`, a key or header\n"
        "that is no text as `key_raw`, `NAME_raw`.",
    .options = options,
    .formats = WEIR_FORMAT_JSONL | WEIR_FORMAT_JSON,
    .arguments_min = 1,
    .arguments_max = 1,
    .is_long_running = true,
    .run = run,
};
