/* SPDX-License-Identifier: Apache-2.0 */
/*
 * model_rows.h - rows of a file as the inputs of a model.
 *
 * Columns go to inputs by name where the file has every name that the model asks for; else by
 * position, and then the file must have exactly as many columns as the model. A value is rounded
 * once to the input's type; an empty cell, null or NaN is NaN, which an input of integers refuses.
 *
 * Owns:    the open file and the memory of the inputs.
 * Threads: one.
 */
#pragma once

#include "compute/model/model.h"
#include "ingest/rows.h"

typedef struct weir_model_rows weir_model_rows;

weir_error *weir_model_rows_open(const weir_model_info *info, const char *path,
                                 const weir_rows_options *options, size_t batch_rows,
                                 weir_model_rows **rows_out);
void weir_model_rows_close(weir_model_rows *rows); /* NULL is fine */

/* Reads up to batch_rows rows; 0 at the end. Tensors live until the next call. */
weir_error *weir_model_rows_next(weir_model_rows *rows, const weir_model_tensor **inputs_out,
                                 size_t *count_out);

/* What the model calls a column of its inputs, counted through the ports. */
const char *weir_model_column_name(const weir_model_info *info, size_t column, weir_arena *into);
size_t weir_model_column_count(const weir_model_info *info);
