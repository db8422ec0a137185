/* SPDX-License-Identifier: Apache-2.0 */
#include "compute/agg/texts.h"

#include "ops/runtime/assert.h"
#include "ops/runtime/checksum.h"
#include "ops/runtime/memory.h"

enum { FEW = 8, HEAP_BYTES_MIN = 64 };

void weir_texts_init(weir_texts *texts) { *texts = (weir_texts){.free_head = WEIR_TEXT_NONE}; }

void weir_texts_deinit(weir_texts *texts)
{
    weir_memory_free(texts->heap);
    weir_memory_free(texts->entries);
    weir_memory_free(texts->index);
    weir_texts_init(texts);
}

size_t weir_texts_bytes(const weir_texts *texts)
{
    return texts->heap_capacity + texts->entry_capacity * sizeof *texts->entries +
           texts->index_capacity * sizeof *texts->index;
}

static void *resized(void *memory, size_t bytes)
{
    void *moved = weir_memory_resize(memory, bytes);
    WEIR_ASSERT(moved != NULL);
    return moved;
}

static bool is_text(const weir_texts *texts, uint32_t at, uint32_t hash, const void *bytes,
                    size_t size)
{
    const weir_text_entry *entry = &texts->entries[at];
    return entry->references > 0 && entry->hash == hash && entry->length == size &&
           (size == 0 || memcmp(texts->heap + entry->offset, bytes, size) == 0);
}

uint32_t weir_texts_find_hashed(const weir_texts *texts, uint32_t hash, const void *bytes,
                                size_t size)
{
    if (texts->index == NULL) {
        for (uint32_t i = 0; i < texts->entry_count; i++) {
            if (is_text(texts, i, hash, bytes, size)) return i;
        }
        return WEIR_TEXT_NONE;
    }
    uint32_t mask = texts->index_capacity - 1;
    for (uint32_t slot = hash & mask; texts->index[slot] != 0; slot = (slot + 1) & mask) {
        uint32_t at = texts->index[slot] - 1;
        if (is_text(texts, at, hash, bytes, size)) return at;
    }
    return WEIR_TEXT_NONE;
}

uint32_t weir_texts_hash(const void *bytes, size_t size)
{
    return (uint32_t)weir_xxh3(bytes, size, weir_table_seed);
}

uint32_t weir_texts_find(const weir_texts *texts, const void *bytes, size_t size)
{
    return weir_texts_find_hashed(texts, weir_texts_hash(bytes, size), bytes, size);
}

static void index_put(weir_texts *texts, uint32_t at)
{
    uint32_t mask = texts->index_capacity - 1;
    uint32_t slot = texts->entries[at].hash & mask;
    while (texts->index[slot] != 0)
        slot = (slot + 1) & mask;
    texts->index[slot] = at + 1;
}

/* Removes a slot and closes the gap: whoever would no longer be found moves up. */
static void index_remove(weir_texts *texts, uint32_t at)
{
    uint32_t mask = texts->index_capacity - 1;
    uint32_t gap = texts->entries[at].hash & mask;
    while (texts->index[gap] != at + 1)
        gap = (gap + 1) & mask;
    for (uint32_t slot = (gap + 1) & mask; texts->index[slot] != 0; slot = (slot + 1) & mask) {
        uint32_t home = texts->entries[texts->index[slot] - 1].hash & mask;
        if (((slot - home) & mask) < ((slot - gap) & mask)) continue;
        texts->index[gap] = texts->index[slot];
        gap = slot;
    }
    texts->index[gap] = 0;
}

static void index_rebuild(weir_texts *texts, uint32_t capacity)
{
    weir_memory_free(texts->index);
    texts->index = weir_memory_calloc(capacity, sizeof *texts->index);
    WEIR_ASSERT(texts->index != NULL);
    texts->index_capacity = capacity;
    for (uint32_t i = 0; i < texts->entry_count; i++) {
        if (texts->entries[i].references > 0) index_put(texts, i);
    }
}

/* Room for `size` more bytes; bytes that nobody holds any more are squeezed out when they are half.
 */
static void heap_reserve(weir_texts *texts, size_t size)
{
    if (texts->heap_capacity - texts->heap_bytes >= size) return;
    uint64_t want = texts->live_bytes + size;
    uint64_t capacity = want + want / 2 < HEAP_BYTES_MIN ? HEAP_BYTES_MIN : want + want / 2;
    uint8_t *heap = weir_memory_alloc(capacity);
    WEIR_ASSERT(heap != NULL && capacity < UINT64_C(1) << 40);
    uint64_t used = 0;
    for (uint32_t i = 0; i < texts->entry_count; i++) {
        weir_text_entry *entry = &texts->entries[i];
        if (entry->references == 0) continue;
        if (entry->length > 0) memcpy(heap + used, texts->heap + entry->offset, entry->length);
        entry->offset = used;
        used += entry->length;
    }
    WEIR_ASSERT(used == texts->live_bytes);
    weir_memory_free(texts->heap);
    texts->heap = heap;
    texts->heap_bytes = used;
    texts->heap_capacity = capacity;
}

static uint32_t entry_take(weir_texts *texts)
{
    if (texts->free_head != WEIR_TEXT_NONE) {
        uint32_t at = texts->free_head;
        texts->free_head = texts->entries[at].hash;
        return at;
    }
    if (texts->entry_count == texts->entry_capacity) {
        texts->entry_capacity =
            texts->entry_capacity < 4 ? 4 : texts->entry_capacity + texts->entry_capacity / 2;
        texts->entries = resized(texts->entries, texts->entry_capacity * sizeof *texts->entries);
    }
    return texts->entry_count++;
}

uint32_t weir_texts_add(weir_texts *texts, const void *bytes, size_t size)
{
    uint32_t hash = weir_texts_hash(bytes, size);
    uint32_t found = weir_texts_find_hashed(texts, hash, bytes, size);
    if (found == WEIR_TEXT_NONE) return weir_texts_put_hashed(texts, hash, bytes, size);
    weir_texts_retain(texts, found);
    return found;
}

uint32_t weir_texts_put_hashed(weir_texts *texts, uint32_t hash, const void *bytes, size_t size)
{
    WEIR_ASSERT(size <= WEIR_TEXT_BYTES_MAX);
    heap_reserve(texts, size);
    uint32_t at = entry_take(texts);
    texts->entries[at] = (weir_text_entry){.offset = texts->heap_bytes,
                                           .length = (uint32_t)size & WEIR_TEXT_BYTES_MAX,
                                           .references = 1,
                                           .hash = hash};
    if (size > 0) memcpy(texts->heap + texts->heap_bytes, bytes, size);
    texts->heap_bytes += size;
    texts->live_bytes += size;
    texts->live_count++;
    if (texts->index != NULL && texts->live_count <= texts->index_capacity / 2) {
        index_put(texts, at);
    } else if (texts->live_count > FEW) {
        uint32_t capacity = 32;
        while (capacity / 2 <= texts->live_count)
            capacity *= 2;
        index_rebuild(texts, capacity);
    }
    return at;
}

void weir_texts_retain(weir_texts *texts, uint32_t text)
{
    WEIR_ASSERT(text < texts->entry_count && texts->entries[text].references > 0);
    texts->entries[text].references++;
}

void weir_texts_release(weir_texts *texts, uint32_t text)
{
    weir_text_entry *entry = &texts->entries[text];
    WEIR_ASSERT(text < texts->entry_count && entry->references > 0);
    if (--entry->references > 0) return;
    if (texts->index != NULL) index_remove(texts, text);
    texts->live_bytes -= entry->length;
    texts->live_count--;
    entry->hash = texts->free_head;
    texts->free_head = text;
}
