/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rows_internal.h - what the forms of row files share.
 *
 * A form is a row of a table: how it opens, names its columns, reads a row, closes. rows.c owns the
 * general part (path, wants, counting); each rows_<form>.c has its own state behind `state`.
 */
#pragma once

#include "ingest/rows.h"
#include "ops/runtime/compress.h"

typedef struct rows_form {
    const char *name;
    /* After path and options are set. Fills columns where the form knows them. */
    weir_error *(*open)(weir_rows *rows);
    /* Whether a want that no column is called like stands in others. May be NULL: never. */
    bool (*has_otherwise)(const weir_rows *rows, const weir_rows_want *want);
    /* After wants and sources are set. May be NULL. */
    weir_error *(*bind)(weir_rows *rows);
    /* Sets status (and problem); general fields are rows.c's. */
    weir_error *(*next)(weir_rows *rows, weir_arena *scratch, weir_value *values, weir_row *row);
    weir_error *(*next_line)(weir_rows *rows, weir_bytes *text_out,
                             weir_row *row); /* NULL: has no lines */
    void (*close)(weir_rows *rows);
} rows_form;

extern const rows_form weir_rows_form_csv, weir_rows_form_jsonl, weir_rows_form_avro,
    weir_rows_form_parquet;

struct weir_rows {
    uint32_t magic;
    const rows_form *form;
    weir_rows_format format;
    weir_arena arena;
    const char *path;
    weir_rows_options options;
    const weir_rows_column *columns; /* JSON Lines: of the first object, found when asked for */
    size_t column_count;
    const weir_rows_want *wants; /* copied */
    size_t want_count;
    int fd;          /* of the file; -1 where it could not be opened */
    size_t *sources; /* a want's column, or SIZE_MAX where absent; not for JSON Lines */
    uint64_t index;
    void *state;
};

/* Opens the file and sets the format, and for .tsv the separator; rows_kind.c. */
weir_error *rows_open_input(weir_rows *rows);
/* Fills `row` as bad. The text is cut to fit. */
__attribute__((format(printf, 2, 3))) void rows_problem(weir_row *row, const char *format, ...);
/* The same for a value of a want: "line 7, column amount: `abc`: expected ..". `text` may have no
 * data. */
void rows_bad_value(const weir_rows *rows, weir_row *row, const weir_rows_want *want,
                    weir_bytes text, const char *problem);

/* JSON Lines: fills columns from the first object, which then comes again. */
void weir_rows_peek_members(weir_rows *rows);

/* --- Lines of plain or compressed text --- */

typedef struct rows_text {
    const weir_rows *rows; /* whose file it is */
    weir_inflater *inflater;
    uint8_t *data; /* [start, end) is read and not yet given out */
    size_t start, end, capacity;
    bool at_end;
    uint64_t line; /* of the record given out last, from 1 */
    uint64_t next_line;
} rows_text;

typedef enum rows_record {
    ROWS_RECORD_END,
    ROWS_RECORD_OK,
    ROWS_RECORD_TOO_LONG,
    ROWS_RECORD_OPEN_QUOTE
} rows_record;

void rows_text_open(const weir_rows *rows, rows_text *text);
void rows_text_close(rows_text *text);
/*
 * The next record without its line end: a line, or with `separator` != 0 a CSV record, which goes
 * on while a quote is open. TOO_LONG and OPEN_QUOTE give the first line of what was wrong (cut) and
 * skip it. The text lives until the next call.
 */
weir_error *rows_text_next(rows_text *text, char separator, weir_bytes *record_out,
                           rows_record *status_out);
