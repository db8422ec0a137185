/* SPDX-License-Identifier: Apache-2.0 */
/*
 * encoding.h - Parquet's integer encodings: bit packing, the RLE/bit-packed hybrid, delta binary
 * packed.
 *
 * Encoders work on whole pages. Decoders are cursors that give values a batch at a time, since a
 * few bytes of a hybrid can stand for two billion values: memory is the caller's batch, whatever
 * the page claims. A cursor that meets damage stops and says so; it never reads outside its bytes.
 *
 * Internal to store/parquet.
 */
#pragma once

#include "ops/runtime/buffer.h"

/* The bits that `value` needs; 0 for 0. */
static inline unsigned parquet_bit_width(uint64_t value)
{
    return value == 0 ? 0 : 64u - (unsigned)__builtin_clzll(value);
}

/* Value `index` of little-endian `width`-bit fields (width 0..64); `data` holds all of it. */
uint64_t parquet_unpack_one(const uint8_t *data, size_t size, size_t index, unsigned width);
/* `count` values of `width` bits (0..32), low bits first; appends whole bytes, padded with zeros.
 */
void parquet_pack(const uint32_t *values, size_t count, unsigned width, weir_buffer *out);

/* --- RLE / bit-packed hybrid --- */

/* Appends the values (each < 2^width, width 0..32), without any length in front. */
void parquet_hybrid_encode(const uint32_t *values, size_t count, unsigned width, weir_buffer *out);
/* The same for levels, a byte each. */
void parquet_hybrid_encode_u8(const uint8_t *values, size_t count, unsigned width,
                              weir_buffer *out);

typedef struct parquet_hybrid {
    weir_reader in;
    unsigned width;
    uint64_t run_left;     /* values left in the present run        */
    uint32_t run_value;    /* of an RLE run                         */
    bool is_packed;        /* the present run is bit-packed         */
    const uint8_t *packed; /* of a bit-packed run: its bytes        */
    size_t packed_size;
    size_t packed_index; /* the next value of it                  */
} parquet_hybrid;

void parquet_hybrid_init(parquet_hybrid *hybrid, weir_bytes data, unsigned width);
/* Exactly `count` values, or false. */
bool parquet_hybrid_read(parquet_hybrid *hybrid, uint32_t *values, size_t count);
bool parquet_hybrid_read_u8(parquet_hybrid *hybrid, uint8_t *values, size_t count);

/* --- Delta binary packed --- */

/* Values are int64; `is_32` makes differences wrap at 32 bits, as readers of INT32 expect. */
void parquet_delta_encode(const int64_t *values, size_t count, bool is_32, weir_buffer *out);
void parquet_delta_encode_i32(const int32_t *values, size_t count, weir_buffer *out);
/* Bits a value that the encoder would need over values[0..count), times 16. */
uint64_t parquet_delta_cost(const int64_t *values, size_t count);

typedef struct parquet_delta {
    weir_reader in;
    uint64_t value_count; /* what the header says */
    uint64_t left;        /* values still to come */
    uint64_t per_miniblock;
    uint32_t miniblock_count;
    uint32_t miniblock; /* the present one in its block     */
    uint64_t position;  /* the next value in the miniblock  */
    uint64_t min_delta, last;
    const uint8_t *widths;
    const uint8_t *packed;
    size_t packed_size;
    unsigned width;
    bool has_first; /* the first value stands in the header: still to be given */
} parquet_delta;

/* False if the header is damaged. */
bool parquet_delta_init(parquet_delta *delta, weir_bytes data);
/* Exactly `count` values, or false. */
bool parquet_delta_read(parquet_delta *delta, int64_t *values, size_t count);
/* Where the encoding ends: reads a copy to its end. False if it is damaged. */
bool parquet_delta_end(const parquet_delta *delta, const uint8_t **end_out);
