/* SPDX-License-Identifier: Apache-2.0 */
/*
 * column.h - runs of values of one type, side by side: what aggregates read.
 *
 * How a value lies in memory depends on its type alone (weir_layout_of). A null is the value 2 of a
 * bool, else a nonzero byte beside the value; columns that can not hold a null have no such bytes.
 */
#pragma once

#include "compute/agg/texts.h"
#include "schemas/value.h"

typedef enum weir_layout {
    WEIR_LAYOUT_BOOL,   /* one byte: 0, 1, 2 null                      */
    WEIR_LAYOUT_INT32,  /* enum                                        */
    WEIR_LAYOUT_TEXT,   /* number of a text: string, bytes, list, map  */
    WEIR_LAYOUT_INT64,  /* int64, time, duration, decimal(18 or less)  */
    WEIR_LAYOUT_INT128, /* other decimals                             */
    WEIR_LAYOUT_FLOAT64,
    WEIR_LAYOUT_GEO, /* two doubles */
    WEIR_LAYOUT_VEC, /* n floats    */
} weir_layout;

enum { WEIR_BOOL_NULL = 2 };

weir_layout weir_layout_of(weir_type type);
size_t weir_layout_bytes(weir_type type); /* of one value */

typedef struct weir_column {
    weir_type type;
    weir_layout layout;
    const void *values;
    const uint8_t *nulls; /* or NULL */
    const weir_texts *texts;
} weir_column;

/* Rows that an aggregate looks at: argument columns, times and the filter, all with the same index.
 */
typedef struct weir_rows {
    const int64_t *times;
    weir_column args[2];
    const uint8_t *filter; /* a bool column, or NULL: every row passes */
} weir_rows;

static inline bool weir_rows_pass(const weir_rows *rows, size_t i)
{
    return rows->filter == NULL || rows->filter[i] == 1;
}

static inline bool weir_column_is_null(const weir_column *column, size_t i)
{
    if (column->layout == WEIR_LAYOUT_BOOL)
        return ((const uint8_t *)column->values)[i] == WEIR_BOOL_NULL;
    return column->nulls != NULL && column->nulls[i] != 0;
}

/* The value at i. Texts point into the table; lists and maps come as their canonical bytes (kind
 * bytes). */
weir_value weir_column_get(const weir_column *column, size_t i);
/* Decodes a list or map that weir_column_get gave as bytes; others are returned as they are. */
weir_value weir_column_open(weir_type type, weir_value value, weir_arena *into);
/* Writes a value to place i of a column's memory (values, nulls); a text is added to `texts`. */
void weir_column_set(weir_type type, void *values, uint8_t *nulls, weir_texts *texts, size_t i,
                     const weir_value *value);
/* Gives a row's text back, if it has one. */
void weir_column_release(weir_type type, const void *values, const uint8_t *nulls,
                         weir_texts *texts, size_t i);
