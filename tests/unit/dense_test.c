/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "compute/model/dense.h"
#include "ops/runtime/arena.h"

enum { ROWS = 61, GUARD = 16 };

static weir_arena arena;

static float seeded(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (float)((int32_t)(*state >> 40) - (1 << 23)) / 4194304.0f;
}

/* The rule of the header, written plainly. */
static float by_rule(const weir_dense *d, const float *w, const float *x, size_t column)
{
    float sum = 0;
    for (size_t k = 0; k < d->k; k++)
        sum = fmaf(x[k], w[k * d->n + column], sum);
    sum = sum + 0.0f + (d->bias != NULL ? d->bias[column] : 0.0f);
    return d->relu && sum < 0 ? 0 : sum;
}

static weir_dense layer(size_t k, size_t n, float **w_out)
{
    uint64_t seed = k * 1000 + n;
    float *w = weir_arena_array(&arena, float, k *n), *bias = weir_arena_array(&arena, float, n);
    size_t count = weir_dense_packed_count(k, n);
    char *room = weir_arena_alloc(&arena, count * sizeof(float) + 64);
    float *packed = (float *)(((uintptr_t)room + 63) / 64 * 64);
    for (size_t i = 0; i < k * n; i++)
        w[i] = seeded(&seed);
    for (size_t i = 0; i < n; i++)
        bias[i] = i % 4 == 0 ? -0.0f : seeded(&seed); /* -0 shows the sign of a sum that is zero */
    weir_dense_pack(w, k, n, n, 1, packed);
    *w_out = w;
    return (weir_dense){.k = k,
                        .n = n,
                        .packed = packed,
                        .bias = n % 2 == 0 ? bias : NULL,
                        .relu = n % 3 == 0,
                        .is_finite = weir_dense_is_finite(packed, count)};
}

/* Half of some rows are zeros, as behind a Relu; one holds what is not a number, and one has
 * products below the least float, which may be zeros with a sign. */
static float *make_rows(size_t k)
{
    uint64_t seed = 7;
    float *x = weir_arena_array(&arena, float, ROWS *k);
    for (size_t i = 0; i < ROWS * k; i++) {
        x[i] = seeded(&seed);
        if (i / k % 3 == 1 && x[i] < 0) x[i] = i % 2 == 0 ? 0.0f : -0.0f;
    }
    x[4 * k + k / 2] = NAN;
    memset(x + 7 * k, 0, k * sizeof *x);
    x[7 * k + k - 1] = 1.4e-45f;
    return x;
}

static void assert_same(const float *y, const float *want, size_t count)
{
    for (size_t i = 0; i < count; i++)
        assert_true(isnan(want[i]) ? isnan(y[i]) != 0 : memcmp(&y[i], &want[i], sizeof *want) == 0);
}

static void check_layer(size_t k, size_t n)
{
    float *w, *x = make_rows(k), *want = weir_arena_array(&arena, float, ROWS *n);
    weir_dense dense = layer(k, n, &w);
    for (size_t r = 0; r < ROWS; r++)
        for (size_t c = 0; c < n; c++)
            want[r * n + c] = by_rule(&dense, w, x + r * k, c);
    float *y = weir_arena_array(&arena, float, ROWS *n + GUARD);
    for (int cpu = WEIR_CPU_PLAIN; cpu <= WEIR_CPU_AMX; cpu++) {
        weir_cpu_limit((weir_cpu)cpu);
        for (size_t at_once = 1; at_once <= ROWS; at_once += at_once < 14 ? 1 : 47) {
            for (size_t i = 0; i < ROWS * n + GUARD; i++)
                y[i] = 12345.0f;
            for (size_t r = 0; r < ROWS; r += at_once)
                weir_dense_run(&dense, x + r * k, at_once < ROWS - r ? at_once : ROWS - r,
                               y + r * n);
            assert_same(y, want, ROWS * n);
            for (size_t i = ROWS * n; i < ROWS * n + GUARD; i++)
                assert_true(y[i] == 12345.0f);
        }
    }
    weir_cpu_limit(WEIR_CPU_AMX);
    weir_arena_reset(&arena);
}

/* Shapes that fill no panel, no half of one and no step of four; the last is longer than a row whose
 * zeros are left out. */
static void a_row_follows_the_rule_on_every_cpu_and_in_every_batch(void **state)
{
    (void)state;
    const size_t shapes[][2] = {{1, 1},   {3, 8},   {5, 9},   {64, 16},  {30, 24},
                                {70, 66}, {33, 95}, {9, 160}, {3000, 21}};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        check_layer(shapes[i][0], shapes[i][1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_row_follows_the_rule_on_every_cpu_and_in_every_batch),
    };
    int result = cmocka_run_group_tests(tests, NULL, NULL);
    weir_arena_deinit(&arena);
    return result;
}
