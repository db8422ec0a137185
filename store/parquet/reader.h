/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reader.h - rows out of Parquet files, ours and other people's.
 *
 * Reads what pyarrow, DuckDB, Polars and Spark write: pages v1 and v2, all common encodings and
 * codecs, flat columns, structs (their fields become columns "a.b"; a struct of two doubles lat and
 * lon is a geo), lists and maps. Nothing in the file is believed: every length, count, level and
 * index is checked, page CRCs are compared where present, sizes pass limits before memory is asked
 * for. A wrong byte gives WEIR_E_CORRUPT naming row group, column and offset; what we do not
 * support gives WEIR_E_DATA.
 *
 * Types come out exact: integers int64 (uint64 decimal(20,0)), FLOAT and FLOAT16 float64, DATE the
 * midnight in UTC, TIME a duration, TIMESTAMP and INT96 a time (nanoseconds must be whole
 * microseconds), DECIMAL decimal, UTF8/ENUM/JSON string, UUID its text, other binary bytes.
 *
 * Owns:    one decoded page a selected column. Values handed out live until the next call.
 * Threads: one thread at a time.
 */
#pragma once

#include "schemas/value.h"
#include "store/parquet/writer.h"

enum {
    WEIR_PARQUET_FOOTER_BYTES_MAX = 32 << 20,
    WEIR_PARQUET_PAGE_BYTES_MAX = 128 << 20, /* before and after decompression */
    WEIR_PARQUET_BATCH_ROWS = 1024,
    WEIR_PARQUET_DEPTH_MAX = 16,           /* groups within groups */
    WEIR_PARQUET_LIST_ITEMS_MAX = 1 << 20, /* of one list or map */
    WEIR_PARQUET_MEMORY_MAX = 1 << 30,     /* pages of all columns together */
    /*
     * The kind of a value that the file has and weir's types can not hold: a timestamp with parts
     * of a microsecond, text that is not UTF-8. as.bytes is the problem as a static, NUL-terminated
     * text.
     */
    WEIR_PARQUET_BAD_VALUE = 255,
};

typedef struct weir_parquet_reader weir_parquet_reader;

weir_error *weir_parquet_reader_open(const char *path, weir_parquet_reader **reader_out);
/* The same over bytes that stay where they are. `name` is for messages. */
weir_error *weir_parquet_reader_open_bytes(const char *name, weir_bytes file,
                                           weir_parquet_reader **reader_out);
void weir_parquet_reader_close(weir_parquet_reader *reader); /* NULL is fine */

uint64_t weir_parquet_reader_rows(const weir_parquet_reader *reader);
size_t weir_parquet_reader_row_groups(const weir_parquet_reader *reader);
/* The columns as rows see them; types live as long as the reader. kind WEIR_NULL: not supported. */
size_t weir_parquet_reader_column_count(const weir_parquet_reader *reader);
const weir_parquet_column *weir_parquet_reader_columns(const weir_parquet_reader *reader);
/* The footer's key-value metadata, or NULL. */
const char *weir_parquet_reader_metadata(weir_parquet_reader *reader, const char *key);

/* Which columns, by index, in the order wanted. Before the first read; else all are read. */
weir_error *weir_parquet_reader_select(weir_parquet_reader *reader, const size_t *columns,
                                       size_t count);

/*
 * The next batch: columns_out[i] is the array of the i-th selected column, `*rows_out` values long
 * (at most WEIR_PARQUET_BATCH_ROWS; 0 at the end). Values live until the next call.
 */
weir_error *weir_parquet_reader_next(weir_parquet_reader *reader, weir_value *const **columns_out,
                                     size_t *rows_out);

/* What weir_parquet_verify found. */
typedef struct weir_parquet_verdict {
    uint64_t rows, bytes;
    uint64_t pages; /* read, decompressed and decoded              */
    uint64_t pages_without_crc;
    bool has_hashes;                            /* the file carries our hashes; all were equal */
    char content_sha256[WEIR_SHA256_TEXT_SIZE]; /* computed */
    char file_sha256[WEIR_SHA256_TEXT_SIZE];    /* computed */
} weir_parquet_verdict;

/* Reads all of a file and compares everything it says about itself; WEIR_E_CORRUPT names the first
 * place. */
weir_error *weir_parquet_verify(const char *path, weir_parquet_verdict *verdict_out);
weir_error *weir_parquet_verify_bytes(const char *name, weir_bytes file,
                                      weir_parquet_verdict *verdict_out);
