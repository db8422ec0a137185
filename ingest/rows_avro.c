/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Avro container files as rows: the wanted fields are decoded by the program that decodes Kafka
 * messages. A record that does not decode makes a bad row; the container's own damage ends the
 * file.
 */
#include <inttypes.h>

#include "ingest/rows_internal.h"
#include "schemas/avro_file.h"

typedef struct avro_rows {
    weir_avro_reader *reader;
    const weir_decoder *decoder;
    weir_value *slots; /* the decoded fields */
    size_t *wants;     /* a slot's want      */
    size_t slot_count;
    bool *are_nanos; /* per column: integers that are instants in nanoseconds */
} avro_rows;

static weir_error *open_avro(weir_rows *rows)
{
    avro_rows *a = weir_arena_new(&rows->arena, avro_rows);
    rows->state = a;
    int fd = rows->fd;
    rows->fd = -1; /* the reader's now */
    WEIR_TRY(weir_avro_reader_open_fd(fd, rows->path, &a->reader));
    const weir_schema *schema = weir_avro_reader_schema(a->reader);
    weir_rows_column *columns =
        weir_arena_array(&rows->arena, weir_rows_column, schema->field_count);
    a->are_nanos = weir_arena_array(&rows->arena, bool, schema->field_count);
    for (size_t i = 0; i < schema->field_count; i++) {
        columns[i] = (weir_rows_column){schema->fields[i].path, schema->fields[i].type};
        a->are_nanos[i] = schema->fields[i].is_nanos;
    }
    rows->columns = columns;
    rows->column_count = schema->field_count;
    return NULL;
}

static void close_avro(weir_rows *rows)
{
    avro_rows *a = rows->state;
    if (a != NULL) weir_avro_reader_close(a->reader);
}

static weir_error *bind_avro(weir_rows *rows)
{
    avro_rows *a = rows->state;
    const weir_schema *schema = weir_avro_reader_schema(a->reader);
    const char **names = weir_arena_array(&rows->arena, const char *, rows->want_count);
    a->wants = weir_arena_array(&rows->arena, size_t, rows->want_count);
    a->slots = weir_arena_array(&rows->arena, weir_value, rows->want_count);
    for (size_t i = 0; i < rows->want_count; i++) {
        if (rows->sources[i] == SIZE_MAX) continue;
        names[a->slot_count] = rows->wants[i].name;
        a->wants[a->slot_count++] = i;
    }
    return weir_decoder_compile(schema, schema, names, NULL, a->slot_count, &rows->arena,
                                &a->decoder);
}

static bool take_value(const weir_rows *rows, size_t slot, weir_arena *scratch, weir_value *values,
                       weir_row *row)
{
    const avro_rows *a = rows->state;
    size_t index = a->wants[slot];
    const weir_rows_want *want = &rows->wants[index];
    weir_type from = rows->columns[rows->sources[index]].type;
    const char *problem = NULL;
    bool bad_number = false;
    weir_value stored = a->slots[slot];
    if (a->are_nanos[rows->sources[index]] && want->type.kind == WEIR_TIME &&
        !weir_is_null(&stored)) {
        if (stored.as.integer % 1000 != 0) {
            rows_bad_value(rows, row, want, (weir_bytes){0},
                           "a time in nanoseconds that is no whole microsecond");
            return false;
        }
        stored = weir_time(stored.as.integer / 1000);
    }
    if (weir_rows_convert(from, &stored, want->type, want->unit, scratch, &values[index],
                          &bad_number, &problem)) {
        row->nulled_numbers += bad_number;
        return true;
    }
    row->bad_number = bad_number;
    rows_bad_value(rows, row, want, (weir_bytes){0}, problem);
    return false;
}

static weir_error *next_avro(weir_rows *rows, weir_arena *scratch, weir_value *values,
                             weir_row *row)
{
    avro_rows *a = rows->state;
    weir_bytes body = {0};
    bool end = false;
    WEIR_TRY(weir_avro_reader_next(a->reader, &body, &end));
    if (end) {
        row->status = WEIR_ROW_END;
        return NULL;
    }
    for (size_t i = 0; i < rows->want_count; i++)
        values[i] = weir_null();
    weir_decode_result result = weir_decoder_decode(a->decoder, body, scratch, a->slots);
    if (result.reason != WEIR_DECODE_OK) {
        row->bad_number = result.reason == WEIR_DECODE_BAD_NUMBER;
        rows_problem(row, "row %" PRIu64 ", field %s, byte %zu: %s", rows->index,
                     result.path == NULL ? "?" : result.path, result.offset,
                     result.problem == NULL ? "not valid Avro" : result.problem);
        return NULL;
    }
    row->nulled_numbers += result.nulled_numbers;
    for (size_t i = 0; i < a->slot_count; i++) {
        if (!take_value(rows, i, scratch, values, row)) break;
    }
    return NULL;
}

weir_avro_reader *weir_rows_container(const weir_rows *rows)
{
    const avro_rows *a = rows->form == &weir_rows_form_avro ? rows->state : NULL;
    return a == NULL ? NULL : a->reader;
}

const rows_form weir_rows_form_avro = {
    .name = "Avro",
    .open = open_avro,
    .bind = bind_avro,
    .next = next_avro,
    .close = close_avro,
};
