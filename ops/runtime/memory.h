/* SPDX-License-Identifier: Apache-2.0 */
/*
 * memory.h - memory of key state and of its accumulators: blocks that grow, shrink and live as long
 * as a key.
 *
 * None of these returns NULL: like an arena's, such an allocation may stop the process when memory
 * is gone, since the log replays. Budgets are kept by the store, which asks each state for its
 * bytes and evicts. Blocks of up to 8 KiB lie in slabs of huge pages.
 *
 * Threads: any. A block may be freed by another thread than the one that made it.
 */
#pragma once

#include <stddef.h>

void *weir_memory_alloc(size_t size);                /* not cleared */
void *weir_memory_calloc(size_t count, size_t size); /* cleared; checks overflow */
void *weir_memory_resize(void *memory,
                         size_t size); /* keeps what was there; NULL makes a new block */
void weir_memory_free(void *memory);   /* NULL is fine */
