/* SPDX-License-Identifier: Apache-2.0 */
/*
 * names.h - interned names, and a map from (scope, name) to what it stands for.
 *
 * The lexer interns every name, so that later stages compare pointers. A scope is any pointer: a
 * group, a stream, NULL for the package.
 *
 * Owns: tables live in the arena. Threads: one compilation, one thread.
 */
#pragma once

#include <stdint.h>

#include "ops/runtime/arena.h"

typedef struct weir_intern {
    weir_arena *into;
    const char **slots;
    uint32_t capacity, count;
} weir_intern;

void weir_intern_init(weir_intern *intern, weir_arena *into);
const char *weir_intern_name(weir_intern *intern, const char *text, size_t size);

typedef struct weir_map_slot {
    const void *scope, *name;
    void *value;
} weir_map_slot;

typedef struct weir_map {
    weir_arena *into;
    weir_map_slot *slots;
    uint32_t capacity, count;
} weir_map;

void weir_map_init(weir_map *map, weir_arena *into);
void *weir_map_get(const weir_map *map, const void *scope, const void *name); /* NULL: none */
/* Sets a value that is not NULL; replaces an older one. */
void weir_map_put(weir_map *map, const void *scope, const void *name, void *value);
