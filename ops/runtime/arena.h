/* SPDX-License-Identifier: Apache-2.0 */
/*
 * arena.h - memory by lifetime.
 *
 * An arena hands out memory that is given back all at once. Weir has four lifetimes: process, plan,
 * batch and request; a function that keeps what it makes takes the arena as `into`, one that only
 * works takes it as `scratch`. Allocation never returns NULL: small allocations may stop the
 * process when memory is gone, since the log replays. Anything sized from outside passes a limit
 * first.
 *
 * Owns:    its blocks; everything allocated lives until reset or deinit.
 * Threads: one thread at a time.
 */
#pragma once

#include <stdarg.h>
#include <stddef.h>

typedef struct weir_arena_block weir_arena_block;

typedef struct weir_arena {
    weir_arena_block *block; /* the block being filled; older ones are chained behind it */
    char *next;              /* first free byte of it                                    */
    char *end;               /* one past its last byte                                   */
    size_t used_bytes;       /* handed out since init or reset, for limits and metrics   */
} weir_arena;

/* An all-zero arena is valid and empty: `weir_arena arena = {0};`. */
void weir_arena_init(weir_arena *arena);
void weir_arena_deinit(weir_arena *arena);
void weir_arena_reset(weir_arena *arena); /* frees all but one block, which is used again */

/* Memory for `size` bytes, aligned to 16, not cleared. Size 0 gives a valid pointer. */
void *weir_arena_alloc(weir_arena *arena, size_t size);
void *weir_arena_calloc(weir_arena *arena, size_t count,
                        size_t size); /* cleared; checks overflow */
void *weir_arena_copy(weir_arena *arena, const void *bytes, size_t size);
char *weir_arena_string(weir_arena *arena, const char *text, size_t length); /* adds a NUL */
__attribute__((format(printf, 2, 3))) char *weir_arena_printf(weir_arena *arena, const char *format,
                                                              ...);
__attribute__((format(printf, 2, 0))) char *weir_arena_vprintf(weir_arena *arena,
                                                               const char *format,
                                                               va_list arguments);

/* weir_arena_new(arena, type): one cleared object; weir_arena_array(arena, type, n): n of them. */
#define weir_arena_new(arena, type) ((type *)weir_arena_calloc((arena), 1, sizeof(type)))
#define weir_arena_array(arena, type, count)                                                       \
    ((type *)weir_arena_calloc((arena), (count), sizeof(type)))
