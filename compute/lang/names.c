/* SPDX-License-Identifier: Apache-2.0 */
#include "compute/lang/names.h"

#include <string.h>

#include "ops/runtime/assert.h"

enum { CAPACITY_FIRST = 256 };

static uint32_t hash_text(const char *text, size_t size)
{
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < size; i++)
        hash = (hash ^ (unsigned char)text[i]) * 16777619u;
    return hash ^ (hash >> 15);
}

void weir_intern_init(weir_intern *intern, weir_arena *into)
{
    *intern = (weir_intern){.into = into, .capacity = CAPACITY_FIRST};
    intern->slots = weir_arena_array(into, const char *, CAPACITY_FIRST);
}

static void intern_grow(weir_intern *intern)
{
    weir_intern larger = {
        .into = intern->into, .capacity = intern->capacity * 2, .count = intern->count};
    larger.slots = weir_arena_array(intern->into, const char *, larger.capacity);
    for (uint32_t i = 0; i < intern->capacity; i++) {
        const char *name = intern->slots[i];
        if (name == NULL) continue;
        uint32_t at = hash_text(name, strlen(name)) & (larger.capacity - 1);
        while (larger.slots[at] != NULL)
            at = (at + 1) & (larger.capacity - 1);
        larger.slots[at] = name;
    }
    *intern = larger;
}

const char *weir_intern_name(weir_intern *intern, const char *text, size_t size)
{
    if (intern->count * 2 >= intern->capacity) intern_grow(intern);
    uint32_t at = hash_text(text, size) & (intern->capacity - 1);
    for (; intern->slots[at] != NULL; at = (at + 1) & (intern->capacity - 1)) {
        const char *name = intern->slots[at];
        if (strncmp(name, text, size) == 0 && name[size] == '\0') return name;
    }
    intern->count += 1;
    return intern->slots[at] = weir_arena_string(intern->into, text, size);
}

static uint32_t hash_pair(const void *scope, const void *name)
{
    uint64_t mixed = (uint64_t)(uintptr_t)scope * 0x9e3779b97f4a7c15u ^ (uint64_t)(uintptr_t)name;
    mixed *= 0xff51afd7ed558ccdu;
    return (uint32_t)(mixed >> 32);
}

void weir_map_init(weir_map *map, weir_arena *into)
{
    *map = (weir_map){.into = into, .capacity = CAPACITY_FIRST};
    map->slots = weir_arena_array(into, weir_map_slot, CAPACITY_FIRST);
}

/* Where the pair stands, or the empty slot where it would. */
static weir_map_slot *find(const weir_map *map, const void *scope, const void *name)
{
    uint32_t at = hash_pair(scope, name) & (map->capacity - 1);
    while (map->slots[at].value != NULL &&
           (map->slots[at].scope != scope || map->slots[at].name != name))
        at = (at + 1) & (map->capacity - 1);
    return &map->slots[at];
}

void *weir_map_get(const weir_map *map, const void *scope, const void *name)
{
    return find(map, scope, name)->value;
}

static void map_grow(weir_map *map)
{
    weir_map larger = {.into = map->into, .capacity = map->capacity * 2, .count = map->count};
    larger.slots = weir_arena_array(map->into, weir_map_slot, larger.capacity);
    for (uint32_t i = 0; i < map->capacity; i++) {
        if (map->slots[i].value != NULL)
            *find(&larger, map->slots[i].scope, map->slots[i].name) = map->slots[i];
    }
    *map = larger;
}

void weir_map_put(weir_map *map, const void *scope, const void *name, void *value)
{
    WEIR_ASSERT(value != NULL);
    if (map->count * 2 >= map->capacity) map_grow(map);
    weir_map_slot *slot = find(map, scope, name);
    map->count += slot->value == NULL;
    *slot = (weir_map_slot){scope, name, value};
}
