/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chunk.h - one leaf's values of the row group being filled, and their way into pages.
 *
 * Values are kept dense (nulls have none) in the plain C form that encoding wants; levels beside
 * them, a byte each, but for a flat column without nulls, which has none until the first null
 * comes.
 *
 * Internal to store/parquet.
 */
#pragma once

#include "ops/runtime/compress.h"
#include "ops/runtime/digest.h"
#include "store/parquet/dictionary.h"
#include "store/parquet/schema.h"

typedef enum parquet_store {
    PARQUET_STORE_U8,  /* bool                                      */
    PARQUET_STORE_I32, /* small decimals                            */
    PARQUET_STORE_I64, /* integers, times, decimals                 */
    PARQUET_STORE_F32,
    PARQUET_STORE_F64,
    PARQUET_STORE_I128,  /* large decimals                            */
    PARQUET_STORE_ENUM,  /* uint32_t, index of the symbol             */
    PARQUET_STORE_BYTES, /* `values` has uint64_t offsets, one more than values; `heap` the bytes */
} parquet_store;

typedef struct parquet_chunk_builder {
    const parquet_leaf *leaf;
    parquet_store store;
    weir_buffer values;
    weir_buffer heap;
    weir_buffer definitions; /* empty in a flat column that has had no null yet */
    weir_buffer repetitions; /* only where max_repetition > 0 */
    size_t entry_count;      /* levels: values, nulls and empty lists */
    size_t value_count;
} parquet_chunk_builder;

unsigned parquet_store_bytes(parquet_store store); /* of a value in `values` */

void parquet_chunk_init(parquet_chunk_builder *chunk, const parquet_leaf *leaf);
void parquet_chunk_deinit(parquet_chunk_builder *chunk);
void parquet_chunk_clear(parquet_chunk_builder *chunk);

/* An entry without a value. */
void parquet_chunk_put_absent(parquet_chunk_builder *chunk, unsigned repetition,
                              unsigned definition);
/* A value of the leaf's type. Fails, adding nothing, if it is too long or does not fit its type. */
weir_error *parquet_chunk_put(parquet_chunk_builder *chunk, unsigned repetition,
                              const weir_value *value);
/* `count` values of a flat leaf, as weir_parquet_vector has them. */
weir_error *parquet_chunk_put_vector(parquet_chunk_builder *chunk, const void *data,
                                     const uint8_t *valid, size_t count);
/* One row of `count` floats of a vec, or every other double of geos. */
void parquet_chunk_put_floats(parquet_chunk_builder *chunk, const parquet_node *node,
                              const float *floats, size_t count);
void parquet_chunk_put_doubles(parquet_chunk_builder *chunk, const double *pairs,
                               const uint8_t *valid, size_t count, unsigned present,
                               unsigned absent);

/* --- Into pages (encode.c) --- */

/* Shared by all chunks of a writer. */
typedef struct parquet_encoder {
    weir_compressor *compressor; /* NULL: uncompressed */
    weir_sha256 *content;
    parquet_dictionary dictionary;
    weir_buffer sample;
    weir_buffer body; /* a page before compression */
    weir_buffer page; /* as it goes to the file */
    weir_error *(*emit)(void *context, const void *data, size_t size);
    void *context;
} parquet_encoder;

enum { PARQUET_STATISTIC_BYTES_MAX = 64 };

typedef struct parquet_statistics {
    bool has_least, has_greatest, least_is_exact;
    uint8_t least_size, greatest_size;
    uint8_t least[PARQUET_STATISTIC_BYTES_MAX], greatest[PARQUET_STATISTIC_BYTES_MAX];
} parquet_statistics;

/* What the footer says about a chunk. */
typedef struct parquet_chunk_summary {
    parquet_encoding encoding;
    int64_t dictionary_bytes; /* of its page in the file; 0: none */
    int64_t uncompressed_bytes, compressed_bytes;
    int64_t entry_count, null_count;
    uint32_t page_count;
    parquet_statistics statistics;
} parquet_chunk_summary;

/* Value `index` of a BYTES chunk, or entry `index` of the dictionary that was made of it or of an
 * enum. */
weir_bytes parquet_string_at(const parquet_chunk_builder *chunk, size_t index);
weir_bytes parquet_text_of(const parquet_chunk_builder *chunk, const parquet_encoder *encoder,
                           bool has_dictionary, size_t index);
void parquet_put_big_endian(weir_int128 value, size_t size, uint8_t *to);
/* statistics.c. Texts are looked at through the dictionary if there is one. */
void parquet_chunk_statistics(const parquet_chunk_builder *chunk, const parquet_encoder *encoder,
                              bool has_dictionary, parquet_statistics *statistics);

weir_error *parquet_chunk_write(parquet_chunk_builder *chunk, parquet_encoder *encoder,
                                parquet_chunk_summary *summary_out);

/* Content hash: what stands before the pages, between them, and at the end
 * (docs/formats/parquet.md). */
void parquet_content_begin(weir_sha256 *sha, const parquet_element *elements, size_t count);
void parquet_content_group(weir_sha256 *sha, uint64_t row_count);
void parquet_content_chunk(weir_sha256 *sha, uint32_t leaf, uint64_t entry_count);
void parquet_content_page(weir_sha256 *sha, const parquet_page_header *header, const void *body);
void parquet_content_end(weir_sha256 *sha, uint64_t row_count);
