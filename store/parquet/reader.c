/* SPDX-License-Identifier: Apache-2.0 */
#include "store/parquet/reader.h"

#include <inttypes.h>
#include <stdlib.h>

#include "ops/runtime/assert.h"
#include "store/parquet/cursor.h"
#include "store/parquet/reader_internal.h"

#define READER_MAGIC 0x52505157u /* "WQPR" */

struct weir_parquet_reader {
    uint32_t magic;
    weir_arena arena;
    const char *name;
    parquet_source source;
    weir_buffer footer;
    uint64_t footer_offset;
    parquet_file_meta meta;
    parquet_read_schema schema;
    parquet_memory memory;
    size_t *selected; /* columns */
    size_t selected_count;
    bool is_begun;
    parquet_cursor **cursors; /* one a leaf; NULL where not selected */
    weir_value **batch;       /* one array a selected column */
    size_t group;             /* the next one to open */
    uint64_t group_rows_left;
};

/* --- Life --- */

static weir_error *open_source(weir_parquet_reader *reader)
{
    WEIR_TRY(parquet_footer_read(&reader->source, &reader->footer, &reader->footer_offset));
    weir_bytes footer = {reader->footer.data, reader->footer.size};
    WEIR_TRY(parquet_file_meta_decode(reader->name, footer, &reader->arena, &reader->meta));
    if (reader->meta.is_encrypted) {
        return weir_error_new(WEIR_E_DATA, "%s is encrypted, which weir does not read",
                              reader->name);
    }
    WEIR_TRY(
        parquet_read_schema_make(reader->name, &reader->meta, &reader->arena, &reader->schema));
    uint64_t rows = 0;
    for (size_t i = 0; i < reader->meta.row_group_count; i++) {
        int64_t count = reader->meta.row_groups[i].row_count;
        if (count < 0 || __builtin_add_overflow(rows, (uint64_t)count, &rows)) rows = UINT64_MAX;
    }
    if (rows != (uint64_t)reader->meta.row_count) {
        return weir_error_new(WEIR_E_CORRUPT,
                              "%s: the footer says %" PRId64 " rows, its row groups have %" PRIu64,
                              reader->name, reader->meta.row_count, rows);
    }
    return NULL;
}

static weir_parquet_reader *make_reader(const char *name)
{
    weir_parquet_reader *reader = calloc(1, sizeof *reader);
    WEIR_ASSERT(reader != NULL);
    reader->magic = READER_MAGIC;
    reader->name = weir_arena_string(&reader->arena, name, strlen(name));
    reader->source.fd = -1;
    return reader;
}

static weir_error *finish_opening(weir_parquet_reader *reader, weir_error *error,
                                  weir_parquet_reader **reader_out)
{
    if (error == NULL) error = open_source(reader);
    if (error != NULL) {
        weir_parquet_reader_close(reader);
        reader = NULL;
    }
    *reader_out = reader;
    return error;
}

weir_error *weir_parquet_reader_open(const char *path, weir_parquet_reader **reader_out)
{
    weir_parquet_reader *reader = make_reader(path);
    return finish_opening(reader, parquet_source_open(&reader->source, reader->name), reader_out);
}

weir_error *weir_parquet_reader_open_bytes(const char *name, weir_bytes file,
                                           weir_parquet_reader **reader_out)
{
    weir_parquet_reader *reader = make_reader(name);
    reader->source =
        (parquet_source){.name = reader->name, .fd = -1, .bytes = file, .size = file.size};
    return finish_opening(reader, NULL, reader_out);
}

void weir_parquet_reader_close(weir_parquet_reader *reader)
{
    if (reader == NULL) return;
    WEIR_ASSERT(reader->magic == READER_MAGIC);
    for (size_t i = 0; i < reader->schema.leaf_count && reader->cursors != NULL; i++) {
        if (reader->cursors[i] == NULL) continue;
        parquet_cursor_deinit(reader->cursors[i]);
        free(reader->cursors[i]);
    }
    for (size_t i = 0; i < reader->selected_count && reader->batch != NULL; i++)
        free(reader->batch[i]);
    parquet_memory_deinit(&reader->memory);
    parquet_source_close(&reader->source);
    weir_buffer_deinit(&reader->footer);
    weir_arena_deinit(&reader->arena);
    reader->magic = 0;
    free(reader);
}

/* --- What it says --- */

uint64_t weir_parquet_reader_rows(const weir_parquet_reader *reader)
{
    return (uint64_t)reader->meta.row_count;
}

size_t weir_parquet_reader_row_groups(const weir_parquet_reader *reader)
{
    return reader->meta.row_group_count;
}

size_t weir_parquet_reader_column_count(const weir_parquet_reader *reader)
{
    return reader->schema.column_count;
}

const weir_parquet_column *weir_parquet_reader_columns(const weir_parquet_reader *reader)
{
    return reader->schema.columns;
}

const weir_bytes *parquet_reader_pair(const weir_parquet_reader *reader, const char *key)
{
    for (size_t i = 0; i < reader->meta.pair_count; i++) {
        const parquet_key_value *pair = &reader->meta.pairs[i];
        if (pair->key.size == strlen(key) && memcmp(pair->key.data, key, pair->key.size) == 0)
            return &pair->value;
    }
    return NULL;
}

const char *weir_parquet_reader_metadata(weir_parquet_reader *reader, const char *key)
{
    const weir_bytes *value = parquet_reader_pair(reader, key);
    return value == NULL
               ? NULL
               : weir_arena_string(&reader->arena, (const char *)value->data, value->size);
}

const parquet_file_meta *parquet_reader_meta(const weir_parquet_reader *reader)
{
    return &reader->meta;
}
const parquet_read_schema *parquet_reader_schema(const weir_parquet_reader *reader)
{
    return &reader->schema;
}
const parquet_source *parquet_reader_source(const weir_parquet_reader *reader)
{
    return &reader->source;
}
weir_bytes parquet_reader_footer(const weir_parquet_reader *reader)
{
    return (weir_bytes){reader->footer.data, reader->footer.size};
}

/* --- Selection --- */

weir_error *weir_parquet_reader_select(weir_parquet_reader *reader, const size_t *columns,
                                       size_t count)
{
    WEIR_ASSERT(!reader->is_begun);
    for (size_t i = 0; i < count; i++) {
        WEIR_ASSERT(columns[i] < reader->schema.column_count);
        const weir_parquet_column *column = &reader->schema.columns[columns[i]];
        if (column->type.kind == WEIR_NULL) {
            return weir_error_new(WEIR_E_DATA,
                                  "%s: column %s has a type that weir can not read; leave it out",
                                  reader->name, column->name);
        }
    }
    reader->selected = weir_arena_array(&reader->arena, size_t, count);
    if (count > 0) memcpy(reader->selected, columns, count * sizeof *columns);
    reader->selected_count = count;
    return NULL;
}

static void select_all(weir_parquet_reader *reader)
{
    reader->selected = weir_arena_array(&reader->arena, size_t, reader->schema.column_count);
    for (size_t i = 0; i < reader->schema.column_count; i++) {
        if (reader->schema.columns[i].type.kind == WEIR_NULL) continue;
        reader->selected[reader->selected_count++] = i;
    }
}

/* A cursor takes some 27 KiB, whatever the file is worth: their number is bounded. */
static weir_error *check_leaf_count(const weir_parquet_reader *reader)
{
    size_t count = 0;
    for (size_t i = 0; i < reader->selected_count; i++)
        count += reader->schema.nodes[reader->selected[i]].leaf_count;
    if (count <= WEIR_PARQUET_COLUMNS_MAX) return NULL;
    return weir_error_new(
        WEIR_E_LIMIT, "%s: %zu columns are more than the %d that are read at once; select fewer",
        reader->name, count, WEIR_PARQUET_COLUMNS_MAX);
}

static weir_error *begin(weir_parquet_reader *reader)
{
    if (reader->selected == NULL) select_all(reader);
    WEIR_TRY(check_leaf_count(reader));
    reader->cursors = weir_arena_array(&reader->arena, parquet_cursor *, reader->schema.leaf_count);
    reader->batch = weir_arena_array(&reader->arena, weir_value *, reader->selected_count);
    for (size_t i = 0; i < reader->selected_count; i++) {
        const parquet_read_node *node = &reader->schema.nodes[reader->selected[i]];
        reader->batch[i] = malloc(WEIR_PARQUET_BATCH_ROWS * sizeof(weir_value));
        WEIR_ASSERT(reader->batch[i] != NULL);
        for (size_t k = node->first_leaf; k < node->first_leaf + node->leaf_count; k++) {
            if (reader->cursors[k] != NULL) continue; /* a column selected twice is copied */
            parquet_cursor *cursor = calloc(1, sizeof *cursor);
            WEIR_ASSERT(cursor != NULL);
            cursor->leaf = &reader->schema.leaves[k];
            cursor->memory = &reader->memory;
            reader->cursors[k] = cursor;
        }
    }
    reader->is_begun = true;
    return NULL;
}

/* --- Assembly --- */

static weir_error *damaged(const parquet_cursor *cursor, const char *problem)
{
    return parquet_pages_error(&cursor->pages, WEIR_E_CORRUPT, "%s", problem);
}

/* Makes sure that an entry lies at the cursor; false at the end of its chunk. */
static weir_error *peek(parquet_cursor *cursor, bool *there_out)
{
    if (cursor->at == cursor->count) WEIR_TRY(parquet_cursor_fill(cursor, PARQUET_CURSOR_ENTRIES));
    *there_out = cursor->at < cursor->count;
    return NULL;
}

static unsigned definition_at(const parquet_cursor *cursor)
{
    return cursor->leaf->max_definition > 0 ? cursor->definition[cursor->at] : 0;
}

/* The entries of a node's leaves where it has nothing: one each. */
static weir_error *skip_entries(weir_parquet_reader *reader, const parquet_read_node *node)
{
    for (size_t i = node->first_leaf; i < node->first_leaf + node->leaf_count; i++) {
        bool there = false;
        WEIR_TRY(peek(reader->cursors[i], &there));
        if (!there) return damaged(reader->cursors[i], "the column chunk ends before its rows do");
        reader->cursors[i]->at++;
    }
    return NULL;
}

static weir_error *assemble(weir_parquet_reader *reader, const parquet_read_node *node,
                            weir_value *out);

static weir_error *take_scalar(weir_parquet_reader *reader, const parquet_read_node *node,
                               weir_value *out)
{
    parquet_cursor *cursor = reader->cursors[node->first_leaf];
    bool there = false;
    WEIR_TRY(peek(cursor, &there));
    if (!there) return damaged(cursor, "the column chunk ends before its rows do");
    *out = cursor->values[cursor->at++];
    return NULL;
}

static weir_error *take_geo(weir_parquet_reader *reader, const parquet_read_node *node,
                            weir_value *out)
{
    weir_value parts[2];
    for (size_t i = 0; i < 2; i++) {
        parquet_read_node leaf = {.first_leaf = node->first_leaf + i, .leaf_count = 1};
        WEIR_TRY(take_scalar(reader, &leaf, &parts[i]));
    }
    *out = weir_null();
    if (weir_is_null(&parts[0]) || weir_is_null(&parts[1])) return NULL;
    size_t lat = node->is_longitude_first ? 1 : 0;
    *out = (weir_value){.kind = WEIR_GEO,
                        .as.geo = {parts[lat].as.float64, parts[1 - lat].as.float64}};
    return NULL;
}

/* Room for one more item; the array doubles in the batch's arena. */
static weir_value *grow_items(weir_arena *into, weir_value *items, size_t count, size_t width)
{
    if (count > 0 && (count & (count - 1)) != 0) return items;
    weir_value *more = weir_arena_alloc(into, (count == 0 ? 1 : 2 * count) * width * sizeof *items);
    if (count > 0) memcpy(more, items, count * width * sizeof *items);
    return more;
}

static weir_error *take_items(weir_parquet_reader *reader, const parquet_read_node *node,
                              weir_value *out)
{
    const size_t width = node->shape == PARQUET_MAP ? 2 : 1;
    parquet_cursor *first = reader->cursors[node->first_leaf];
    weir_arena *into = &reader->memory.arenas[reader->memory.current];
    weir_value *items = NULL;
    for (size_t count = 0;; count++) {
        if (count == WEIR_PARQUET_LIST_ITEMS_MAX) {
            return parquet_pages_error(&first->pages, WEIR_E_LIMIT, "a list of more than %d items",
                                       WEIR_PARQUET_LIST_ITEMS_MAX);
        }
        items = grow_items(into, items, count, width);
        for (size_t k = 0; k < width; k++)
            WEIR_TRY(assemble(reader, &node->children[k], &items[count * width + k]));
        bool there = false;
        WEIR_TRY(peek(first, &there));
        if (there && first->repetition[first->at] >= node->repetition) continue;
        *out = (weir_value){.kind = node->shape == PARQUET_MAP ? WEIR_MAP : WEIR_LIST,
                            .size = (uint32_t)count + 1,
                            .as.items = items};
        return NULL;
    }
}

static weir_error *take_repeated(weir_parquet_reader *reader, const parquet_read_node *node,
                                 weir_value *out)
{
    parquet_cursor *first = reader->cursors[node->first_leaf];
    bool there = false;
    WEIR_TRY(peek(first, &there));
    if (!there) return damaged(first, "the column chunk ends before its rows do");
    unsigned level = definition_at(first);
    if (level >= node->item_definition) return take_items(reader, node, out);
    *out = weir_null();
    if (level >= node->definition) {
        out->kind = node->shape == PARQUET_MAP ? WEIR_MAP : WEIR_LIST;
        out->as.items = NULL;
    }
    return skip_entries(reader, node);
}

/* The value of a node whose entries begin at its cursors. Depth is bounded by the schema's. */
static weir_error *assemble(weir_parquet_reader *reader, const parquet_read_node *node,
                            weir_value *out)
{
    switch (node->shape) {
    case PARQUET_SCALAR: return take_scalar(reader, node, out);
    case PARQUET_GEO: return take_geo(reader, node, out);
    default: return take_repeated(reader, node, out);
    }
}

/* --- Batches --- */

static weir_error *take_flat(parquet_cursor *cursor, weir_value *out, size_t rows)
{
    for (size_t done = 0; done < rows;) {
        if (cursor->at == cursor->count) {
            WEIR_TRY(parquet_cursor_fill(cursor, rows - done));
            if (cursor->count == 0)
                return damaged(cursor, "the column chunk ends before its rows do");
        }
        size_t n =
            cursor->count - cursor->at < rows - done ? cursor->count - cursor->at : rows - done;
        memcpy(out + done, cursor->values + cursor->at, n * sizeof *out);
        cursor->at += n;
        done += n;
    }
    return NULL;
}

static weir_error *take_column(weir_parquet_reader *reader, size_t index, size_t rows)
{
    const parquet_read_node *node = &reader->schema.nodes[reader->selected[index]];
    weir_value *out = reader->batch[index];
    for (size_t i = 0; i < index; i++) {
        if (reader->selected[i] != reader->selected[index]) continue;
        memcpy(out, reader->batch[i], rows * sizeof *out);
        return NULL;
    }
    if (node->shape == PARQUET_SCALAR)
        return take_flat(reader->cursors[node->first_leaf], out, rows);
    for (size_t row = 0; row < rows; row++) {
        parquet_cursor *first = reader->cursors[node->first_leaf];
        bool there = false;
        WEIR_TRY(peek(first, &there));
        bool begins =
            there && (first->leaf->max_repetition == 0 || first->repetition[first->at] == 0);
        if (!begins) return damaged(first, "a row does not begin where it should");
        WEIR_TRY(assemble(reader, node, &out[row]));
    }
    return NULL;
}

/* The last rows of a group were taken: nothing may be left in its chunks. */
static weir_error *end_group(weir_parquet_reader *reader)
{
    for (size_t i = 0; i < reader->schema.leaf_count; i++) {
        const parquet_cursor *cursor = reader->cursors[i];
        if (cursor == NULL || (cursor->at == cursor->count && cursor->entries_left == 0)) continue;
        return damaged(cursor, "the column chunk has more values than its row group has rows");
    }
    return NULL;
}

static weir_error *begin_group(weir_parquet_reader *reader)
{
    const parquet_row_group *group = &reader->meta.row_groups[reader->group];
    for (size_t i = 0; i < reader->schema.leaf_count; i++) {
        if (reader->cursors[i] == NULL) continue;
        WEIR_TRY(parquet_cursor_begin(reader->cursors[i], &reader->source, reader->group,
                                      &group->chunks[i], reader->footer_offset));
    }
    reader->group_rows_left = (uint64_t)group->row_count;
    reader->group++;
    return NULL;
}

weir_error *weir_parquet_reader_next(weir_parquet_reader *reader, weir_value *const **columns_out,
                                     size_t *rows_out)
{
    WEIR_ASSERT(reader->magic == READER_MAGIC);
    if (!reader->is_begun) WEIR_TRY(begin(reader));
    parquet_memory_turn(&reader->memory);
    *columns_out = reader->batch;
    *rows_out = 0;
    while (reader->group_rows_left == 0) {
        if (reader->group == reader->meta.row_group_count) return NULL;
        WEIR_TRY(begin_group(reader));
    }
    size_t rows = WEIR_PARQUET_BATCH_ROWS;
    if (reader->group_rows_left < rows) rows = (size_t)reader->group_rows_left;
    for (size_t i = 0; i < reader->selected_count; i++)
        WEIR_TRY(take_column(reader, i, rows));
    reader->group_rows_left -= rows;
    if (reader->group_rows_left == 0) WEIR_TRY(end_group(reader));
    *rows_out = rows;
    return NULL;
}
