/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dense_int8.h - a dense layer in 8-bit integers: other values than float32's, the same bits
 * everywhere.
 *
 * Weights, once at load: column n has the scale s[n] = max |w[k][n]| / 63 and the integers q[k][n]
 * = w[k][n] / s[n], rounded to nearest, ties to even, so |q| <= 63: with that, no CPU's 16-bit
 * intermediate sums saturate. A row x, when it comes: low and high are its least and greatest
 * number and 0, its step is t = (high - low) / 255, its inverse r = 1 / t, its zero z =
 * round(-low r), and u[k] = round(x[k] r) + z, kept within 0..255. Then
 *
 *   y[n] = float32(sum of q[k][n] (u[k] - z)) * (t * s[n]) + bias[n]
 *
 * where the sum is exact in int32 and each float32 operation is rounded once. A row that holds a
 * NaN or an infinity, or whose step is infinite, gives NaN; a step of 0, or so small that its
 * inverse is infinite, gives the bias. Nothing depends on other rows or on how a CPU adds
 * (byte_product.h).
 *
 * Owns:    the arena holds it.
 * Threads: immutable after create; a run uses the caller's scratch.
 * See also: docs/formats/models.md
 */
#pragma once

#include "ops/runtime/arena.h"
#include <stdbool.h>
#include <stdint.h>

enum { WEIR_DENSE_INT8_K_MAX = 65536 };

typedef struct weir_dense_int8 {
    size_t k, n;
    const int8_t *weights; /* packed, see byte_product.h */
    const int32_t *sums;   /* of each column's weights */
    const float *scales;   /* of each column */
} weir_dense_int8;

/* What follows the product. */
typedef struct weir_dense_int8_end {
    const float *bias; /* n floats, or NULL */
    bool relu;         /* what is negative becomes 0 */
} weir_dense_int8_end;

/* `packed` is in dense.h's form; k is at most WEIR_DENSE_INT8_K_MAX. */
weir_dense_int8 *weir_dense_int8_create(size_t k, size_t n, const float *packed, weir_arena *into);

size_t weir_dense_int8_scratch_bytes(size_t k);
void weir_dense_int8_run(const weir_dense_int8 *dense, const float *x, size_t rows,
                         const weir_dense_int8_end *end, float *y, void *scratch);
