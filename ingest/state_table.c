/* SPDX-License-Identifier: Apache-2.0 */
#include "ingest/state_table.h"

#include "ops/runtime/checksum.h"
#include <stdlib.h>

#include "ingest/planted.h"
#include "ops/runtime/assert.h"

typedef struct entry {
    weir_key_state *state; /* NULL: the key has none, in the store neither */
    struct entry *next_dirty;
    uint64_t batch; /* the last one that holds it; 0: none */
    uint32_t hash, view;
    uint32_t key_size;
    uint32_t slice;
    size_t bytes; /* as counted in the table */
    bool is_dirty, is_touched, was_used;
    uint8_t key[];
} entry;

enum { SLOTS_MIN = 64, SWEEP_STEPS = 32, RECENT = 16 };

/* Open addressing with linear probing; slots hold the hash beside the pointer, so that a miss costs
 * one cache line. */
typedef struct slot {
    entry *entry;
    uint32_t hash;
} slot;

struct weir_state_table {
    weir_state_port port;
    const weir_plan *plan;
    const weir_store_port *store;
    size_t budget_bytes, bytes;
    slot *slots;
    size_t slot_count, used; /* slot_count is a power of two */
    size_t hand;             /* of the clock */
    size_t fruitless;        /* steps of the hand since something was evicted */
    uint64_t written;        /* batches up to this one are in the store */
    entry *dirty[WEIR_SLICE_COUNT];
    bool is_empty[WEIR_SLICE_COUNT];
    entry **touched; /* edited since begin() */
    size_t touched_count, touched_capacity;
    weir_bytes entity_key; /* of begin() */
    uint64_t entity_hash;
    uint32_t slice;
    bool is_open;
    /* What was got since begin(): the engine reads and then edits the same keys, from the same
     * memory. */
    struct {
        const uint8_t *key;
        size_t key_size;
        uint32_t view;
        entry *entry;
    } recent[RECENT];
    uint32_t recent_count;
};

uint64_t weir_state_hash(weir_bytes entity_key)
{
    return weir_xxh64(entity_key.data, entity_key.size, 0);
}

static uint32_t hash_of(const weir_state_table *table, uint32_t view, weir_bytes key)
{
    bool is_entity = key.data == table->entity_key.data && key.size == table->entity_key.size;
    uint64_t hash = is_entity ? table->entity_hash : weir_xxh64(key.data, key.size, 0);
    /* The slice took the low bits, views must differ: multiply, take the high ones. */
    hash = (hash ^ ((uint64_t)(view + 1) << 40)) * UINT64_C(0x9e3779b97f4a7c15);
    return (uint32_t)(hash >> 32);
}

static bool is_key(const entry *e, uint32_t view, weir_bytes key)
{
    return e->view == view && e->key_size == key.size && memcmp(e->key, key.data, key.size) == 0;
}

static entry *lookup(const weir_state_table *table, uint32_t hash, uint32_t view, weir_bytes key)
{
    size_t mask = table->slot_count - 1;
    for (size_t i = hash & mask; table->slots[i].entry != NULL; i = (i + 1) & mask)
        if (table->slots[i].hash == hash && is_key(table->slots[i].entry, view, key))
            return table->slots[i].entry;
    return NULL;
}

static void place(slot *slots, size_t slot_count, slot what)
{
    size_t i = what.hash & (slot_count - 1);
    while (slots[i].entry != NULL)
        i = (i + 1) & (slot_count - 1);
    slots[i] = what;
}

static void grow(weir_state_table *table)
{
    size_t slot_count = table->slot_count * 2;
    slot *slots = calloc(slot_count, sizeof *slots);
    WEIR_ASSERT(slots != NULL);
    for (size_t i = 0; i < table->slot_count; i++)
        if (table->slots[i].entry != NULL) place(slots, slot_count, table->slots[i]);
    free(table->slots);
    table->slots = slots;
    table->slot_count = slot_count;
    table->hand = 0;
}

static entry *insert(weir_state_table *table, uint32_t hash, uint32_t view, weir_bytes key)
{
    if (table->used * 10 >= table->slot_count * 7) grow(table);
    entry *e = calloc(1, sizeof *e + key.size);
    WEIR_ASSERT(e != NULL);
    e->hash = hash;
    e->view = view;
    e->slice = table->slice;
    e->key_size = (uint32_t)key.size;
    memcpy(e->key, key.data, key.size);
    e->bytes = sizeof *e + key.size;
    table->bytes += e->bytes;
    table->used++;
    place(table->slots, table->slot_count, (slot){e, hash});
    return e;
}

static void count_bytes(weir_state_table *table, entry *e)
{
    size_t bytes =
        sizeof *e + e->key_size + (e->state == NULL ? 0 : weir_key_state_bytes(e->state));
    table->bytes = table->bytes - e->bytes + bytes;
    e->bytes = bytes;
}

/* ---- reading from the store ---- */

typedef struct loading {
    const weir_plan *plan;
    entry *entry;
} loading;

static weir_error *load_part(void *context, uint64_t part, weir_bytes bytes)
{
    loading *load = context;
    if (load->entry->state == NULL)
        load->entry->state = weir_key_state_create(load->plan, load->entry->view);
    return weir_key_state_decode(load->entry->state, part, bytes);
}

static weir_error *load_entry(weir_state_table *table, entry *e, weir_bytes key)
{
    if (table->is_empty[e->slice]) return NULL;
    loading load = {table->plan, e};
    WEIR_TRY(table->store->load(table->store->context, e->slice, e->view, key, load_part, &load));
    if (e->state != NULL) WEIR_TRY(weir_key_state_decode_end(e->state));
    return NULL;
}

static entry *find_recent(const weir_state_table *table, uint32_t view, weir_bytes key)
{
    for (uint32_t i = 0; i < table->recent_count; i++)
        if (table->recent[i].view == view && table->recent[i].key == key.data &&
            table->recent[i].key_size == key.size)
            return table->recent[i].entry;
    return NULL;
}

/* Only the entity's own key is sure to keep its place in memory until end(). */
static void remember(weir_state_table *table, weir_bytes key, entry *e)
{
    if (key.data != table->entity_key.data || table->recent_count == RECENT) return;
    table->recent[table->recent_count].key = key.data;
    table->recent[table->recent_count].key_size = key.size;
    table->recent[table->recent_count].view = e->view;
    table->recent[table->recent_count++].entry = e;
}

/* The entry of a key, loaded if the table did not have it. A failed load leaves the shard to be
 * thrown away. */
static weir_error *get(weir_state_table *table, uint32_t view, weir_bytes key, entry **entry_out)
{
    WEIR_ASSERT(table->is_open);
    entry *e = find_recent(table, view, key);
    if (e != NULL) {
        *entry_out = e;
        return NULL;
    }
    uint32_t hash = hash_of(table, view, key);
    e = lookup(table, hash, view, key);
    if (__builtin_expect(e == NULL, 0)) {
        e = insert(table, hash, view, key);
        WEIR_TRY(load_entry(table, e, key));
        count_bytes(table, e);
    }
    WEIR_DEBUG_ASSERT(e->slice == table->slice);
    e->was_used = true;
    remember(table, key, e);
    *entry_out = e;
    return NULL;
}

static weir_error *find(void *context, uint32_t view, weir_bytes key, weir_key_state **state_out)
{
    entry *e = NULL;
    WEIR_TRY(get(context, view, key, &e));
    *state_out = e->state;
    return NULL;
}

static void touch(weir_state_table *table, entry *e)
{
    if (!e->is_dirty) {
        e->is_dirty = true;
        e->next_dirty = table->dirty[e->slice];
        table->dirty[e->slice] = e;
    }
    if (e->is_touched) return;
    e->is_touched = true;
    if (table->touched_count == table->touched_capacity) {
        table->touched_capacity = table->touched_capacity == 0 ? 64 : table->touched_capacity * 2;
        table->touched = realloc(table->touched, table->touched_capacity * sizeof(entry *));
        WEIR_ASSERT(table->touched != NULL);
    }
    table->touched[table->touched_count++] = e;
}

static weir_error *edit(void *context, uint32_t view, weir_bytes key, weir_key_state **state_out)
{
    weir_state_table *table = context;
    entry *e = NULL;
    WEIR_TRY(get(table, view, key, &e));
    if (e->state == NULL) e->state = weir_key_state_create(table->plan, view);
    touch(table, e);
    *state_out = e->state;
    return NULL;
}

/* ---- eviction ---- */

static void release(entry *e)
{
    weir_key_state_destroy(e->state);
    free(e);
}

/* Closes the hole at `hole`: entries behind it that may stand nearer to their home move up. */
static void remove_slot(weir_state_table *table, size_t hole)
{
    size_t mask = table->slot_count - 1;
    for (size_t i = (hole + 1) & mask; table->slots[i].entry != NULL; i = (i + 1) & mask) {
        size_t home = table->slots[i].hash & mask;
        if (((i - home) & mask) < ((i - hole) & mask)) continue;
        table->slots[hole] = table->slots[i];
        hole = i;
    }
    table->slots[hole] = (slot){0};
    table->used--;
}

/* The one place that decides what may leave memory: only what the store holds as it is. */
static bool is_evictable(const weir_state_table *table, const entry *e)
{
    if (WEIR_PLANTED(EVICT_WAITING)) return !e->is_dirty;
    if (WEIR_PLANTED(EVICT_DIRTY) && e->batch == 0 && !e->is_touched) return true;
    return !e->is_dirty && e->batch <= table->written;
}

static void sweep(weir_state_table *table)
{
    for (size_t step = 0; step < SWEEP_STEPS && table->bytes > table->budget_bytes; step++) {
        size_t at = table->hand;
        entry *e = table->slots[at].entry;
        if (e != NULL && !e->was_used && is_evictable(table, e)) {
            table->bytes -= e->bytes;
            table->fruitless = 0;
            release(e);
            remove_slot(table, at); /* what moved into this slot is looked at next */
            continue;
        }
        if (e != NULL) e->was_used = false;
        table->fruitless++;
        table->hand = (at + 1) & (table->slot_count - 1);
    }
}

/* ---- the life of the table ---- */

weir_state_table *weir_state_table_create(const weir_plan *plan, const weir_store_port *store,
                                          size_t budget_bytes)
{
    WEIR_ASSERT(plan != NULL && store != NULL && budget_bytes > 0);
    weir_state_table *table = calloc(1, sizeof *table);
    WEIR_ASSERT(table != NULL);
    table->port = (weir_state_port){table, find, edit};
    table->plan = plan;
    table->store = store;
    table->budget_bytes = budget_bytes;
    table->slot_count = SLOTS_MIN;
    table->slots = calloc(table->slot_count, sizeof *table->slots);
    WEIR_ASSERT(table->slots != NULL);
    return table;
}

void weir_state_table_destroy(weir_state_table *table)
{
    if (table == NULL) return;
    for (size_t i = 0; i < table->slot_count; i++)
        if (table->slots[i].entry != NULL) release(table->slots[i].entry);
    free(table->slots);
    free(table->touched);
    free(table);
}

const weir_state_port *weir_state_table_port(weir_state_table *table) { return &table->port; }

void weir_state_table_slice_is_empty(weir_state_table *table, uint32_t slice)
{
    WEIR_ASSERT(slice < WEIR_SLICE_COUNT);
    table->is_empty[slice] = true;
}

void weir_state_table_begin(weir_state_table *table, weir_bytes entity_key, uint64_t hash)
{
    if (table->is_open) weir_state_table_end(table); /* a lookup's: its pointers are dead by now */
    table->entity_key = entity_key;
    table->entity_hash = hash;
    table->slice = weir_slice_of(hash);
    table->recent_count = 0;
    table->is_open = true;
}

void weir_state_table_end(weir_state_table *table)
{
    for (size_t i = 0; i < table->touched_count; i++) {
        count_bytes(table, table->touched[i]);
        table->touched[i]->is_touched = false;
    }
    table->touched_count = 0;
    table->recent_count = 0;
    table->is_open = false;
    if (__builtin_expect(table->bytes > table->budget_bytes, 0)) sweep(table);
}

typedef struct encoding {
    const entry *entry;
    weir_state_sink *sink;
    void *context;
} encoding;

static void encode_part(void *context, uint64_t part, weir_bytes bytes)
{
    const encoding *to = context;
    to->sink(to->context, to->entry->view, (weir_bytes){to->entry->key, to->entry->key_size}, part,
             bytes);
}

void weir_state_table_freeze(weir_state_table *table, uint32_t slice, uint64_t batch,
                             weir_state_sink *sink, void *context)
{
    WEIR_ASSERT(slice < WEIR_SLICE_COUNT && batch > table->written);
    if (table->is_open) weir_state_table_end(table);
    for (entry *e = table->dirty[slice], *next = NULL; e != NULL; e = next) {
        next = e->next_dirty;
        encoding to = {e, sink, context};
        weir_key_state_encode(e->state, false, encode_part, &to);
        e->is_dirty = false;
        e->next_dirty = NULL;
        e->batch = batch;
        table->is_empty[slice] = WEIR_PLANTED(ABSENT_FOR_EVER) && table->is_empty[slice];
    }
    table->dirty[slice] = NULL;
}

void weir_state_table_written(weir_state_table *table, uint64_t batch)
{
    WEIR_ASSERT(batch > table->written);
    table->written = batch;
    table->fruitless = 0;
}

bool weir_state_table_is_dirty(const weir_state_table *table, uint32_t slice)
{
    return table->dirty[slice] != NULL;
}

bool weir_state_table_is_pressed(const weir_state_table *table)
{
    return table->bytes > table->budget_bytes && table->fruitless >= 2 * table->slot_count;
}

size_t weir_state_table_bytes(const weir_state_table *table) { return table->bytes; }
size_t weir_state_table_keys(const weir_state_table *table) { return table->used; }
