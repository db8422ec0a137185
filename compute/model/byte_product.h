/* SPDX-License-Identifier: Apache-2.0 */
/*
 * byte_product.h - exact sums of products of unsigned by signed bytes: the product of a dense layer
 * in 8-bit integers.
 *
 * Weights are packed once, in panels of 16 columns; a panel holds, for each four steps of k, its
 * columns' four bytes one after the other. One such line of 64 bytes is what a VNNI instruction
 * multiplies, and 16 of them are a tile of AMX, so one form serves every CPU. The sums are exact in
 * int32 whoever adds: a weight is at most 63 steps, so that two products fit 16 bits signed
 * (255 * 63 * 2 < 2^15) where a CPU adds pairs first.
 *
 * Threads: nothing is shared.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum {
    WEIR_BYTE_WEIGHT_MAX = 63,
    WEIR_BYTE_ROWS = 32,     /* of a block: the most that are multiplied at once */
    WEIR_BYTE_COLUMNS = 128, /* likewise */
};

/* A row's bytes in memory: k rounded up; what stands behind k is multiplied by zeros. */
size_t weir_byte_stride(size_t k);

/* Room for the packed weights, which must be aligned to 64 bytes. */
size_t weir_byte_packed_bytes(size_t k, size_t n);
/* weights: [k][n]. */
void weir_byte_pack(const int8_t *weights, size_t k, size_t n, int8_t *packed);

/* How this CPU multiplies blocks of so many rows. Between begin and end nothing else may use AMX's
 * tiles on this thread; to set them up costs as much as to multiply ten rows. */
typedef enum weir_byte_way {
    WEIR_BYTE_PLAIN,
    WEIR_BYTE_AVX2,
    WEIR_BYTE_VNNI,
    WEIR_BYTE_TILES,
} weir_byte_way;
weir_byte_way weir_byte_begin(size_t rows);
void weir_byte_end(weir_byte_way way);

/* The sums of `rows` rows (at most WEIR_BYTE_ROWS) for the WEIR_BYTE_COLUMNS columns from `column`
 * on (a multiple of that), or as many as there are: sums[row * WEIR_BYTE_COLUMNS + c]. */
void weir_byte_product(weir_byte_way way, const int8_t *packed, size_t k, size_t n,
                       const uint8_t *u, size_t rows, size_t column, int32_t *sums);
