/* SPDX-License-Identifier: Apache-2.0 */
#include "compute/model/dense_int8.h"
#include "compute/model/dense.h"
#include "ops/runtime/assert.h"
#include <math.h>
#include <string.h>

/* To nearest, ties to even, for |x| < 2^22: adding 1.5 * 2^23 leaves no bits behind the point. */
static inline int32_t round_even(float x)
{
    const float shift = 12582912.0f;
    return (int32_t)((x + shift) - shift);
}

/* --- load
 * ---------------------------------------------------------------------------------------------- */

static float magnitude(float x) { return x < 0 ? -x : x; }

/* A column that is all zeros keeps zeros; one that is not finite gets the scale NaN and so only
 * NaNs. */
static void quantise_column(const float *plain, size_t k, size_t n, size_t column, int8_t *weights,
                            float *scale_out, int32_t *sum_out)
{
    float most = 0;
    bool is_finite = true;
    for (size_t i = 0; i < k; i++) {
        float w = magnitude(plain[i * n + column]);
        is_finite = is_finite && w - w == 0;
        if (w > most) most = w;
    }
    float scale = most / WEIR_DENSE_INT8_WEIGHT_MAX;
    int32_t sum = 0;
    for (size_t i = 0; i < k; i++) {
        bool is_some = is_finite && scale > 0;
        int32_t q = is_some ? round_even(plain[i * n + column] / scale) : 0;
        q = q > WEIR_DENSE_INT8_WEIGHT_MAX    ? WEIR_DENSE_INT8_WEIGHT_MAX
            : q < -WEIR_DENSE_INT8_WEIGHT_MAX ? -WEIR_DENSE_INT8_WEIGHT_MAX
                                              : q;
        weights[i * n + column] = (int8_t)q;
        sum += q;
    }
    *scale_out = is_finite ? scale : NAN;
    *sum_out = sum;
}

/* --- the sums
 * ------------------------------------------------------------------------------------------ */

static void sum_plain(const weir_dense_int8 *d, const uint8_t *u, size_t rows, int32_t *sums)
{
    memset(sums, 0, rows * d->n * sizeof *sums);
    for (size_t r = 0; r < rows; r++) {
        int32_t *to = sums + r * d->n;
        for (size_t i = 0; i < d->k; i++) {
            int32_t x = u[r * d->k + i];
            const int8_t *w = d->weights + i * d->n;
            for (size_t c = 0; c < d->n; c++)
                to[c] += x * w[c];
        }
    }
}

static void sum_rows(const weir_dense_int8 *d, const uint8_t *u, size_t rows, int32_t *sums)
{
    if (d->onednn != NULL)
        weir_onednn_dense_run_int8(d->onednn, u, rows, sums);
    else
        sum_plain(d, u, rows, sums);
}

/* Whether oneDNN's sums are the exact ones: rows of seeded bytes, of the greatest, and of those
 * that make each column's sum the greatest; alone and in every bucket. */
static bool sums_agree(const weir_dense_int8 *d)
{
    enum { ROWS = 80 };
    weir_arena scratch = {0};
    uint8_t *u = weir_arena_array(&scratch, uint8_t, ROWS * d->k);
    int32_t *want = weir_arena_array(&scratch, int32_t, ROWS * d->n);
    int32_t *got = weir_arena_array(&scratch, int32_t, ROWS * d->n);
    uint64_t state = 17;
    for (size_t i = 0; i < ROWS * d->k; i++) {
        size_t row = i / d->k;
        state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        u[i] = (uint8_t)(state >> 56);
        if (row == 1) u[i] = 255;
        if (row > 1 && row < 10)
            u[i] = d->weights[i % d->k * d->n + (row - 2) % d->n] > 0 ? 255 : 0;
    }
    sum_plain(d, u, ROWS, want);
    bool same = true;
    for (size_t count = 1; same && count <= ROWS; count += count < 20 ? 1 : 12) {
        for (int at_end = 0; same && at_end < 2; at_end++) {
            size_t from = at_end ? ROWS - count : 0;
            weir_onednn_dense_run_int8(d->onednn, u + from * d->k, count, got);
            same = memcmp(got, want + from * d->n, count * d->n * sizeof *got) == 0;
        }
    }
    weir_arena_deinit(&scratch);
    return same;
}

static weir_error *try_onednn(weir_dense_int8 *d, weir_arena *into)
{
    WEIR_TRY(weir_onednn_dense_create_int8(d->k, d->n, d->weights, into, &d->onednn));
    if (sums_agree(d)) return NULL;
    weir_onednn_dense_destroy(d->onednn);
    d->onednn = NULL;
    return NULL;
}

weir_error *weir_dense_int8_create(size_t k, size_t n, const float *packed, bool allow_onednn,
                                   weir_arena *into, weir_dense_int8 **dense_out)
{
    WEIR_ASSERT(k > 0 && k <= WEIR_DENSE_INT8_K_MAX);
    weir_dense_int8 *d = weir_arena_new(into, weir_dense_int8);
    int8_t *weights = weir_arena_array(into, int8_t, k * n);
    int32_t *sums = weir_arena_array(into, int32_t, n);
    float *scales = weir_arena_array(into, float, n);
    weir_arena scratch = {0};
    float *plain = weir_arena_array(&scratch, float, k *n);
    weir_dense_unpack(packed, k, n, plain);
    for (size_t c = 0; c < n; c++)
        quantise_column(plain, k, n, c, weights, &scales[c], &sums[c]);
    weir_arena_deinit(&scratch);
    *d = (weir_dense_int8){.k = k, .n = n, .weights = weights, .sums = sums, .scales = scales};
    *dense_out = d;
    return allow_onednn && weir_onednn_is_present() ? try_onednn(d, into) : NULL;
}

/* --- run
 * -----------------------------------------------------------------------------------------------
 */

/* How a row was quantised; `step` is NaN where it can not be. */
typedef struct row_range {
    float step;
    int32_t zero;
} row_range;

static row_range quantise_row(const float *x, size_t k, uint8_t *u)
{
    float low = 0, high = 0, sum = 0;
    for (size_t i = 0; i < k; i++) {
        low = x[i] < low ? x[i] : low;
        high = x[i] > high ? x[i] : high;
        sum += x[i] - x[i]; /* NaN as soon as one is not finite */
    }
    row_range range = {.step = (high - low) / 255.0f + sum};
    if (!(range.step - range.step == 0)) range.step = NAN;
    if (!(range.step > 0)) {
        memset(u, 0, k);
        return range;
    }
    range.zero = round_even(-low / range.step);
    for (size_t i = 0; i < k; i++) {
        int32_t q = round_even(x[i] / range.step) + range.zero;
        u[i] = (uint8_t)(q < 0 ? 0 : q > 255 ? 255 : q);
    }
    return range;
}

size_t weir_dense_int8_scratch_bytes(size_t rows, size_t k, size_t n)
{
    return rows * (n * sizeof(int32_t) + sizeof(row_range) + k) + 64;
}

static void scale_row(const weir_dense_int8 *d, row_range range, const int32_t *sums,
                      const float *bias, float *y)
{
    for (size_t c = 0; c < d->n; c++) {
        float product = (float)(sums[c] - range.zero * d->sums[c]) * (range.step * d->scales[c]);
        y[c] = bias == NULL ? product + 0.0f : product + bias[c];
    }
}

void weir_dense_int8_run(const weir_dense_int8 *d, const float *x, size_t rows, const float *bias,
                         float *y, void *scratch)
{
    int32_t *sums = (int32_t *)(((uintptr_t)scratch + 63) / 64 * 64);
    row_range *ranges = (row_range *)(sums + rows * d->n);
    uint8_t *u = (uint8_t *)(ranges + rows);
    for (size_t r = 0; r < rows; r++)
        ranges[r] = quantise_row(x + r * d->k, d->k, u + r * d->k);
    sum_rows(d, u, rows, sums);
    for (size_t r = 0; r < rows; r++)
        scale_row(d, ranges[r], sums + r * d->n, bias, y + r * d->n);
}
