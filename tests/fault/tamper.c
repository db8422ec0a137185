/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tamper.c - changes one value in what is stored and makes every checksum fit again, so that only
 * a proof can tell.
 *
 *   tamper state DIR              flips the last bit of the first key's state
 *   tamper snapshot DIR OUT COLUMN  copies a snapshot; flips the last bit of that column in row 7
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ops/runtime/assert.h"
#include "ops/runtime/file.h"
#include "store/manifest.h"
#include "store/parquet/reader.h"
#include "store/shard.h"

enum { ROW = 7 };

static void must(weir_error *error)
{
    if (error == NULL) return;
    (void)fprintf(stderr, "tamper: %s\n", weir_error_message(error));
    exit(1);
}

static void open_store(const char *directory, weir_store_shared *shared, weir_store_port *port)
{
    int64_t restored = 0;
    weir_shard_store_options options = {
        .shared = shared, .directory = directory, .free_bytes_min = 1};
    must(weir_shard_store_open(&options, port, &restored));
}

/* The first part that any slice has, written back with one bit flipped. */
static void tamper_state(weir_store_port *port)
{
    weir_bytes records[WEIR_SLICE_COUNT];
    weir_arena arena = {0};
    for (uint32_t slice = 0; slice < WEIR_SLICE_COUNT; slice++) {
        weir_shard_part part;
        weir_shard_cursor *cursor = weir_shard_cursor_create(port, slice);
        must(weir_shard_cursor_next(cursor, &part));
        if (part.is_end) {
            weir_shard_cursor_destroy(cursor);
            continue;
        }
        uint8_t *bytes = weir_arena_copy(&arena, part.bytes.data, part.bytes.size);
        uint8_t *key = weir_arena_copy(&arena, part.key.data, part.key.size);
        bytes[part.bytes.size - 1] ^= 1;
        weir_store_item item = {
            part.view, {key, part.key.size}, part.part, {bytes, part.bytes.size}};
        weir_shard_cursor_destroy(cursor);
        must(port->read_slices(port->context, records));
        must(port->write(port->context, slice, &item, 1, records[slice]));
        (void)printf("key %.*s\n", (int)item.key.size, (const char *)item.key.data);
        weir_arena_deinit(&arena);
        return;
    }
    (void)fprintf(stderr, "tamper: the store is empty\n");
    exit(1);
}

static void flip(weir_value *value)
{
    WEIR_ASSERT(value->kind == WEIR_INT64 || value->kind == WEIR_FLOAT64 ||
                value->kind == WEIR_TIME);
    value->as.integer ^= 1; /* of a float64: its bits */
}

static void copy_rows(weir_parquet_reader *reader, weir_snapshot *out, size_t column)
{
    size_t count = weir_parquet_reader_column_count(reader), row = 0;
    weir_value *values = calloc(count, sizeof *values);
    WEIR_ASSERT(values != NULL);
    for (;;) {
        weir_value *const *columns = NULL;
        size_t rows = 0;
        must(weir_parquet_reader_next(reader, &columns, &rows));
        if (rows == 0) break;
        for (size_t r = 0; r < rows; r++, row++) {
            for (size_t c = 0; c < count; c++)
                values[c] = columns[c][r];
            if (row == ROW) flip(&values[column]);
            must(weir_snapshot_add_row(out, values));
        }
    }
    free(values);
}

static size_t find_column(const weir_parquet_reader *reader, const char *name)
{
    size_t count = weir_parquet_reader_column_count(reader);
    for (size_t i = 0; i < count; i++)
        if (strcmp(weir_parquet_reader_columns(reader)[i].name, name) == 0) return i;
    (void)fprintf(stderr, "tamper: there is no column %s\n", name);
    exit(1);
}

static void tamper_snapshot(const char *from, const char *to, const char *column)
{
    weir_arena arena = {0};
    weir_bytes text;
    weir_manifest manifest;
    const char *path = weir_manifest_path(from, &arena);
    must(weir_file_read(path, WEIR_MANIFEST_BYTES_MAX, &arena, &text));
    must(weir_manifest_parse(path, text, &arena, &manifest));
    WEIR_ASSERT(manifest.part_count == 1);
    weir_parquet_reader *reader = NULL;
    must(weir_parquet_reader_open(weir_arena_printf(&arena, "%s/%s", from, manifest.parts[0].file),
                                  &reader));
    weir_snapshot_options options = {.path = to,
                                     .title = manifest.title,
                                     .definition = manifest.definition,
                                     .columns = weir_parquet_reader_columns(reader),
                                     .column_count = weir_parquet_reader_column_count(reader)};
    weir_snapshot *snapshot = NULL;
    weir_snapshot_summary summary;
    must(weir_snapshot_begin(&options, &snapshot));
    copy_rows(reader, snapshot, find_column(reader, column));
    must(weir_snapshot_finish(snapshot, &manifest.facts, &summary));
    weir_parquet_reader_close(reader);
    weir_arena_deinit(&arena);
}

int main(int argc, char **argv)
{
    if (argc == 5 && strcmp(argv[1], "snapshot") == 0) {
        tamper_snapshot(argv[2], argv[3], argv[4]);
        return 0;
    }
    bool is_state = argc == 3 && strcmp(argv[1], "state") == 0;
    if (!is_state) {
        (void)fprintf(stderr, "usage: tamper state DIR | snapshot DIR OUT COLUMN\n");
        return 64;
    }
    weir_store_shared *shared = weir_store_shared_create(1 << 20);
    weir_store_port port;
    open_store(argv[2], shared, &port);
    tamper_state(&port);
    port.close(port.context);
    weir_store_shared_destroy(shared);
    return 0;
}
