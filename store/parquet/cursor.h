/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cursor.h - the entries of one leaf, one page after the other, as levels and values.
 *
 * A cursor keeps at most one page and PARQUET_CURSOR_ENTRIES decoded entries. Text points into the
 * page or, where an encoding has to build it, into the arena; pages that are left while values may
 * still point into them are retired, and freed two batches later.
 *
 * Internal to store/parquet.
 */
#pragma once

#include "store/parquet/encoding.h"
#include "store/parquet/page.h"
#include "store/parquet/read_schema.h"

enum {
    PARQUET_CURSOR_ENTRIES = 1024,
    PARQUET_DICTIONARY_ENTRIES_MAX = 1 << 22,
    PARQUET_PAGE_ENTRIES_MAX = 1 << 26,
};

/* What all cursors of a reader share. */
typedef struct parquet_memory {
    weir_arena arenas[2];   /* of this batch and of the one before */
    weir_buffer retired[2]; /* weir_buffer: pages that values of those batches may point into */
    unsigned current;
    uint64_t page_bytes; /* allocated in pages, bounded by WEIR_PARQUET_MEMORY_MAX */
} parquet_memory;

void parquet_memory_turn(parquet_memory *memory); /* a new batch begins */
void parquet_memory_deinit(parquet_memory *memory);

typedef struct parquet_cursor {
    const parquet_read_leaf *leaf;
    parquet_memory *memory;
    parquet_pages pages;
    weir_buffer page;      /* decompressed */
    uint64_t page_left;    /* entries of the page not yet decoded  */
    uint64_t entries_left; /* of the chunk, not yet decoded        */
    parquet_hybrid repetitions, definitions;
    int32_t encoding;
    weir_reader plain; /* PLAIN, and the bytes of the delta encodings */
    unsigned bool_bit; /* PLAIN booleans: the next bit of the byte before plain.next */
    parquet_hybrid indexes;
    parquet_delta lengths, prefixes;
    weir_bytes previous;  /* DELTA_BYTE_ARRAY */
    uint64_t built_bytes; /* by DELTA_BYTE_ARRAY in this page, bounded */
    const uint8_t *split; /* BYTE_STREAM_SPLIT */
    size_t split_count, split_next;
    weir_value *dictionary;
    uint32_t dictionary_count;
    weir_buffer dictionary_page, dictionary_values, previous_text;
    weir_arena dictionary_arena; /* for what its conversion builds */
    /* Decoded entries [at, count). Values stand beside their entry, null where it has none. */
    size_t at, count;
    uint8_t definition[PARQUET_CURSOR_ENTRIES];
    uint8_t repetition[PARQUET_CURSOR_ENTRIES];
    weir_value values[PARQUET_CURSOR_ENTRIES];
} parquet_cursor;

/* Onto a chunk. Keeps buffers from the one before. */
weir_error *parquet_cursor_begin(parquet_cursor *cursor, const parquet_source *source, size_t group,
                                 const parquet_chunk *chunk, uint64_t footer_offset);
/* Decodes up to `most` further entries; none may be left undecoded-for. count is 0 at the end of
 * the chunk. */
weir_error *parquet_cursor_fill(parquet_cursor *cursor, size_t most);
void parquet_cursor_deinit(parquet_cursor *cursor);

/* decode.c: `count` (at most PARQUET_CURSOR_ENTRIES) values of the present page. */
weir_error *parquet_decode_values(parquet_cursor *cursor, weir_value *values, size_t count);
/* Sets up the decoder of the values in page.data[offset..). */
weir_error *parquet_decode_begin(parquet_cursor *cursor, size_t offset);
/* The dictionary page that lies in `dictionary_page`. */
weir_error *parquet_decode_dictionary(parquet_cursor *cursor, const parquet_page_header *header);
