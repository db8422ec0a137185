/* SPDX-License-Identifier: Apache-2.0 */
#include "ingest/state_table.h"

#include <stdlib.h>
#include <string.h>

#include "ingest/planted.h"
#include "ops/runtime/assert.h"
#include "ops/runtime/checksum.h"
#include "ops/runtime/memory.h"

/* The state of one view under a key. */
typedef struct place {
    weir_key_state *state; /* NULL while not known, and where the key has none */
    bool is_known;         /* the store was asked */
} place;

/*
 * All that is kept under a key. An entity's key has a place for each of the entity's plain views
 * and for the ids of each stream that comes by, so that one probe finds what an event needs; the
 * key of a composite view has one place.
 */
typedef struct entry {
    struct entry *next_dirty;
    uint64_t batch; /* the last one that holds it; 0: none */
    uint32_t hash;
    uint32_t view; /* WEIR_NONE: an entity's key */
    uint32_t key_size;
    uint8_t slice;
    bool is_dirty, is_touched, was_used;
    size_t bytes;   /* as counted in the table */
    place places[]; /* then the key */
} entry;
_Static_assert(WEIR_SLICE_COUNT <= UINT8_MAX, "a slice fits a byte");

enum { SLOTS_MIN = 64, SWEEP_STEPS = 32, PREFETCH_BYTES_MIN = 1 << 18 };

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
    uint32_t place_count;
    uint32_t *view_places, *id_places; /* by view, by stream; WEIR_NONE: not of the entity's key */
    uint32_t *place_views;             /* the opposite */
    entry **touched;                   /* edited since begin() */
    size_t touched_count, touched_capacity;
    weir_bytes entity_key; /* of begin() */
    uint64_t entity_hash;
    uint32_t slice;
    bool is_open;
    entry *current; /* the entity's entry since begin(), or NULL */
};

uint64_t weir_state_hash(weir_bytes entity_key)
{
    return weir_xxh64(entity_key.data, entity_key.size, 0);
}

/* The slice took the low bits, views must differ: multiply, take the high ones. Slices are stored, so
 * the hash itself has no seed: only keys with one whole xxHash64 can be chosen to meet. */
static uint32_t mix(uint64_t hash, uint32_t view)
{
    hash = (hash ^ ((uint64_t)(view + 1) << 40) ^ weir_table_seed) * UINT64_C(0x9e3779b97f4a7c15);
    return (uint32_t)(hash >> 32);
}

static uint32_t place_count_of(const weir_state_table *table, uint32_t view)
{
    return view == WEIR_NONE ? table->place_count : 1;
}

static uint8_t *key_of(const weir_state_table *table, entry *e)
{
    return (uint8_t *)&e->places[place_count_of(table, e->view)];
}

/* Keys are short: words that overlap cost less than a call of memcmp. */
static inline bool same_bytes(const uint8_t *a, const uint8_t *b, size_t size)
{
    uint64_t x = 0, y = 0;
    if (size > 16) return memcmp(a, b, size) == 0;
    if (size >= 8) {
        memcpy(&x, a, 8);
        memcpy(&y, b, 8);
        if (x != y) return false;
        memcpy(&x, a + size - 8, 8);
        memcpy(&y, b + size - 8, 8);
    } else if (size >= 4) {
        uint32_t ends[4];
        memcpy(&ends[0], a, 4);
        memcpy(&ends[1], b, 4);
        memcpy(&ends[2], a + size - 4, 4);
        memcpy(&ends[3], b + size - 4, 4);
        return ends[0] == ends[1] && ends[2] == ends[3];
    } else {
        for (size_t i = 0; i < size; i++)
            if (a[i] != b[i]) return false;
    }
    return x == y;
}

static bool is_key(const weir_state_table *table, entry *e, uint32_t view, weir_bytes key)
{
    return e->view == view && e->key_size == key.size &&
           same_bytes(key_of(table, e), key.data, key.size);
}

static entry *lookup(const weir_state_table *table, uint32_t hash, uint32_t view, weir_bytes key)
{
    size_t mask = table->slot_count - 1;
    for (size_t i = hash & mask; table->slots[i].entry != NULL; i = (i + 1) & mask)
        if (table->slots[i].hash == hash && is_key(table, table->slots[i].entry, view, key))
            return table->slots[i].entry;
    return NULL;
}

static void put_slot(slot *slots, size_t slot_count, slot what)
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
        if (table->slots[i].entry != NULL) put_slot(slots, slot_count, table->slots[i]);
    free(table->slots);
    table->slots = slots;
    table->slot_count = slot_count;
    table->hand = 0;
}

static size_t entry_bytes(const weir_state_table *table, uint32_t view, size_t key_size)
{
    return sizeof(entry) + place_count_of(table, view) * sizeof(place) + key_size;
}

static entry *insert(weir_state_table *table, uint32_t hash, uint32_t view, weir_bytes key)
{
    if (table->used * 10 >= table->slot_count * 7) grow(table);
    size_t bytes = entry_bytes(table, view, key.size);
    entry *e = weir_memory_calloc(1, bytes);
    e->hash = hash;
    e->view = view;
    e->slice = (uint8_t)table->slice;
    e->key_size = (uint32_t)key.size;
    memcpy(key_of(table, e), key.data, key.size);
    e->bytes = bytes;
    table->bytes += bytes;
    table->used++;
    put_slot(table->slots, table->slot_count, (slot){e, hash});
    return e;
}

static void count_bytes(weir_state_table *table, entry *e)
{
    uint32_t count = place_count_of(table, e->view);
    size_t bytes = entry_bytes(table, e->view, e->key_size);
    for (uint32_t p = 0; p < count; p++)
        if (e->places[p].state != NULL) bytes += weir_key_state_bytes(e->places[p].state);
    table->bytes = table->bytes - e->bytes + bytes;
    e->bytes = bytes;
}

/* Most events change rows, not memory. */
static bool is_resized(const weir_state_table *table, const entry *e)
{
    uint32_t count = place_count_of(table, e->view);
    bool resized = false;
    for (uint32_t p = 0; p < count; p++)
        resized |= e->places[p].state != NULL && weir_key_state_is_resized(e->places[p].state);
    return resized;
}

/* ---- reading from the store ---- */

typedef struct loading {
    const weir_plan *plan;
    uint32_t view;
    weir_key_state *state;
} loading;

static weir_error *load_part(void *context, uint64_t part, weir_bytes bytes)
{
    loading *load = context;
    if (load->state == NULL) load->state = weir_key_state_create(load->plan, load->view);
    return weir_key_state_decode(load->state, part, bytes);
}

/* Most states are one part: the head is asked for alone, and all again if it names others. */
static weir_error *load_parts(const weir_state_table *table, uint32_t slice, weir_bytes key,
                              loading *load)
{
    const weir_store_port *store = table->store;
    if (store->load_head != NULL) {
        WEIR_TRY(store->load_head(store->context, slice, load->view, key, load_part, load));
        if (load->state == NULL || !weir_key_state_is_partial(load->state)) return NULL;
        weir_key_state_destroy(load->state);
        load->state = NULL;
    }
    return store->load(store->context, slice, load->view, key, load_part, load);
}

/* A failed load leaves the shard to be thrown away. */
static weir_error *load_place(weir_state_table *table, entry *e, uint32_t view, weir_bytes key,
                              place *to)
{
    to->is_known = true;
    if (table->is_empty[e->slice]) return NULL;
    loading load = {table->plan, view, NULL};
    weir_error *error = load_parts(table, e->slice, key, &load);
    to->state = load.state;
    WEIR_TRY(error);
    if (load.state == NULL) return NULL;
    WEIR_TRY(weir_key_state_decode_end(load.state));
    count_bytes(table, e);
    return NULL;
}

/* The entry of a key, made if the table did not have it. */
static entry *entry_of(weir_state_table *table, uint32_t hash, uint32_t view, weir_bytes key)
{
    entry *e = lookup(table, hash, view, key);
    if (__builtin_expect(e == NULL, 0)) e = insert(table, hash, view, key);
    WEIR_DEBUG_ASSERT(e->slice == table->slice);
    e->was_used = true;
    return e;
}

/* Where the state of a view lies under a key; a plain view's key is that of begin(). */
static weir_error *get(weir_state_table *table, uint32_t view, weir_bytes key, entry **entry_out,
                       place **place_out)
{
    WEIR_ASSERT(table->is_open);
    uint32_t at =
        view >= WEIR_VIEW_IDS ? table->id_places[view - WEIR_VIEW_IDS] : table->view_places[view];
    entry *e = table->current;
    if (at == WEIR_NONE) {
        at = 0;
        e = entry_of(table, mix(weir_xxh64(key.data, key.size, 0), view), view, key);
    } else if (e == NULL) {
        WEIR_DEBUG_ASSERT(key.size == table->entity_key.size);
        e = table->current = entry_of(table, mix(table->entity_hash, WEIR_NONE), WEIR_NONE, key);
    }
    *entry_out = e;
    *place_out = &e->places[at];
    if (__builtin_expect(!(*place_out)->is_known, 0))
        return load_place(table, e, view, key, *place_out);
    return NULL;
}

static weir_error *find(void *context, uint32_t view, weir_bytes key, weir_key_state **state_out)
{
    entry *e = NULL;
    place *at = NULL;
    WEIR_TRY(get(context, view, key, &e, &at));
    *state_out = at->state;
    return NULL;
}

static void touch(weir_state_table *table, entry *e)
{
    if (e->is_touched) return;
    e->is_touched = true;
    if (!e->is_dirty) {
        e->is_dirty = true;
        e->next_dirty = table->dirty[e->slice];
        table->dirty[e->slice] = e;
    }
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
    place *at = NULL;
    WEIR_TRY(get(table, view, key, &e, &at));
    if (at->state == NULL) at->state = weir_key_state_create(table->plan, view);
    touch(table, e);
    *state_out = at->state;
    return NULL;
}

/* ---- fetching ahead ---- */

static entry *peek(const weir_state_table *table, uint32_t hash)
{
    size_t mask = table->slot_count - 1;
    for (size_t i = hash & mask; table->slots[i].entry != NULL; i = (i + 1) & mask)
        if (table->slots[i].hash == hash) return table->slots[i].entry;
    return NULL;
}

static void fetch_states(const weir_state_table *table, const entry *e, bool rows)
{
    for (uint32_t p = 0; p < table->place_count; p++) {
        if (e->places[p].state == NULL) continue;
        if (rows)
            weir_key_state_prefetch(e->places[p].state);
        else
            weir_key_state_prefetch_head(e->places[p].state);
    }
}

/* What one stage touches, the stage before has asked for: the keys' misses overlap. */
void weir_state_table_prefetch(const weir_state_table *table, const uint64_t *hashes, size_t count)
{
    WEIR_ASSERT(count <= WEIR_STATE_PREFETCH_MAX);
    if (table->bytes < PREFETCH_BYTES_MIN) return; /* it is in the cache anyway */
    entry *found[WEIR_STATE_PREFETCH_MAX];
    for (size_t i = 0; i < count; i++)
        __builtin_prefetch(&table->slots[mix(hashes[i], WEIR_NONE) & (table->slot_count - 1)]);
    for (size_t i = 0; i < count; i++) {
        found[i] = peek(table, mix(hashes[i], WEIR_NONE));
        if (found[i] == NULL) continue;
        __builtin_prefetch(found[i], 1);
        __builtin_prefetch(&found[i]->places[table->place_count]);
    }
    for (size_t i = 0; i < count; i++)
        if (found[i] != NULL && found[i]->view == WEIR_NONE) fetch_states(table, found[i], false);
    for (size_t i = 0; i < count; i++)
        if (found[i] != NULL && found[i]->view == WEIR_NONE) fetch_states(table, found[i], true);
}

/* ---- eviction ---- */

static void release(const weir_state_table *table, entry *e)
{
    uint32_t count = place_count_of(table, e->view);
    for (uint32_t p = 0; p < count; p++)
        weir_key_state_destroy(e->places[p].state);
    weir_memory_free(e);
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
            release(table, e);
            remove_slot(table, at); /* what moved into this slot is looked at next */
            continue;
        }
        if (e != NULL) e->was_used = false;
        table->fruitless++;
        table->hand = (at + 1) & (table->slot_count - 1);
    }
}

/* ---- the life of the table ---- */

static uint32_t add_place(weir_state_table *table, uint32_t view)
{
    table->place_views[table->place_count] = view;
    return table->place_count++;
}

static bool comes_by(const weir_plan_stream *stream, uint32_t entity)
{
    for (uint32_t h = 0; h < stream->hop_count; h++)
        if (stream->hops[h].entity == entity) return stream->id_slot != WEIR_NONE;
    return false;
}

/* Ids first: an event needs them first. */
static void make_places(weir_state_table *table, uint32_t entity)
{
    const weir_plan *plan = table->plan;
    table->view_places = calloc(plan->view_count + 1, sizeof *table->view_places);
    table->id_places = calloc(plan->stream_count + 1, sizeof *table->id_places);
    table->place_views =
        calloc(plan->view_count + plan->stream_count + 1, sizeof *table->place_views);
    WEIR_ASSERT(table->view_places != NULL && table->id_places != NULL &&
                table->place_views != NULL);
    for (uint32_t s = 0; s < plan->stream_count; s++)
        table->id_places[s] =
            comes_by(&plan->streams[s], entity) ? add_place(table, WEIR_VIEW_IDS + s) : WEIR_NONE;
    for (uint32_t v = 0; v < plan->view_count; v++) {
        const weir_plan_view *view = &plan->views[v];
        bool is_plain = view->entity == entity && view->extra_key_count == 0;
        table->view_places[v] = is_plain ? add_place(table, v) : WEIR_NONE;
    }
}

weir_state_table *weir_state_table_create(const weir_plan *plan, uint32_t entity,
                                          const weir_store_port *store, size_t budget_bytes)
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
    make_places(table, entity);
    return table;
}

void weir_state_table_destroy(weir_state_table *table)
{
    if (table == NULL) return;
    for (size_t i = 0; i < table->slot_count; i++)
        if (table->slots[i].entry != NULL) release(table, table->slots[i].entry);
    free(table->slots);
    free(table->touched);
    free(table->view_places);
    free(table->id_places);
    free(table->place_views);
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
    table->current = NULL;
    table->is_open = true;
}

void weir_state_table_end(weir_state_table *table)
{
    for (size_t i = 0; i < table->touched_count; i++) {
        if (is_resized(table, table->touched[i])) count_bytes(table, table->touched[i]);
        table->touched[i]->is_touched = false;
    }
    table->touched_count = 0;
    table->current = NULL;
    table->is_open = false;
    if (__builtin_expect(table->bytes > table->budget_bytes, 0)) sweep(table);
}

typedef struct encoding {
    uint32_t view;
    weir_bytes key;
    weir_state_sink *sink;
    void *context;
} encoding;

static void encode_part(void *context, uint64_t part, weir_bytes bytes)
{
    const encoding *to = context;
    to->sink(to->context, to->view, to->key, part, bytes);
}

static void encode_entry(const weir_state_table *table, entry *e, weir_state_sink *sink,
                         void *context)
{
    uint32_t count = place_count_of(table, e->view);
    for (uint32_t p = 0; p < count; p++) {
        if (e->places[p].state == NULL) continue;
        encoding to = {.view = e->view == WEIR_NONE ? table->place_views[p] : e->view,
                       .key = {key_of(table, e), e->key_size},
                       .sink = sink,
                       .context = context};
        weir_key_state_encode(e->places[p].state, false, encode_part, &to);
    }
}

void weir_state_table_freeze(weir_state_table *table, uint32_t slice, uint64_t batch,
                             weir_state_sink *sink, void *context)
{
    WEIR_ASSERT(slice < WEIR_SLICE_COUNT && batch > table->written);
    if (table->is_open) weir_state_table_end(table);
    for (entry *e = table->dirty[slice], *next = NULL; e != NULL; e = next) {
        next = e->next_dirty;
        encode_entry(table, e, sink, context);
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
