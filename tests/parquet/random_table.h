/* SPDX-License-Identifier: Apache-2.0 */
/*
 * random_table.h - a table of every type, required and optional, in distributions that call for
 * every encoding.
 *
 * The same seed gives the same rows on every machine. Shared by the unit test and by the tool that
 * the comparison with other libraries drives.
 */
#pragma once

#include "store/parquet/writer.h"

enum { RANDOM_COLUMNS = 32 };

typedef struct random_table {
    weir_arena arena;
    size_t rows, column_count;
    weir_parquet_column columns[RANDOM_COLUMNS];
    weir_value *values; /* rows * column_count, row by row */
} random_table;

void random_table_make(random_table *table, uint64_t seed, size_t rows);
void random_table_free(random_table *table);

/* Writes it: row by row, or as columns in batches of `batch` rows. */
weir_error *random_table_write_rows(const random_table *table, const weir_parquet_options *options,
                                    weir_buffer *out, weir_parquet_summary *summary_out);
weir_error *random_table_write_columns(const random_table *table,
                                       const weir_parquet_options *options, size_t batch,
                                       weir_buffer *out, weir_parquet_summary *summary_out);

/* The value as the reader gives it: enums as text, durations as int64, vectors as lists. */
weir_value random_table_as_read(weir_type type, const weir_value *value, weir_arena *into);
