/* SPDX-License-Identifier: Apache-2.0 */
/*
 * meta.h - Parquet's metadata as C structs: schema elements, column chunks, page headers.
 *
 * Numbers are those of parquet.thrift. Strings point into the footer's bytes; arrays live in an
 * arena. What a file says is checked here for form only (types, ranges, counts against bytes);
 * whether it makes sense is for schema.c and reader.c.
 *
 * Internal to store/parquet.
 */
#pragma once

#include "ops/runtime/arena.h"
#include "ops/runtime/error.h"
#include "store/parquet/thrift.h"

typedef enum parquet_physical {
    PARQUET_BOOLEAN,
    PARQUET_INT32,
    PARQUET_INT64,
    PARQUET_INT96,
    PARQUET_FLOAT,
    PARQUET_DOUBLE,
    PARQUET_BYTE_ARRAY,
    PARQUET_FIXED,
    PARQUET_PHYSICAL_COUNT,
} parquet_physical;

typedef enum parquet_repetition {
    PARQUET_REQUIRED,
    PARQUET_OPTIONAL,
    PARQUET_REPEATED
} parquet_repetition;

typedef enum parquet_encoding {
    PARQUET_PLAIN = 0,
    PARQUET_PLAIN_DICTIONARY = 2,
    PARQUET_RLE = 3,
    PARQUET_BIT_PACKED = 4,
    PARQUET_DELTA_BINARY_PACKED = 5,
    PARQUET_DELTA_LENGTH_BYTE_ARRAY = 6,
    PARQUET_DELTA_BYTE_ARRAY = 7,
    PARQUET_RLE_DICTIONARY = 8,
    PARQUET_BYTE_STREAM_SPLIT = 9,
} parquet_encoding;

typedef enum parquet_compression {
    PARQUET_UNCOMPRESSED,
    PARQUET_SNAPPY,
    PARQUET_GZIP,
    PARQUET_LZO,
    PARQUET_BROTLI,
    PARQUET_LZ4,
    PARQUET_ZSTD,
    PARQUET_LZ4_RAW,
} parquet_compression;

/* Logical types; what the old ConvertedType says is translated into these on reading. */
typedef enum parquet_logical {
    PARQUET_LOGICAL_NONE = 0,
    PARQUET_LOGICAL_STRING = 1,
    PARQUET_LOGICAL_MAP = 2,
    PARQUET_LOGICAL_LIST = 3,
    PARQUET_LOGICAL_ENUM = 4,
    PARQUET_LOGICAL_DECIMAL = 5,
    PARQUET_LOGICAL_DATE = 6,
    PARQUET_LOGICAL_TIME = 7,
    PARQUET_LOGICAL_TIMESTAMP = 8,
    PARQUET_LOGICAL_INTEGER = 10,
    PARQUET_LOGICAL_UNKNOWN = 11, /* always null */
    PARQUET_LOGICAL_JSON = 12,
    PARQUET_LOGICAL_BSON = 13,
    PARQUET_LOGICAL_UUID = 14,
    PARQUET_LOGICAL_FLOAT16 = 15,
    PARQUET_LOGICAL_OTHER = 99,     /* one that we do not know: the physical type rules */
    PARQUET_LOGICAL_INTERVAL = 100, /* only a ConvertedType */
} parquet_logical;

typedef enum parquet_unit {
    PARQUET_UNIT_MS = 1,
    PARQUET_UNIT_US = 2,
    PARQUET_UNIT_NS = 3
} parquet_unit;

typedef struct parquet_element {
    weir_bytes name;
    int32_t physical;    /* -1: a group */
    int32_t type_length; /* FIXED only  */
    int32_t repetition;  /* -1: absent (the root) */
    int32_t child_count;
    int32_t converted; /* -1: absent */
    int32_t scale, precision;
    int32_t logical;   /* parquet_logical */
    int32_t unit;      /* time, timestamp */
    bool is_utc;       /* time, timestamp */
    int32_t bit_width; /* integer */
    bool is_signed;    /* integer */
} parquet_element;

typedef struct parquet_chunk {
    int32_t physical;
    int32_t codec;
    int64_t value_count; /* nulls and empty lists too */
    int64_t uncompressed_bytes, compressed_bytes;
    int64_t data_offset;
    int64_t dictionary_offset; /* -1: none */
    bool has_meta;
    bool in_other_file;
} parquet_chunk;

typedef struct parquet_row_group {
    const parquet_chunk *chunks; /* one a leaf */
    int64_t row_count;
} parquet_row_group;

typedef struct parquet_key_value {
    weir_bytes key, value;
} parquet_key_value;

typedef struct parquet_file_meta {
    const parquet_element *elements;
    size_t element_count;
    size_t leaf_count;
    int64_t row_count;
    const parquet_row_group *row_groups;
    size_t row_group_count;
    const parquet_key_value *pairs;
    size_t pair_count;
    weir_bytes created_by;
    bool is_encrypted;
} parquet_file_meta;

typedef enum parquet_page_type {
    PARQUET_DATA_PAGE = 0,
    PARQUET_INDEX_PAGE = 1,
    PARQUET_DICTIONARY_PAGE = 2,
    PARQUET_DATA_PAGE_V2 = 3,
} parquet_page_type;

typedef struct parquet_page_header {
    int32_t type;
    int32_t uncompressed_bytes, compressed_bytes;
    bool has_crc;
    uint32_t crc;
    int32_t value_count;
    int32_t encoding;
    int32_t definition_encoding, repetition_encoding; /* v1 */
    int32_t null_count, row_count;                    /* v2 */
    int32_t definition_bytes, repetition_bytes;       /* v2 */
    bool is_compressed;                               /* v2 */
} parquet_page_header;

/* Names for messages. */
const char *parquet_encoding_name(int32_t encoding);
const char *parquet_physical_name(int32_t physical);

/* Writing. Elements are written canonically: the same element, the same bytes. */
void parquet_element_encode(const parquet_element *element, weir_buffer *out);
void parquet_page_header_encode(const parquet_page_header *header, weir_buffer *out);

/* Reading. `name` is the file's, for messages. Strings point into `footer`. */
weir_error *parquet_file_meta_decode(const char *name, weir_bytes footer, weir_arena *into,
                                     parquet_file_meta *meta_out);
/* False if there is no whole, well-formed header; else its size in *size_out. */
bool parquet_page_header_decode(weir_bytes from, parquet_page_header *header_out, size_t *size_out);
