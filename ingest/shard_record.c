/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A slice's record:
 *
 *   u8 version · varint position · z ingest time · z greatest event time · 7 varint counters ·
 *   varint sender count · { u8 'S' stream or 'E' entity · string name · varint partition count · {
 * varint next } } · varint duplicate count · { varint difference to the one before } · u64 XXH64 of
 * all before
 */
#include "ingest/shard_record.h"

#include "ops/runtime/checksum.h"
#include <stdlib.h>

#include "ingest/planted.h"
#include "ops/runtime/assert.h"

enum { RECORD_VERSION = 1, COUNTER_COUNT = 7 };
_Static_assert(sizeof(weir_fold_counters) == COUNTER_COUNT * sizeof(uint64_t),
               "counters are written as an array");

void weir_shard_record_init(weir_shard_record *record, const weir_plan *plan)
{
    *record = (weir_shard_record){.clock = {INT64_MIN, INT64_MIN},
                                  .stream_count = plan->stream_count,
                                  .entity_count = plan->entity_count};
    record->streams = calloc(plan->stream_count + 1, sizeof *record->streams);
    record->entities = calloc(plan->entity_count + 1, sizeof *record->entities);
    WEIR_ASSERT(record->streams != NULL && record->entities != NULL);
}

void weir_shard_record_deinit(weir_shard_record *record)
{
    for (uint32_t i = 0; i < record->stream_count; i++)
        free(record->streams[i].next);
    for (uint32_t i = 0; i < record->entity_count; i++)
        free(record->entities[i].next);
    for (weir_sender *sender = record->others, *next; sender != NULL; sender = next) {
        next = sender->next;
        free(sender->origin.next);
        free(sender);
    }
    free(record->streams);
    free(record->entities);
    *record = (weir_shard_record){0};
}

static void origin_grow(weir_origin *origin, uint32_t count)
{
    WEIR_ASSERT(count > origin->count && count <= WEIR_ORIGIN_PARTITIONS_MAX);
    origin->next = realloc(origin->next, count * sizeof *origin->next);
    WEIR_ASSERT(origin->next != NULL);
    memset(origin->next + origin->count, 0, (count - origin->count) * sizeof *origin->next);
    origin->count = count;
}

bool weir_origin_admit(weir_origin *origin, uint32_t partition, weir_seq seq)
{
    if (WEIR_PLANTED(ONE_MARK_FOR_ALL)) partition = 0;
    if (__builtin_expect(partition >= origin->count, 0)) origin_grow(origin, partition + 1);
    if (seq + WEIR_PLANTED(ORIGIN_OFF_BY_ONE) < origin->next[partition]) return false;
    origin->next[partition] = seq + 1;
    return true;
}

static bool is_name(const char *text, weir_bytes name)
{
    return strlen(text) == name.size && memcmp(text, name.data, name.size) == 0;
}

static weir_sender *new_sender(weir_bytes name)
{
    weir_sender *sender = malloc(sizeof *sender + name.size);
    WEIR_ASSERT(sender != NULL);
    memcpy(sender + 1, name.data, name.size);
    *sender = (weir_sender){.name = {(const uint8_t *)(sender + 1), name.size}};
    return sender;
}

weir_origin *weir_shard_record_sender(weir_shard_record *record, const weir_plan *plan,
                                      weir_bytes entity)
{
    WEIR_ASSERT(entity.size > 0 && record->entity_count == plan->entity_count);
    for (uint32_t i = 0; i < plan->entity_count; i++)
        if (is_name(plan->entities[i].name, entity)) return &record->entities[i];
    weir_sender **at = &record->others;
    for (; *at != NULL; at = &(*at)->next)
        if ((*at)->name.size == entity.size &&
            memcmp((*at)->name.data, entity.data, entity.size) == 0)
            return &(*at)->origin;
    if (record->other_count == WEIR_SENDERS_MAX) return NULL;
    record->other_count++;
    *at = new_sender(entity);
    return &(*at)->origin;
}

void weir_seq_list_add(weir_seq_list *list, weir_seq seq)
{
    WEIR_ASSERT(list->count == 0 || list->items[list->count - 1] < seq);
    if (list->count == list->capacity) {
        list->capacity = list->capacity == 0 ? 16 : list->capacity * 2;
        list->items = realloc(list->items, list->capacity * sizeof *list->items);
        WEIR_ASSERT(list->items != NULL);
    }
    list->items[list->count++] = seq;
}

static size_t lower_bound(const weir_seq_list *list, weir_seq seq)
{
    size_t low = 0, high = list->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (list->items[middle] < seq)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

bool weir_seq_list_has(const weir_seq_list *list, weir_seq seq)
{
    size_t at = lower_bound(list, seq);
    return at < list->count && list->items[at] == seq;
}

void weir_seq_list_drop_below(weir_seq_list *list, weir_seq seq)
{
    size_t drop = lower_bound(list, seq);
    if (drop == 0) return;
    memmove(list->items, list->items + drop, (list->count - drop) * sizeof *list->items);
    list->count -= drop;
}

void weir_seq_list_deinit(weir_seq_list *list)
{
    free(list->items);
    *list = (weir_seq_list){0};
}

static weir_bytes text_of(const char *text)
{
    return (weir_bytes){(const uint8_t *)text, strlen(text)};
}

static void put_origin(weir_buffer *out, uint8_t kind, weir_bytes name, const weir_origin *origin)
{
    if (origin->count == 0) return;
    weir_buffer_put_u8(out, kind);
    weir_buffer_put_varint(out, name.size);
    weir_buffer_put(out, name.data, name.size);
    weir_buffer_put_varint(out, origin->count);
    for (uint32_t i = 0; i < origin->count; i++)
        weir_buffer_put_varint(out, origin->next[i]);
}

static uint32_t count_origins(const weir_shard_record *record)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < record->stream_count; i++)
        count += record->streams[i].count > 0;
    for (uint32_t i = 0; i < record->entity_count; i++)
        count += record->entities[i].count > 0;
    for (const weir_sender *sender = record->others; sender != NULL; sender = sender->next)
        count += sender->origin.count > 0;
    return count;
}

static void put_origins(weir_buffer *out, const weir_plan *plan, const weir_shard_record *record)
{
    weir_buffer_put_varint(out, count_origins(record));
    for (uint32_t i = 0; i < record->stream_count; i++)
        put_origin(out, 'S', text_of(plan->streams[i].name), &record->streams[i]);
    for (uint32_t i = 0; i < record->entity_count; i++)
        put_origin(out, 'E', text_of(plan->entities[i].name), &record->entities[i]);
    for (const weir_sender *sender = record->others; sender != NULL; sender = sender->next)
        put_origin(out, 'E', sender->name, &sender->origin);
}

void weir_slice_record_encode(const weir_plan *plan, int64_t position,
                              const weir_shard_record *record, const weir_seq_list *duplicates,
                              weir_buffer *out)
{
    size_t start = out->size;
    WEIR_ASSERT(position >= 0);
    weir_buffer_put_u8(out, RECORD_VERSION);
    weir_buffer_put_varint(out, (uint64_t)position);
    weir_buffer_put_zigzag(out, record->clock.ingest_us);
    weir_buffer_put_zigzag(out, record->clock.greatest_et_us);
    const uint64_t *counters = (const uint64_t *)&record->counters;
    for (size_t i = 0; i < COUNTER_COUNT; i++)
        weir_buffer_put_varint(out, counters[i]);
    put_origins(out, plan, record);
    weir_buffer_put_varint(out, duplicates->count);
    for (size_t i = 0; i < duplicates->count; i++)
        weir_buffer_put_varint(out, duplicates->items[i] - (i == 0 ? 0 : duplicates->items[i - 1]));
    weir_buffer_put_u64(out, weir_xxh64(out->data + start, out->size - start, 0));
}

static weir_origin *origin_of(const weir_plan *plan, weir_shard_record *record, uint8_t kind,
                              weir_bytes name)
{
    for (uint32_t i = 0; kind == 'S' && i < plan->stream_count; i++)
        if (is_name(plan->streams[i].name, name)) return &record->streams[i];
    if (kind != 'E' || name.size == 0) return NULL;
    return weir_shard_record_sender(record, plan, name);
}

static void take_origins(weir_reader *reader, const weir_plan *plan, weir_shard_record *record)
{
    uint64_t count = weir_reader_varint(reader);
    for (uint64_t i = 0; i < count && !reader->bad; i++) {
        uint8_t kind = weir_reader_u8(reader);
        weir_bytes name = weir_reader_string(reader);
        uint64_t partitions = weir_reader_varint(reader);
        if (partitions == 0 || partitions > WEIR_ORIGIN_PARTITIONS_MAX ||
            partitions > weir_reader_left(reader))
            reader->bad = true;
        weir_origin *origin = reader->bad ? NULL : origin_of(plan, record, kind, name);
        if (origin == NULL || origin->count != 0) reader->bad = true;
        if (reader->bad) return;
        origin_grow(origin, (uint32_t)partitions);
        for (uint32_t p = 0; p < origin->count; p++)
            origin->next[p] = weir_reader_varint(reader) * !WEIR_PLANTED(ORIGINS_NOT_RESTORED);
    }
}

static void take_duplicates(weir_reader *reader, weir_seq_list *list)
{
    uint64_t count = weir_reader_varint(reader);
    weir_seq last = 0;
    for (uint64_t i = 0; i < count && !reader->bad; i++) {
        uint64_t step = weir_reader_varint(reader);
        if ((i > 0 && step == 0) || last + step < last) reader->bad = true;
        last += step;
        if (!reader->bad) weir_seq_list_add(list, last);
    }
}

static bool is_intact(weir_bytes bytes)
{
    uint64_t sum = 0;
    if (bytes.size < 1 + sizeof sum) return false;
    memcpy(&sum, bytes.data + bytes.size - sizeof sum, sizeof sum);
    return sum == weir_xxh64(bytes.data, bytes.size - sizeof sum, 0);
}

weir_error *weir_slice_record_decode(const weir_plan *plan, weir_bytes bytes, int64_t *position_out,
                                     weir_shard_record *record_out, weir_seq_list *duplicates_out)
{
    if (!is_intact(bytes)) return weir_error_new(WEIR_E_CORRUPT, "a slice's record is damaged");
    weir_reader reader = weir_reader_of(bytes.data, bytes.size - sizeof(uint64_t));
    uint8_t version = weir_reader_u8(&reader);
    if (version != RECORD_VERSION) {
        return weir_error_new(WEIR_E_CORRUPT,
                              "a slice's record has version %u, this program reads %d", version,
                              RECORD_VERSION);
    }
    *position_out = (int64_t)weir_reader_varint(&reader);
    if (*position_out < 0) reader.bad = true;
    if (record_out != NULL) {
        record_out->clock.ingest_us = weir_reader_zigzag(&reader);
        record_out->clock.greatest_et_us = weir_reader_zigzag(&reader);
        if (WEIR_PLANTED(INGEST_NOT_RESTORED)) record_out->clock.ingest_us = INT64_MIN;
        if (WEIR_PLANTED(CLOCK_NOT_RESTORED)) record_out->clock.greatest_et_us = INT64_MIN;
        uint64_t *counters = (uint64_t *)&record_out->counters;
        for (size_t i = 0; i < COUNTER_COUNT; i++)
            counters[i] = weir_reader_varint(&reader);
        take_origins(&reader, plan, record_out);
        take_duplicates(&reader, duplicates_out);
        if (weir_reader_left(&reader) != 0) reader.bad = true;
    }
    if (reader.bad)
        return weir_error_new(WEIR_E_CORRUPT,
                              "a slice's record is not one that this program wrote");
    return NULL;
}
