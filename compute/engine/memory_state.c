/* SPDX-License-Identifier: Apache-2.0 */
/*
 * memory_state.c - states of all keys in a hash table, for tests, `weir test` and small replays.
 */
#include <stdlib.h>
#include <string.h>

#include "compute/engine/engine.h"
#include "ops/runtime/assert.h"
#include "ops/runtime/checksum.h"
#include "ops/runtime/digest.h"
#include "ops/runtime/memory.h"

typedef struct memory_entry {
    uint32_t view;
    uint32_t key_bytes;
    uint64_t hash;
    weir_key_state *state;
    uint8_t key[];
} memory_entry;

struct weir_memory_state {
    const weir_plan *plan;
    weir_state_port port;
    memory_entry **slots; /* open addressing */
    size_t capacity, count;
};

static uint64_t hash_of(uint32_t view, weir_bytes key)
{
    return weir_xxh64(key.data, key.size, weir_table_seed) ^ (view * UINT64_C(0x9E3779B97F4A7C15));
}

static bool is_entry(const memory_entry *entry, uint64_t hash, uint32_t view, weir_bytes key)
{
    return entry->hash == hash && entry->view == view && entry->key_bytes == key.size &&
           (key.size == 0 || memcmp(entry->key, key.data, key.size) == 0);
}

static memory_entry **slot_of(const weir_memory_state *states, uint64_t hash, uint32_t view,
                              weir_bytes key)
{
    size_t mask = states->capacity - 1, slot = hash & mask;
    while (states->slots[slot] != NULL && !is_entry(states->slots[slot], hash, view, key))
        slot = (slot + 1) & mask;
    return &states->slots[slot];
}

static void grow(weir_memory_state *states)
{
    memory_entry **old = states->slots;
    size_t old_capacity = states->capacity;
    states->capacity = old_capacity == 0 ? 64 : old_capacity * 2;
    states->slots = weir_memory_calloc(states->capacity, sizeof(memory_entry *));
    WEIR_ASSERT(states->slots != NULL);
    for (size_t i = 0; i < old_capacity; i++) {
        if (old[i] == NULL) continue;
        size_t mask = states->capacity - 1, slot = old[i]->hash & mask;
        while (states->slots[slot] != NULL)
            slot = (slot + 1) & mask;
        states->slots[slot] = old[i];
    }
    weir_memory_free(old);
}

static weir_error *find(void *context, uint32_t view, weir_bytes key, weir_key_state **state_out)
{
    weir_memory_state *states = context;
    memory_entry *entry = *slot_of(states, hash_of(view, key), view, key);
    *state_out = entry == NULL ? NULL : entry->state;
    return NULL;
}

static weir_error *edit(void *context, uint32_t view, weir_bytes key, weir_key_state **state_out)
{
    weir_memory_state *states = context;
    uint64_t hash = hash_of(view, key);
    memory_entry **slot = slot_of(states, hash, view, key);
    if (*slot == NULL) {
        if ((states->count + 1) * 2 > states->capacity) {
            grow(states);
            slot = slot_of(states, hash, view, key);
        }
        memory_entry *entry = weir_memory_alloc(sizeof *entry + key.size);
        WEIR_ASSERT(entry != NULL && key.size < UINT32_MAX);
        *entry = (memory_entry){.view = view, .key_bytes = (uint32_t)key.size, .hash = hash};
        if (key.size > 0) memcpy(entry->key, key.data, key.size);
        entry->state = weir_key_state_create(states->plan, view);
        *slot = entry;
        states->count++;
    }
    *state_out = (*slot)->state;
    return NULL;
}

weir_memory_state *weir_memory_state_create(const weir_plan *plan)
{
    weir_memory_state *states = weir_memory_calloc(1, sizeof *states);
    WEIR_ASSERT(states != NULL);
    states->plan = weir_plan_ref(plan);
    states->port = (weir_state_port){states, find, edit};
    grow(states);
    return states;
}

void weir_memory_state_destroy(weir_memory_state *states)
{
    if (states == NULL) return;
    for (size_t i = 0; i < states->capacity; i++) {
        if (states->slots[i] == NULL) continue;
        weir_key_state_destroy(states->slots[i]->state);
        weir_memory_free(states->slots[i]);
    }
    weir_memory_free(states->slots);
    weir_plan_unref(states->plan);
    weir_memory_free(states);
}

const weir_state_port *weir_memory_state_port(weir_memory_state *states) { return &states->port; }

typedef struct reload {
    weir_key_state *state;
    weir_error *error;
} reload;

static void reload_part(void *context, uint64_t part, weir_bytes bytes)
{
    reload *r = context;
    if (r->error == NULL && bytes.size > 0) r->error = weir_key_state_decode(r->state, part, bytes);
}

weir_error *weir_memory_state_reload(weir_memory_state *states)
{
    for (size_t i = 0; i < states->capacity; i++) {
        memory_entry *entry = states->slots[i];
        if (entry == NULL) continue;
        reload r = {.state = weir_key_state_create(states->plan, entry->view)};
        weir_key_state_encode(entry->state, true, reload_part, &r);
        if (r.error == NULL) r.error = weir_key_state_decode_end(r.state);
        if (r.error != NULL) {
            weir_key_state_destroy(r.state);
            return r.error;
        }
        weir_key_state_destroy(entry->state);
        entry->state = r.state;
    }
    return NULL;
}

static int compare_entries(const void *a, const void *b)
{
    const memory_entry *x = *(memory_entry *const *)a, *y = *(memory_entry *const *)b;
    if (x->view != y->view) return x->view < y->view ? -1 : 1;
    size_t common = x->key_bytes < y->key_bytes ? x->key_bytes : y->key_bytes;
    int order = common == 0 ? 0 : memcmp(x->key, y->key, common);
    return order != 0 ? order : (x->key_bytes > y->key_bytes) - (x->key_bytes < y->key_bytes);
}

static void put_part(void *context, uint64_t part, weir_bytes bytes)
{
    weir_buffer *out = context;
    if (bytes.size == 0) return; /* a part that is no more */
    weir_buffer_put_varint(out, part);
    weir_buffer_put_varint(out, bytes.size);
    weir_buffer_put(out, bytes.data, bytes.size);
}

void weir_memory_state_digest(weir_memory_state *states, uint8_t digest[WEIR_DIGEST_BYTES])
{
    memory_entry **sorted = weir_memory_calloc(states->count + 1, sizeof *sorted);
    WEIR_ASSERT(sorted != NULL);
    size_t count = 0;
    for (size_t i = 0; i < states->capacity; i++) {
        if (states->slots[i] != NULL) sorted[count++] = states->slots[i];
    }
    qsort(sorted, count, sizeof *sorted, compare_entries);
    weir_buffer bytes = {0};
    for (size_t i = 0; i < count; i++) {
        weir_buffer_put_varint(&bytes, sorted[i]->view);
        weir_buffer_put_varint(&bytes, sorted[i]->key_bytes);
        weir_buffer_put(&bytes, sorted[i]->key, sorted[i]->key_bytes);
        weir_key_state_encode(sorted[i]->state, true, put_part, &bytes);
    }
    weir_sha256_of(bytes.data, bytes.size, digest);
    weir_buffer_deinit(&bytes);
    weir_memory_free(sorted);
}

static void count_part(void *context, uint64_t part, weir_bytes bytes)
{
    (void)part;
    *(uint64_t *)context += bytes.size;
}

weir_state_sizes weir_memory_state_sizes(weir_memory_state *states, uint32_t view)
{
    weir_state_sizes sizes = {0};
    for (size_t i = 0; i < states->capacity; i++) {
        const memory_entry *entry = states->slots[i];
        if (entry == NULL || entry->view != view) continue;
        sizes.keys++;
        sizes.rows += weir_key_state_rows(entry->state);
        sizes.memory_bytes += weir_key_state_bytes(entry->state);
        weir_key_state_encode(entry->state, true, count_part, &sizes.stored_bytes);
    }
    return sizes;
}
