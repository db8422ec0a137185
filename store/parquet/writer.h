/* SPDX-License-Identifier: Apache-2.0 */
/*
 * writer.h - typed rows into a Parquet file that every reader understands.
 *
 * A writer takes rows (weir_value) or whole columns (plain C arrays, the fast path of the export)
 * and hands the bytes of one file, in order, to a sink. How rows were handed over leaves no trace:
 * row groups and pages are cut by row number and bytes alone, encodings are chosen by a trial that
 * looks at values only, so the same rows give the same encoded pages, and with one version of zstd
 * the same file.
 *
 * zstd does not promise the same bytes from version to version. A file's identity is therefore its
 * *content hash*: SHA-256 over the schema and every page before compression
 * (docs/formats/parquet.md). The footer carries it, with a hash of all bytes before the footer and
 * one of the footer itself, so that `weir verify` finds any flipped bit without a manifest.
 *
 * Owns:    everything it buffers: at most a row group (65,536 rows or 64 MiB of values).
 * Threads: one thread at a time; writers share nothing.
 * See also: docs/formats/parquet.md, store/parquet/reader.h
 */
#pragma once

#include "ops/runtime/digest.h"
#include "schemas/value.h"

enum {
    WEIR_PARQUET_COLUMNS_MAX = 4096,
    WEIR_PARQUET_NESTING_MAX = 4,           /* lists and maps within each other */
    WEIR_PARQUET_VALUE_BYTES_MAX = 1 << 20, /* of a string or bytes */
    WEIR_PARQUET_SYMBOLS_MAX = 1 << 18,     /* of an enum */
    WEIR_PARQUET_ROW_GROUP_ROWS = 65536,
    WEIR_PARQUET_PAGE_ROWS = 65536,
};

typedef struct weir_parquet_column {
    const char *name; /* UTF-8, not empty, unique among the columns */
    weir_type type;   /* not optional: a null in it is a bug of the caller (asserted) */
} weir_parquet_column;

/* What goes into the footer's key-value metadata besides our own hashes. */
typedef struct weir_parquet_pair {
    const char *key;
    const char *value;
} weir_parquet_pair;

typedef struct weir_parquet_options {
    const weir_parquet_pair *metadata;
    size_t metadata_count;
    uint32_t row_group_rows; /* 0: WEIR_PARQUET_ROW_GROUP_ROWS */
    bool uncompressed;       /* for tests; else zstd at a fixed level */
} weir_parquet_options;

/* Where the bytes go. `write` must take all of them or fail. */
typedef struct weir_parquet_sink {
    weir_error *(*write)(void *context, const void *data, size_t size);
    void *context;
} weir_parquet_sink;

/*
 * One column of a batch, `rows` values one behind the other, nulls taking a place too:
 *   bool uint8_t (0 or 1) · int64, time, duration int64_t · enum uint32_t (symbol's index) ·
 * float64 double decimal weir_int128 · string, bytes weir_bytes · geo two doubles · vec(n) n floats
 * · list, map weir_value `valid`, or NULL where no value is null: one byte a row, 0 for null.
 */
typedef struct weir_parquet_vector {
    const void *data;
    const uint8_t *valid;
} weir_parquet_vector;

/* Bytes of a value in a vector. */
size_t weir_parquet_vector_stride(const weir_type *type);

/* What a finished file is; goes into manifests. */
typedef struct weir_parquet_summary {
    uint64_t rows;
    uint64_t bytes; /* of the file                     */
    uint32_t row_groups;
    char content_sha256[WEIR_SHA256_TEXT_SIZE]; /* schema + encoded pages, hex     */
    char file_sha256[WEIR_SHA256_TEXT_SIZE];    /* every byte of the file, hex     */
} weir_parquet_summary;

typedef struct weir_parquet_writer weir_parquet_writer;

/* Column names, types and metadata are copied. Fails on a bad name or a type that can not be
 * stored. */
weir_error *weir_parquet_writer_create(const weir_parquet_column *columns, size_t column_count,
                                       const weir_parquet_options *options, weir_parquet_sink sink,
                                       weir_parquet_writer **writer_out);
/* One row: a value per column. Strings and the like are copied. */
weir_error *weir_parquet_writer_add_row(weir_parquet_writer *writer, const weir_value *values);
/* Many rows: a vector per column. */
weir_error *weir_parquet_writer_add_columns(weir_parquet_writer *writer,
                                            const weir_parquet_vector *columns, size_t rows);
/* Writes what is buffered and the footer. Nothing may be added afterwards. */
weir_error *weir_parquet_writer_finish(weir_parquet_writer *writer,
                                       weir_parquet_summary *summary_out);
/* Frees it, finished or not. NULL is fine. */
void weir_parquet_writer_destroy(weir_parquet_writer *writer);
