/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dense.h - matrix products with one order of summation on every CPU.
 *
 * y[r][n] = fma(x[r][K-1], w[K-1][n], ... fma(x[r][1], w[1][n], fma(x[r][0], w[0][n], 0))) +
 * bias[n]: sequential over k, one fused multiply-add a step. A row's bits depend on nothing but the
 * row and the weights, so scalar, AVX2 and AVX-512 code agree, and so do one row and a batch.
 *
 * Weights are packed once: panels of 16 columns, each k after the other, the last panel filled with
 * zeros.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum { WEIR_DENSE_PANEL = 16 };

/* Each can what those before it can. VNNI and AMX are AVX-512's, and serve bytes alone. */
typedef enum weir_cpu {
    WEIR_CPU_PLAIN,
    WEIR_CPU_AVX2,
    WEIR_CPU_AVX512,
    WEIR_CPU_VNNI,
    WEIR_CPU_AMX,
} weir_cpu;
weir_cpu weir_cpu_best(void); /* of this machine */
/* For tests: never uses more than `most`. */
void weir_cpu_limit(weir_cpu most);
const char *weir_cpu_name(weir_cpu cpu);

static inline size_t weir_dense_packed_count(size_t k, size_t n)
{
    return (n + WEIR_DENSE_PANEL - 1) / WEIR_DENSE_PANEL * WEIR_DENSE_PANEL * k;
}

/* Packs w[k * row_stride + n * column_stride] into `packed` (64-byte aligned, packed_count floats).
 */
void weir_dense_pack(const float *w, size_t k, size_t n, size_t row_stride, size_t column_stride,
                     float *packed);

/* The weights as plain [k][n] again. */
void weir_dense_unpack(const float *packed, size_t k, size_t n, float *plain);

typedef struct weir_dense {
    size_t k, n;
    const float *packed;
    const float *bias; /* n floats, or NULL */
    bool relu;         /* what is negative becomes 0 */
    /* No weight is NaN or infinite. Then a zero in x changes no sum but for the sign of a zero, which
     * is + in the end, and a row alone may leave it out: behind a Relu that is half of the work. */
    bool is_finite;
} weir_dense;

bool weir_dense_is_finite(const float *packed, size_t count);

void weir_dense_run(const weir_dense *dense, const float *x, size_t rows, float *y);

/* The same in float64, weights as they stand: y[rows][n] = x[rows][k] w[k][n]. */
void weir_dense_run_f64(const double *x, size_t rows, size_t k, const double *w, size_t n,
                        double *y);
