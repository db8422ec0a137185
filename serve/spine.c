/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/spine.h"

#include <stdlib.h>
#include <string.h>

#include "ingest/rows.h"
#include "ops/runtime/assert.h"
#include "serve/trigger.h"

/* One row at one entity: waits in the list of its journal partition. */
typedef struct spine_visit {
    int64_t time_us;
    uint32_t row;
    uint16_t hop;
    weir_topic topic;
    int32_t partition;
} spine_visit;

typedef struct spine_row {
    int64_t time_us;
    weir_value *fields;
    weir_value *carried;
    bool *overflow;
    weir_seq seq;
    int32_t partition;
} spine_row;

struct weir_spine {
    const weir_plan *plan;
    const weir_plan_stream *stream;
    uint32_t stream_index;
    const weir_plan_vector *vector;
    weir_trigger_needs needs;
    spine_row *rows;
    size_t count, capacity;
    spine_visit *visits; /* by topic, partition, time, row */
    size_t visit_count, next;
    bool is_by_time;  /* as of: the visits, which were sorted by place first */
    weir_arena arena; /* the rows' values */
    weir_event event;
    weir_buffer key;
};

/* Wants: `time`, then the used slots. */
static weir_error *bind_columns(weir_spine *spine, weir_rows *rows, const char *time,
                                uint32_t *slots, size_t *count_out)
{
    weir_rows_want *wants =
        weir_arena_array(&spine->arena, weir_rows_want, spine->stream->slot_count + 1);
    size_t count = 0;
    wants[count++] =
        (weir_rows_want){.name = time, .type = weir_type_of(WEIR_TIME), .unit = WEIR_UNIT_US};
    for (uint32_t s = 0; s < spine->stream->slot_count; s++) {
        if (!spine->needs.slots[s]) continue;
        slots[count] = s;
        wants[count++] = (weir_rows_want){.name = spine->stream->slot_paths[s],
                                          .type = spine->stream->slot_types[s]};
    }
    *count_out = count;
    return weir_rows_bind(rows, wants, count);
}

static spine_row *add_row(weir_spine *spine)
{
    if (spine->count == spine->capacity) {
        spine->capacity = spine->capacity == 0 ? 1024 : spine->capacity * 2;
        spine->rows = realloc(spine->rows, spine->capacity * sizeof(spine_row));
        WEIR_ASSERT(spine->rows != NULL);
    }
    spine_row *row = &spine->rows[spine->count++];
    *row = (spine_row){
        .fields = weir_arena_array(&spine->arena, weir_value, spine->stream->slot_count + 1),
        .carried = weir_arena_array(&spine->arena, weir_value, spine->stream->carried_count + 1),
        .overflow = weir_arena_array(&spine->arena, bool, spine->stream->carried_count + 1)};
    return row;
}

static weir_error *read_rows(weir_spine *spine, weir_rows *rows, const char *path, const char *time)
{
    weir_arena scratch = {0};
    weir_error *error = NULL;
    size_t count = 0;
    uint32_t *slots = weir_arena_array(&spine->arena, uint32_t, spine->stream->slot_count + 1);
    weir_value *values = weir_arena_array(&spine->arena, weir_value, spine->stream->slot_count + 1);
    WEIR_TRY_OUT(bind_columns(spine, rows, time, slots, &count));
    for (;;) {
        weir_row status;
        weir_arena_reset(&scratch);
        WEIR_TRY_OUT(weir_rows_next(rows, &scratch, values, &status));
        if (status.status == WEIR_ROW_END) break;
        if (status.status == WEIR_ROW_BAD)
            WEIR_TRY_OUT(weir_error_new(WEIR_E_DATA, "%s: %s", path, status.problem));
        if (spine->count == WEIR_SPINE_ROWS_MAX) {
            WEIR_TRY_OUT(weir_error_new(WEIR_E_LIMIT, "%s: more than %d rows; split it", path,
                                        WEIR_SPINE_ROWS_MAX));
        }
        spine_row *row = add_row(spine);
        row->time_us = values[0].as.integer;
        for (size_t i = 1; i < count; i++)
            row->fields[slots[i]] = weir_value_copy(&values[i], &spine->arena);
        row->fields[spine->stream->time_slot] = values[0];
        row->partition = -1;
        weir_trigger_fill(&spine->needs, row->fields);
    }
out:
    weir_arena_deinit(&scratch);
    return error;
}

static weir_error *read_file(weir_spine *spine, const char *path, const char *time)
{
    weir_rows *rows = NULL;
    weir_error *error = weir_rows_open(path, NULL, &rows);
    if (error == NULL) error = read_rows(spine, rows, path, time);
    weir_rows_close(rows);
    return error;
}

weir_error *weir_spine_open(const weir_plan *plan, uint32_t vector, const weir_spine_source *source,
                            weir_spine **spine_out)
{
    *spine_out = NULL;
    weir_spine *spine = calloc(1, sizeof *spine);
    WEIR_ASSERT(spine != NULL);
    spine->plan = plan;
    spine->vector = &plan->vectors[vector];
    spine->stream_index = spine->vector->stream;
    spine->stream = &plan->streams[spine->stream_index];
    spine->needs = weir_trigger_needs_of(plan, vector, WEIR_NONE, &spine->arena);
    weir_error *error = NULL;
    for (size_t i = 0; i < source->count && error == NULL; i++)
        error = read_file(spine, source->paths[i], source->time);
    if (error != NULL) {
        weir_spine_close(spine);
        return error;
    }
    *spine_out = spine;
    return NULL;
}

void weir_spine_close(weir_spine *spine)
{
    if (spine == NULL) return;
    free(spine->rows);
    free(spine->visits);
    weir_buffer_deinit(&spine->key);
    weir_arena_deinit(&spine->arena);
    free(spine);
}

static bool hop_key(weir_spine *spine, const spine_row *row, uint32_t hop)
{
    weir_buffer_clear(&spine->key);
    return weir_trigger_key(spine->plan, spine->stream_index, hop, row->fields, &spine->key);
}

static int by_place(const void *a, const void *b)
{
    const spine_visit *x = a, *y = b;
    if (x->topic != y->topic) return x->topic < y->topic ? -1 : 1;
    if (x->partition != y->partition) return x->partition < y->partition ? -1 : 1;
    if (x->time_us != y->time_us) return x->time_us < y->time_us ? -1 : 1;
    if (x->row != y->row) return x->row < y->row ? -1 : 1;
    return 0;
}

static int32_t count_partitions(const weir_replay *replay, weir_topic topic)
{
    size_t count = 0;
    int32_t partitions = 0;
    const weir_replay_range *ranges = weir_replay_ranges(replay, &count);
    for (size_t i = 0; i < count; i++)
        partitions += ranges[i].topic == topic;
    return partitions;
}

static weir_event event_of(const weir_spine *spine, const spine_row *row, uint32_t hop)
{
    return (weir_event){.stream = spine->stream_index,
                        .hop = hop,
                        .fields = row->fields,
                        .carried = row->carried,
                        .carried_overflow = row->overflow,
                        .et_us = row->time_us,
                        .ingest_us = row->time_us};
}

/* What the engine hands out lives until its next call. */
static void keep(weir_spine *spine, spine_row *row, uint32_t hop)
{
    for (uint32_t c = 0; c < spine->stream->carried_count; c++) {
        if (spine->stream->carried[c].hop == hop)
            row->carried[c] = weir_value_copy(&row->carried[c], &spine->arena);
    }
}

/* What an entity without a key, or a journal without events, gives: the values of an unknown key.
 */
static weir_error *read_absent(weir_spine *spine, weir_replay *replay, spine_row *row, uint32_t hop)
{
    weir_event event = event_of(spine, row, hop);
    WEIR_TRY(weir_engine_read_absent(weir_replay_engine(replay), &event));
    keep(spine, row, hop);
    return NULL;
}

weir_error *weir_spine_place(weir_spine *spine, const weir_topics *topics, weir_replay *replay)
{
    spine->visits = calloc(spine->count * spine->stream->hop_count + 1, sizeof(spine_visit));
    WEIR_ASSERT(spine->visits != NULL);
    for (size_t r = 0; r < spine->count; r++) {
        for (uint32_t h = 0; h < spine->stream->hop_count; h++) {
            if (!spine->needs.hops[h]) continue;
            weir_topic topic = topics->journals[spine->stream->hops[h].entity];
            int32_t partitions = count_partitions(replay, topic);
            if (partitions == 0 || !hop_key(spine, &spine->rows[r], h)) {
                WEIR_TRY(read_absent(spine, replay, &spine->rows[r], h));
                continue;
            }
            weir_bytes key = {spine->key.data, spine->key.size};
            spine->visits[spine->visit_count++] =
                (spine_visit){.time_us = spine->rows[r].time_us,
                              .row = (uint32_t)r,
                              .hop = (uint16_t)h,
                              .topic = topic,
                              .partition = weir_partition_of(key, partitions)};
        }
    }
    if (spine->visit_count > 0)
        qsort(spine->visits, spine->visit_count, sizeof(spine_visit), by_place);
    return NULL;
}

/* Reads a row at one entity; as the fold reads an event, but that it is applied to nothing. */
static weir_error *read_row(weir_spine *spine, weir_replay *replay, const spine_visit *visit,
                            const weir_state_port *states, const weir_shard_clock *clock,
                            weir_seq seq)
{
    spine_row *row = &spine->rows[visit->row];
    weir_event event = event_of(spine, row, visit->hop);
    bool beyond = false;
    event.key = (weir_bytes){spine->key.data, spine->key.size};
    event.seq = row->seq = seq;
    row->partition = visit->partition;
    WEIR_TRY(weir_engine_read(weir_replay_engine(replay), states, clock, &event, &beyond));
    keep(spine, row, visit->hop);
    return NULL;
}

static weir_error *read_visit(weir_spine *spine, weir_replay *replay, const spine_visit *visit,
                              weir_node *fold, weir_seq seq)
{
    WEIR_ASSERT(hop_key(spine, &spine->rows[visit->row], visit->hop));
    weir_bytes key = {spine->key.data, spine->key.size};
    return read_row(spine, replay, visit, weir_fold_states(fold, key), weir_fold_clock(fold), seq);
}

weir_error *weir_spine_advance(weir_spine *spine, weir_replay *replay, const weir_replay_place *at,
                               weir_node *fold, weir_seq seq, int64_t ingest_us)
{
    for (; spine->next < spine->visit_count; spine->next++) {
        const spine_visit *visit = &spine->visits[spine->next];
        if (visit->topic != at->topic || visit->partition != at->partition) break;
        if (ingest_us != INT64_MAX && visit->time_us >= ingest_us) break;
        WEIR_TRY(read_visit(spine, replay, visit, fold, seq));
    }
    return NULL;
}

static int by_time(const void *a, const void *b)
{
    const spine_visit *x = a, *y = b;
    if (x->time_us != y->time_us) return x->time_us < y->time_us ? -1 : 1;
    if (x->row != y->row) return x->row < y->row ? -1 : 1;
    return x->hop < y->hop ? -1 : x->hop > y->hop;
}

weir_error *weir_spine_advance_asof(weir_spine *spine, weir_replay *replay, weir_asof *asof,
                                    int64_t et_us)
{
    if (!spine->is_by_time && spine->visit_count > 0)
        qsort(spine->visits, spine->visit_count, sizeof(spine_visit), by_time);
    spine->is_by_time = true;
    for (; spine->next < spine->visit_count; spine->next++) {
        const spine_visit *visit = &spine->visits[spine->next];
        if (et_us != INT64_MAX && visit->time_us >= et_us) break;
        WEIR_ASSERT(hop_key(spine, &spine->rows[visit->row], visit->hop));
        WEIR_TRY(read_row(spine, replay, visit, weir_asof_states(asof),
                          weir_asof_clock(asof, visit->topic, visit->partition), 0));
    }
    return NULL;
}

bool weir_spine_has(const weir_spine *spine, uint32_t slot)
{
    return spine->needs.slots[slot] || slot == spine->stream->time_slot;
}

size_t weir_spine_count(const weir_spine *spine) { return spine->count; }

size_t weir_spine_count_before(const weir_spine *spine, int64_t time_us)
{
    size_t count = 0;
    for (size_t i = 0; i < spine->count; i++)
        count += spine->rows[i].time_us < time_us;
    return count;
}

const weir_event *weir_spine_row(weir_spine *spine, size_t index, int32_t *partition_out)
{
    WEIR_ASSERT(index < spine->count);
    spine_row *row = &spine->rows[index];
    *partition_out = row->partition;
    spine->event = event_of(spine, row, spine->stream->hop_count - 1);
    spine->event.seq = row->seq;
    return &spine->event;
}
