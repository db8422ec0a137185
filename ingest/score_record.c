/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Avro by hand, in the order of schemas/score.avsc. `at` walks over bytes that were reserved in the
 * output: every function here takes the place to write to and returns the one behind it.
 */
#include "ingest/score_record.h"

#include <stdlib.h>

#include "ops/runtime/assert.h"
#include "schemas/avro.h"
#include "schemas/decimal.h"
#include "schemas/json_value.h"

enum {
    PIECE_PAD = 16, /* pieces are copied in whole words of this size */
    LONG_BYTES = WEIR_VARINT_BYTES,
    COLUMN_BYTES = 9,      /* a column of a plain kind */
    SHORT_STRING_MAX = 63, /* has a length of one byte */
};

/* Constant bytes, padded behind to a multiple of PIECE_PAD. */
typedef struct piece {
    const uint8_t *bytes;
    size_t size;
} piece;

/* What a hop adds to a record. */
typedef struct key_piece {
    piece name; /* the map's block count stands before the first one's */
    uint32_t slot;
    const weir_type *type;
} key_piece;
typedef struct hop_pieces {
    piece receipt; /* the entity's name */
    uint32_t key_count;
    const key_piece *keys;
} hop_pieces;

struct weir_score_record {
    weir_arena arena;
    const weir_plan *plan;
    const weir_plan_stream *stream;
    const weir_plan_vector *vector;
    uint32_t decision_count;
    const piece *decisions; /* and the null behind them */
    const piece *column_names;
    const hop_pieces *hops;
    piece origin, definitions;
    size_t event_bytes;    /* at most, of short values and without the id's head */
    size_t evidence_bytes; /* at most, of plain columns */
    /* The id up to the index, for the journal record at hand. */
    const char *journal;
    int32_t partition;
    int64_t offset;
    weir_buffer id_head;
    weir_buffer text;
};

/* ---- templates ---- */

static piece keep(weir_score_record *record, weir_buffer *made)
{
    uint8_t *bytes = weir_arena_calloc(&record->arena, 1, made->size + PIECE_PAD);
    if (made->size > 0) memcpy(bytes, made->data, made->size);
    piece kept = {bytes, made->size};
    weir_buffer_clear(made);
    return kept;
}

static inline void put_bytes(weir_buffer *out, const void *bytes, size_t size)
{
    uint8_t *start = weir_buffer_reserve(out, size + LONG_BYTES);
    uint8_t *at = weir_varint_put(start, 2 * (uint64_t)size);
    if (size > 0) memcpy(at, bytes, size);
    out->size += (size_t)(at - start) + size;
}

static void put_text(weir_buffer *out, const char *text) { put_bytes(out, text, strlen(text)); }

static hop_pieces prepare_hop(weir_score_record *record, const weir_plan_hop *hop,
                              weir_buffer *room)
{
    const weir_plan_entity *entity = &record->plan->entities[hop->entity];
    key_piece *keys = weir_arena_array(&record->arena, key_piece, entity->key_count);
    for (uint32_t i = 0; i < entity->key_count; i++) {
        if (i == 0) weir_buffer_put_zigzag(room, entity->key_count);
        put_text(room, entity->key_names[i]);
        keys[i] = (key_piece){keep(record, room), hop->key_slots[i], &entity->key_types[i]};
    }
    put_text(room, entity->name);
    return (hop_pieces){keep(record, room), entity->key_count, keys};
}

static void prepare_hops(weir_score_record *record, weir_buffer *room)
{
    const weir_plan_stream *stream = record->stream;
    hop_pieces *hops = weir_arena_array(&record->arena, hop_pieces, stream->hop_count + 1);
    for (uint32_t h = 0; h < stream->hop_count; h++)
        hops[h] = prepare_hop(record, &stream->hops[h], room);
    record->hops = hops;
}

static void prepare_decisions(weir_score_record *record, const weir_plan_score *score,
                              weir_buffer *room)
{
    piece *decisions = weir_arena_array(&record->arena, piece, score->decision_count + 1);
    for (uint32_t i = 0; i < score->decision_count; i++) {
        weir_buffer_put_zigzag(room, 1);
        put_text(room, score->decisions[i].name);
        decisions[i] = keep(record, room);
    }
    weir_buffer_put_zigzag(room, 0);
    decisions[score->decision_count] = keep(record, room);
    record->decisions = decisions;
    record->decision_count = score->decision_count;
}

static void prepare_columns(weir_score_record *record, weir_buffer *room)
{
    piece *names = weir_arena_array(&record->arena, piece, record->vector->column_count + 1);
    for (uint32_t i = 0; i < record->vector->column_count; i++) {
        put_text(room, record->vector->columns[i].name);
        names[i] = keep(record, room);
    }
    record->column_names = names;
}

/* `name` to the end: what computed the score. */
static void prepare_definitions(weir_score_record *record, const weir_plan_score *score,
                                const weir_model_info *model, weir_buffer *room)
{
    weir_buffer name = {0};
    weir_buffer_printf(&name, "%s.%s", record->plan->package, score->name);
    put_bytes(room, name.data, name.size);
    weir_buffer_deinit(&name);
    put_text(room, record->stream->name);
    put_text(room, model == NULL ? "" : score->model);
    put_bytes(room, model == NULL ? NULL : model->digest, model == NULL ? 0 : 32);
    put_text(room, model == NULL ? "" : model->profile);
    put_bytes(room, record->plan->digest, WEIR_DIGEST_BYTES);
    put_bytes(room, record->vector->digest, WEIR_DIGEST_BYTES);
    record->definitions = keep(record, room);
}

/* At most, of an event whose keys and id are short. */
static size_t measure_event(const weir_score_record *record)
{
    size_t bytes = 3 * LONG_BYTES + PIECE_PAD + 2 + SHORT_STRING_MAX + 1;
    for (uint32_t h = 0; h < record->stream->hop_count; h++) {
        const hop_pieces *hop = &record->hops[h];
        for (uint32_t k = 0; k < hop->key_count; k++)
            bytes += hop->keys[k].name.size + 1 + SHORT_STRING_MAX;
    }
    return bytes + 2 * PIECE_PAD;
}

/* At most, of an event whose columns are plain. */
static size_t measure_evidence(const weir_score_record *record)
{
    size_t bytes = record->origin.size + record->definitions.size + 3 * LONG_BYTES + 2;
    for (uint32_t h = 0; h < record->stream->hop_count; h++)
        bytes += record->hops[h].receipt.size + 3 * LONG_BYTES + 1;
    bytes += LONG_BYTES + (size_t)record->vector->column_count * COLUMN_BYTES;
    return bytes + 2 * PIECE_PAD;
}

weir_score_record *weir_score_record_create(const weir_plan *plan, const weir_plan_score *score,
                                            const weir_model_info *model)
{
    weir_score_record *record = calloc(1, sizeof *record);
    WEIR_ASSERT(record != NULL);
    weir_buffer room = {0};
    record->plan = plan;
    record->stream = &plan->streams[score->stream];
    record->vector = &plan->vectors[score->vector];
    prepare_hops(record, &room);
    prepare_decisions(record, score, &room);
    prepare_columns(record, &room);
    prepare_definitions(record, score, model, &room);
    put_text(&room, record->stream->topic);
    record->origin = keep(record, &room);
    record->event_bytes = measure_event(record);
    record->evidence_bytes = measure_evidence(record);
    weir_buffer_deinit(&room);
    return record;
}

void weir_score_record_destroy(weir_score_record *record)
{
    if (record == NULL) return;
    weir_arena_deinit(&record->arena);
    weir_buffer_deinit(&record->id_head);
    weir_buffer_deinit(&record->text);
    free(record);
}

/* ---- what is put ---- */

static inline uint8_t *put_long(uint8_t *at, int64_t value)
{
    return weir_varint_put(at, weir_zigzag(value));
}

/* Indexes and ordinals have few digits. */
static inline size_t print_number(uint32_t value, char *to)
{
    if (value >= 10) return weir_uint64_print(value, to);
    *to = (char)('0' + value);
    return 1;
}

static inline uint8_t *put_piece(uint8_t *at, const piece *from)
{
    for (size_t i = 0; i < from->size; i += PIECE_PAD)
        memcpy(at + i, from->bytes + i, PIECE_PAD);
    return at + from->size;
}

/* Room for a piece and some longs. */
static inline uint8_t *room_for(weir_buffer *out, const piece *from, size_t longs)
{
    return weir_buffer_reserve(out, from->size + PIECE_PAD + longs * LONG_BYTES);
}

static inline void advance(weir_buffer *out, const uint8_t *to)
{
    out->size = (size_t)(to - out->data);
}

/* ---- the event ---- */

/* A journal record may hold one event alone, so this is done by hand, too. */
static void start_id(weir_score_record *record, const weir_score_request *request, int64_t offset)
{
    WEIR_ASSERT(offset >= 0 && request->partition >= 0);
    record->journal = request->journal;
    record->partition = request->partition;
    record->offset = offset;
    weir_buffer *head = &record->id_head;
    weir_buffer_clear(head);
    weir_buffer_put(head, request->journal, strlen(request->journal));
    char *start = (char *)weir_buffer_reserve(head, 2 * WEIR_DECIMAL_TEXT_MAX), *at = start;
    *at++ = '/';
    at += weir_uint64_print((uint64_t)request->partition, at);
    *at++ = '/';
    at += weir_uint64_print((uint64_t)offset, at);
    *at++ = '/';
    head->size += (size_t)(at - start);
}

/* "journal/partition/offset/index/ordinal": all events of a journal record begin alike. */
static inline uint8_t *put_id(const weir_score_record *record, const weir_score_request *request,
                              uint8_t *at)
{
    size_t head = record->id_head.size;
    char tail[2 * WEIR_DECIMAL_TEXT_MAX];
    size_t size = print_number(weir_seq_index(request->event->seq), tail);
    tail[size++] = '/';
    size += print_number(request->ordinal, tail + size);
    WEIR_ASSERT(size <= PIECE_PAD);
    at = put_long(at, (int64_t)(head + size));
    memcpy(at, record->id_head.data, head);
    memcpy(at + head, tail, PIECE_PAD);
    return at + head + size;
}

/* Bytes that have no bound, and room for what still comes. */
static uint8_t *put_unbounded(const weir_score_record *record, const void *bytes, size_t size,
                              uint8_t *at, weir_buffer *out)
{
    advance(out, at);
    put_bytes(out, bytes, size);
    return weir_buffer_reserve(out, record->event_bytes);
}

static __attribute__((noinline)) uint8_t *put_other(weir_score_record *record,
                                                    const weir_type *type, const weir_value *value,
                                                    uint8_t *at, weir_buffer *out)
{
    if (value->kind == WEIR_INT64 && value->as.integer >= 0) {
        size_t size = weir_uint64_print((uint64_t)value->as.integer, (char *)at + 1);
        WEIR_ASSERT(size <= SHORT_STRING_MAX);
        *at = (uint8_t)(2 * size);
        return at + 1 + size;
    }
    weir_buffer_clear(&record->text);
    weir_text_write_value(&record->text, *type, value);
    return put_unbounded(record, record->text.data, record->text.size, at, out);
}

/* A value as an Avro string. */
static inline uint8_t *put_printed(weir_score_record *record, const weir_type *type,
                                   const weir_value *value, uint8_t *at, weir_buffer *out)
{
    if (value->kind != WEIR_STRING) return put_other(record, type, value, at, out);
    if (value->size > SHORT_STRING_MAX)
        return put_unbounded(record, value->as.bytes, value->size, at, out);
    *at = (uint8_t)(2 * value->size);
    memcpy(at + 1, value->as.bytes, value->size);
    return at + 1 + value->size;
}

/* The key fields of the hops that were visited, which are not null; a block of the map for each. */
static inline uint8_t *put_keys(weir_score_record *record, const weir_score_request *request,
                                uint8_t *at, weir_buffer *out)
{
    const weir_value *fields = request->event->fields;
    for (uint32_t i = 0; i < request->point_count; i++) {
        const hop_pieces *hop = &record->hops[request->points[i].hop];
        const key_piece *end = hop->keys + hop->key_count;
        for (const key_piece *key = hop->keys; key < end; key++) {
            at = put_piece(at, &key->name);
            at = put_printed(record, key->type, &fields[key->slot], at, out);
        }
    }
    *at++ = 0;
    return at;
}

void weir_score_record_put_event(weir_score_record *record, const weir_score_request *request,
                                 weir_buffer *out)
{
    const weir_plan_stream *stream = record->stream;
    int64_t offset = weir_seq_offset(request->event->seq);
    if (offset != record->offset || request->journal != record->journal ||
        request->partition != record->partition)
        start_id(record, request, offset);
    weir_frame_write(out, request->schema_id);
    uint8_t *at = weir_buffer_reserve(out, record->event_bytes + record->id_head.size);
    at = put_id(record, request, at);
    at = put_long(at, request->event->et_us);
    at = put_keys(record, request, at, out);
    const weir_value *id =
        stream->id_slot == WEIR_NONE ? NULL : &request->event->fields[stream->id_slot];
    bool has_id = id != NULL && !weir_is_null(id);
    *at++ = has_id ? 2 : 0;
    if (has_id) at = put_printed(record, &stream->slot_types[stream->id_slot], id, at, out);
    advance(out, at);
}

/* ---- the answer ---- */

static void put_reasons(const weir_score_record *record, const weir_score_answer *answer,
                        weir_buffer *out)
{
    if (answer->reason_count > 0) weir_buffer_put_zigzag(out, answer->reason_count);
    for (uint32_t i = 0; i < answer->reason_count; i++) {
        const piece *name = &record->column_names[answer->reason_columns[i]];
        uint8_t *at = put_piece(room_for(out, name, 1), name);
        memcpy(at, &answer->reason_values[i], sizeof(double));
        advance(out, at + sizeof(double));
    }
    weir_buffer_put_u8(out, 0);
}

void weir_score_record_put_answer(const weir_score_record *record, const weir_score_answer *answer,
                                  weir_buffer *out)
{
    const piece *decision = &record->decisions[answer->decision == NULL ? record->decision_count
                                                                        : answer->decision_index];
    uint8_t *at = room_for(out, decision, 2);
    *at++ = answer->has_score ? 2 : 0;
    if (answer->has_score) {
        memcpy(at, &answer->score, sizeof answer->score);
        at += sizeof answer->score;
    }
    at = put_piece(at, decision);
    *at++ = answer->is_fallback;
    advance(out, at);
    put_reasons(record, answer, out);
}

/* ---- the evidence ---- */

static void put_errors(const weir_score_record *record, const bool *overflow, weir_buffer *out)
{
    for (uint32_t i = 0; overflow != NULL && i < record->vector->column_count; i++) {
        if (!overflow[i]) continue;
        weir_buffer_put_zigzag(out, 1); /* a block of one item */
        advance(out,
                put_piece(room_for(out, &record->column_names[i], 0), &record->column_names[i]));
        put_text(out, "overflow");
    }
    weir_buffer_put_u8(out, 0);
}

static inline uint8_t *put_receipt(const weir_score_record *record,
                                   const weir_score_request *request, uint8_t *at)
{
    at = put_piece(at, &record->origin);
    at = put_long(at, request->copy->source_partition);
    at = put_long(at, request->copy->source_offset);
    at = put_long(at, request->point_count);
    for (uint32_t i = 0; i < request->point_count; i++) {
        const weir_read_point *point = &request->points[i];
        at = put_piece(at, &record->hops[point->hop].receipt);
        at = put_long(at, point->partition);
        at = put_long(at, weir_seq_offset(point->seq));
        at = put_long(at, weir_seq_index(point->seq));
        *at++ = point->beyond_horizon;
    }
    *at++ = 0;
    return at;
}

/* Canonical bytes (schemas/value.c) of a kind that needs no type to be written; NULL: another. */
static inline uint8_t *put_plain(uint8_t *at, const weir_value *value)
{
    uint64_t number;
    switch (value->kind) {
    case WEIR_FLOAT64:
        *at = 1;
        memcpy(at + 1, &value->as.float64, 8);
        return at + 9;
    case WEIR_NULL: *at = 0; return at + 1;
    case WEIR_INT64:
    case WEIR_TIME:
    case WEIR_DURATION: number = weir_zigzag(value->as.integer); break;
    case WEIR_BOOL: number = value->as.boolean; break;
    default: return NULL;
    }
    if (number < WEIR_NUMBER_SMALL_COUNT) {
        *at = (uint8_t)(number + 1);
        return at + 1;
    }
    size_t size = (71 - (size_t)__builtin_clzll(number)) / 8;
    *at = (uint8_t)(WEIR_NUMBER_SMALL_COUNT + size);
    memcpy(at + 1, &number, 8);
    return at + 1 + size;
}

/* How many bytes say that so many follow. */
static inline size_t length_bytes(size_t size)
{
    return (70 - (size_t)__builtin_clzll(2 * (uint64_t)size | 1)) / 7;
}

/* The columns behind their length, for which as much room is left as most vectors need. */
static uint8_t *put_columns(const weir_score_record *record, const weir_value *const *columns,
                            uint8_t *start, weir_buffer *out)
{
    uint32_t count = record->vector->column_count;
    size_t begin = (size_t)(start - out->data), room = length_bytes((size_t)count * 4);
    uint8_t *at = start + room;
    for (uint32_t i = 0; i < count; i++) {
        uint8_t *behind = put_plain(at, columns[i]);
        if (behind == NULL) {
            advance(out, at);
            weir_value_encode(weir_type_optional(record->vector->columns[i].type), columns[i], out);
            behind = weir_buffer_reserve(out, record->evidence_bytes);
        }
        at = behind;
    }
    start = out->data + begin;
    size_t size = (size_t)(at - start) - room, needed = length_bytes(size);
    if (needed != room) memmove(start + needed, start + room, size);
    uint8_t *behind = start + needed + size;
    uint64_t length = 2 * (uint64_t)size;
    for (size_t i = 0; i + 1 < needed; i++, length >>= 7)
        *start++ = (uint8_t)(length | 0x80);
    *start = (uint8_t)length;
    return behind;
}

void weir_score_record_put_evidence(weir_score_record *record, const weir_score_request *request,
                                    const weir_value *const *columns, const bool *overflow,
                                    weir_buffer *out)
{
    WEIR_ASSERT(request->point_count <= record->stream->hop_count);
    put_errors(record, overflow, out);
    uint8_t *at = weir_buffer_reserve(out, record->evidence_bytes);
    at = put_receipt(record, request, at);
    at = put_columns(record, columns, at, out);
    memcpy(at, record->definitions.bytes, record->definitions.size);
    advance(out, at + record->definitions.size);
}
