/* SPDX-License-Identifier: Apache-2.0 */
#include "compute/model/byte_product.h"
#include "compute/model/dense.h"
#include "ops/runtime/assert.h"
#include <stdatomic.h>
#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

/* A line is four steps of k by a panel's columns; k is padded to a tile of lines, n to a pair of
 * panels. */
enum { QUAD = 4, PANEL = 16, PAIR = 2 * PANEL, LINE = QUAD * PANEL, TILE_K = 64 };
_Static_assert(WEIR_BYTE_COLUMNS % PAIR == 0, "a block holds whole pairs of panels");

static size_t round_up(size_t x, size_t to) { return (x + to - 1) / to * to; }

size_t weir_byte_stride(size_t k) { return round_up(k, TILE_K); }

size_t weir_byte_packed_bytes(size_t k, size_t n)
{
    return weir_byte_stride(k) * round_up(n, PAIR);
}

void weir_byte_pack(const int8_t *weights, size_t k, size_t n, int8_t *packed)
{
    size_t panel_bytes = weir_byte_stride(k) * PANEL;
    memset(packed, 0, weir_byte_packed_bytes(k, n));
    for (size_t i = 0; i < k; i++)
        for (size_t c = 0; c < n; c++)
            packed[c / PANEL * panel_bytes + i / QUAD * LINE + c % PANEL * QUAD + i % QUAD] =
                weights[i * n + c];
}

/* --- a pair of panels by some rows, stride bytes each: sums of PAIR columns, one way a CPU
 * ---------------------------------------------------------------------------------------------- */

typedef void pair_product(const int8_t *w, const uint8_t *u, size_t stride, size_t rows,
                          int32_t *sums);

static void pair_plain(const int8_t *w, const uint8_t *u, size_t stride, size_t rows, int32_t *sums)
{
    for (size_t r = 0; r < rows; r++)
        for (size_t c = 0; c < PAIR; c++) {
            const int8_t *column = w + c / PANEL * PANEL * stride + c % PANEL * QUAD;
            int32_t sum = 0;
            for (size_t i = 0; i < stride; i++)
                sum += u[r * stride + i] * column[i / QUAD * LINE + i % QUAD];
            sums[r * WEIR_BYTE_COLUMNS + c] = sum;
        }
}

#if defined(__x86_64__)
#define AVX2 __attribute__((target("avx2")))
#define VNNI __attribute__((target("avx512f,avx512bw,avx512vnni")))
#define AMX  __attribute__((target("amx-tile,amx-int8")))

static inline int quad_of(const uint8_t *u)
{
    int quad;
    memcpy(&quad, u, sizeof quad);
    return quad;
}

AVX2 static inline __m256i add_quads_avx2(__m256i sum, __m256i u, const int8_t *w)
{
    __m256i pairs = _mm256_maddubs_epi16(u, _mm256_load_si256((const __m256i *)(const void *)w));
    return _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
}

AVX2 static void pair_avx2(const int8_t *w, const uint8_t *u, size_t stride, size_t rows,
                           int32_t *sums)
{
    for (size_t r = 0; r < rows; r++, u += stride, sums += WEIR_BYTE_COLUMNS) {
        __m256i sum[4] = {_mm256_setzero_si256(), _mm256_setzero_si256(), _mm256_setzero_si256(),
                          _mm256_setzero_si256()};
        for (size_t i = 0; i < stride; i += QUAD) {
            __m256i quad = _mm256_set1_epi32(quad_of(u + i));
            const int8_t *left = w + i * PANEL, *right = left + PANEL * stride;
            sum[0] = add_quads_avx2(sum[0], quad, left);
            sum[1] = add_quads_avx2(sum[1], quad, left + LINE / 2);
            sum[2] = add_quads_avx2(sum[2], quad, right);
            sum[3] = add_quads_avx2(sum[3], quad, right + LINE / 2);
        }
        for (size_t c = 0; c < 4; c++)
            _mm256_storeu_si256((__m256i *)(void *)(sums + 8 * c), sum[c]);
    }
}

/* R rows at once; a lone one takes S steps at once, since it waits for its own chains. */
VNNI static inline __attribute__((always_inline)) void rows_vnni(const int8_t *w, const uint8_t *u,
                                                                 size_t stride, int32_t *sums,
                                                                 const size_t R, const size_t S)
{
    __m512i left[4], right[4];
    for (size_t i = 0; i < R * S; i++)
        left[i] = right[i] = _mm512_setzero_si512();
    for (size_t i = 0; i < stride; i += S * QUAD)
#pragma GCC unroll 4
        for (size_t s = 0; s < S; s++) {
            const int8_t *line = w + (i + s * QUAD) * PANEL;
            __m512i w0 = _mm512_load_si512(line), w1 = _mm512_load_si512(line + PANEL * stride);
#pragma GCC unroll 4
            for (size_t r = 0; r < R; r++) {
                __m512i quad = _mm512_set1_epi32(quad_of(u + r * stride + i + s * QUAD));
                left[r + s] = _mm512_dpbusd_epi32(left[r + s], quad, w0);
                right[r + s] = _mm512_dpbusd_epi32(right[r + s], quad, w1);
            }
        }
    for (size_t s = 1; s < S; s++) {
        left[0] = _mm512_add_epi32(left[0], left[s]);
        right[0] = _mm512_add_epi32(right[0], right[s]);
    }
    for (size_t r = 0; r < R; r++, sums += WEIR_BYTE_COLUMNS) {
        _mm512_storeu_si512(sums, left[r]);
        _mm512_storeu_si512(sums + PANEL, right[r]);
    }
}

VNNI static void pair_vnni(const int8_t *w, const uint8_t *u, size_t stride, size_t rows,
                           int32_t *sums)
{
    size_t r = 0;
    for (; r + 4 <= rows; r += 4)
        rows_vnni(w, u + r * stride, stride, sums + r * WEIR_BYTE_COLUMNS, 4, 1);
    for (; r < rows; r++)
        rows_vnni(w, u + r * stride, stride, sums + r * WEIR_BYTE_COLUMNS, 1, 4);
}

/* Two tiles of rows by two of columns. */
AMX static void pair_amx(const int8_t *w, const uint8_t *u, size_t stride, size_t rows,
                         int32_t *sums)
{
    WEIR_ASSERT(rows == WEIR_BYTE_ROWS);
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    for (size_t i = 0; i < stride; i += TILE_K) {
        _tile_loadd(4, u + i, stride);
        _tile_loadd(5, u + i + 16 * stride, stride);
        _tile_loadd(6, w + i * PANEL, LINE);
        _tile_loadd(7, w + i * PANEL + PANEL * stride, LINE);
        _tile_dpbusd(0, 4, 6);
        _tile_dpbusd(1, 4, 7);
        _tile_dpbusd(2, 5, 6);
        _tile_dpbusd(3, 5, 7);
    }
    const size_t row_bytes = WEIR_BYTE_COLUMNS * sizeof *sums;
    int32_t *below = sums + 16 * WEIR_BYTE_COLUMNS;
    _tile_stored(0, sums, row_bytes);
    _tile_stored(1, sums + PANEL, row_bytes);
    _tile_stored(2, below, row_bytes);
    _tile_stored(3, below + PANEL, row_bytes);
}

/* As the CPU reads it: eight tiles of 16 lines of 64 bytes. */
typedef struct tile_config {
    uint8_t palette, start_row, reserved[14];
    uint16_t line_bytes[16];
    uint8_t lines[16];
} tile_config;
_Static_assert(sizeof(tile_config) == 64, "as the CPU reads it");

/* Constant, and behind a barrier: the compiler's intrinsics do not say that they read memory. */
AMX static void begin_tiles(void)
{
    static const tile_config config = {
        .palette = 1,
        .line_bytes = {LINE, LINE, LINE, LINE, LINE, LINE, LINE, LINE},
        .lines = {16, 16, 16, 16, 16, 16, 16, 16}};
    __asm__ volatile("" ::: "memory");
    _tile_loadconfig(&config);
}

AMX static void end_tiles(void) { _tile_release(); }

/* A process must ask Linux once before it uses tiles. */
static bool may_use_tiles(void)
{
    enum { UNKNOWN, YES, NO, REQUEST_PERMISSION = 0x1023, TILE_DATA = 18 };
    static _Atomic int known = UNKNOWN;
    int answer = atomic_load_explicit(&known, memory_order_relaxed);
    if (answer == UNKNOWN) {
        answer = syscall(SYS_arch_prctl, REQUEST_PERMISSION, TILE_DATA) == 0 ? YES : NO;
        atomic_store_explicit(&known, answer, memory_order_relaxed);
    }
    return answer == YES;
}
#endif

/* --- choice
 * ---------------------------------------------------------------------------------------------- */

weir_byte_way weir_byte_begin(size_t rows)
{
    WEIR_ASSERT(rows > 0 && rows <= WEIR_BYTE_ROWS);
#if defined(__x86_64__)
    weir_cpu cpu = weir_cpu_best();
    if (cpu == WEIR_CPU_AMX && rows == WEIR_BYTE_ROWS && may_use_tiles()) {
        begin_tiles();
        return WEIR_BYTE_TILES;
    }
    if (cpu >= WEIR_CPU_AVX2) return cpu >= WEIR_CPU_VNNI ? WEIR_BYTE_VNNI : WEIR_BYTE_AVX2;
#endif
    return WEIR_BYTE_PLAIN;
}

void weir_byte_end(weir_byte_way way)
{
#if defined(__x86_64__)
    if (way == WEIR_BYTE_TILES) end_tiles();
#else
    (void)way;
#endif
}

static pair_product *product_of(weir_byte_way way)
{
    switch (way) {
#if defined(__x86_64__)
    case WEIR_BYTE_AVX2: return pair_avx2;
    case WEIR_BYTE_VNNI: return pair_vnni;
    case WEIR_BYTE_TILES: return pair_amx;
#endif
    default: return pair_plain;
    }
}

void weir_byte_product(weir_byte_way way, const int8_t *packed, size_t k, size_t n,
                       const uint8_t *u, size_t rows, size_t column, int32_t *sums)
{
    WEIR_ASSERT(column % WEIR_BYTE_COLUMNS == 0 && column < n);
    size_t stride = weir_byte_stride(k), left = round_up(n - column, PAIR);
    size_t pairs = (left < WEIR_BYTE_COLUMNS ? left : WEIR_BYTE_COLUMNS) / PAIR;
    pair_product *product = product_of(way);
    for (size_t p = 0; p < pairs; p++)
        product(packed + (column + p * PAIR) * stride, u, stride, rows, sums + p * PAIR);
}
