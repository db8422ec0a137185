/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/runtime/arena.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ops/runtime/assert.h"

enum { ALIGNMENT = 16, BLOCK_BYTES_MIN = 4096, BLOCK_BYTES_MAX = 1 << 20 };

struct weir_arena_block {
    weir_arena_block *older;
    size_t size; /* bytes behind this header */
};
_Static_assert(sizeof(weir_arena_block) % ALIGNMENT == 0, "data behind the header stay aligned");

void weir_arena_init(weir_arena *arena) { *arena = (weir_arena){0}; }

static void free_blocks(weir_arena_block *block)
{
    while (block != NULL) {
        weir_arena_block *older = block->older;
        free(block);
        block = older;
    }
}

void weir_arena_deinit(weir_arena *arena)
{
    free_blocks(arena->block);
    *arena = (weir_arena){0};
}

void weir_arena_reset(weir_arena *arena)
{
    weir_arena_block *block = arena->block;
    if (block != NULL) {
        free_blocks(block->older);
        block->older = NULL;
        arena->next = (char *)(block + 1);
        arena->end = arena->next + block->size;
    }
    arena->used_bytes = 0;
}

/* Blocks double, so that a large plan costs few mallocs and a small one little memory. */
static void add_block(weir_arena *arena, size_t size)
{
    size_t want = arena->block == NULL ? BLOCK_BYTES_MIN : arena->block->size * 2;
    if (want > BLOCK_BYTES_MAX) want = BLOCK_BYTES_MAX;
    if (want < size) want = size;
    weir_arena_block *block = malloc(sizeof *block + want);
    WEIR_ASSERT(block != NULL);
    block->older = arena->block;
    block->size = want;
    arena->block = block;
    arena->next = (char *)(block + 1);
    arena->end = arena->next + want;
}

void *weir_arena_alloc(weir_arena *arena, size_t size)
{
    WEIR_ASSERT(size <= SIZE_MAX / 4);
    size_t rounded = (size + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
    if (rounded == 0) rounded = ALIGNMENT;
    if (arena->next == NULL || (size_t)(arena->end - arena->next) < rounded)
        add_block(arena, rounded);
    void *memory = arena->next;
    arena->next += rounded;
    arena->used_bytes += rounded;
    return memory;
}

void *weir_arena_calloc(weir_arena *arena, size_t count, size_t size)
{
    size_t total = 0;
    WEIR_ASSERT(!__builtin_mul_overflow(count, size, &total));
    void *memory = weir_arena_alloc(arena, total);
    memset(memory, 0, total);
    return memory;
}

void *weir_arena_copy(weir_arena *arena, const void *bytes, size_t size)
{
    void *memory = weir_arena_alloc(arena, size);
    if (size > 0) memcpy(memory, bytes, size);
    return memory;
}

char *weir_arena_string(weir_arena *arena, const char *text, size_t length)
{
    char *copy = weir_arena_alloc(arena, length + 1);
    if (length > 0) memcpy(copy, text, length);
    copy[length] = '\0';
    return copy;
}

char *weir_arena_vprintf(weir_arena *arena, const char *format, va_list arguments)
{
    va_list again;
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, again);
    va_end(again);
    WEIR_ASSERT(length >= 0);
    char *text = weir_arena_alloc(arena, (size_t)length + 1);
    (void)vsnprintf(text, (size_t)length + 1, format, arguments);
    return text;
}

char *weir_arena_printf(weir_arena *arena, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    char *text = weir_arena_vprintf(arena, format, arguments);
    va_end(arguments);
    return text;
}
