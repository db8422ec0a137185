/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dense_int8.h - a dense layer in 8-bit integers: other values than float32's, the same bits
 * everywhere.
 *
 * Weights, once at load: column n has the scale s[n] = max |w[k][n]| / 63 and the integers q[k][n]
 * = w[k][n] / s[n], rounded to nearest, ties to even, so |q| <= 63: with that, no CPU's 16-bit
 * intermediate sums saturate. A row x, when it comes: low and high are its least and greatest
 * number and 0, its step is t = (high - low) / 255, its zero z = round(-low / t), and u[k] =
 * round(x[k] / t) + z, kept within 0..255. Then
 *
 *   y[n] = float32(sum of q[k][n] (u[k] - z)) * (t * s[n]) + bias[n]
 *
 * where the sum is exact in int32 and each float32 operation is rounded once. A row that holds a
 * NaN or an infinity, or whose step is infinite, gives NaN; a step of 0 gives the bias. Nothing
 * depends on other rows or on who computes the sums: oneDNN where a probe at load finds them equal
 * to our own loop's, else that loop.
 *
 * Owns:    the arena holds it; its oneDNN layer must be destroyed before the arena goes.
 * Threads: immutable after create; a run uses the caller's scratch.
 * See also: docs/formats/models.md
 */
#pragma once

#include "compute/model/onednn.h"
#include <stdint.h>

enum { WEIR_DENSE_INT8_K_MAX = 65536, WEIR_DENSE_INT8_WEIGHT_MAX = 63 };

typedef struct weir_dense_int8 {
    size_t k, n;
    const int8_t *weights;     /* [k][n] */
    const int32_t *sums;       /* of each column's weights */
    const float *scales;       /* of each column */
    weir_onednn_dense *onednn; /* NULL: our own loop */
} weir_dense_int8;

/* `packed` is in dense.h's form; k is at most WEIR_DENSE_INT8_K_MAX. With `allow_onednn` oneDNN may
 * compute the sums. */
weir_error *weir_dense_int8_create(size_t k, size_t n, const float *packed, bool allow_onednn,
                                   weir_arena *into, weir_dense_int8 **dense_out);

size_t weir_dense_int8_scratch_bytes(size_t rows, size_t k, size_t n);
/* bias: n floats, or NULL. */
void weir_dense_int8_run(const weir_dense_int8 *dense, const float *x, size_t rows,
                         const float *bias, float *y, void *scratch);
