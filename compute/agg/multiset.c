/* SPDX-License-Identifier: Apache-2.0 */
#include "compute/agg/multiset.h"

#include "ops/runtime/assert.h"
#include "ops/runtime/memory.h"

enum { BLOCK_MIN = 8 };

static weir_int128 key_of(const weir_column *column, size_t i)
{
    switch (column->layout) {
    case WEIR_LAYOUT_BOOL: return ((const uint8_t *)column->values)[i];
    case WEIR_LAYOUT_INT32:
    case WEIR_LAYOUT_TEXT: return ((const uint32_t *)column->values)[i];
    case WEIR_LAYOUT_INT64: return ((const int64_t *)column->values)[i];
    case WEIR_LAYOUT_INT128: return ((const weir_int128_unaligned *)column->values)[i];
    case WEIR_LAYOUT_FLOAT64: {
        int64_t bits;
        memcpy(&bits, (const double *)column->values + i, sizeof bits);
        return bits ^ (bits >> 63 & INT64_MAX); /* negative numbers the other way round */
    }
    default: WEIR_UNREACHABLE();
    }
}

weir_value weir_multiset_value(const weir_multiset *set, const weir_multiset_entry *entry)
{
    int64_t integer = (int64_t)entry->key;
    switch (set->type.kind) {
    case WEIR_BOOL: return weir_bool(integer == 1);
    case WEIR_DECIMAL: return weir_decimal(entry->key);
    case WEIR_FLOAT64: {
        int64_t bits = integer ^ (integer >> 63 & INT64_MAX);
        double value;
        memcpy(&value, &bits, sizeof value);
        return (weir_value){.kind = WEIR_FLOAT64, .as.float64 = value};
    }
    case WEIR_STRING:
    case WEIR_BYTES: {
        weir_bytes bytes = weir_texts_get(set->texts, (uint32_t)integer);
        return (weir_value){
            .kind = set->type.kind, .size = (uint32_t)bytes.size, .as.bytes = bytes.data};
    }
    default: return (weir_value){.kind = set->type.kind, .as.integer = integer};
    }
}

static int compare_texts(const weir_texts *texts, uint32_t a, uint32_t b)
{
    weir_bytes x = weir_texts_get(texts, a), y = weir_texts_get(texts, b);
    size_t common = x.size < y.size ? x.size : y.size;
    int order = common == 0 ? 0 : memcmp(x.data, y.data, common);
    return order != 0 ? order : (x.size > y.size) - (x.size < y.size);
}

static int compare(const weir_multiset *set, weir_int128 a, weir_int128 b)
{
    if (a == b) return 0;
    if (!set->is_text) return a < b ? -1 : 1;
    return compare_texts(set->texts, (uint32_t)a, (uint32_t)b);
}

/* The block that holds the key or should: the last whose first entry is not greater. */
static uint32_t find_block(const weir_multiset *set, weir_int128 key)
{
    uint32_t low = 0, high = set->block_count;
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        if (compare(set, set->firsts[middle], key) <= 0) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return low;
}

static uint32_t find_entry(const weir_multiset *set, const weir_multiset_block *block,
                           weir_int128 key, bool *found_out)
{
    uint32_t low = 0, high = block->size;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int order = compare(set, block->entries[middle].key, key);
        if (order == 0) {
            *found_out = true;
            return middle;
        }
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    *found_out = false;
    return low;
}

static weir_multiset_block *block_create(weir_multiset *set, uint32_t capacity)
{
    size_t bytes = sizeof(weir_multiset_block) + capacity * sizeof(weir_multiset_entry);
    weir_multiset_block *block = weir_memory_alloc(bytes);
    WEIR_ASSERT(block != NULL);
    block->size = 0;
    block->capacity = capacity;
    block->total = 0;
    set->bytes += bytes;
    return block;
}

static void block_destroy(weir_multiset *set, weir_multiset_block *block)
{
    set->bytes -= sizeof *block + block->capacity * sizeof block->entries[0];
    weir_memory_free(block);
}

static void insert_block(weir_multiset *set, uint32_t at, weir_multiset_block *block,
                         weir_int128 first)
{
    if (set->block_count == set->block_capacity) {
        const size_t slot = sizeof *set->blocks + sizeof *set->firsts;
        uint32_t capacity = set->block_capacity == 0 ? 1 : set->block_capacity * 2;
        set->blocks = weir_memory_resize(set->blocks, capacity * sizeof *set->blocks);
        set->firsts = weir_memory_resize(set->firsts, capacity * sizeof *set->firsts);
        set->bytes += (capacity - set->block_capacity) * slot;
        set->block_capacity = capacity;
    }
    uint32_t behind = set->block_count - at;
    memmove(&set->blocks[at + 1], &set->blocks[at], behind * sizeof *set->blocks);
    memmove(&set->firsts[at + 1], &set->firsts[at], behind * sizeof *set->firsts);
    set->blocks[at] = block;
    set->firsts[at] = first;
    set->block_count++;
}

/* A full block grows, or gives its upper half to a new one. Returns true if it was split. */
static bool make_room(weir_multiset *set, uint32_t at)
{
    weir_multiset_block *block = set->blocks[at];
    if (block->capacity < WEIR_MULTISET_BLOCK) {
        weir_multiset_block *larger = block_create(set, block->capacity * 2);
        larger->size = block->size;
        larger->total = block->total;
        memcpy(larger->entries, block->entries, block->size * sizeof block->entries[0]);
        set->blocks[at] = larger;
        block_destroy(set, block);
        return false;
    }
    uint32_t half = block->size / 2;
    weir_multiset_block *upper = block_create(set, WEIR_MULTISET_BLOCK);
    upper->size = block->size - half;
    memcpy(upper->entries, &block->entries[half], upper->size * sizeof block->entries[0]);
    for (uint32_t i = 0; i < upper->size; i++)
        upper->total += upper->entries[i].count;
    block->size = half;
    block->total -= upper->total;
    insert_block(set, at + 1, upper, upper->entries[0].key);
    return true;
}

void weir_multiset_put(weir_multiset *set, const weir_column *column, size_t i)
{
    if (set->total == 0) {
        set->type = column->type;
        set->texts = column->texts;
        set->is_text = column->layout == WEIR_LAYOUT_TEXT;
    }
    weir_int128 key = key_of(column, i);
    if (set->block_count == 0) insert_block(set, 0, block_create(set, BLOCK_MIN), key);
    uint32_t at = find_block(set, key);
    bool found = false;
    uint32_t place = find_entry(set, set->blocks[at], key, &found);
    if (!found && set->blocks[at]->size == set->blocks[at]->capacity) {
        (void)make_room(set, at);
        at = find_block(set, key);
        place = find_entry(set, set->blocks[at], key, &found);
    }
    weir_multiset_block *block = set->blocks[at];
    if (!found) {
        memmove(&block->entries[place + 1], &block->entries[place],
                (block->size - place) * sizeof block->entries[0]);
        block->entries[place] = (weir_multiset_entry){.key = key};
        if (place == 0) set->firsts[at] = key;
        block->size++;
        set->distinct++;
    }
    block->entries[place].count++;
    block->total++;
    set->total++;
}

void weir_multiset_take(weir_multiset *set, const weir_column *column, size_t i)
{
    weir_int128 key = key_of(column, i);
    WEIR_ASSERT(set->block_count > 0);
    uint32_t at = find_block(set, key);
    weir_multiset_block *block = set->blocks[at];
    bool found = false;
    uint32_t place = find_entry(set, block, key, &found);
    WEIR_ASSERT(found);
    block->total--;
    set->total--;
    if (--block->entries[place].count > 0) return;
    set->distinct--;
    block->size--;
    memmove(&block->entries[place], &block->entries[place + 1],
            (block->size - place) * sizeof block->entries[0]);
    if (block->size > 0) {
        set->firsts[at] = block->entries[0].key;
        return;
    }
    block_destroy(set, block);
    uint32_t behind = --set->block_count - at;
    memmove(&set->blocks[at], &set->blocks[at + 1], behind * sizeof *set->blocks);
    memmove(&set->firsts[at], &set->firsts[at + 1], behind * sizeof *set->firsts);
}

weir_value weir_multiset_select(const weir_multiset *set, uint64_t rank)
{
    WEIR_ASSERT(rank < set->total);
    uint32_t at = 0;
    if (rank == set->total - 1) { /* the greatest, which max asks for */
        const weir_multiset_block *last = set->blocks[set->block_count - 1];
        return weir_multiset_value(set, &last->entries[last->size - 1]);
    }
    while (rank >= set->blocks[at]->total)
        rank -= set->blocks[at++]->total;
    const weir_multiset_entry *entry = set->blocks[at]->entries;
    while (rank >= entry->count)
        rank -= (entry++)->count;
    return weir_multiset_value(set, entry);
}

const weir_multiset_entry *weir_multiset_next(const weir_multiset *set, weir_multiset_place *place)
{
    if (place->block == set->block_count) return NULL;
    const weir_multiset_block *block = set->blocks[place->block];
    const weir_multiset_entry *entry = &block->entries[place->entry];
    if (++place->entry == block->size) *place = (weir_multiset_place){place->block + 1, 0};
    return entry;
}

void weir_multiset_deinit(weir_multiset *set)
{
    for (uint32_t i = 0; i < set->block_count; i++)
        weir_memory_free(set->blocks[i]);
    weir_memory_free(set->blocks);
    weir_memory_free(set->firsts);
    *set = (weir_multiset){0};
}

size_t weir_multiset_acc_size(const weir_agg_binding *binding)
{
    (void)binding;
    return sizeof(weir_multiset);
}

void weir_multiset_acc_add(const weir_agg_binding *binding, void *acc, const weir_rows *rows,
                           size_t from, size_t to)
{
    for (size_t i = from; i < to; i++) {
        if (weir_rows_count(binding, rows, i)) weir_multiset_put(acc, &rows->args[0], i);
    }
}

void weir_multiset_acc_remove(const weir_agg_binding *binding, void *acc, const weir_rows *rows,
                              size_t from, size_t to)
{
    for (size_t i = from; i < to; i++) {
        if (weir_rows_count(binding, rows, i)) weir_multiset_take(acc, &rows->args[0], i);
    }
}

void weir_multiset_acc_deinit(const weir_agg_binding *binding, void *acc)
{
    (void)binding;
    weir_multiset_deinit(acc);
}

size_t weir_multiset_acc_heap_bytes(const weir_agg_binding *binding, const void *acc)
{
    (void)binding;
    return ((const weir_multiset *)acc)->bytes;
}
