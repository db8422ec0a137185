/* SPDX-License-Identifier: Apache-2.0 */
/*
 * schema.h - how weir's types lie in Parquet's tree, for the writer.
 *
 * A *leaf* is a stored column. A *node* is a column as rows see it or a part of one: a single leaf,
 * a geo (two leaves), a list (leaf or node below) or a map. Levels count as Parquet does: a value's
 * definition level says how deep its path is there, its repetition level at which list a new item
 * begins.
 *
 *   bool BOOLEAN · int64, duration INT64 · float64 DOUBLE · time TIMESTAMP(us, UTC) · string, enum
 * UTF8 bytes BYTE_ARRAY · decimal INT32 (p <= 9), INT64 (p <= 18), FIXED_LEN_BYTE_ARRAY, big-endian
 *   geo group { lat, lon } · vec(n) LIST of FLOAT · list LIST · map MAP
 *
 * A duration is a plain INT64: Parquet's TIME is a time of day and its INTERVAL has months and
 * milliseconds; neither holds a span of microseconds.
 *
 * Internal to store/parquet.
 */
#pragma once

#include "schemas/value.h"
#include "store/parquet/meta.h"
#include "store/parquet/writer.h"

enum { PARQUET_PATH_MAX = 3 * WEIR_PARQUET_NESTING_MAX + 2 };

typedef struct parquet_leaf {
    weir_type type; /* of its values, optional taken off */
    uint8_t physical;
    uint8_t max_definition, max_repetition;
    int32_t type_length;
    uint32_t path_size;
    const char *path[PARQUET_PATH_MAX]; /* names from below the root down */
} parquet_leaf;

typedef struct parquet_node {
    weir_type type;
    uint8_t definition;      /* from this level on, the value is there                  */
    uint8_t item_definition; /* list, map: from this level on, an item is there         */
    uint8_t repetition;      /* list, map: level of its second and later items          */
    uint32_t first_leaf, leaf_count;
    const struct parquet_node *children; /* list, vec: 1; map: 2; else NULL */
} parquet_node;

typedef struct parquet_schema {
    const parquet_element *elements;
    size_t element_count;
    const parquet_leaf *leaves;
    size_t leaf_count;
    const parquet_node *nodes; /* one a column */
    size_t node_count;
} parquet_schema;

/* Bytes of a FIXED_LEN_BYTE_ARRAY that holds every decimal of that precision. */
unsigned parquet_decimal_bytes(unsigned precision);

weir_error *parquet_schema_make(const weir_parquet_column *columns, size_t count, weir_arena *into,
                                parquet_schema *schema_out);
