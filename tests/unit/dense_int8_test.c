/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "compute/model/byte_product.h"
#include "compute/model/dense.h"
#include "compute/model/dense_int8.h"

enum { K = 70, N = 66, ROWS = 80 };

static weir_arena arena;
static float w[K * N], x[ROWS * K], bias[N], y[ROWS * N];

static float seeded(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (float)((int32_t)(*state >> 40) - (1 << 23)) / 4194304.0f;
}

static int reset(void **state)
{
    (void)state;
    uint64_t seed = 5;
    weir_cpu_limit(WEIR_CPU_AMX);
    weir_arena_reset(&arena);
    for (size_t i = 0; i < K * N; i++)
        w[i] = seeded(&seed);
    for (size_t i = 0; i < ROWS * K; i++)
        x[i] = i / K % 4 == 1 && seeded(&seed) < 0 ? 0.0f : seeded(&seed) * (float)(1 + i / K);
    for (size_t i = 0; i < N; i++)
        bias[i] = seeded(&seed);
    return 0;
}

static weir_dense_int8 *layer(void)
{
    float *packed = weir_arena_array(&arena, float, weir_dense_packed_count(K, N));
    weir_dense_pack(w, K, N, N, 1, packed);
    return weir_dense_int8_create(K, N, packed, &arena);
}

static void run(const weir_dense_int8 *dense, const float *from, size_t rows, float *to)
{
    weir_dense_int8_end end = {.bias = bias};
    weir_dense_int8_run(dense, from, rows, &end, to,
                        weir_arena_alloc(&arena, weir_dense_int8_scratch_bytes(K)));
}

/* The rule of the header, written plainly, in double where a float operation is not meant. */
static float by_rule(size_t row, size_t column)
{
    float most = 0, low = 0, high = 0;
    for (size_t k = 0; k < K; k++) {
        most = fmaxf(most, fabsf(w[k * N + column]));
        low = fminf(low, x[row * K + k]);
        high = fmaxf(high, x[row * K + k]);
    }
    float scale = most / 63.0f, step = (high - low) / 255.0f, inverse = 1.0f / step;
    int64_t zero = llrintf(-low * inverse), sum = 0;
    for (size_t k = 0; k < K; k++) {
        int64_t u = llrintf(x[row * K + k] * inverse) + zero;
        u = u < 0 ? 0 : u > 255 ? 255 : u;
        sum += (u - zero) * llrintf(w[k * N + column] / scale);
    }
    float product = (float)sum * (step * scale);
    return product + bias[column];
}

static void a_layer_in_integers_follows_its_rule(void **state)
{
    (void)state;
    run(layer(), x, ROWS, y);
    double worst = 0;
    for (size_t r = 0; r < ROWS; r++) {
        for (size_t c = 0; c < N; c++) {
            float want = by_rule(r, c);
            assert_memory_equal(&y[r * N + c], &want, sizeof want);
            double exact = bias[c], size = 0;
            for (size_t k = 0; k < K; k++) {
                exact += (double)x[r * K + k] * w[k * N + c];
                size += fabs((double)x[r * K + k] * w[k * N + c]);
            }
            worst = fmax(worst, fabs(exact - y[r * N + c]) / size);
        }
    }
    assert_true(worst < 0.02); /* what 8 bits cost, against the size of the terms */
}

static void its_bits_depend_neither_on_the_batch_nor_on_the_cpu(void **state)
{
    (void)state;
    static float want[ROWS * N];
    weir_dense_int8 *dense = layer();
    weir_cpu_limit(WEIR_CPU_PLAIN);
    run(dense, x, ROWS, want);
    for (int cpu = WEIR_CPU_PLAIN; cpu <= WEIR_CPU_AMX; cpu++) {
        weir_cpu_limit((weir_cpu)cpu);
        for (size_t count = 1; count <= ROWS; count += 7) {
            memset(y, 0, sizeof y);
            for (size_t r = 0; r < ROWS; r += count)
                run(dense, x + r * K, count < ROWS - r ? count : ROWS - r, y + r * N);
            assert_memory_equal(y, want, sizeof y);
        }
    }
}

/* Bytes and weights at their ends, where 16 bits would overflow first; shapes that fill no block. */
static void its_sums_are_exact_on_every_cpu(void **state)
{
    (void)state;
    enum { MOST_K = 200, MOST_N = 300, MOST_ROWS = 32 };
    static int8_t weights[MOST_K * MOST_N];
    static uint8_t u[MOST_ROWS * 256];
    static _Alignas(64) int32_t sums[WEIR_BYTE_ROWS * WEIR_BYTE_COLUMNS];
    uint64_t seed = 3;
    for (size_t i = 0; i < sizeof weights; i++)
        weights[i] = (int8_t)(i % 3 == 0 ? 63 : i % 3 == 1 ? -63 : (int)(seeded(&seed) * 31));
    for (size_t i = 0; i < sizeof u; i++)
        u[i] = (uint8_t)(i % 2 == 0 ? 255 : (int)(seeded(&seed) * 63 + 126));
    const size_t shapes[][3] = {{1, 1, 1},    {64, 32, 32},  {65, 33, 32},   {200, 300, 31},
                                {7, 129, 32}, {128, 128, 4}, {200, 300, 32}, {63, 16, 3}};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        size_t k = shapes[i][0], n = shapes[i][1], rows = shapes[i][2],
               stride = weir_byte_stride(k);
        uintptr_t at = (uintptr_t)weir_arena_alloc(&arena, weir_byte_packed_bytes(k, n) + 64);
        int8_t *packed = (int8_t *)((at + 63) / 64 * 64);
        weir_byte_pack(weights, k, n, packed);
        for (int cpu = WEIR_CPU_PLAIN; cpu <= WEIR_CPU_AMX; cpu++)
            for (size_t from = 0; from < n; from += WEIR_BYTE_COLUMNS) {
                weir_cpu_limit((weir_cpu)cpu);
                weir_byte_way way = weir_byte_begin(rows);
                weir_byte_product(way, packed, k, n, u, rows, from, sums);
                weir_byte_end(way);
                for (size_t r = 0; r < rows; r++)
                    for (size_t c = from; c < n && c < from + WEIR_BYTE_COLUMNS; c++) {
                        int32_t want = 0;
                        for (size_t t = 0; t < k; t++)
                            want += u[r * stride + t] * weights[t * n + c];
                        assert_int_equal(sums[r * WEIR_BYTE_COLUMNS + c - from], want);
                    }
            }
    }
}

static void a_relu_behind_it_keeps_what_is_not_a_number(void **state)
{
    (void)state;
    static float plain[ROWS * N];
    weir_dense_int8 *dense = layer();
    x[5 * K] = NAN;
    run(dense, x, ROWS, plain);
    for (int cpu = WEIR_CPU_PLAIN; cpu <= WEIR_CPU_AMX; cpu++) {
        weir_cpu_limit((weir_cpu)cpu);
        weir_dense_int8_end end = {.bias = bias, .relu = true};
        weir_dense_int8_run(dense, x, ROWS, &end, y,
                            weir_arena_alloc(&arena, weir_dense_int8_scratch_bytes(K)));
        for (size_t i = 0; i < ROWS * N; i++)
            assert_true(i / N == 5 ? isnan(y[i]) != 0 : y[i] == fmaxf(plain[i], 0));
    }
}

static void a_number_that_is_not_finite_spoils_its_row_only(void **state)
{
    (void)state;
    static float before[ROWS * N];
    weir_dense_int8 *dense = layer();
    run(dense, x, ROWS, before);
    const float bad[] = {NAN, INFINITY, -INFINITY, 3.4e38f};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        x[(10 * i + 5) * K + i] = bad[i];
    x[35 * K] = -3.4e38f; /* a finite row whose range is not */
    run(dense, x, ROWS, y);
    for (size_t r = 0; r < ROWS; r++) {
        bool is_bad = r == 5 || r == 15 || r == 25 || r == 35;
        for (size_t c = 0; c < N; c++)
            assert_true(is_bad ? isnan(y[r * N + c]) != 0 : y[r * N + c] == before[r * N + c]);
    }
}

static void zeros_and_the_smallest_numbers_are_harmless(void **state)
{
    (void)state;
    memset(x, 0, sizeof x);
    for (size_t k = 0; k < K; k++) {
        w[k * N] = 0;
        w[k * N + 1] = (float)(int)(k % 100) * 1.4e-45f;
        x[K + k] = (float)(int)(k * 9) * 1.4e-45f;
    }
    weir_dense_int8 *dense = layer();
    run(dense, x, ROWS, y);
    for (size_t c = 0; c < N; c++)
        assert_true(y[c] == bias[c] && y[N + c] == bias[c]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_layer_in_integers_follows_its_rule, reset),
        cmocka_unit_test_setup(its_bits_depend_neither_on_the_batch_nor_on_the_cpu, reset),
        cmocka_unit_test_setup(its_sums_are_exact_on_every_cpu, reset),
        cmocka_unit_test_setup(a_relu_behind_it_keeps_what_is_not_a_number, reset),
        cmocka_unit_test_setup(a_number_that_is_not_finite_spoils_its_row_only, reset),
        cmocka_unit_test_setup(zeros_and_the_smallest_numbers_are_harmless, reset),
    };
    int result = cmocka_run_group_tests(tests, NULL, NULL);
    weir_arena_deinit(&arena);
    return result;
}
