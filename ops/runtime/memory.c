/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/runtime/memory.h"

#include <stdlib.h>

#include "ops/runtime/assert.h"

void *weir_memory_alloc(size_t size)
{
    void *memory = malloc(size == 0 ? 1 : size);
    WEIR_ASSERT(memory != NULL);
    return memory;
}

void *weir_memory_calloc(size_t count, size_t size)
{
    void *memory = calloc(count == 0 ? 1 : count, size == 0 ? 1 : size);
    WEIR_ASSERT(memory != NULL);
    return memory;
}

void *weir_memory_resize(void *memory, size_t size)
{
    void *moved = realloc(memory, size == 0 ? 1 : size);
    WEIR_ASSERT(moved != NULL);
    return moved;
}

void weir_memory_free(void *memory) { free(memory); }
