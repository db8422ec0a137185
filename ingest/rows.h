/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rows.h - rows of files: CSV, JSON Lines, Avro containers and Parquet behind one face.
 *
 * `weir eval --events`, `weir produce`, the spine of `weir export` and `weir model run` read
 * through it. A caller opens a file, looks at its columns if it likes, binds the columns it wants
 * with their types, and takes rows: each is a value per wanted column, or is bad, with a message
 * that names line, column, the text and the type; a bad row does not stop the stream. What stops it
 * is an error: a file that is damaged beyond the row (Avro, Parquet), an I/O error. Lines are
 * bounded (WEIR_ROWS_LINE_MAX): a longer one is bad.
 *
 * Events in `{"stream":..,"value":..}` form are read line by line as text instead:
 * weir_rows_next_line.
 *
 *     weir_rows_open("spine.csv", NULL, &rows);
 *     weir_rows_bind(rows, columns, 2);
 *     while ((error = weir_rows_next(rows, scratch, values, &row)) == NULL && row.status !=
 * WEIR_ROW_END) ...
 *
 * Forms by extension: .csv .tsv .jsonl .ndjson .json .avro .parquet; the first five also .gz or
 * .zst. What has no such name ("-", which is stdin, and `<(...)`) is told by its first bytes.
 *
 * Owns:    the open file and its buffers; values live in `scratch` or until the next call.
 * Threads: one thread at a time.
 */
#pragma once

#include "schemas/json_value.h"

enum {
    WEIR_ROWS_LINE_MAX = 4 << 20, /* bytes of a line, or of a quoted CSV record */
    WEIR_ROWS_COLUMNS_MAX = 4096,
    WEIR_ROWS_PROBLEM_MAX = 400,
};

typedef enum weir_rows_format {
    WEIR_ROWS_AUTO, /* by extension, else by the first bytes */
    WEIR_ROWS_CSV,
    WEIR_ROWS_JSONL,
    WEIR_ROWS_AVRO,
    WEIR_ROWS_PARQUET,
} weir_rows_format;

typedef struct weir_rows_options {
    weir_rows_format format;
    char separator; /* CSV: 0 is ',' ('\t' for .tsv)                     */
    bool no_header; /* CSV: the first record is data; columns "0", "1", ... */
} weir_rows_options;

/* A column of the file. `type` is known for Avro and Parquet; kind WEIR_NULL for CSV and JSON
 * Lines. */
typedef struct weir_rows_column {
    const char *name;
    weir_type type;
} weir_rows_column;

/* A column that the caller wants. */
typedef struct weir_rows_want {
    const char *name;    /* inner fields of JSON objects and records: "a.b"               */
    weir_type type;      /* what the value becomes, exactly, or the row is bad            */
    weir_time_unit unit; /* what an integer means where a time is wanted                  */
    bool may_be_absent;  /* no such column in the file, or an empty cell of CSV: null (even if not
                           optional), else an error */
} weir_rows_want;

typedef enum weir_row_status { WEIR_ROW_END, WEIR_ROW_OK, WEIR_ROW_BAD } weir_row_status;

typedef struct weir_row {
    weir_row_status status;
    uint64_t index;          /* from 0; bad rows are counted           */
    uint64_t line;           /* from 1: CSV and JSON Lines; else 0     */
    uint32_t nulled_numbers; /* bad numbers that became null (R10)     */
    bool bad_number;         /* BAD because of a number in a field that is not optional (R10) */
    char problem[WEIR_ROWS_PROBLEM_MAX]; /* BAD: place, cause and cure */
} weir_row;

typedef struct weir_rows weir_rows;

/* `options` may be NULL. "-" reads stdin. */
weir_error *weir_rows_open(const char *path, const weir_rows_options *options,
                           weir_rows **rows_out);
void weir_rows_close(weir_rows *rows); /* NULL is fine */

weir_rows_format weir_rows_format_of(const weir_rows *rows);
/* The file's columns; for JSON Lines the members of the first object. */
const weir_rows_column *weir_rows_columns(weir_rows *rows, size_t *count_out);
/* True if the file has that column (JSON Lines: always, members may come later). */
bool weir_rows_has(const weir_rows *rows, const char *name);
/* Says what is wanted. An absent column is an error that lists what the file has. */
weir_error *weir_rows_bind(weir_rows *rows, const weir_rows_want *wants, size_t count);
/* The next row into values[0..count), in the order of the wants. */
weir_error *weir_rows_next(weir_rows *rows, weir_arena *scratch, weir_value *values,
                           weir_row *row_out);

/* Avro only, instead of bind and next: the container, which stays the rows'. NULL: another form. */
struct weir_avro_reader *weir_rows_container(const weir_rows *rows);

/*
 * CSV and JSON Lines only, instead of bind and next: the next line (CSV: record) as it stands,
 * without its end; empty lines of JSON Lines are skipped. `text` lives until the next call.
 */
weir_error *weir_rows_next_line(weir_rows *rows, weir_bytes *text_out, weir_row *row_out);

/*
 * `value` of type `from` as `to`, exactly: integers to decimals and back, decimals to another
 * scale, text to anything, symbols by name, list of float64 to vec. False with *problem_out (static
 * text) if it does not fit; a number that does not fit sets *bad_number_out (R10).
 */
bool weir_rows_convert(weir_type from, const weir_value *value, weir_type to, weir_time_unit unit,
                       weir_arena *into, weir_value *value_out, bool *bad_number_out,
                       const char **problem_out);
