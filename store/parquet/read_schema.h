/* SPDX-License-Identifier: Apache-2.0 */
/*
 * read_schema.h - a file's tree of elements as columns that rows can have.
 *
 * Structs are taken apart ("a.b"), but for a struct of two floats or doubles called lat and lon (or
 * latitude and longitude), in any order, which is a geo. Lists and maps are recognised in the forms that writers have used
 * over the years. What weir has no type for (a list of structs, an interval) becomes a column of
 * kind WEIR_NULL that can not be selected.
 *
 * Internal to store/parquet.
 */
#pragma once

#include "schemas/value.h"
#include "store/parquet/meta.h"
#include "store/parquet/writer.h"

/* How a stored value becomes a weir_value. */
typedef enum parquet_conversion {
    PARQUET_AS_NONE, /* not supported */
    PARQUET_AS_BOOL,
    PARQUET_AS_INT,
    PARQUET_AS_UINT32,
    PARQUET_AS_UINT64, /* decimal(20,0) */
    PARQUET_AS_FLOAT,
    PARQUET_AS_FLOAT16,
    PARQUET_AS_DECIMAL_INT,
    PARQUET_AS_DECIMAL_BYTES,
    PARQUET_AS_TIME, /* times `scale`, or divided where it is negative */
    PARQUET_AS_DURATION,
    PARQUET_AS_INT96,
    PARQUET_AS_STRING,
    PARQUET_AS_BYTES,
    PARQUET_AS_UUID,
} parquet_conversion;

typedef struct parquet_read_leaf {
    const parquet_element *element;
    const char *path; /* "a.list.element", for messages */
    parquet_conversion conversion;
    int64_t scale; /* microseconds a unit; -1000: nanoseconds */
    unsigned max_definition, max_repetition;
} parquet_read_leaf;

typedef enum parquet_shape { PARQUET_SCALAR, PARQUET_GEO, PARQUET_LIST, PARQUET_MAP } parquet_shape;

typedef struct parquet_read_node {
    parquet_shape shape;
    weir_type type;
    unsigned
        definition; /* from this level on, the value is there (geo, scalar: its leaf's greatest) */
    unsigned item_definition; /* list, map */
    unsigned repetition;      /* list, map */
    size_t first_leaf, leaf_count;
    bool is_longitude_first; /* geo */
    const struct parquet_read_node *children;
} parquet_read_node;

typedef struct parquet_read_schema {
    const parquet_read_leaf *leaves;
    size_t leaf_count;
    const parquet_read_node *nodes; /* one a column */
    const weir_parquet_column *columns;
    size_t column_count;
} parquet_read_schema;

weir_error *parquet_read_schema_make(const char *name, const parquet_file_meta *meta,
                                     weir_arena *into, parquet_read_schema *schema_out);
