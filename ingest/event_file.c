/* SPDX-License-Identifier: Apache-2.0 */
#include "ingest/event_file.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ingest/event_avro.h"
#include "ingest/json_event.h"
#include "ingest/rows.h"
#include "ops/runtime/assert.h"
#include "ops/runtime/utf8.h"

/* One stream: how its objects become its schema's values. */
typedef struct lane {
    const weir_plan_stream *stream;
    weir_json_event *event;
    weir_value *values;
    uint32_t time_field; /* index into schema->fields */
    bool has_singles;    /* fields that are Avro floats */
} lane;

struct weir_event_file {
    const weir_plan *plan;
    weir_arena arena, scratch;
    weir_rows *rows;
    weir_event_avro *avro; /* a container whose schema resolves against the stream's */
    bool is_json;          /* JSON Lines; else rows of columns */
    bool has_ingest;       /* rows have a column `ingest` that is no field of the schema */
    weir_value *cells;     /* rows: one per field, then ingest */
    lane *lanes;
    uint32_t bare_stream; /* of files that do not name it; WEIR_NONE */
    bool is_named;        /* by who opened the file; else it is the only one */
    int64_t line;         /* of the next one */
    uint64_t text_line;   /* JSON: of the file, from 1; 0: the problem names its place itself */
    int64_t ingest_us;    /* of the line before; INT64_MIN: none */
    weir_buffer body;
    char problem[WEIR_FILE_PROBLEM_BYTES];
    weir_event_file_counts counts;
};

/* What a line says besides the event's fields. */
typedef struct envelope {
    weir_bytes stream;
    weir_bytes value; /* the object, as text */
    bool has_stream, has_value, has_ingest;
    int64_t ingest_us;
} envelope;

/* ---- refusals ---- */

__attribute__((format(printf, 3, 4))) static void refuse(weir_event_file *file,
                                                         weir_file_event *event, const char *format,
                                                         ...)
{
    event->status = WEIR_FILE_EVENT_REFUSED;
    event->problem = file->problem;
    char *to = file->problem;
    size_t room = sizeof file->problem;
    int used = file->text_line == 0
                   ? snprintf(to, room, "seq %lld, ", (long long)event->line)
                   : snprintf(to, room, "seq %lld, line %llu: ", (long long)event->line,
                              (unsigned long long)file->text_line);
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(to + used, room - (size_t)used, format, arguments);
    va_end(arguments);
    if (file->counts.first_problem[0] == '\0') memcpy(file->counts.first_problem, to, room);
}

static void refuse_line(weir_event_file *file, weir_file_event *event, const char *problem)
{
    file->counts.bad_line++;
    refuse(file, event, "%s", problem);
}

/* ---- one line of JSON ---- */

static bool read_ingest(weir_event_file *file, weir_json *json, envelope *e)
{
    weir_value value;
    bool bad_number = false;
    const char *problem = NULL;
    if (!weir_json_read_value(json, weir_type_of(WEIR_TIME), WEIR_UNIT_US, &file->scratch, &value,
                              &bad_number, &problem))
        return false;
    e->has_ingest = true;
    e->ingest_us = value.as.integer;
    return true;
}

static bool read_member(weir_event_file *file, weir_json *json, envelope *e)
{
    bool is_again = (e->has_stream && weir_json_key_is(json, "stream")) ||
                    (e->has_value && weir_json_key_is(json, "value")) ||
                    (e->has_ingest && weir_json_key_is(json, "ingest"));
    if (is_again) {
        weir_json_fail(json, "a member stands twice; leave one out");
        return false;
    }
    if (weir_json_key_is(json, "stream")) {
        e->has_stream = true;
        return weir_json_string(json, &e->stream);
    }
    if (weir_json_key_is(json, "ingest")) return read_ingest(file, json, e);
    if (!weir_json_key_is(json, "value")) return weir_json_skip(json);
    (void)weir_json_peek(json); /* moves to the value's first byte */
    const uint8_t *start = json->next;
    e->has_value = true;
    if (!weir_json_skip(json)) return false;
    e->value = (weir_bytes){start, (size_t)(json->next - start)};
    return true;
}

static const char no_value[] = "the line has no `value`";

static const char *read_envelope(weir_event_file *file, weir_bytes text, envelope *e)
{
    weir_json json;
    weir_json_init(&json, text.data, text.size, &file->scratch);
    json.allow_nonfinite = true; /* NaN is a bad number of one field (R10), not a bad line */
    if (!weir_json_expect(&json, WEIR_JSON_OBJECT_BEGIN))
        return "a line is an object: {\"stream\":\"..\",\"value\":{..}}";
    while (weir_json_next_key(&json))
        if (!read_member(file, &json, e))
            return json.problem == NULL ? "`ingest` is not a time" : json.problem;
    if (json.problem == NULL && weir_json_next(&json) != WEIR_JSON_END)
        return "something follows the object";
    if (json.problem != NULL) return json.problem;
    return e->has_value ? NULL : no_value;
}

/* The name that came may be anything: of a long one its beginning is enough. */
static const char *no_stream(const weir_plan *plan, const char *name, weir_arena *into)
{
    const char *names = "";
    for (uint32_t i = 0; i < plan->stream_count; i++)
        names =
            weir_arena_printf(into, "%s%s`%s`", names, i == 0 ? "" : ", ", plan->streams[i].name);
    return weir_arena_printf(into, "there is no stream `%.64s`; the folder defines %s", name,
                             names);
}

static lane *find_lane(weir_event_file *file, const envelope *e)
{
    if (!e->has_stream)
        return file->bare_stream == WEIR_NONE ? NULL : &file->lanes[file->bare_stream];
    for (uint32_t i = 0; i < file->plan->stream_count; i++) {
        const char *name = file->plan->streams[i].name;
        if (strlen(name) == e->stream.size && memcmp(name, e->stream.data, e->stream.size) == 0)
            return &file->lanes[i];
    }
    return NULL;
}

/* The default: the greater of the event's own time and the previous line's time of ingest. */
static void set_ingest(weir_event_file *file, const lane *l, const envelope *e,
                       weir_file_event *event)
{
    const weir_value *time = &l->values[l->time_field];
    event->ingest_us = file->ingest_us;
    if (e->has_ingest)
        event->ingest_us = e->ingest_us;
    else if (!weir_is_null(time) && time->as.integer > file->ingest_us)
        event->ingest_us = time->as.integer;
    if (event->ingest_us > file->ingest_us) file->ingest_us = event->ingest_us;
}

/* A number beyond an Avro float is the infinity that it would be there (R10): null where the field
 * is optional. False: it stands where it may not, and the event is refused. */
static bool fit_floats(weir_event_file *file, const lane *l, weir_file_event *event)
{
    const weir_schema *schema = l->stream->schema;
    for (size_t i = 0; l->has_singles && i < schema->field_count; i++) {
        const weir_schema_field *field = &schema->fields[i];
        if (!field->is_single || weir_is_null(&l->values[i]) ||
            isfinite((float)l->values[i].as.float64))
            continue;
        if (!field->type.optional) {
            file->counts.bad_number++;
            refuse(file, event, "stream %s, field %s: beyond the range of the schema's float",
                   l->stream->name, field->path);
            return false;
        }
        l->values[i] = weir_null();
        file->counts.nulled_numbers++;
    }
    return true;
}

static weir_error *encode(weir_event_file *file, const lane *l, weir_file_event *event)
{
    if (!fit_floats(file, l, event)) return NULL;
    weir_buffer_clear(&file->body);
    weir_error *error = weir_schema_encode(l->stream->schema, l->values, &file->body);
    event->body = (weir_bytes){file->body.data, file->body.size};
    if (error == NULL || weir_error_class_of(error) != WEIR_CLASS_CALLER) return error;
    file->counts.bad_value++;
    refuse(file, event, "%s", weir_error_message(error));
    weir_error_free(error);
    return NULL;
}

static weir_error *take_value(weir_event_file *file, lane *l, const envelope *e,
                              weir_file_event *event)
{
    weir_json json;
    weir_json_init(&json, e->value.data, e->value.size, &file->scratch);
    json.allow_nonfinite = true;
    weir_json_event_result result =
        weir_json_event_read(l->event, &json, &file->scratch, l->values);
    file->counts.nulled_numbers += result.nulled_numbers;
    if (!result.is_ok) {
        *(result.is_bad_number ? &file->counts.bad_number : &file->counts.bad_value) += 1;
        char shown[WEIR_SHOWN_TEXT_MAX];
        refuse(file, event, "stream %s%s%s: %s%s%s", l->stream->name,
               result.path == NULL ? "" : ", field ", result.path == NULL ? "" : result.path,
               result.text.size == 0 ? ""
                                     : weir_text_show(result.text.data, result.text.size, shown),
               result.text.size == 0 ? "" : ": ", result.problem);
        if (e->has_ingest && e->ingest_us > file->ingest_us) file->ingest_us = e->ingest_us;
        return NULL;
    }
    event->stream = (uint32_t)(l - file->lanes);
    set_ingest(file, l, e, event);
    return encode(file, l, event);
}

/* An object of fields, not of stream and value: only where its stream is named, or is the only one
 * and nothing speaks for the other form. */
static bool is_bare(const weir_event_file *file, const envelope *e, const char *problem)
{
    if (file->is_named) return !(e->has_stream && e->has_value);
    return problem == no_value && !e->has_stream;
}

static weir_error *take_line(weir_event_file *file, weir_bytes text, weir_file_event *event)
{
    envelope e = {0};
    lane *bare = file->bare_stream == WEIR_NONE ? NULL : &file->lanes[file->bare_stream];
    const char *problem = read_envelope(file, text, &e);
    if (bare != NULL && is_bare(file, &e, problem)) {
        e = (envelope){.value = text, .has_value = true}; /* a bare object, under --stream */
        problem = NULL;
    }
    if (problem != NULL) {
        refuse_line(file, event, problem);
        return NULL;
    }
    lane *l = find_lane(file, &e);
    if (l != NULL) return take_value(file, l, &e, event);
    if (!e.has_stream) {
        refuse_line(file, event, "the line names no stream; say --stream NAME");
        return NULL;
    }
    const char *name =
        weir_arena_string(&file->scratch, (const char *)e.stream.data, e.stream.size);
    refuse_line(file, event, no_stream(file->plan, name, &file->scratch));
    return NULL;
}

/* ---- one row of columns ---- */

static void fill_defaults(const lane *l)
{
    const weir_schema *schema = l->stream->schema;
    for (size_t i = 0; i < schema->field_count; i++) {
        const weir_schema_field *field = &schema->fields[i];
        if (weir_is_null(&l->values[i]) && !field->type.optional && field->has_default)
            l->values[i] = field->default_value;
    }
}

static weir_error *take_row(weir_event_file *file, const weir_row *row, weir_file_event *event)
{
    lane *l = &file->lanes[file->bare_stream];
    size_t count = l->stream->schema->field_count;
    file->counts.nulled_numbers += row->nulled_numbers;
    if (row->status == WEIR_ROW_BAD) {
        *(row->bad_number ? &file->counts.bad_number : &file->counts.bad_value) += 1;
        refuse(file, event, "%s", row->problem);
        return NULL;
    }
    envelope e = {0};
    if (file->has_ingest && !weir_is_null(&file->cells[count])) {
        e.has_ingest = true;
        e.ingest_us = file->cells[count].as.integer;
    }
    memcpy(l->values, file->cells, count * sizeof *l->values);
    fill_defaults(l);
    event->stream = file->bare_stream;
    set_ingest(file, l, &e, event);
    return encode(file, l, event);
}

/* ---- one record of an Avro container ---- */

static weir_error *take_record(weir_event_file *file, const weir_event_avro_record *record,
                               weir_file_event *event)
{
    lane *l = &file->lanes[file->bare_stream];
    const weir_decode_result *result = &record->result;
    file->counts.nulled_numbers += result->nulled_numbers;
    if (result->reason != WEIR_DECODE_OK) {
        *(result->reason == WEIR_DECODE_BAD_NUMBER ? &file->counts.bad_number
                                                   : &file->counts.bad_value) += 1;
        refuse(file, event, "field %s, byte %zu: %s", result->path == NULL ? "?" : result->path,
               result->offset, result->problem == NULL ? "not valid Avro" : result->problem);
        return NULL;
    }
    envelope e = {.has_ingest = record->has_ingest, .ingest_us = record->ingest_us};
    event->stream = file->bare_stream;
    set_ingest(file, l, &e, event);
    event->body = record->body;
    return record->body.data != NULL ? NULL : encode(file, l, event);
}

static weir_error *next_record(weir_event_file *file, weir_file_event *event)
{
    weir_event_avro_record record;
    WEIR_TRY(weir_event_avro_next(file->avro, &file->scratch, file->lanes[file->bare_stream].values,
                                  &record));
    if (record.is_end) {
        event->status = WEIR_FILE_EVENT_END;
        return NULL;
    }
    event->line = file->line++;
    file->counts.lines++;
    return take_record(file, &record, event);
}

/* ---- the file ---- */

static weir_error *next_row(weir_event_file *file, weir_file_event *event)
{
    weir_row row;
    weir_bytes text = {0};
    WEIR_TRY(file->is_json ? weir_rows_next_line(file->rows, &text, &row)
                           : weir_rows_next(file->rows, &file->scratch, file->cells, &row));
    if (row.status == WEIR_ROW_END) {
        event->status = WEIR_FILE_EVENT_END;
        return NULL;
    }
    event->line = file->is_json ? (int64_t)row.line - 1 : file->line++; /* empty ones count */
    file->counts.lines++;
    file->text_line = file->is_json && row.status == WEIR_ROW_OK ? row.line : 0;
    if (!file->is_json) return take_row(file, &row, event);
    if (row.status == WEIR_ROW_OK) return take_line(file, text, event);
    refuse_line(file, event, row.problem);
    return NULL;
}

weir_error *weir_event_file_next(weir_event_file *file, weir_file_event *event_out)
{
    *event_out = (weir_file_event){.status = WEIR_FILE_EVENT_OK};
    weir_arena_reset(&file->scratch);
    return file->avro != NULL ? next_record(file, event_out) : next_row(file, event_out);
}

static uint32_t find_field(const weir_schema *schema, const char *path)
{
    for (size_t i = 0; i < schema->field_count; i++)
        if (strcmp(schema->fields[i].path, path) == 0) return (uint32_t)i;
    WEIR_UNREACHABLE(); /* the plan was checked against this schema */
}

static void lane_init(weir_event_file *file, uint32_t index)
{
    const weir_plan_stream *stream = &file->plan->streams[index];
    file->lanes[index] = (lane){
        .stream = stream,
        .event = weir_json_event_create(stream->schema, &file->arena),
        .values = weir_arena_array(&file->arena, weir_value, stream->schema->field_count + 1),
        .time_field = find_field(stream->schema, stream->slot_paths[stream->time_slot])};
    for (size_t i = 0; i < stream->schema->field_count; i++)
        file->lanes[index].has_singles |= stream->schema->fields[i].is_single;
}

static weir_error *choose_stream(weir_event_file *file, const char *stream)
{
    if (stream != NULL) {
        file->bare_stream = weir_plan_find_stream(file->plan, stream);
        if (file->bare_stream == WEIR_NONE)
            return weir_error_new(WEIR_E_USAGE, "%s",
                                  no_stream(file->plan, stream, &file->scratch));
        file->is_named = true;
    } else if (file->plan->stream_count == 1) {
        file->bare_stream = 0;
    } else if (!file->is_json) {
        return weir_error_new(WEIR_E_USAGE,
                              "the file does not name the stream of its rows; say --stream NAME");
    }
    return NULL;
}

/* All fields of the schema, by name; what is optional or has a default may be missing. */
static weir_error *bind_columns(weir_event_file *file)
{
    const weir_schema *schema = file->lanes[file->bare_stream].stream->schema;
    size_t count = schema->field_count;
    weir_rows_want *wants = weir_arena_array(&file->arena, weir_rows_want, count + 1);
    file->cells = weir_arena_array(&file->arena, weir_value, count + 1);
    for (size_t i = 0; i < count; i++) {
        const weir_schema_field *field = &schema->fields[i];
        bool may_be_absent = field->type.optional || field->has_default;
        wants[i] = (weir_rows_want){field->path, field->type, field->unit, may_be_absent};
    }
    file->has_ingest =
        weir_schema_find(schema, "ingest") == NULL && weir_rows_has(file->rows, "ingest");
    wants[count] =
        (weir_rows_want){"ingest", weir_type_optional(weir_type_of(WEIR_TIME)), WEIR_UNIT_US, true};
    return weir_rows_bind(file->rows, wants, count + file->has_ingest);
}

static weir_error *open_input(weir_event_file *file, const char *path, const char *stream)
{
    WEIR_TRY(weir_rows_open(path, NULL, &file->rows));
    file->is_json = weir_rows_format_of(file->rows) == WEIR_ROWS_JSONL;
    WEIR_TRY(choose_stream(file, stream));
    weir_avro_reader *container = weir_rows_container(file->rows);
    if (container != NULL)
        weir_event_avro_bind(container, file->lanes[file->bare_stream].stream->schema, &file->arena,
                             &file->avro);
    if (file->avro != NULL) return NULL;
    return file->is_json ? NULL : bind_columns(file);
}

weir_error *weir_event_file_open(const weir_plan *plan, const char *path, const char *stream,
                                 weir_event_file **file_out)
{
    weir_event_file *file = calloc(1, sizeof *file);
    WEIR_ASSERT(file != NULL);
    file->plan = plan;
    file->bare_stream = WEIR_NONE;
    file->ingest_us = INT64_MIN;
    file->lanes = weir_arena_array(&file->arena, lane, plan->stream_count);
    for (uint32_t i = 0; i < plan->stream_count; i++)
        lane_init(file, i);
    weir_error *error = open_input(file, path, stream);
    if (error != NULL) {
        weir_event_file_close(file);
        file = NULL;
    }
    *file_out = file;
    return error;
}

void weir_event_file_close(weir_event_file *file)
{
    if (file == NULL) return;
    weir_rows_close(file->rows);
    weir_buffer_deinit(&file->body);
    weir_arena_deinit(&file->arena);
    weir_arena_deinit(&file->scratch);
    free(file);
}

weir_event_file_counts weir_event_file_counted(const weir_event_file *file) { return file->counts; }
