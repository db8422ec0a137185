/* SPDX-License-Identifier: Apache-2.0 */
/*
 * texts.h - the byte strings of one key's rows, each kept once.
 *
 * Columns of strings (and of lists and maps, in canonical bytes) hold numbers of texts. Equal bytes
 * have equal numbers, so that comparing for equality is comparing numbers. A text is counted: every
 * row that holds it retains it, and the number is free again when the last one releases it. Numbers
 * are stable while a text lives; its bytes move when the table grows.
 *
 * Owns: its memory. Threads: one shard's thread.
 */
#pragma once

#include "ops/runtime/buffer.h"

enum { WEIR_TEXT_BYTES_MAX = (1 << 24) - 1 };
#define WEIR_TEXT_NONE UINT32_MAX

typedef struct weir_text_entry {
    uint64_t offset : 40; /* into the heap */
    uint64_t length : 24;
    uint32_t references; /* 0: free */
    uint32_t hash;       /* of a free entry: the next free one */
} weir_text_entry;

typedef struct weir_texts {
    uint8_t *heap;
    uint64_t heap_bytes, heap_capacity, live_bytes;
    weir_text_entry *entries;
    uint32_t entry_count, entry_capacity, live_count, free_head;
    uint32_t *index; /* open addressing: entry + 1, 0 empty; NULL while there are few */
    uint32_t index_capacity;
} weir_texts;

void weir_texts_init(weir_texts *texts);
void weir_texts_deinit(weir_texts *texts);
size_t weir_texts_bytes(const weir_texts *texts);
/* The number of these bytes, or WEIR_TEXT_NONE. */
uint32_t weir_texts_find(const weir_texts *texts, const void *bytes, size_t size);
/* The same, added if missing, and retained once. */
uint32_t weir_texts_add(weir_texts *texts, const void *bytes, size_t size);
void weir_texts_retain(weir_texts *texts, uint32_t text);
void weir_texts_release(weir_texts *texts, uint32_t text);

/* The same in steps, for a caller that looks first: put_hashed() adds bytes that are missing. */
uint32_t weir_texts_hash(const void *bytes, size_t size);
uint32_t weir_texts_find_hashed(const weir_texts *texts, uint32_t hash, const void *bytes,
                                size_t size);
uint32_t weir_texts_put_hashed(weir_texts *texts, uint32_t hash, const void *bytes, size_t size);

static inline weir_bytes weir_texts_get(const weir_texts *texts, uint32_t text)
{
    const weir_text_entry *entry = &texts->entries[text];
    return (weir_bytes){texts->heap + entry->offset, entry->length};
}
