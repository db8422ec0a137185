/* SPDX-License-Identifier: Apache-2.0 */
/*
 * eval_rows.h - rows of feature values on their way out: JSON Lines, CSV or Parquet.
 *
 * A row is an event that triggered a vector: its line, stream, time, the key of one of its
 * entities, and the vector's columns. An overflow is a null that the row's errors name (R12).
 *
 * Owns:    a buffer in front of stdout. Threads: one.
 */
#pragma once

#include "ingest/fold.h"
#include "ops/cli/command_table.h"

typedef struct weir_eval_rows weir_eval_rows;

/* vectors: of the plan, at most one per stream. CSV and Parquet take one only. entity: whose key is
 * shown; WEIR_NONE: that of the stream's first. */
weir_error *weir_eval_rows_create(const weir_plan *plan, const uint32_t *vectors,
                                  size_t vector_count, uint32_t entity, weir_format format,
                                  weir_eval_rows **rows_out);
void weir_eval_rows_destroy(weir_eval_rows *rows); /* NULL is fine */
/* A weir_fold_row_sink's function; the context is the rows. Rows of other streams are passed over.
 */
weir_error *weir_eval_rows_take(void *rows, const weir_fold_row *row);
/* Writes what is left. */
weir_error *weir_eval_rows_finish(weir_eval_rows *rows);
uint64_t weir_eval_rows_count(const weir_eval_rows *rows);
