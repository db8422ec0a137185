/* SPDX-License-Identifier: Apache-2.0 */
#include "ingest/slices.h"

#include <stdlib.h>

#include "ingest/planted.h"
#include "ops/runtime/assert.h"

struct weir_slice_batch {
    weir_slice_batch *next;
    uint32_t slice;
    int64_t position;
    uint64_t number;
    weir_arena arena; /* of the parts' bytes; keys stay in the table until the batch is written */
    weir_store_item *items;
    size_t count, capacity, bytes;
    weir_buffer record;
};

/* The slice that is least far tells where the shard starts, and with what. */
static uint32_t least(const weir_slices *slices)
{
    uint32_t found = 0;
    for (uint32_t s = 1; s < WEIR_SLICE_COUNT; s++)
        if (slices->low[s] < slices->low[found]) found = s;
    return found;
}

static weir_error *open_slice(weir_slices *slices, uint32_t s, weir_bytes bytes,
                              weir_shard_record *record)
{
    if (bytes.size == 0) {
        weir_state_table_slice_is_empty(slices->table, s);
        return NULL;
    }
    return weir_error_while(weir_slice_record_decode(slices->plan, bytes, &slices->low[s], record,
                                                     &slices->duplicates[s]),
                            "slice %u", s);
}

weir_error *weir_slices_open(weir_slices *slices, const weir_plan *plan,
                             const weir_store_port *store, weir_state_table *table,
                             weir_shard_record *record_out)
{
    *slices = (weir_slices){.plan = plan, .store = store, .table = table};
    weir_bytes records[WEIR_SLICE_COUNT] = {{0}};
    WEIR_TRY(store->read_slices(store->context, records));
    for (uint32_t s = 0; s < WEIR_SLICE_COUNT; s++) {
        weir_shard_record record;
        weir_shard_record_init(&record, plan);
        weir_error *error = open_slice(slices, s, records[s], &record);
        weir_shard_record_deinit(&record);
        WEIR_TRY(error);
    }
    uint32_t s = least(slices);
    for (uint32_t i = 0; WEIR_PLANTED(RECORD_OF_GREATEST) && i < WEIR_SLICE_COUNT; i++)
        if (slices->low[i] > slices->low[s]) s = i;
    weir_seq_list unused = {0};
    int64_t position = 0;
    weir_error *error = NULL;
    if (records[s].size > 0)
        error = weir_slice_record_decode(plan, records[s], &position, record_out, &unused);
    weir_seq_list_deinit(&unused);
    memcpy(slices->ahead, slices->low, sizeof slices->ahead);
    memcpy(slices->frozen, slices->low, sizeof slices->frozen);
    return error;
}

static void batch_free(weir_slice_batch *batch)
{
    weir_arena_deinit(&batch->arena);
    weir_buffer_deinit(&batch->record);
    free(batch->items);
    free(batch);
}

void weir_slices_deinit(weir_slices *slices)
{
    for (weir_slice_batch *batch = slices->first, *next = NULL; batch != NULL; batch = next) {
        next = batch->next;
        batch_free(batch);
    }
    for (uint32_t s = 0; s < WEIR_SLICE_COUNT; s++)
        weir_seq_list_deinit(&slices->duplicates[s]);
    slices->first = slices->last = NULL;
}

int64_t weir_slices_low(const weir_slices *slices) { return slices->low[least(slices)]; }

static void take_part(void *context, uint32_t view, weir_bytes key, uint64_t part, weir_bytes bytes)
{
    weir_slice_batch *batch = context;
    if (batch->count == batch->capacity) {
        batch->capacity = batch->capacity == 0 ? 64 : batch->capacity * 2;
        batch->items = realloc(batch->items, batch->capacity * sizeof *batch->items);
        WEIR_ASSERT(batch->items != NULL);
    }
    const uint8_t *copy =
        bytes.size == 0 ? NULL : weir_arena_copy(&batch->arena, bytes.data, bytes.size);
    batch->items[batch->count++] = (weir_store_item){view, key, part, {copy, bytes.size}};
    batch->bytes += key.size + bytes.size;
}

static void append(weir_slices *slices, weir_slice_batch *batch)
{
    if (slices->last == NULL)
        slices->first = batch;
    else
        slices->last->next = batch;
    slices->last = batch;
    slices->waiting++;
}

size_t weir_slices_freeze(weir_slices *slices, int64_t position, const weir_shard_record *record)
{
    uint32_t s = slices->cursor;
    slices->cursor = (s + 1) % WEIR_SLICE_COUNT;
    /* During replay a slice may be ahead of `position`; its state is not what it was there. */
    if (position <= slices->frozen[s]) return 0;
    weir_slice_batch *batch = calloc(1, sizeof *batch);
    WEIR_ASSERT(batch != NULL);
    batch->slice = s;
    batch->position = position;
    batch->number = ++slices->batch;
    weir_state_table_freeze(slices->table, s, batch->number, take_part, batch);
    weir_seq_list_drop_below(&slices->duplicates[s], weir_seq_of(weir_slices_low(slices), 0));
    weir_slice_record_encode(slices->plan, position + WEIR_PLANTED(L_BEFORE_BATCH), record,
                             &slices->duplicates[s], &batch->record);
    slices->frozen[s] = position;
    append(slices, batch);
    return batch->bytes;
}

/* One batch, in one piece: the slice's parts and its record. */
static weir_error *write_batch(weir_slices *slices, const weir_slice_batch *batch)
{
    weir_bytes record = {batch->record.data, batch->record.size};
    WEIR_TRY(slices->store->write(slices->store->context, batch->slice, batch->items,
                                  WEIR_PLANTED(BATCH_TORN) ? batch->count / 2 : batch->count,
                                  record));
    WEIR_ASSERT(batch->position >= slices->low[batch->slice]);
    slices->low[batch->slice] = batch->position;
    weir_state_table_written(slices->table, batch->number);
    return NULL;
}

weir_error *weir_slices_write(weir_slices *slices, int64_t committed)
{
    while (slices->first != NULL &&
           (slices->first->position <= committed || WEIR_PLANTED(STATE_BEFORE_K))) {
        weir_slice_batch *batch = slices->first;
        WEIR_TRY(write_batch(slices, batch));
        slices->first = batch->next;
        if (slices->first == NULL) slices->last = NULL;
        slices->waiting--;
        batch_free(batch);
    }
    return NULL;
}
