/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

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
    weir_arena_reset(&arena);
    for (size_t i = 0; i < K * N; i++)
        w[i] = seeded(&seed);
    for (size_t i = 0; i < ROWS * K; i++)
        x[i] = i / K % 4 == 1 && seeded(&seed) < 0 ? 0.0f : seeded(&seed) * (float)(1 + i / K);
    for (size_t i = 0; i < N; i++)
        bias[i] = seeded(&seed);
    return 0;
}

static weir_dense_int8 *layer(bool allow_onednn)
{
    weir_dense_int8 *dense = NULL;
    float *packed = weir_arena_array(&arena, float, weir_dense_packed_count(K, N));
    weir_dense_pack(w, K, N, N, 1, packed);
    assert_null(weir_dense_int8_create(K, N, packed, allow_onednn, &arena, &dense));
    return dense;
}

static void run(const weir_dense_int8 *dense, const float *from, size_t rows, float *to)
{
    weir_dense_int8_run(dense, from, rows, bias, to,
                        weir_arena_alloc(&arena, weir_dense_int8_scratch_bytes(rows, K, N)));
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
    float scale = most / 63.0f, step = (high - low) / 255.0f;
    int64_t zero = llrintf(-low / step), sum = 0;
    for (size_t k = 0; k < K; k++) {
        int64_t u = llrintf(x[row * K + k] / step) + zero;
        u = u < 0 ? 0 : u > 255 ? 255 : u;
        sum += (u - zero) * llrintf(w[k * N + column] / scale);
    }
    float product = (float)sum * (step * scale);
    return product + bias[column];
}

static void a_layer_in_integers_follows_its_rule(void **state)
{
    (void)state;
    run(layer(false), x, ROWS, y);
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

static void its_bits_depend_neither_on_the_batch_nor_on_who_adds(void **state)
{
    (void)state;
    static float alone[ROWS * N], by_onednn[ROWS * N];
    weir_dense_int8 *own = layer(false), *other = layer(true);
    if (other->onednn == NULL) print_message("no oneDNN here: only our own loop is compared\n");
    run(own, x, ROWS, y);
    for (size_t r = 0; r < ROWS; r++)
        run(own, x + r * K, 1, alone + r * N);
    assert_memory_equal(alone, y, sizeof y);
    for (size_t count = 1; count <= ROWS; count += 7) {
        for (size_t r = 0; r < ROWS; r += count)
            run(other, x + r * K, count < ROWS - r ? count : ROWS - r, by_onednn + r * N);
        assert_memory_equal(by_onednn, y, sizeof y);
    }
    if (other->onednn != NULL) weir_onednn_dense_destroy(other->onednn);
}

static void a_number_that_is_not_finite_spoils_its_row_only(void **state)
{
    (void)state;
    static float before[ROWS * N];
    weir_dense_int8 *dense = layer(false);
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
    weir_dense_int8 *dense = layer(true);
    run(dense, x, ROWS, y);
    for (size_t c = 0; c < N; c++)
        assert_true(y[c] == bias[c] && y[N + c] == bias[c]);
    if (dense->onednn != NULL) weir_onednn_dense_destroy(dense->onednn);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_layer_in_integers_follows_its_rule, reset),
        cmocka_unit_test_setup(its_bits_depend_neither_on_the_batch_nor_on_who_adds, reset),
        cmocka_unit_test_setup(a_number_that_is_not_finite_spoils_its_row_only, reset),
        cmocka_unit_test_setup(zeros_and_the_smallest_numbers_are_harmless, reset),
    };
    int result = cmocka_run_group_tests(tests, NULL, NULL);
    weir_arena_deinit(&arena);
    return result;
}
