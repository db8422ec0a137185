/* SPDX-License-Identifier: Apache-2.0 */
/*
 * column_batch.h - rows on their way into columns.
 *
 * A fold hands a row out as values that stand about in an event; a Parquet writer is fastest with
 * arrays (weir_parquet_vector). A batch takes rows by where their values stand and lays them out as
 * such arrays, without a copy of the row and without an allocation per value; the caller hands the
 * arrays on when it is full.
 *
 *     weir_column_batch_add(batch, row);                       until weir_column_batch_is_full
 *     weir_snapshot_add_columns(snapshot, weir_column_batch_vectors(batch), batch->row_count);
 *     weir_column_batch_clear(batch);
 *
 * Owns:    the arrays and copies of texts, lists and the like; the columns' inner types are the
 *          caller's. Threads: one.
 */
#pragma once

#include "store/parquet/writer.h"

/* Small enough to stay in the second cache beside the fold's state. Not a power of two: the columns
 * of one row would stand in the same lines of the first. */
enum { WEIR_COLUMN_BATCH_ROWS = 500 };

typedef struct weir_batch_column weir_batch_column;

typedef struct weir_column_batch {
    size_t row_count; /* at most WEIR_COLUMN_BATCH_ROWS */
    size_t column_count, word_count;
    weir_batch_column *columns; /* of words first */
    weir_parquet_vector *vectors;
    weir_arena arena; /* of the batch */
    weir_arena texts; /* of the rows */
} weir_column_batch;

void weir_column_batch_init(weir_column_batch *batch, const weir_parquet_column *columns,
                            size_t column_count);
void weir_column_batch_deinit(weir_column_batch *batch);

/* Takes a row: row[i] is where the value of column i stands, of its type or null. The batch must
 * not be full. */
void weir_column_batch_add(weir_column_batch *batch, const weir_value *const *row);
static inline bool weir_column_batch_is_full(const weir_column_batch *batch)
{
    return batch->row_count == WEIR_COLUMN_BATCH_ROWS;
}
/* The rows so far, a vector a column: valid until the next call. */
const weir_parquet_vector *weir_column_batch_vectors(weir_column_batch *batch);
void weir_column_batch_clear(weir_column_batch *batch);
