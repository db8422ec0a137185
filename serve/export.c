/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/export.h"

#include <string.h>

#include "ingest/decoders.h"
#include "ops/runtime/assert.h"
#include "ops/runtime/digest.h"
#include "serve/spine.h"
#include "store/column_batch.h"

enum { META_COLUMNS_MAX = 8 + WEIR_PLAN_HOPS_MAX * WEIR_PLAN_KEY_FIELDS_MAX };

/* Where a column's value comes from. */
typedef enum column_source {
    FROM_SLOT,
    FROM_TIME,
    FROM_VECTOR,
    FROM_BODY,
    FROM_ERRORS,
    FROM_PARTITION,
    FROM_OFFSET,
    FROM_INDEX
} column_source;

typedef struct export_column {
    column_source source;
    uint32_t index; /* slot, or column of the vector */
} export_column;

/* Values of a row that no event holds. */
typedef struct row_facts {
    weir_value time, errors, partition, offset, index;
} row_facts;

typedef struct export_job {
    const weir_export_options *options;
    const weir_topics *topics;
    const weir_plan *plan;
    const weir_plan_stream *stream;
    const weir_plan_vector *vector;
    uint32_t vector_index;
    weir_arena arena;   /* of the export */
    weir_arena scratch; /* of a row */
    weir_parquet_column *columns;
    export_column *sources;
    size_t column_count, first_shown;
    weir_snapshot *snapshot;
    weir_decoders decoders; /* of further fields; in use where extra is set */
    weir_value *extra;
    const char **extra_paths;
    weir_type *extra_types;
    uint32_t extra_count;
    weir_spine *spine;         /* or NULL */
    weir_asof *asof;           /* or NULL: as known */
    weir_buffer note;          /* as of: further fields of an event, in canonical bytes */
    int32_t *partition_counts; /* as of: per topic */
    weir_replay *replay;
    const weir_value **row;   /* where the row at hand has its values... */
    const weir_value **shown; /* ...and in it the vector's columns, which stand together */
    const weir_value *fields; /* the event's fields that it points into */
    row_facts facts;
    bool *overflow;
    weir_column_batch batch;
    uint64_t rows, others;
    int64_t first_ingest_us; /* of all events, where a spine is read as known */
} export_job;

static bool name_is_taken(const export_job *exporter, const char *name)
{
    for (uint32_t i = 0; i < exporter->vector->column_count; i++) {
        if (strcmp(exporter->vector->columns[i].name, name) == 0) return true;
    }
    for (size_t i = 0; i < exporter->column_count; i++) {
        if (strcmp(exporter->columns[i].name, name) == 0) return true;
    }
    return false;
}

static void add_column(export_job *exporter, const char *name, weir_type type, column_source source,
                       uint32_t index)
{
    if (source != FROM_VECTOR && name_is_taken(exporter, name)) return;
    exporter->columns[exporter->column_count] = (weir_parquet_column){name, type};
    exporter->sources[exporter->column_count++] = (export_column){source, index};
}

/* A spine has only what the vector needs to know. */
static void add_slot(export_job *exporter, uint32_t slot)
{
    if (exporter->spine != NULL && !weir_spine_has(exporter->spine, slot)) return;
    add_column(exporter, exporter->stream->slot_paths[slot], exporter->stream->slot_types[slot],
               FROM_SLOT, slot);
}

/* The slot in which the stream's events have a field just as its schema types it, or WEIR_NONE. */
static uint32_t find_slot(const weir_plan_stream *stream, const weir_schema_field *field)
{
    for (uint32_t s = 0; s < stream->slot_count; s++) {
        bool is_it = strcmp(stream->slot_paths[s], field->path) == 0;
        if (is_it && weir_type_equal(stream->slot_types[s], field->type)) return s;
    }
    return WEIR_NONE;
}

static weir_error *add_field(export_job *exporter, const char *path)
{
    const weir_plan_stream *stream = exporter->stream;
    const weir_schema_field *field = weir_schema_find(stream->schema, path);
    if (field == NULL) {
        return weir_error_new(WEIR_E_USAGE,
                              "--with %s: the schema %s of stream %s has no such field", path,
                              stream->schema->full_name, stream->name);
    }
    if (name_is_taken(exporter, path)) return NULL;
    uint32_t slot = find_slot(stream, field);
    if (slot != WEIR_NONE) {
        add_column(exporter, path, field->type, FROM_SLOT, slot);
        return NULL;
    }
    exporter->extra_paths[exporter->extra_count] = field->path;
    exporter->extra_types[exporter->extra_count] = field->type;
    add_column(exporter, path, field->type, FROM_BODY, exporter->extra_count++);
    return NULL;
}

/* Fields that no definition uses have no slot: they are decoded from the event's body, which the
 * journal keeps whole. */
static weir_error *add_fields(export_job *exporter)
{
    weir_arena *arena = &exporter->arena;
    size_t count = exporter->options->with_count;
    exporter->extra_paths = weir_arena_array(arena, const char *, count + 1);
    exporter->extra_types = weir_arena_array(arena, weir_type, count + 1);
    for (size_t i = 0; i < count; i++)
        WEIR_TRY(add_field(exporter, exporter->options->with[i]));
    if (exporter->extra_count == 0) return NULL;
    weir_plan_stream *wanted = weir_arena_copy(arena, exporter->stream, sizeof *wanted);
    wanted->slot_count = exporter->extra_count;
    wanted->slot_paths = exporter->extra_paths;
    wanted->slot_types = exporter->extra_types;
    weir_decoders_init(&exporter->decoders, wanted, exporter->options->replay->schemas);
    exporter->extra = weir_arena_array(arena, weir_value, exporter->extra_count);
    return NULL;
}

static weir_error *choose_columns(export_job *exporter)
{
    const weir_plan_vector *vector = exporter->vector;
    size_t most = vector->column_count + META_COLUMNS_MAX + exporter->options->with_count +
                  exporter->stream->slot_count;
    exporter->columns = weir_arena_array(&exporter->arena, weir_parquet_column, most);
    exporter->sources = weir_arena_array(&exporter->arena, export_column, most);
    if (exporter->stream->id_slot != WEIR_NONE) add_slot(exporter, exporter->stream->id_slot);
    add_column(exporter, "event_time", weir_type_of(WEIR_TIME), FROM_TIME, 0);
    for (uint32_t h = 0; h < exporter->stream->hop_count; h++) {
        const weir_plan_hop *hop = &exporter->stream->hops[h];
        for (uint32_t k = 0; k < exporter->plan->entities[hop->entity].key_count; k++)
            add_slot(exporter, hop->key_slots[k]);
    }
    WEIR_TRY(add_fields(exporter));
    for (uint32_t s = 0; exporter->spine != NULL && s < exporter->stream->slot_count; s++) {
        if (s != exporter->stream->time_slot) add_slot(exporter, s);
    }
    exporter->first_shown = exporter->column_count;
    for (uint32_t i = 0; i < vector->column_count; i++) {
        weir_type type = vector->columns[i].type;
        type.optional = true; /* an overflow is null in any column (R12) */
        add_column(exporter, vector->columns[i].name, type, FROM_VECTOR, i);
    }
    add_column(exporter, "errors", weir_type_optional(weir_type_of(WEIR_STRING)), FROM_ERRORS, 0);
    weir_type place = weir_type_of(WEIR_INT64);
    place.optional = exporter->spine != NULL;
    if (exporter->spine != NULL && exporter->options->is_asof)
        return NULL; /* no position is read */
    add_column(exporter, "journal_partition", place, FROM_PARTITION, 0);
    add_column(exporter, "journal_offset", place, FROM_OFFSET, 0);
    add_column(exporter, "journal_index", place, FROM_INDEX, 0);
    return NULL;
}

/* "a, b": the columns that are null because of an overflow, or null. */
static weir_value name_errors(export_job *exporter)
{
    weir_value text = weir_null();
    for (uint32_t i = 0; i < exporter->vector->column_count; i++) {
        if (!exporter->overflow[i]) continue;
        const char *name = exporter->vector->columns[i].name;
        const char *joined = weir_is_null(&text)
                                 ? name
                                 : weir_arena_printf(&exporter->scratch, "%.*s, %s", (int)text.size,
                                                     (const char *)text.as.bytes, name);
        text = weir_string(joined, strlen(joined));
    }
    return text;
}

static const weir_value *find_value(export_job *exporter, const weir_value *fields,
                                    export_column column)
{
    switch (column.source) {
    case FROM_SLOT: return &fields[column.index];
    case FROM_TIME: return &exporter->facts.time;
    case FROM_BODY: return &exporter->extra[column.index];
    case FROM_VECTOR: return NULL; /* told by the engine, row by row */
    case FROM_ERRORS: return &exporter->facts.errors;
    case FROM_PARTITION: return &exporter->facts.partition;
    case FROM_OFFSET: return &exporter->facts.offset;
    case FROM_INDEX: return &exporter->facts.index;
    }
    WEIR_UNREACHABLE();
}

/* Events of a shard come one after the other in the same place, so this is rare. */
static void point_row(export_job *exporter, const weir_value *fields)
{
    exporter->fields = fields;
    exporter->facts.time = weir_time(0);
    for (size_t i = 0; i < exporter->column_count; i++)
        exporter->row[i] = find_value(exporter, fields, exporter->sources[i]);
}

static weir_error *flush_batch(export_job *exporter)
{
    weir_column_batch *batch = &exporter->batch;
    WEIR_TRY(weir_snapshot_add_columns(exporter->snapshot, weir_column_batch_vectors(batch),
                                       batch->row_count));
    weir_column_batch_clear(batch);
    return NULL;
}

/* Their kinds stand; numbers change in place, since a value that is put together elsewhere and
 * copied costs more than the rest of a row. */
static void set_place(row_facts *facts, int32_t partition, weir_seq seq)
{
    uint8_t kind = partition >= 0 ? WEIR_INT64 : WEIR_NULL;
    facts->partition.kind = facts->offset.kind = facts->index.kind = kind;
    facts->partition.as.integer = partition;
    facts->offset.as.integer = weir_seq_offset(seq);
    facts->index.as.integer = weir_seq_index(seq);
}

static weir_error *add_event(export_job *exporter, weir_engine *engine, const weir_event *event,
                             int32_t partition)
{
    if (event->fields != exporter->fields) point_row(exporter, event->fields);
    bool has_overflow = weir_engine_vector_view(engine, exporter->vector_index, event,
                                                exporter->shown, exporter->overflow);
    exporter->facts.errors = has_overflow ? name_errors(exporter) : weir_null();
    exporter->facts.time.as.integer = event->et_us;
    set_place(&exporter->facts, partition, event->seq);
    weir_column_batch_add(&exporter->batch, exporter->row);
    exporter->rows++;
    return weir_column_batch_is_full(&exporter->batch) ? flush_batch(exporter) : NULL;
}

static weir_error *decode_extra(export_job *exporter, const weir_fold_row *row)
{
    if (exporter->extra == NULL) return NULL;
    const weir_decoder_entry *entry = NULL;
    WEIR_TRY(weir_decoders_find(&exporter->decoders, row->head->schema_id, &entry));
    if (entry->decoder == NULL)
        return weir_error_new(WEIR_E_SCHEMA, "schema %d: %s", row->head->schema_id, entry->problem);
    weir_decode_result result =
        weir_decoder_decode(entry->decoder, row->copy->body, &exporter->scratch, exporter->extra);
    if (result.reason == WEIR_DECODE_OK) return NULL;
    return weir_error_new(WEIR_E_DATA, "--with: field %s of the event %s %d, offset %lld: %s",
                          result.path != NULL ? result.path : "?", exporter->stream->name,
                          row->copy->source_partition, (long long)row->copy->source_offset,
                          result.problem != NULL ? result.problem : "a bad number");
}

static bool is_asked(const export_job *exporter, const weir_event *event)
{
    return event->stream == exporter->vector->stream && exporter->spine == NULL &&
           event->et_us >= exporter->options->from_us && event->et_us < exporter->options->to_us;
}

/* A copy says who sent it on to its last hop; an only hop's event is of the version in force. The
 * values of kin are the same. */
static bool is_of_other(const weir_replay_place *place, const weir_fold_row *row)
{
    return row->is_foreign || (row->point_count == 1 && !place->is_kin);
}

static bool wants_row(void *context, const weir_event *event) { return is_asked(context, event); }

static weir_error *on_row(void *context, const weir_replay_place *place, const weir_fold_row *row)
{
    export_job *exporter = context;
    if (is_of_other(place, row)) {
        exporter->others++;
        return NULL;
    }
    weir_arena_reset(&exporter->scratch);
    WEIR_TRY(decode_extra(exporter, row));
    return add_event(exporter, row->engine, row->event, place->partition);
}

/* Rows of a spine are read where their time falls between two ingest times, or at the end. */
static weir_error *on_event(void *context, const weir_replay_place *at, weir_node *fold,
                            weir_seq seq, int64_t ingest_us)
{
    export_job *exporter = context;
    if (ingest_us < exporter->first_ingest_us) exporter->first_ingest_us = ingest_us;
    return weir_spine_advance(exporter->spine, exporter->replay, at, fold, seq, ingest_us);
}

static weir_error *on_end(void *context, const weir_replay_place *at, weir_node *fold)
{
    export_job *exporter = context;
    weir_seq seq = weir_seq_of(weir_fold_next(fold), 0);
    return weir_spine_advance(exporter->spine, exporter->replay, at, fold, seq, INT64_MAX);
}

/* ---- as of ---- */

static weir_error *take_note(export_job *exporter, const weir_fold_row *row)
{
    weir_arena_reset(&exporter->scratch);
    weir_buffer_clear(&exporter->note);
    if (!is_asked(exporter, row->event)) return NULL;
    WEIR_TRY(decode_extra(exporter, row));
    for (uint32_t i = 0; i < exporter->extra_count; i++)
        weir_value_encode(exporter->extra_types[i], &exporter->extra[i], &exporter->note);
    return NULL;
}

static void count_partitions(export_job *exporter)
{
    size_t count = 0;
    const weir_replay_range *ranges = weir_replay_ranges(exporter->replay, &count);
    exporter->partition_counts =
        weir_arena_calloc(&exporter->arena, exporter->topics->count + 1, sizeof(int32_t));
    for (size_t i = 0; i < count; i++)
        exporter->partition_counts[ranges[i].topic]++;
}

static weir_error *collect_whole(export_job *exporter, const weir_replay_place *place,
                                 const weir_fold_row *row)
{
    WEIR_TRY(take_note(exporter, row));
    weir_bytes note = {exporter->note.data, exporter->note.size};
    return weir_asof_add_whole(exporter->asof, row, place->partition, exporter->partition_counts,
                               note);
}

/* Which version takes an event on is not known yet: copies of this one and its kin tell. */
static weir_error *collect_begun(void *context, const weir_replay_place *place,
                                 const weir_fold_row *row)
{
    return place->is_kin ? NULL : collect_whole(context, place, row);
}

static weir_error *collect(void *context, const weir_replay_place *place, const weir_fold_row *row)
{
    export_job *exporter = context;
    if (row->is_foreign) return collect_whole(exporter, place, row);
    WEIR_TRY(take_note(exporter, row));
    weir_bytes note = {exporter->note.data, exporter->note.size};
    return weir_asof_add(exporter->asof, row, place->partition, note);
}

static weir_error *on_asof_event(void *context, const weir_event *event, int32_t partition,
                                 weir_bytes note)
{
    export_job *exporter = context;
    if (!is_asked(exporter, event)) return NULL;
    weir_arena_reset(&exporter->scratch);
    weir_reader reader = weir_reader_of(note.data, note.size);
    for (uint32_t i = 0; i < exporter->extra_count; i++)
        exporter->extra[i] =
            weir_value_decode(exporter->extra_types[i], &reader, &exporter->scratch);
    return add_event(exporter, weir_replay_engine(exporter->replay), event, partition);
}

static weir_error *before_instant(void *context, int64_t et_us)
{
    export_job *exporter = context;
    return weir_spine_advance_asof(exporter->spine, exporter->replay, exporter->asof, et_us);
}

static weir_error *fold_asof(export_job *exporter)
{
    exporter->asof = weir_asof_create(exporter->topics, weir_replay_engine(exporter->replay));
    weir_replay_sinks sinks = {
        .context = exporter, .row = collect, .begin = collect_begun, .ignores_values = true};
    count_partitions(exporter);
    WEIR_TRY(weir_replay_journals(exporter->replay, &sinks));
    weir_asof_sinks asof = {.context = exporter, .event = on_asof_event};
    if (exporter->spine != NULL) asof.before = before_instant;
    return weir_asof_fold(exporter->asof, &asof);
}

/* Rows leave at their last hop whose key is not null: only hops before one that can not be null may
 * be left out. A spine is looked up at every hop; as of needs every event once. */
static void choose_topics(const export_job *exporter, bool *is_wanted)
{
    for (weir_topic t = 0; exporter->options->is_asof && t < exporter->topics->count; t++)
        is_wanted[t] = exporter->topics->items[t].role == WEIR_TOPIC_JOURNAL;
    for (uint32_t h = exporter->stream->hop_count; h-- > 0;) {
        const weir_plan_hop *hop = &exporter->stream->hops[h];
        is_wanted[exporter->topics->journals[hop->entity]] = true;
        bool may_be_null = false;
        for (uint32_t k = 0; k < exporter->plan->entities[hop->entity].key_count; k++) {
            may_be_null |= exporter->stream->slot_types[hop->key_slots[k]].optional;
        }
        if (!may_be_null && exporter->spine == NULL) return;
    }
}

static const char *digest_text(weir_arena *into, const uint8_t digest[WEIR_DIGEST_BYTES])
{
    char *text = weir_arena_alloc(into, WEIR_SHA256_BYTES * 2 + 1);
    weir_sha256_print(digest, text);
    return text;
}

/* What is needed to make the same export again (weir_snapshot_prove). */
static const weir_parquet_pair *list_extra(export_job *exporter, size_t *count_out)
{
    const weir_export_options *options = exporter->options;
    weir_arena *arena = &exporter->arena;
    weir_parquet_pair *extra = weir_arena_array(arena, weir_parquet_pair, 4);
    size_t count = 0;
    if (options->from_us != INT64_MIN)
        extra[count++] = (weir_parquet_pair){
            WEIR_EXPORT_FROM, weir_arena_printf(arena, "%lld", (long long)options->from_us)};
    if (options->to_us != INT64_MAX)
        extra[count++] = (weir_parquet_pair){
            WEIR_EXPORT_TO, weir_arena_printf(arena, "%lld", (long long)options->to_us)};
    const char *with = options->with_count == 0 ? NULL : options->with[0];
    for (size_t i = 1; i < options->with_count; i++)
        with = weir_arena_printf(arena, "%s,%s", with, options->with[i]);
    if (with != NULL) extra[count++] = (weir_parquet_pair){WEIR_EXPORT_WITH, with};
    if (options->spine != NULL) extra[count++] = (weir_parquet_pair){WEIR_EXPORT_SPINE, "yes"};
    *count_out = count;
    return extra;
}

static weir_error *publish(export_job *exporter, const weir_replay *replay,
                           weir_snapshot_summary *summary_out)
{
    size_t range_count = 0, model_count = 0;
    const weir_replay_range *ranges = weir_replay_ranges(replay, &range_count);
    weir_snapshot_range *named =
        weir_arena_array(&exporter->arena, weir_snapshot_range, range_count + 1);
    for (size_t i = 0; i < range_count; i++) {
        const char *topic = exporter->topics->items[ranges[i].topic].name;
        named[i] = (weir_snapshot_range){topic, ranges[i].partition, ranges[i].from, ranges[i].to};
    }
    weir_snapshot_model *models =
        weir_arena_array(&exporter->arena, weir_snapshot_model, exporter->plan->score_count + 1);
    for (uint32_t i = 0; i < exporter->plan->score_count; i++) {
        const weir_model *model =
            exporter->options->replay->models == NULL ? NULL : exporter->options->replay->models[i];
        if (model == NULL || exporter->plan->scores[i].vector != exporter->vector_index) continue;
        models[model_count++] = (weir_snapshot_model){
            exporter->plan->scores[i].model,
            digest_text(&exporter->arena, weir_model_describe(model)->digest)};
    }
    weir_snapshot_facts facts = {.mode = exporter->options->is_asof ? "as-of" : "as-known",
                                 .ranges = named,
                                 .range_count = range_count,
                                 .models = models,
                                 .model_count = model_count,
                                 .grade_a = exporter->options->is_asof ? 0 : exporter->rows,
                                 .grade_c = exporter->options->is_asof ? exporter->rows : 0};
    facts.extra = list_extra(exporter, &facts.extra_count);
    weir_snapshot *snapshot = exporter->snapshot;
    exporter->snapshot = NULL;
    return weir_snapshot_finish(snapshot, &facts, summary_out);
}

static weir_error *begin(export_job *exporter)
{
    weir_snapshot_options options = {
        .path = exporter->options->out,
        .title = weir_arena_printf(&exporter->arena, "%s.%s", exporter->plan->package,
                                   exporter->vector->name),
        .definition = digest_text(&exporter->arena, exporter->plan->digest),
        .columns = exporter->columns,
        .column_count = exporter->column_count,
    };
    return weir_snapshot_begin(&options, &exporter->snapshot);
}

static weir_error *export_spine(export_job *exporter)
{
    weir_replay_sinks sinks = {.context = exporter, .event = on_event, .end = on_end};
    WEIR_TRY(weir_spine_place(exporter->spine, exporter->topics, exporter->replay));
    WEIR_TRY(exporter->options->is_asof ? fold_asof(exporter)
                                        : weir_replay_journals(exporter->replay, &sinks));
    for (size_t i = 0; i < weir_spine_count(exporter->spine); i++) {
        int32_t partition = 0;
        const weir_event *event = weir_spine_row(exporter->spine, i, &partition);
        weir_arena_reset(&exporter->scratch);
        WEIR_TRY(add_event(exporter, weir_replay_engine(exporter->replay), event, partition));
    }
    return NULL;
}

static weir_error *export_rows(export_job *exporter)
{
    if (exporter->spine != NULL) return export_spine(exporter);
    if (exporter->options->is_asof) return fold_asof(exporter);
    weir_replay_sinks sinks = {.context = exporter, .row = on_row, .wants = wants_row};
    return weir_replay_journals(exporter->replay, &sinks);
}

static void allocate_row(export_job *exporter)
{
    exporter->overflow =
        weir_arena_array(&exporter->arena, bool, exporter->vector->column_count + 1);
    exporter->row =
        weir_arena_array(&exporter->arena, const weir_value *, exporter->column_count + 1);
    exporter->shown = exporter->row + exporter->first_shown;
    weir_column_batch_init(&exporter->batch, exporter->columns, exporter->column_count);
}

static weir_error *open_replay(export_job *exporter)
{
    const weir_export_options *options = exporter->options;
    bool *is_wanted = weir_arena_array(&exporter->arena, bool, exporter->topics->count);
    choose_topics(exporter, is_wanted);
    weir_replay_options limited = *options->replay;
    limited.is_wanted = is_wanted;
    limited.may_end_early = options->spine == NULL && !options->is_asof;
    WEIR_TRY(weir_replay_open(&limited, &exporter->replay));
    for (size_t i = 0; i < options->limit_count; i++) {
        weir_replay_limit(exporter->replay, options->limits[i].topic, options->limits[i].partition,
                          options->limits[i].to);
    }
    return NULL;
}

weir_error *weir_export(const weir_export_options *options, weir_export_summary *summary_out)
{
    const weir_topics *topics = options->replay->topics;
    const weir_plan *plan = topics->plan;
    uint32_t vector = weir_plan_find_vector(plan, options->vector);
    *summary_out = (weir_export_summary){0};
    if (vector == WEIR_NONE)
        return weir_error_new(WEIR_E_USAGE, "there is no vector `%s`", options->vector);
    export_job exporter = {.options = options,
                           .topics = topics,
                           .plan = plan,
                           .stream = &plan->streams[plan->vectors[vector].stream],
                           .vector = &plan->vectors[vector],
                           .vector_index = vector,
                           .first_ingest_us = INT64_MAX};
    weir_error *error = NULL;
    bool has_bounds = options->from_us != INT64_MIN || options->to_us != INT64_MAX;
    if (options->spine != NULL && (options->with_count > 0 || has_bounds)) {
        WEIR_TRY_OUT(weir_error_new(WEIR_E_USAGE,
                                    "--with, --from and --to go with events, not with --spine: a "
                                    "spine has rows and columns of its own"));
    }
    if (options->spine != NULL) {
        weir_spine_source source = {options->spine, options->spine_count,
                                    options->spine_time == NULL ? "time" : options->spine_time};
        WEIR_TRY_OUT(weir_spine_open(plan, vector, &source, &exporter.spine));
    }
    WEIR_TRY_OUT(choose_columns(&exporter));
    allocate_row(&exporter);
    WEIR_TRY_OUT(open_replay(&exporter));
    WEIR_TRY_OUT(begin(&exporter));
    WEIR_TRY_OUT(export_rows(&exporter));
    WEIR_TRY_OUT(flush_batch(&exporter));
    WEIR_TRY_OUT(publish(&exporter, exporter.replay, &summary_out->snapshot));
    summary_out->others = exporter.others;
    summary_out->behind = weir_replay_behind(exporter.replay);
    summary_out->first_ingest_us = exporter.first_ingest_us;
    if (exporter.spine != NULL && !options->is_asof)
        summary_out->unknown = weir_spine_count_before(exporter.spine, exporter.first_ingest_us);
out:
    weir_snapshot_abort(exporter.snapshot);
    weir_replay_close(exporter.replay);
    weir_spine_close(exporter.spine);
    weir_asof_destroy(exporter.asof);
    weir_buffer_deinit(&exporter.note);
    weir_column_batch_deinit(&exporter.batch);
    if (exporter.extra != NULL) weir_decoders_deinit(&exporter.decoders);
    weir_arena_deinit(&exporter.arena);
    weir_arena_deinit(&exporter.scratch);
    return error;
}
