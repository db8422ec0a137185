/* SPDX-License-Identifier: Apache-2.0 */
/*
 * compress.h - one face for the compressors, and their CRC-32.
 *
 * Blocks (Parquet pages, Avro blocks): the size before compression is known and stands in the file,
 * so a decompressor writes exactly that many bytes or fails; nothing is allocated for a length that
 * a file merely claims. Streams (.gz, .zst files) are read piece by piece into the caller's memory,
 * so that a bomb costs time and no memory.
 *
 * Threads: a weir_compressor belongs to one thread; the functions without one may run anywhere.
 */
#pragma once

#include "ops/runtime/buffer.h"
#include "ops/runtime/error.h"

/* CRC-32 as gzip and Parquet have it (ISO-HDLC). `crc` is 0 at first, then the previous result. */
uint32_t weir_crc32(uint32_t crc, const void *data, size_t size);

/* zstd at one level with one context, which is what makes small pages cheap. */
typedef struct weir_compressor weir_compressor;
enum { WEIR_ZSTD_COLUMNS = 1000 }; /* instead of a level: fast, and tuned for columns of numbers */
weir_compressor *weir_compressor_create(int zstd_level);
void weir_compressor_destroy(weir_compressor *compressor);
/* Appends one zstd frame of `size` bytes to `out`. */
void weir_compressor_zstd(weir_compressor *compressor, const void *data, size_t size,
                          weir_buffer *out);

typedef enum weir_codec {
    WEIR_CODEC_NONE,
    WEIR_CODEC_SNAPPY,
    WEIR_CODEC_GZIP,    /* gzip or zlib wrapping, or many members */
    WEIR_CODEC_DEFLATE, /* raw, as in Avro containers             */
    WEIR_CODEC_ZSTD,
    WEIR_CODEC_LZ4_RAW,
    WEIR_CODEC_LZ4_HADOOP, /* the legacy Parquet LZ4: Hadoop frames, or a bare block, or an LZ4
                              frame's block */
    WEIR_CODEC_BROTLI,
} weir_codec;

/*
 * Decompresses one block into exactly `to_size` bytes at `to`. False if the block is damaged or
 * holds another number of bytes, or if the codec was not built in (Brotli).
 */
bool weir_decompress(weir_codec codec, weir_bytes from, void *to, size_t to_size);
/* The same where the size is not stored (Avro): appends to `out`, at most `limit` bytes, else
 * false. */
bool weir_decompress_unsized(weir_codec codec, weir_bytes from, size_t limit, weir_buffer *out);

/* Appends one block of raw DEFLATE or SNAPPY to `out`; zstd has a compressor of its own. */
void weir_compress(weir_codec codec, weir_bytes from, weir_buffer *out);

/* A stream: plain, gzip or zstd, told apart by the first bytes that `fill` gives. */
typedef struct weir_inflater weir_inflater;

typedef struct weir_inflater_source {
    /* Up to `size` bytes into `to`; *got_out 0 at the end. */
    weir_error *(*read)(void *context, void *to, size_t size, size_t *got_out);
    void *context;
} weir_inflater_source;

weir_inflater *weir_inflater_create(weir_inflater_source source);
void weir_inflater_destroy(weir_inflater *inflater); /* NULL is fine */
/* Up to `size` (> 0) bytes; *got_out 0 at the end. A truncated or damaged stream is WEIR_E_CORRUPT.
 */
weir_error *weir_inflater_read(weir_inflater *inflater, void *to, size_t size, size_t *got_out);
