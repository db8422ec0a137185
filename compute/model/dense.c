/* SPDX-License-Identifier: Apache-2.0 */
#include "compute/model/dense.h"
#include <math.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#endif

static _Atomic int cpu_limit = WEIR_CPU_AMX;

void weir_cpu_limit(weir_cpu most) { cpu_limit = (int)most; }

#if defined(__x86_64__)
/* Tiles and products of their bytes; compilers of our time have no name for them. */
static bool has_amx(void)
{
    enum { TILES_AND_BYTES = 3 << 24 };
    unsigned a, b, c, d;
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && (d & TILES_AND_BYTES) == TILES_AND_BYTES;
}
#endif

static weir_cpu detect(void)
{
#if defined(__x86_64__)
    __builtin_cpu_init();
    bool has_fma = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    bool has_512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
                   __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw");
    if (!has_fma || !has_512) return has_fma ? WEIR_CPU_AVX2 : WEIR_CPU_PLAIN;
    if (!__builtin_cpu_supports("avx512vnni")) return WEIR_CPU_AVX512;
    return has_amx() ? WEIR_CPU_AMX : WEIR_CPU_VNNI;
#else
    return WEIR_CPU_PLAIN;
#endif
}

weir_cpu weir_cpu_best(void)
{
    static _Atomic int found = -1;
    int best = atomic_load_explicit(&found, memory_order_relaxed);
    if (best < 0) {
        best = (int)detect();
        atomic_store_explicit(&found, best, memory_order_relaxed);
    }
    int limit = atomic_load_explicit(&cpu_limit, memory_order_relaxed);
    return (weir_cpu)(best < limit ? best : limit);
}

const char *weir_cpu_name(weir_cpu cpu)
{
    static const char *const names[] = {"plain C", "AVX2", "AVX-512", "AVX-512 VNNI", "AMX"};
    return names[cpu];
}

void weir_dense_pack(const float *w, size_t k, size_t n, size_t row_stride, size_t column_stride,
                     float *packed)
{
    for (size_t begin = 0; begin < n; begin += WEIR_DENSE_PANEL)
        for (size_t row = 0; row < k; row++)
            for (size_t c = 0; c < WEIR_DENSE_PANEL; c++) {
                size_t column = begin + c;
                *packed++ = column < n ? w[row * row_stride + column * column_stride] : 0.0f;
            }
}

void weir_dense_unpack(const float *packed, size_t k, size_t n, float *plain)
{
    for (size_t i = 0; i < k; i++)
        for (size_t c = 0; c < n; c++)
            plain[i * n + c] = packed[c / WEIR_DENSE_PANEL * WEIR_DENSE_PANEL * k +
                                      i * WEIR_DENSE_PANEL + c % WEIR_DENSE_PANEL];
}

bool weir_dense_is_finite(const float *packed, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!isfinite(packed[i])) return false;
    return true;
}

/* --- the reference
 * ---------------------------------------------------------------------------------- */

/* The + 0 takes the sign from a zero that a product below the least float left behind. */
static float finish(const weir_dense *d, float sum, size_t column)
{
    sum += 0.0f;
    if (d->bias != NULL) sum += d->bias[column];
    return d->relu && sum < 0.0f ? 0.0f : sum;
}

static void run_plain(const weir_dense *d, const float *x, size_t rows, float *y)
{
    for (size_t r = 0; r < rows; r++)
        for (size_t c = 0; c < d->n; c++) {
            const float *w =
                d->packed + c / WEIR_DENSE_PANEL * WEIR_DENSE_PANEL * d->k + c % WEIR_DENSE_PANEL;
            float sum = 0.0f;
            for (size_t k = 0; k < d->k; k++)
                sum = __builtin_fmaf(x[r * d->k + k], w[k * WEIR_DENSE_PANEL], sum);
            y[r * d->n + c] = finish(d, sum, c);
        }
}

static void run_f64_plain(const double *x, size_t rows, size_t k, const double *w, size_t n,
                          double *y)
{
    memset(y, 0, rows * n * sizeof(double));
    for (size_t r = 0; r < rows; r++)
        for (size_t i = 0; i < k; i++)
            for (size_t c = 0; c < n; c++)
                y[r * n + c] = __builtin_fma(x[r * k + i], w[i * n + c], y[r * n + c]);
}

#if defined(__x86_64__)
#define AVX2   __attribute__((target("avx2,fma")))
#define AVX512 __attribute__((target("avx512f,avx512dq,avx512vl,avx512bw,fma")))
#define INLINE __attribute__((always_inline))
/* Before a loop whose bound is a constant once it is inlined: sums live in registers only where no
 * loop is left that walks their array. Clang takes no count above the bound. */
#if defined(__clang__)
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 8")
#endif

AVX2 static void run_f64_avx2(const double *x, size_t rows, size_t k, const double *w, size_t n,
                              double *y)
{
    memset(y, 0, rows * n * sizeof(double));
    for (size_t r = 0; r < rows; r++)
        for (size_t i = 0; i < k; i++)
            for (size_t c = 0; c < n; c++)
                y[r * n + c] = __builtin_fma(x[r * k + i], w[i * n + c], y[r * n + c]);
}

/* --- AVX2: R rows by one panel (two registers), or by half of one where the last has no more
 * ------------------------------------------------------------------------------------------ */

/* The numbers of a lone row that are not zero, and where their weights begin in a panel. */
enum { LONE_K_MAX = 1024 };
typedef struct lone_row {
    size_t count;
    uint32_t at[LONE_K_MAX + 16];
    float value[LONE_K_MAX + 16];
} lone_row;

static bool may_leave_out_zeros(const weir_dense *d, size_t rows)
{
    return rows == 1 && d->is_finite && d->k <= LONE_K_MAX;
}

/* What follows the sums of eight columns, or of as many as there are. */
typedef struct end_avx2 {
    __m256 bias, least;
    __m256i mask;
    bool is_whole;
} end_avx2;

AVX2 static inline INLINE end_avx2 end_of(const weir_dense *d, size_t column)
{
    /* Read from memory: a number computed for it would want a register through the loop before. */
    static const int32_t lanes[16] = {-1, -1, -1, -1, -1, -1, -1, -1};
    size_t left = d->n - column < 8 ? d->n - column : 8;
    end_avx2 end = {.mask = _mm256_loadu_si256((const __m256i *)(const void *)(lanes + 8 - left)),
                    .bias = _mm256_setzero_ps(),
                    .least = _mm256_set1_ps(d->relu ? 0.0f : -INFINITY),
                    .is_whole = left == 8};
    if (d->bias != NULL) end.bias = _mm256_maskload_ps(d->bias + column, end.mask);
    return end;
}

/* The maximum with a NaN is its second operand: NaN stays NaN, as in the reference. */
AVX2 static inline INLINE void store_avx2(end_avx2 end, __m256 sum, float *y)
{
    sum = _mm256_add_ps(_mm256_add_ps(sum, _mm256_setzero_ps()), end.bias);
    sum = _mm256_max_ps(end.least, sum);
    if (end.is_whole)
        _mm256_storeu_ps(y, sum);
    else
        _mm256_maskstore_ps(y, end.mask, sum);
}

AVX2 static inline INLINE void block_avx2(const weir_dense *d, const float *x, size_t column,
                                          float *y, const size_t R, const size_t H)
{
    const size_t count = d->k;
    const float *w = d->packed + column * count, *row[6];
    __m256 sum[6][2];
    UNROLL
    for (size_t r = 0; r < R; r++) {
        row[r] = x + r * count;
        UNROLL
        for (size_t h = 0; h < H; h++)
            sum[r][h] = _mm256_setzero_ps();
    }
    for (size_t k = 0; k < count; k++, w += WEIR_DENSE_PANEL) {
        __m256 half[2];
        UNROLL
        for (size_t h = 0; h < H; h++)
            half[h] = _mm256_load_ps(w + 8 * h);
        UNROLL
        for (size_t r = 0; r < R; r++) {
            __m256 a = _mm256_broadcast_ss(row[r] + k);
            UNROLL
            for (size_t h = 0; h < H; h++)
                sum[r][h] = _mm256_fmadd_ps(a, half[h], sum[r][h]);
        }
    }
    const size_t n = d->n;
    UNROLL
    for (size_t h = 0; h < H; h++) {
        end_avx2 end = end_of(d, column + 8 * h);
        UNROLL
        for (size_t r = 0; r < R; r++)
            store_avx2(end, sum[r][h], y + r * n + column + 8 * h);
    }
}

/* Six rows by two halves take twelve of the sixteen registers; eight sums are the least that keep a
 * CPU busy, so eight rows are twice four. */
AVX2 static inline INLINE void panel_avx2(const weir_dense *d, const float *x, size_t rows,
                                          size_t column, float *y, const size_t H)
{
    size_t r = 0;
    for (; r + 6 <= rows && r + 8 != rows; r += 6)
        block_avx2(d, x + r * d->k, column, y + r * d->n, 6, H);
    for (; r + 4 <= rows; r += 4)
        block_avx2(d, x + r * d->k, column, y + r * d->n, 4, H);
    for (; r + 2 <= rows; r += 2)
        block_avx2(d, x + r * d->k, column, y + r * d->n, 2, H);
    if (r < rows) block_avx2(d, x + r * d->k, column, y + r * d->n, 1, H);
}

/* A panel stays in the first cache while the rows pass. */
AVX2 static void run_avx2(const weir_dense *d, const float *x, size_t rows, float *y)
{
    for (size_t column = 0; column < d->n; column += WEIR_DENSE_PANEL)
        if (d->n - column > 8)
            panel_avx2(d, x, rows, column, y, 2);
        else
            panel_avx2(d, x, rows, column, y, 1);
}

/* Four numbers at a time: those that are not zero move to the front. */
AVX2 static void gather_nonzero_avx2(const weir_dense *d, const float *x, lone_row *row)
{
    static const uint32_t kept[16][4] = {
        {0}, {0},    {1},    {0, 1},    {2},    {0, 2},    {1, 2},    {0, 1, 2},
        {3}, {0, 3}, {1, 3}, {0, 1, 3}, {2, 3}, {0, 2, 3}, {1, 2, 3}, {0, 1, 2, 3},
    };
    size_t count = 0, k = 0;
    for (; k + 4 <= d->k; k += 4) {
        __m128 value = _mm_loadu_ps(x + k);
        int mask = _mm_movemask_ps(_mm_cmpneq_ps(value, _mm_setzero_ps())); /* NaN is not zero */
        __m128i from = _mm_loadu_si128((const __m128i *)(const void *)kept[mask]);
        __m128i at = _mm_add_epi32(from, _mm_set1_epi32((int)k));
        _mm_storeu_ps(row->value + count, _mm_permutevar_ps(value, from));
        _mm_storeu_si128((__m128i *)(void *)(row->at + count), _mm_slli_epi32(at, 4));
        count += (size_t)__builtin_popcount((unsigned)mask);
    }
    for (; k < d->k; k++) {
        row->at[count] = (uint32_t)(k * WEIR_DENSE_PANEL);
        row->value[count] = x[k];
        count += x[k] != 0.0f;
    }
    row->count = count;
}
_Static_assert(WEIR_DENSE_PANEL == 1 << 4, "the shift above");

/* A lone row by H halves of panels. */
AVX2 static inline INLINE void lone_block_avx2(const weir_dense *d, const lone_row *row,
                                               size_t column, float *y, const size_t H)
{
    const float *w = d->packed + column * d->k;
    size_t stride = WEIR_DENSE_PANEL * d->k;
    __m256 sum[8];
    UNROLL
    for (size_t h = 0; h < H; h++)
        sum[h] = _mm256_setzero_ps();
    for (size_t i = 0; i < row->count; i++) {
        __m256 a = _mm256_broadcast_ss(&row->value[i]);
        const float *at = w + row->at[i];
        UNROLL
        for (size_t h = 0; h < H; h++)
            sum[h] = _mm256_fmadd_ps(a, _mm256_load_ps(at + h / 2 * stride + h % 2 * 8), sum[h]);
    }
    UNROLL
    for (size_t h = 0; h < H; h++)
        store_avx2(end_of(d, column + 8 * h), sum[h], y + column + 8 * h);
}

AVX2 static void run_lone_avx2(const weir_dense *d, const float *x, float *y)
{
    size_t halves = (d->n + 7) / 8, h = 0;
    lone_row row;
    gather_nonzero_avx2(d, x, &row);
    for (; h + 8 <= halves; h += 8) /* each waits for its own chain: many of them */
        lone_block_avx2(d, &row, 8 * h, y, 8);
    for (; h + 4 <= halves; h += 4)
        lone_block_avx2(d, &row, 8 * h, y, 4);
    for (; h + 2 <= halves; h += 2)
        lone_block_avx2(d, &row, 8 * h, y, 2);
    if (h < halves) lone_block_avx2(d, &row, 8 * h, y, 1);
}

/* --- AVX-512: R rows by P panels
 * -------------------------------------------------------------------- */

/* A row's panel, finished. */
AVX512 static inline __attribute__((always_inline)) void store_avx512(const weir_dense *d,
                                                                      __m512 sum, size_t panel,
                                                                      float *y)
{
    size_t begin = panel * WEIR_DENSE_PANEL, left = d->n - begin;
    __mmask16 mask = left >= WEIR_DENSE_PANEL ? 0xffff : (__mmask16)((1u << left) - 1);
    sum = _mm512_add_ps(sum, _mm512_setzero_ps());
    if (d->bias != NULL) sum = _mm512_add_ps(sum, _mm512_maskz_loadu_ps(mask, d->bias + begin));
    if (d->relu) sum = _mm512_max_ps(_mm512_setzero_ps(), sum);
    _mm512_mask_storeu_ps(y + begin, mask, sum);
}

AVX512 static inline __attribute__((always_inline)) void block_avx512(const weir_dense *d,
                                                                      const float *x, size_t panel,
                                                                      float *y, const int R,
                                                                      const int P)
{
    const float *w = d->packed + panel * WEIR_DENSE_PANEL * d->k;
    size_t stride = WEIR_DENSE_PANEL * d->k;
    __m512 sum[4][8];
    UNROLL
    for (int r = 0; r < R; r++) {
        UNROLL
        for (int p = 0; p < P; p++)
            sum[r][p] = _mm512_setzero_ps();
    }
    for (size_t k = 0; k < d->k; k++, w += WEIR_DENSE_PANEL) {
        __m512 column[8];
        UNROLL
        for (int p = 0; p < P; p++)
            column[p] = _mm512_load_ps(w + (size_t)p * stride);
        UNROLL
        for (int r = 0; r < R; r++) {
            __m512 a = _mm512_set1_ps(x[(size_t)r * d->k + k]);
            UNROLL
            for (int p = 0; p < P; p++)
                sum[r][p] = _mm512_fmadd_ps(a, column[p], sum[r][p]);
        }
    }
    UNROLL
    for (int p = 0; p < P; p++) {
        UNROLL
        for (int r = 0; r < R; r++)
            store_avx512(d, sum[r][p], panel + (size_t)p, y + (size_t)r * d->n);
    }
}

/* A lone row's numbers that are not zero, sixteen at a time. */
AVX512 static void gather_nonzero_avx512(const weir_dense *d, const float *x, lone_row *row)
{
    __m512i at =
        _mm512_mullo_epi32(_mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0),
                           _mm512_set1_epi32(WEIR_DENSE_PANEL));
    size_t count = 0;
    for (size_t k = 0; k < d->k; k += 16) {
        size_t left = d->k - k;
        __mmask16 mask = left >= 16 ? 0xffff : (__mmask16)((1u << left) - 1);
        __m512 value = _mm512_maskz_loadu_ps(mask, x + k);
        mask = _mm512_mask_cmp_ps_mask(mask, value, _mm512_setzero_ps(), _CMP_NEQ_UQ);
        _mm512_storeu_ps(row->value + count, _mm512_maskz_compress_ps(mask, value));
        _mm512_storeu_si512(row->at + count, _mm512_maskz_compress_epi32(mask, at));
        count += (size_t)__builtin_popcount(mask);
        at = _mm512_add_epi32(at, _mm512_set1_epi32(16 * WEIR_DENSE_PANEL));
    }
    row->count = count;
}

AVX512 static inline __attribute__((always_inline)) void lone_block_avx512(const weir_dense *d,
                                                                           const lone_row *row,
                                                                           size_t panel, float *y,
                                                                           const int P)
{
    const float *w = d->packed + panel * WEIR_DENSE_PANEL * d->k;
    size_t stride = WEIR_DENSE_PANEL * d->k;
    __m512 sum[8];
    UNROLL
    for (int p = 0; p < P; p++)
        sum[p] = _mm512_setzero_ps();
    for (size_t i = 0; i < row->count; i++) {
        __m512 a = _mm512_set1_ps(row->value[i]);
        const float *at = w + row->at[i];
        UNROLL
        for (int p = 0; p < P; p++)
            sum[p] = _mm512_fmadd_ps(a, _mm512_load_ps(at + (size_t)p * stride), sum[p]);
    }
    UNROLL
    for (int p = 0; p < P; p++)
        store_avx512(d, sum[p], panel + (size_t)p, y);
}

AVX512 static void run_lone_avx512(const weir_dense *d, const float *x, float *y)
{
    size_t panels = (d->n + WEIR_DENSE_PANEL - 1) / WEIR_DENSE_PANEL, p = 0;
    lone_row row;
    gather_nonzero_avx512(d, x, &row);
    for (; p + 8 <= panels; p += 8) /* each waits for its own chain: many of them */
        lone_block_avx512(d, &row, p, y, 8);
    for (; p + 4 <= panels; p += 4)
        lone_block_avx512(d, &row, p, y, 4);
    for (; p + 2 <= panels; p += 2)
        lone_block_avx512(d, &row, p, y, 2);
    if (p < panels) lone_block_avx512(d, &row, p, y, 1);
}

AVX512 static inline __attribute__((always_inline)) void rows_avx512(const weir_dense *d,
                                                                     const float *x, float *y,
                                                                     const int R)
{
    size_t panels = (d->n + WEIR_DENSE_PANEL - 1) / WEIR_DENSE_PANEL, p = 0;
    for (; R == 1 && p + 8 <= panels;
         p += 8) /* a lone row waits for its own chains: more of them */
        block_avx512(d, x, p, y, R, R == 1 ? 8 : 1);
    for (; p + 4 <= panels; p += 4)
        block_avx512(d, x, p, y, R, 4);
    if (panels - p == 3) block_avx512(d, x, p, y, R, 3);
    if (panels - p == 2) block_avx512(d, x, p, y, R, 2);
    if (panels - p == 1) block_avx512(d, x, p, y, R, 1);
}

AVX512 static void run_avx512(const weir_dense *d, const float *x, size_t rows, float *y)
{
    size_t r = 0;
    for (; r + 4 <= rows; r += 4)
        rows_avx512(d, x + r * d->k, y + r * d->n, 4);
    for (; r < rows; r++)
        rows_avx512(d, x + r * d->k, y + r * d->n, 1);
}
#endif

void weir_dense_run(const weir_dense *dense, const float *x, size_t rows, float *y)
{
#if defined(__x86_64__)
    weir_cpu cpu = weir_cpu_best();
    bool is_lone = may_leave_out_zeros(dense, rows);
    if (cpu >= WEIR_CPU_AVX512) {
        is_lone ? run_lone_avx512(dense, x, y) : run_avx512(dense, x, rows, y);
        return;
    }
    if (cpu == WEIR_CPU_AVX2) {
        is_lone ? run_lone_avx2(dense, x, y) : run_avx2(dense, x, rows, y);
        return;
    }
#endif
    run_plain(dense, x, rows, y);
}

void weir_dense_run_f64(const double *x, size_t rows, size_t k, const double *w, size_t n,
                        double *y)
{
#if defined(__x86_64__)
    if (weir_cpu_best() >= WEIR_CPU_AVX2) {
        run_f64_avx2(x, rows, k, w, n, y);
        return;
    }
#endif
    run_f64_plain(x, rows, k, w, n, y);
}
