/* SPDX-License-Identifier: Apache-2.0 */
#include "store/parquet/cursor.h"

#include <inttypes.h>
#include <stdlib.h>

#include "ops/runtime/assert.h"
#include "store/parquet/reader.h"

/* --- Memory of batches --- */

static void free_retired(weir_buffer *retired)
{
    weir_buffer *pages = (void *)retired->data;
    for (size_t i = 0; i < retired->size / sizeof *pages; i++)
        weir_buffer_deinit(&pages[i]);
    weir_buffer_clear(retired);
}

void parquet_memory_turn(parquet_memory *memory)
{
    memory->current ^= 1;
    weir_buffer *retired = &memory->retired[memory->current];
    const weir_buffer *pages = (const void *)retired->data;
    for (size_t i = 0; i < retired->size / sizeof *pages; i++)
        memory->page_bytes -= pages[i].capacity;
    free_retired(retired);
    weir_arena_reset(&memory->arenas[memory->current]);
}

void parquet_memory_deinit(parquet_memory *memory)
{
    for (int i = 0; i < 2; i++) {
        free_retired(&memory->retired[i]);
        weir_buffer_deinit(&memory->retired[i]);
        weir_arena_deinit(&memory->arenas[i]);
    }
}

/* The page is left; values may point into it if it holds text. */
static void retire_page(parquet_cursor *cursor)
{
    parquet_conversion how = cursor->leaf->conversion;
    bool holds_text = how == PARQUET_AS_STRING || how == PARQUET_AS_BYTES;
    if (!holds_text || cursor->page.data == NULL) return;
    weir_buffer_put(&cursor->memory->retired[cursor->memory->current], &cursor->page,
                    sizeof cursor->page);
    cursor->page = (weir_buffer){0};
}

/* --- Pages --- */

static weir_error *damaged(const parquet_cursor *cursor, const char *problem)
{
    return parquet_pages_error(&cursor->pages, WEIR_E_CORRUPT, "%s", problem);
}

/* Levels of a v1 page: a length, then the hybrid. Moves *offset behind them. */
static weir_error *begin_levels_v1(parquet_cursor *cursor, parquet_hybrid *levels, unsigned most,
                                   int32_t encoding, size_t *offset)
{
    if (most == 0) return NULL;
    if (encoding != PARQUET_RLE) {
        return parquet_pages_error(&cursor->pages, WEIR_E_DATA,
                                   "levels in %s are not supported; write the file again",
                                   parquet_encoding_name(encoding));
    }
    uint32_t size = 0;
    if (cursor->page.size - *offset < 4) return damaged(cursor, "the page ends in its levels");
    memcpy(&size, cursor->page.data + *offset, 4);
    *offset += 4;
    if (size > cursor->page.size - *offset) return damaged(cursor, "the page ends in its levels");
    parquet_hybrid_init(levels, (weir_bytes){cursor->page.data + *offset, size},
                        parquet_bit_width(most));
    *offset += size;
    return NULL;
}

static weir_error *begin_levels(parquet_cursor *cursor, const parquet_page_header *header,
                                size_t *offset_out)
{
    const parquet_read_leaf *leaf = cursor->leaf;
    *offset_out = 0;
    if (header->type == PARQUET_DATA_PAGE) {
        WEIR_TRY(begin_levels_v1(cursor, &cursor->repetitions, leaf->max_repetition,
                                 header->repetition_encoding, offset_out));
        return begin_levels_v1(cursor, &cursor->definitions, leaf->max_definition,
                               header->definition_encoding, offset_out);
    }
    size_t repetition_bytes = (size_t)header->repetition_bytes,
           definition_bytes = (size_t)header->definition_bytes;
    WEIR_ASSERT(repetition_bytes + definition_bytes <= cursor->page.size); /* page.c checked */
    parquet_hybrid_init(&cursor->repetitions, (weir_bytes){cursor->page.data, repetition_bytes},
                        parquet_bit_width(leaf->max_repetition));
    parquet_hybrid_init(&cursor->definitions,
                        (weir_bytes){cursor->page.data + repetition_bytes, definition_bytes},
                        parquet_bit_width(leaf->max_definition));
    *offset_out = repetition_bytes + definition_bytes;
    return NULL;
}

static weir_error *begin_data_page(parquet_cursor *cursor, const parquet_page_header *header)
{
    if ((uint64_t)header->value_count > cursor->entries_left ||
        header->value_count > PARQUET_PAGE_ENTRIES_MAX) {
        return damaged(cursor, "the page claims more values than its column chunk has");
    }
    size_t offset = 0;
    WEIR_TRY(begin_levels(cursor, header, &offset));
    cursor->encoding = header->encoding;
    cursor->page_left = (uint64_t)header->value_count;
    return parquet_decode_begin(cursor, offset);
}

static weir_error *check_memory(parquet_cursor *cursor, size_t before)
{
    cursor->memory->page_bytes += cursor->page.capacity - before;
    if (cursor->memory->page_bytes <= WEIR_PARQUET_MEMORY_MAX) return NULL;
    return parquet_pages_error(
        &cursor->pages, WEIR_E_LIMIT,
        "the pages of all columns together are larger than 1 GiB; select fewer columns");
}

static weir_error *next_page(parquet_cursor *cursor)
{
    while (cursor->page_left == 0 && cursor->entries_left > 0) {
        parquet_page_header header;
        bool more = false;
        retire_page(cursor);
        size_t before = cursor->page.capacity;
        weir_error *error = parquet_pages_next(&cursor->pages, &header, &cursor->page, &more);
        if (error == NULL)
            error = check_memory(cursor, before);
        else
            cursor->memory->page_bytes += cursor->page.capacity - before;
        if (error != NULL) return error;
        if (!more) return damaged(cursor, "the column chunk ends before its values do");
        if (header.type == PARQUET_DICTIONARY_PAGE) {
            if (cursor->dictionary != NULL)
                return damaged(cursor, "a second dictionary in one column chunk");
            weir_buffer swap = cursor->dictionary_page;
            cursor->dictionary_page = cursor->page;
            cursor->page = swap;
            WEIR_TRY(parquet_decode_dictionary(cursor, &header));
        } else if (header.type == PARQUET_DATA_PAGE || header.type == PARQUET_DATA_PAGE_V2) {
            WEIR_TRY(begin_data_page(cursor, &header));
        } /* index pages and unknown ones are skipped, as the format asks for */
    }
    return NULL;
}

/* --- Entries --- */

static weir_error *read_levels(parquet_cursor *cursor, size_t count, size_t *present_out)
{
    const parquet_read_leaf *leaf = cursor->leaf;
    *present_out = count;
    if (leaf->max_repetition > 0) {
        if (!parquet_hybrid_read_u8(&cursor->repetitions, cursor->repetition, count)) {
            return damaged(cursor, "its repetition levels are damaged");
        }
        for (size_t i = 0; i < count; i++) {
            if (cursor->repetition[i] > leaf->max_repetition)
                return damaged(cursor, "a repetition level is too great");
        }
    }
    if (leaf->max_definition == 0) return NULL;
    if (!parquet_hybrid_read_u8(&cursor->definitions, cursor->definition, count)) {
        return damaged(cursor, "its definition levels are damaged");
    }
    size_t present = 0;
    for (size_t i = 0; i < count; i++) {
        if (cursor->definition[i] > leaf->max_definition)
            return damaged(cursor, "a definition level is too great");
        present += cursor->definition[i] == leaf->max_definition;
    }
    *present_out = present;
    return NULL;
}

/* Values were decoded densely; from the back, each to its entry. */
static void spread(parquet_cursor *cursor, size_t count, size_t present)
{
    if (present == count) return;
    for (size_t i = count; i-- > 0;) {
        bool is_there = cursor->definition[i] == cursor->leaf->max_definition;
        cursor->values[i] = is_there ? cursor->values[--present] : weir_null();
    }
}

weir_error *parquet_cursor_fill(parquet_cursor *cursor, size_t most)
{
    WEIR_ASSERT(cursor->at == cursor->count);
    cursor->at = cursor->count = 0;
    WEIR_TRY(next_page(cursor));
    size_t count = most < PARQUET_CURSOR_ENTRIES ? most : PARQUET_CURSOR_ENTRIES, present = 0;
    if (cursor->page_left < count) count = (size_t)cursor->page_left;
    if (count == 0) return NULL;
    WEIR_TRY(read_levels(cursor, count, &present));
    WEIR_TRY(parquet_decode_values(cursor, cursor->values, present));
    spread(cursor, count, present);
    cursor->page_left -= count;
    cursor->entries_left -= count;
    cursor->count = count;
    return NULL;
}

weir_error *parquet_cursor_begin(parquet_cursor *cursor, const parquet_source *source, size_t group,
                                 const parquet_chunk *chunk, uint64_t footer_offset)
{
    const parquet_element *element = cursor->leaf->element;
    cursor->at = cursor->count = 0;
    cursor->page_left = 0;
    cursor->entries_left = 0;
    cursor->dictionary = NULL;
    parquet_pages_init(&cursor->pages, source, cursor->leaf->path, group, chunk, footer_offset);
    if (chunk->in_other_file) {
        return parquet_pages_error(&cursor->pages, WEIR_E_DATA,
                                   "the column lies in another file, which is not supported");
    }
    if (!chunk->has_meta || chunk->physical != element->physical || chunk->value_count < 0) {
        return parquet_pages_error(&cursor->pages, WEIR_E_CORRUPT,
                                   "the column chunk's metadata do not fit the schema (%s, %s)",
                                   parquet_physical_name(chunk->physical),
                                   parquet_physical_name(element->physical));
    }
    cursor->entries_left = (uint64_t)chunk->value_count;
    return NULL;
}

void parquet_cursor_deinit(parquet_cursor *cursor)
{
    parquet_pages_deinit(&cursor->pages);
    weir_buffer_deinit(&cursor->page);
    weir_buffer_deinit(&cursor->dictionary_page);
    weir_buffer_deinit(&cursor->dictionary_values);
    weir_buffer_deinit(&cursor->previous_text);
    weir_arena_deinit(&cursor->dictionary_arena);
}
