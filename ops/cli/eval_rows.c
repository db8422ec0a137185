/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/cli/eval_rows.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "ops/runtime/assert.h"
#include "ops/runtime/file.h"
#include "schemas/json_value.h"
#include "store/parquet/writer.h"

enum { FLUSH_BYTES = 1 << 18, FIXED_COLUMNS = 3 };

struct weir_eval_rows {
    const weir_plan *plan;
    weir_format format;
    uint32_t entity;     /* whose key a row shows; WEIR_NONE: the first of its stream */
    uint32_t *vector_of; /* per stream; WEIR_NONE: no rows */
    weir_value *values;
    bool *overflow;
    weir_buffer out;
    weir_arena arena; /* of the Parquet columns' names */
    weir_parquet_writer *parquet;
    weir_value *row; /* Parquet: fixed columns, keys, columns, errors */
    weir_buffer errors;
    uint64_t count;
};

static const weir_plan_hop *shown_hop(const weir_eval_rows *rows, uint32_t stream)
{
    const weir_plan_stream *of = &rows->plan->streams[stream];
    for (uint32_t i = 0; i < of->hop_count; i++)
        if (of->hops[i].entity == rows->entity) return &of->hops[i];
    return &of->hops[0];
}

static const weir_plan_entity *shown_entity(const weir_eval_rows *rows, uint32_t stream)
{
    return &rows->plan->entities[shown_hop(rows, stream)->entity];
}

static const weir_value *key_value(const weir_eval_rows *rows, const weir_event *event,
                                   uint32_t field)
{
    return &event->fields[shown_hop(rows, event->stream)->key_slots[field]];
}

static weir_error *write_out(weir_eval_rows *rows)
{
    size_t written = rows->out.size == 0 ? 0 : fwrite(rows->out.data, 1, rows->out.size, stdout);
    if (written != rows->out.size) return weir_error_of_errno(errno, "writing", "standard output");
    weir_buffer_clear(&rows->out);
    return NULL;
}

/* ---- JSON Lines ---- */

static void write_key(weir_eval_rows *rows, weir_json_writer *json, const weir_event *event)
{
    const weir_plan_entity *entity = shown_entity(rows, event->stream);
    weir_json_write_key(json, "key");
    weir_json_write_begin(json, '{');
    for (uint32_t i = 0; i < entity->key_count; i++) {
        const weir_value *value = key_value(rows, event, i);
        weir_json_write_key(json, entity->key_names[i]);
        if (weir_is_null(value))
            weir_json_write_null(json);
        else
            weir_json_write_value(json, entity->key_types[i], value);
    }
    weir_json_write_end(json, '}');
}

static bool write_values(weir_eval_rows *rows, weir_json_writer *json,
                         const weir_plan_vector *vector)
{
    bool has_overflow = false;
    weir_json_write_key(json, "values");
    weir_json_write_begin(json, '{');
    for (uint32_t i = 0; i < vector->column_count; i++) {
        weir_json_write_key(json, vector->columns[i].name);
        if (weir_is_null(&rows->values[i]))
            weir_json_write_null(json);
        else
            weir_json_write_value(json, vector->columns[i].type, &rows->values[i]);
        has_overflow = has_overflow || rows->overflow[i];
    }
    weir_json_write_end(json, '}');
    return has_overflow;
}

static void write_errors(const weir_eval_rows *rows, weir_json_writer *json,
                         const weir_plan_vector *vector)
{
    weir_json_write_begin(json, '{');
    for (uint32_t i = 0; i < vector->column_count; i++) {
        if (!rows->overflow[i]) continue;
        weir_json_write_key(json, vector->columns[i].name);
        weir_json_write_text(json, "overflow");
    }
    weir_json_write_end(json, '}');
}

static void write_jsonl(weir_eval_rows *rows, const weir_event *event,
                        const weir_plan_vector *vector)
{
    weir_json_writer json = {.out = &rows->out};
    weir_value time = weir_time(event->et_us);
    weir_json_write_begin(&json, '{');
    weir_json_write_key(&json, "seq");
    weir_json_write_int(&json, weir_seq_offset(event->seq));
    weir_json_write_key(&json, "stream");
    weir_json_write_text(&json, rows->plan->streams[event->stream].name);
    weir_json_write_key(&json, "time");
    weir_json_write_value(&json, weir_type_of(WEIR_TIME), &time);
    write_key(rows, &json, event);
    if (write_values(rows, &json, vector)) {
        weir_json_write_key(&json, "errors");
        write_errors(rows, &json, vector);
    }
    weir_json_write_end(&json, '}');
    weir_buffer_put_u8(&rows->out, '\n');
}

/* ---- CSV (RFC 4180) ---- */

static void put_cell(weir_buffer *out, const void *text, size_t size)
{
    const char *bytes = text;
    bool needs_quotes = false;
    for (size_t i = 0; i < size; i++)
        if (strchr(",\"\r\n", bytes[i]) != NULL && bytes[i] != '\0') needs_quotes = true;
    if (!needs_quotes) {
        weir_buffer_put(out, text, size);
        return;
    }
    weir_buffer_put_u8(out, '"');
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] == '"') weir_buffer_put_u8(out, '"');
        weir_buffer_put_u8(out, (uint8_t)bytes[i]);
    }
    weir_buffer_put_u8(out, '"');
}

static void put_value(weir_buffer *out, weir_type type, const weir_value *value)
{
    weir_buffer text = {0};
    weir_text_write_value(&text, type, value);
    if (text.size == 0 && !weir_is_null(value))
        weir_buffer_put_text(out, "\"\""); /* a cell without quotes is null */
    else
        put_cell(out, text.data, text.size);
    weir_buffer_deinit(&text);
}

static void write_csv_header(weir_eval_rows *rows, uint32_t stream, const weir_plan_vector *vector)
{
    const weir_plan_entity *entity = shown_entity(rows, stream);
    weir_buffer_put_text(&rows->out, "seq,stream,time");
    for (uint32_t i = 0; i < entity->key_count; i++)
        weir_buffer_printf(&rows->out, ",key.%s", entity->key_names[i]);
    for (uint32_t i = 0; i < vector->column_count; i++) {
        weir_buffer_put_u8(&rows->out, ',');
        put_cell(&rows->out, vector->columns[i].name, strlen(vector->columns[i].name));
    }
    weir_buffer_put_text(&rows->out, ",errors\n");
}

/* "card_vel_n_1m=overflow other=overflow" */
static void print_errors(weir_eval_rows *rows, const weir_plan_vector *vector)
{
    weir_buffer_clear(&rows->errors);
    for (uint32_t i = 0; i < vector->column_count; i++) {
        if (!rows->overflow[i]) continue;
        weir_buffer_printf(&rows->errors, "%s%s=overflow", rows->errors.size == 0 ? "" : " ",
                           vector->columns[i].name);
    }
}

static void write_csv(weir_eval_rows *rows, const weir_event *event, const weir_plan_vector *vector)
{
    const weir_plan_entity *entity = shown_entity(rows, event->stream);
    weir_value time = weir_time(event->et_us);
    weir_buffer_printf(&rows->out, "%lld,%s,", (long long)weir_seq_offset(event->seq),
                       rows->plan->streams[event->stream].name);
    put_value(&rows->out, weir_type_of(WEIR_TIME), &time);
    for (uint32_t i = 0; i < entity->key_count; i++) {
        weir_buffer_put_u8(&rows->out, ',');
        put_value(&rows->out, entity->key_types[i], key_value(rows, event, i));
    }
    for (uint32_t i = 0; i < vector->column_count; i++) {
        weir_buffer_put_u8(&rows->out, ',');
        put_value(&rows->out, vector->columns[i].type, &rows->values[i]);
    }
    print_errors(rows, vector);
    weir_buffer_put_u8(&rows->out, ',');
    weir_buffer_put(&rows->out, rows->errors.data, rows->errors.size);
    weir_buffer_put_u8(&rows->out, '\n');
}

/* ---- Parquet ---- */

static weir_error *parquet_sink(void *context, const void *data, size_t size)
{
    weir_eval_rows *rows = context;
    weir_buffer_put(&rows->out, data, size);
    return rows->out.size < FLUSH_BYTES ? NULL : write_out(rows);
}

static weir_error *open_parquet(weir_eval_rows *rows, uint32_t stream,
                                const weir_plan_vector *vector)
{
    const weir_plan_entity *entity = shown_entity(rows, stream);
    size_t count = FIXED_COLUMNS + entity->key_count + vector->column_count + 1, at = 0;
    weir_parquet_column *columns = weir_arena_array(&rows->arena, weir_parquet_column, count);
    rows->row = weir_arena_array(&rows->arena, weir_value, count);
    columns[at++] = (weir_parquet_column){"seq", weir_type_of(WEIR_INT64)};
    columns[at++] = (weir_parquet_column){"stream", weir_type_of(WEIR_STRING)};
    columns[at++] = (weir_parquet_column){"time", weir_type_of(WEIR_TIME)};
    for (uint32_t i = 0; i < entity->key_count; i++) {
        const char *name = weir_arena_printf(&rows->arena, "key.%s", entity->key_names[i]);
        columns[at++] = (weir_parquet_column){name, weir_type_optional(entity->key_types[i])};
    }
    for (uint32_t i = 0; i < vector->column_count; i++)
        columns[at++] = (weir_parquet_column){vector->columns[i].name,
                                              weir_type_optional(vector->columns[i].type)};
    columns[at++] = (weir_parquet_column){"errors", weir_type_optional(weir_type_of(WEIR_STRING))};
    WEIR_ASSERT(at == count);
    weir_parquet_sink sink = {parquet_sink, rows};
    return weir_parquet_writer_create(columns, count, NULL, sink, &rows->parquet);
}

static weir_error *write_parquet(weir_eval_rows *rows, const weir_event *event,
                                 const weir_plan_vector *vector)
{
    const weir_plan_entity *entity = shown_entity(rows, event->stream);
    const char *stream = rows->plan->streams[event->stream].name;
    size_t at = 0;
    rows->row[at++] = weir_int(weir_seq_offset(event->seq));
    rows->row[at++] = weir_string(stream, strlen(stream));
    rows->row[at++] = weir_time(event->et_us);
    for (uint32_t i = 0; i < entity->key_count; i++)
        rows->row[at++] = *key_value(rows, event, i);
    memcpy(&rows->row[at], rows->values, vector->column_count * sizeof *rows->values);
    at += vector->column_count;
    print_errors(rows, vector);
    rows->row[at] =
        rows->errors.size == 0 ? weir_null() : weir_string(rows->errors.data, rows->errors.size);
    return weir_parquet_writer_add_row(rows->parquet, rows->row);
}

/* ---- the rows ---- */

static weir_error *check_format(const weir_eval_rows *rows, const uint32_t *vectors,
                                size_t vector_count)
{
    if (rows->format == WEIR_FORMAT_JSONL || vector_count == 1) return NULL;
    return weir_error_new(
        WEIR_E_USAGE,
        "streams %s, %s trigger rows of different columns; use -o jsonl, which has room for both",
        rows->plan->streams[rows->plan->vectors[vectors[0]].stream].name,
        rows->plan->streams[rows->plan->vectors[vectors[1]].stream].name);
}

weir_error *weir_eval_rows_create(const weir_plan *plan, const uint32_t *vectors,
                                  size_t vector_count, uint32_t entity, weir_format format,
                                  weir_eval_rows **rows_out)
{
    WEIR_ASSERT(vector_count > 0);
    weir_eval_rows *rows = calloc(1, sizeof *rows);
    WEIR_ASSERT(rows != NULL);
    rows->plan = plan;
    rows->entity = entity;
    rows->format =
        format == WEIR_FORMAT_CSV || format == WEIR_FORMAT_PARQUET ? format : WEIR_FORMAT_JSONL;
    rows->vector_of = weir_arena_array(&rows->arena, uint32_t, plan->stream_count);
    uint32_t most = 0;
    for (uint32_t i = 0; i < plan->stream_count; i++)
        rows->vector_of[i] = WEIR_NONE;
    for (size_t i = 0; i < vector_count; i++) {
        const weir_plan_vector *vector = &plan->vectors[vectors[i]];
        WEIR_ASSERT(rows->vector_of[vector->stream] == WEIR_NONE);
        rows->vector_of[vector->stream] = vectors[i];
        if (vector->column_count > most) most = vector->column_count;
    }
    rows->values = weir_arena_array(&rows->arena, weir_value, most + 1);
    rows->overflow = weir_arena_array(&rows->arena, bool, most + 1);
    const weir_plan_vector *first = &plan->vectors[vectors[0]];
    weir_error *error = check_format(rows, vectors, vector_count);
    if (error == NULL && rows->format == WEIR_FORMAT_PARQUET)
        error = open_parquet(rows, first->stream, first);
    if (error == NULL && rows->format == WEIR_FORMAT_CSV)
        write_csv_header(rows, first->stream, first);
    if (error != NULL) {
        weir_eval_rows_destroy(rows);
        rows = NULL;
    }
    *rows_out = rows;
    return error;
}

void weir_eval_rows_destroy(weir_eval_rows *rows)
{
    if (rows == NULL) return;
    weir_parquet_writer_destroy(rows->parquet);
    weir_buffer_deinit(&rows->out);
    weir_buffer_deinit(&rows->errors);
    weir_arena_deinit(&rows->arena);
    free(rows);
}

weir_error *weir_eval_rows_take(void *context, const weir_fold_row *row)
{
    weir_eval_rows *rows = context;
    uint32_t index = rows->vector_of[row->event->stream];
    if (index == WEIR_NONE) return NULL;
    const weir_plan_vector *vector = &rows->plan->vectors[index];
    weir_engine_vector(row->engine, index, row->event, rows->values, rows->overflow);
    rows->count++;
    if (rows->format == WEIR_FORMAT_PARQUET) return write_parquet(rows, row->event, vector);
    if (rows->format == WEIR_FORMAT_CSV)
        write_csv(rows, row->event, vector);
    else
        write_jsonl(rows, row->event, vector);
    return rows->out.size < FLUSH_BYTES ? NULL : write_out(rows);
}

weir_error *weir_eval_rows_finish(weir_eval_rows *rows)
{
    weir_parquet_summary summary;
    if (rows->parquet != NULL) WEIR_TRY(weir_parquet_writer_finish(rows->parquet, &summary));
    WEIR_TRY(write_out(rows));
    if (fflush(stdout) != 0) return weir_error_of_errno(errno, "writing", "standard output");
    return NULL;
}

uint64_t weir_eval_rows_count(const weir_eval_rows *rows) { return rows->count; }
