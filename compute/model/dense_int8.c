/* SPDX-License-Identifier: Apache-2.0 */
#include "compute/model/dense_int8.h"
#include "compute/model/byte_product.h"
#include "compute/model/dense.h"
#include "ops/runtime/assert.h"
#include <math.h>
#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

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
    float scale = most / WEIR_BYTE_WEIGHT_MAX;
    int32_t sum = 0;
    for (size_t i = 0; i < k; i++) {
        bool is_some = is_finite && scale > 0;
        int32_t q = is_some ? round_even(plain[i * n + column] / scale) : 0;
        q = q > WEIR_BYTE_WEIGHT_MAX    ? WEIR_BYTE_WEIGHT_MAX
            : q < -WEIR_BYTE_WEIGHT_MAX ? -WEIR_BYTE_WEIGHT_MAX
                                        : q;
        weights[i * n + column] = (int8_t)q;
        sum += q;
    }
    *scale_out = is_finite ? scale : NAN;
    *sum_out = sum;
}

static char *align(void *at) { return (char *)(((uintptr_t)at + 63) / 64 * 64); }

weir_dense_int8 *weir_dense_int8_create(size_t k, size_t n, const float *packed, weir_arena *into)
{
    WEIR_ASSERT(k > 0 && k <= WEIR_DENSE_INT8_K_MAX);
    weir_dense_int8 *d = weir_arena_new(into, weir_dense_int8);
    int32_t *sums = weir_arena_array(into, int32_t, n);
    float *scales = weir_arena_array(into, float, n);
    int8_t *packed_bytes =
        (int8_t *)align(weir_arena_alloc(into, weir_byte_packed_bytes(k, n) + 64));
    weir_arena scratch = {0};
    float *plain = weir_arena_array(&scratch, float, k *n);
    int8_t *weights = weir_arena_array(&scratch, int8_t, k * n);
    weir_dense_unpack(packed, k, n, plain);
    for (size_t c = 0; c < n; c++)
        quantise_column(plain, k, n, c, weights, &scales[c], &sums[c]);
    weir_byte_pack(weights, k, n, packed_bytes);
    weir_arena_deinit(&scratch);
    *d = (weir_dense_int8){.k = k, .n = n, .weights = packed_bytes, .sums = sums, .scales = scales};
    return d;
}

/* --- a row in bytes
 * ---------------------------------------------------------------------------------------------- */

/* How a row was quantised. The inverse is 0 where the step is, or where the step is NaN since it can
 * not be quantised; then the bytes are zeros. */
typedef struct row_range {
    float step, inverse;
    int32_t zero;
} row_range;

/* spoil: 0, or NaN if a number is not finite (times 0, it is NaN). */
static row_range range_of(float low, float high, float spoil)
{
    row_range range = {.step = (high - low) / 255.0f + spoil};
    if (!(range.step - range.step == 0)) range.step = NAN;
    float inverse = 1.0f / range.step;
    if (inverse - inverse == 0) { /* neither of 0 nor of NaN */
        range.inverse = inverse;
        range.zero = round_even(-low * inverse);
    } else if (range.step > 0) {
        range.step = 0;
    }
    return range;
}

static row_range range_plain(const float *x, size_t k)
{
    float low = 0, high = 0, spoil = 0;
    for (size_t i = 0; i < k; i++) {
        low = x[i] < low ? x[i] : low;
        high = x[i] > high ? x[i] : high;
        spoil += x[i] * 0.0f;
    }
    return range_of(low, high, spoil);
}

static void quantise_plain(const float *x, size_t k, row_range range, uint8_t *u)
{
    for (size_t i = 0; i < k; i++) {
        int32_t q = range.inverse > 0 ? round_even(x[i] * range.inverse) + range.zero : 0;
        u[i] = (uint8_t)(q < 0 ? 0 : q > 255 ? 255 : q);
    }
}

static void scale_plain(const weir_dense_int8 *d, const weir_dense_int8_end *end, row_range range,
                        const int32_t *sums, size_t from, size_t to, float *y)
{
    for (size_t c = from; c < to; c++) {
        float product =
            (float)(sums[c - from] - range.zero * d->sums[c]) * (range.step * d->scales[c]);
        product += end->bias == NULL ? 0.0f : end->bias[c];
        y[c] = end->relu && product < 0 ? 0 : product;
    }
}

#if defined(__x86_64__)
#define AVX2   __attribute__((target("avx2")))
#define AVX512 __attribute__((target("avx512f,avx512dq,avx512vl,avx512bw")))

AVX2 static inline __m256i mask_avx2(size_t left)
{
    __m256i at = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(left < 8 ? (int)left : 8), at);
}

/* Behind the last, zeros. */
AVX2 static inline __m256 load_avx2(const float *x, size_t left)
{
    return left < 8 ? _mm256_maskload_ps(x, mask_avx2(left)) : _mm256_loadu_ps(x);
}

/* The same eight at a time: least and greatest know no order, and each number is its own. */
AVX2 static row_range range_avx2(const float *x, size_t k)
{
    __m256 none = _mm256_setzero_ps(), low = none, high = none, spoil = none;
    for (size_t i = 0; i < k; i += 8) {
        __m256 v = load_avx2(x + i, k - i);
        low = _mm256_min_ps(v, low);
        high = _mm256_max_ps(v, high);
        spoil = _mm256_add_ps(_mm256_mul_ps(v, none), spoil);
    }
    float lows[8], highs[8], spoils[8];
    _mm256_storeu_ps(lows, low);
    _mm256_storeu_ps(highs, high);
    _mm256_storeu_ps(spoils, spoil);
    for (size_t i = 1; i < 8; i++) {
        lows[0] = lows[i] < lows[0] ? lows[i] : lows[0];
        highs[0] = highs[i] > highs[0] ? highs[i] : highs[0];
        spoils[0] += spoils[i];
    }
    return range_of(lows[0], highs[0], spoils[0]);
}

AVX2 static void quantise_avx2(const float *x, size_t k, row_range range, uint8_t *u)
{
    if (!(range.inverse > 0)) {
        memset(u, 0, k);
        return;
    }
    __m256i zero = _mm256_set1_epi32(range.zero);
    __m256 inverse = _mm256_set1_ps(range.inverse);
    for (size_t i = 0; i < k; i += 8) {
        __m256 steps = _mm256_mul_ps(load_avx2(x + i, k - i), inverse);
        __m256i q = _mm256_add_epi32(_mm256_cvtps_epi32(steps), zero);
        __m128i words = _mm_packs_epi32(_mm256_castsi256_si128(q), _mm256_extracti128_si256(q, 1));
        _mm_storel_epi64((__m128i *)(void *)(u + i), _mm_packus_epi16(words, words));
    }
}

AVX2 static void scale_avx2(const weir_dense_int8 *d, const weir_dense_int8_end *end,
                            row_range range, const int32_t *sums, size_t from, size_t to, float *y)
{
    const __m256i zero = _mm256_set1_epi32(range.zero);
    const __m256 step = _mm256_set1_ps(range.step), none = _mm256_setzero_ps();
    const __m256 least = _mm256_set1_ps(end->relu ? 0.0f : -INFINITY);
    for (size_t c = from; c < to; c += 8, sums += 8) {
        __m256i mask = mask_avx2(to - c);
        __m256i column = _mm256_maskload_epi32(d->sums + c, mask);
        __m256i sum = _mm256_sub_epi32(_mm256_load_si256((const __m256i *)(const void *)sums),
                                       _mm256_mullo_epi32(zero, column));
        __m256 scale = _mm256_mul_ps(step, load_avx2(d->scales + c, to - c));
        __m256 product = _mm256_mul_ps(_mm256_cvtepi32_ps(sum), scale);
        __m256 add = end->bias == NULL ? none : load_avx2(end->bias + c, to - c);
        product = _mm256_max_ps(least, _mm256_add_ps(product, add)); /* a NaN stays */
        if (to - c < 8)
            _mm256_maskstore_ps(y + c, mask, product);
        else
            _mm256_storeu_ps(y + c, product);
    }
}

static inline __mmask16 mask_of(size_t left)
{
    return left >= 16 ? 0xffff : (__mmask16)((1u << left) - 1);
}

/* And sixteen at a time. */
AVX512 static row_range range_avx512(const float *x, size_t k)
{
    __m512 none = _mm512_setzero_ps(), low = none, high = none, spoil = none;
    for (size_t i = 0; i < k; i += 16) {
        __m512 v = _mm512_maskz_loadu_ps(mask_of(k - i), x + i);
        low = _mm512_min_ps(v, low);
        high = _mm512_max_ps(v, high);
        spoil = _mm512_fmadd_ps(v, none, spoil);
    }
    return range_of(_mm512_reduce_min_ps(low), _mm512_reduce_max_ps(high),
                    _mm512_reduce_add_ps(spoil));
}

AVX512 static void quantise_avx512(const float *x, size_t k, row_range range, uint8_t *u)
{
    if (!(range.inverse > 0)) {
        memset(u, 0, k);
        return;
    }
    __m512i zero = _mm512_set1_epi32(range.zero), least = _mm512_setzero_si512();
    __m512 inverse = _mm512_set1_ps(range.inverse);
    for (size_t i = 0; i < k; i += 16) {
        __m512 steps = _mm512_mul_ps(_mm512_maskz_loadu_ps(mask_of(k - i), x + i), inverse);
        __m512i q = _mm512_max_epi32(_mm512_add_epi32(_mm512_cvtps_epi32(steps), zero), least);
        _mm_storeu_si128((__m128i *)(void *)(u + i), _mm512_cvtusepi32_epi8(q));
    }
}

AVX512 static void scale_avx512(const weir_dense_int8 *d, const weir_dense_int8_end *end,
                                row_range range, const int32_t *sums, size_t from, size_t to,
                                float *y)
{
    const int32_t *columns = d->sums;
    const float *scales = d->scales, *bias = end->bias;
    const __m512i zero = _mm512_set1_epi32(range.zero);
    const __m512 step = _mm512_set1_ps(range.step), none = _mm512_setzero_ps();
    const __m512 least = _mm512_set1_ps(end->relu ? 0.0f : -INFINITY);
    for (size_t c = from; c < to; c += 16, sums += 16) {
        __mmask16 mask = mask_of(to - c);
        __m512i column = _mm512_maskz_loadu_epi32(mask, columns + c);
        __m512i sum = _mm512_sub_epi32(_mm512_load_si512(sums), _mm512_mullo_epi32(zero, column));
        __m512 scale = _mm512_mul_ps(step, _mm512_maskz_loadu_ps(mask, scales + c));
        __m512 product = _mm512_mul_ps(_mm512_cvtepi32_ps(sum), scale);
        __m512 add = bias == NULL ? none : _mm512_maskz_loadu_ps(mask, bias + c);
        product = _mm512_max_ps(least, _mm512_add_ps(product, add)); /* a NaN stays */
        _mm512_mask_storeu_ps(y + c, mask, product);
    }
}
#endif

static row_range range_of_row(const float *x, size_t k)
{
#if defined(__x86_64__)
    weir_cpu cpu = weir_cpu_best();
    if (cpu >= WEIR_CPU_AVX2) return cpu >= WEIR_CPU_AVX512 ? range_avx512(x, k) : range_avx2(x, k);
#endif
    return range_plain(x, k);
}

static void quantise_row(const float *x, size_t k, row_range range, uint8_t *u)
{
#if defined(__x86_64__)
    weir_cpu cpu = weir_cpu_best();
    if (cpu >= WEIR_CPU_AVX512) {
        quantise_avx512(x, k, range, u);
        return;
    }
    if (cpu == WEIR_CPU_AVX2) {
        quantise_avx2(x, k, range, u);
        return;
    }
#endif
    quantise_plain(x, k, range, u);
}

static void scale_row(const weir_dense_int8 *d, const weir_dense_int8_end *end, row_range range,
                      const int32_t *sums, size_t from, size_t to, float *y)
{
#if defined(__x86_64__)
    weir_cpu cpu = weir_cpu_best();
    if (cpu >= WEIR_CPU_AVX512) {
        scale_avx512(d, end, range, sums, from, to, y);
        return;
    }
    if (cpu == WEIR_CPU_AVX2) {
        scale_avx2(d, end, range, sums, from, to, y);
        return;
    }
#endif
    scale_plain(d, end, range, sums, from, to, y);
}

/* --- run
 * ----------------------------------------------------------------------------------------------- */

enum { SUMS_BYTES = WEIR_BYTE_ROWS * WEIR_BYTE_COLUMNS * sizeof(int32_t) };

size_t weir_dense_int8_scratch_bytes(size_t k)
{
    return SUMS_BYTES + WEIR_BYTE_ROWS * weir_byte_stride(k) + 64;
}

/* At most WEIR_BYTE_ROWS rows. */
static void run_block(const weir_dense_int8 *d, const float *x, size_t rows,
                      const weir_dense_int8_end *end, float *y, void *scratch)
{
    int32_t *sums = (int32_t *)(void *)align(scratch);
    uint8_t *u = (uint8_t *)sums + SUMS_BYTES;
    row_range ranges[WEIR_BYTE_ROWS];
    /* First all ranges: a row's is a long chain, and rows behind it need not wait for it. */
    for (size_t r = 0; r < rows; r++)
        ranges[r] = range_of_row(x + r * d->k, d->k);
    for (size_t r = 0; r < rows; r++)
        quantise_row(x + r * d->k, d->k, ranges[r], u + r * weir_byte_stride(d->k));
    weir_byte_way way = weir_byte_begin(rows);
    for (size_t from = 0; from < d->n; from += WEIR_BYTE_COLUMNS) {
        size_t to = d->n - from < WEIR_BYTE_COLUMNS ? d->n : from + WEIR_BYTE_COLUMNS;
        weir_byte_product(way, d->weights, d->k, d->n, u, rows, from, sums);
        for (size_t r = 0; r < rows; r++)
            scale_row(d, end, ranges[r], sums + r * WEIR_BYTE_COLUMNS, from, to, y + r * d->n);
    }
    weir_byte_end(way);
}

void weir_dense_int8_run(const weir_dense_int8 *d, const float *x, size_t rows,
                         const weir_dense_int8_end *end, float *y, void *scratch)
{
    for (size_t r = 0; r < rows; r += WEIR_BYTE_ROWS) {
        size_t left = rows - r;
        run_block(d, x + r * d->k, left < WEIR_BYTE_ROWS ? left : WEIR_BYTE_ROWS, end, y + r * d->n,
                  scratch);
    }
}
