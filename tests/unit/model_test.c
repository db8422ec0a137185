/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "compute/model/dense.h"
#include "compute/model/exact_math.h"
#include "compute/model/model.h"
#include "compute/model/onednn.h"
#include "ops/runtime/file.h"

enum { ROWS = 100 };

static weir_arena arena;

static int reset(void **state)
{
    (void)state;
    weir_cpu_limit(WEIR_CPU_AMX);
    weir_arena_reset(&arena);
    return 0;
}

static const char *const small[] = {"xgb_binary.json",     "xgb_dart.ubj",   "xgb_three.ubj",
                                    "xgb_categories.json", "lgb_binary.txt", "lgb_zero.txt",
                                    "lgb_categories.txt",  "mlp.onnx",       "norm.onnx",
                                    "pieces.onnx",         "forest.onnx",    "boosting.onnx",
                                    "logistic.onnx"};
enum { SMALL_COUNT = sizeof small / sizeof small[0] };

static weir_bytes read_small(const char *name)
{
    const char *root = getenv("WEIR_TEST_ROOT");
    weir_bytes bytes = {0};
    weir_error *error = weir_file_read(
        weir_arena_printf(&arena, "%s/tests/model/small/%s", root == NULL ? "." : root, name),
        1 << 20, &arena, &bytes);
    if (error != NULL) print_error("%s\n", weir_error_message(error));
    assert_null(error);
    return bytes;
}

static weir_model *load(weir_bytes bytes, const char *name)
{
    weir_model *model = NULL;
    weir_error *error = weir_model_load(name, bytes, NULL, &model);
    if (error != NULL) print_error("%s\n", weir_error_message(error));
    assert_null(error);
    return model;
}

/* Loading must fail, with a message that holds `text`. */
static void refuse(weir_bytes bytes, const char *text)
{
    weir_model *model = NULL;
    weir_error *error = weir_model_load("hostile", bytes, NULL, &model);
    if (error == NULL) print_error("accepted what should say '%s'\n", text);
    assert_non_null(error);
    assert_null(model);
    if (strstr(weir_error_message(error), text) == NULL) {
        print_error("'%s' does not say '%s'\n", weir_error_message(error), text);
        fail();
    }
    weir_error_free(error);
}

static size_t element(weir_tensor_kind kind)
{
    return kind == WEIR_TENSOR_FLOAT64 || kind == WEIR_TENSOR_INT64 ? 8 : 4;
}

/* Seeded rows with gaps, in the kind of the only input. */
static void *make_rows(const weir_model_port *port, size_t rows)
{
    char *data = weir_arena_calloc(&arena, rows * port->width, element(port->kind));
    uint64_t state = 3;
    for (size_t i = 0; i < rows * port->width; i++) {
        state = state * UINT64_C(6364136223846793005) + 1442695040888963407u;
        double value = (double)((state >> 33) % 6001) / 1000.0 - 3.0;
        if ((state >> 40) % 11 == 0 && port->accepts_missing) value = NAN;
        if ((state >> 40) % 13 == 0) value = 0.0;
        if (port->kind == WEIR_TENSOR_FLOAT64)
            ((double *)data)[i] = value;
        else
            ((float *)data)[i] = (float)value;
    }
    return data;
}

static void *answers(const weir_model *model, const void *rows, size_t count, size_t at_once)
{
    const weir_model_info *info = weir_model_describe(model);
    weir_model_workspace *workspace = weir_model_workspace_create(model, at_once);
    size_t row_bytes = info->inputs[0].width * element(info->inputs[0].kind), out_bytes = 0;
    for (size_t o = 0; o < info->output_count; o++)
        out_bytes += info->outputs[o].width * 8;
    char *all = weir_arena_calloc(&arena, count, out_bytes);
    for (size_t row = 0; row < count; row += at_once) {
        size_t part = count - row < at_once ? count - row : at_once;
        weir_model_tensor input = {info->inputs[0].kind, info->inputs[0].width,
                                   (const char *)rows + row * row_bytes};
        weir_model_tensor outputs[8];
        assert_null(weir_model_run(model, workspace, &input, part, outputs));
        for (size_t r = 0; r < part; r++) {
            char *to = all + (row + r) * out_bytes;
            for (size_t o = 0; o < info->output_count; o++) {
                size_t bytes = outputs[o].width * element(outputs[o].kind);
                memcpy(to, (const char *)outputs[o].data + r * bytes, bytes);
                to += bytes;
            }
        }
    }
    weir_model_workspace_destroy(workspace);
    return all;
}

static void a_row_has_the_same_bits_on_every_cpu_and_in_every_batch(void **state)
{
    (void)state;
    for (size_t m = 0; m < SMALL_COUNT; m++) {
        weir_model *model = load(read_small(small[m]), small[m]);
        const weir_model_info *info = weir_model_describe(model);
        assert_int_equal(info->input_count, 1);
        size_t out_bytes = 0;
        for (size_t o = 0; o < info->output_count; o++)
            out_bytes += info->outputs[o].width * 8;
        void *rows = make_rows(&info->inputs[0], ROWS);
        void *alone = answers(model, rows, ROWS, 1);
        for (int cpu = WEIR_CPU_PLAIN; cpu <= WEIR_CPU_AMX; cpu++) {
            weir_cpu_limit((weir_cpu)cpu);
            for (size_t at_once = 1; at_once <= ROWS; at_once = at_once * 3 + 1)
                assert_memory_equal(alone, answers(model, rows, ROWS, at_once), ROWS * out_bytes);
        }
        weir_cpu_limit(WEIR_CPU_AMX);
        weir_model_destroy(model);
    }
}

static double raw_of(weir_model *model, const void *row, size_t column)
{
    const weir_model_info *info = weir_model_describe(model);
    const char *all = answers(model, row, 1, 1);
    return info->outputs[0].kind == WEIR_TENSOR_FLOAT64 ? ((const double *)all)[column]
                                                        : (double)((const float *)all)[column];
}

static void contributions_add_up_and_have_the_same_bits_on_every_cpu(void **state)
{
    (void)state;
    for (size_t m = 0; m < 7; m++) {
        weir_model *model = NULL;
        assert_null(weir_model_load(small[m], read_small(small[m]),
                                    &(weir_model_options){.raw = true}, &model));
        const weir_model_info *info = weir_model_describe(model);
        weir_model_workspace *workspace = weir_model_workspace_create(model, 1);
        size_t width = info->inputs[0].width;
        char *rows = make_rows(&info->inputs[0], ROWS);
        for (size_t row = 0; row < ROWS; row++) {
            weir_model_tensor input = {info->inputs[0].kind, (uint32_t)width,
                                       rows + row * width * element(info->inputs[0].kind)};
            double phi[64], sum = 0;
            bool supported = false;
            assert_null(weir_model_explain(model, workspace, &input, phi, &supported));
            assert_true(supported);
            for (size_t i = 0; i <= width; i++)
                sum += phi[i];
            assert_true(fabs(sum - raw_of(model, input.data, 0)) < 1e-5);
            for (int cpu = WEIR_CPU_PLAIN; cpu <= WEIR_CPU_AVX2; cpu++) {
                double other[64];
                weir_cpu_limit((weir_cpu)cpu);
                assert_null(weir_model_explain(model, workspace, &input, other, &supported));
                assert_memory_equal(phi, other, (width + 1) * sizeof(double));
            }
            weir_cpu_limit(WEIR_CPU_AMX);
        }
        weir_model_workspace_destroy(workspace);
        weir_model_destroy(model);
    }
}

static void a_file_cut_anywhere_fails_or_loads_but_never_crashes(void **state)
{
    (void)state;
    for (size_t m = 0; m < SMALL_COUNT; m++) {
        weir_bytes whole = read_small(small[m]);
        for (size_t size = 0; size < whole.size; size++) {
            uint8_t *part = malloc(size + 1); /* its end is where a sanitizer looks */
            assert_non_null(part);
            if (size > 0) memcpy(part, whole.data, size);
            weir_model *model = NULL;
            weir_error *error = weir_model_load("cut", (weir_bytes){part, size}, NULL, &model);
            assert_true((error == NULL) == (model != NULL));
            weir_error_free(error);
            weir_model_destroy(model);
            free(part);
        }
    }
}

static void other_kinds_of_files_are_named(void **state)
{
    (void)state;
    refuse((weir_bytes){(const uint8_t *)"", 0}, "empty");
    refuse((weir_bytes){(const uint8_t *)"\x80\x04\x95zzzz", 7}, "pickle");
    refuse((weir_bytes){(const uint8_t *)"binf\x00\x00", 6}, "old binary form");
    refuse((weir_bytes){(const uint8_t *)"PK\x03\x04zzzz", 8}, "zip");
    refuse((weir_bytes){(const uint8_t *)"{\"a\":1}", 7}, "learner");
    refuse((weir_bytes){(const uint8_t *)"tree\nversion=v4\n", 16}, "max_feature_idx");
    refuse((weir_bytes){(const uint8_t *)"hello, world", 12}, "model");
}

/* `count` times field 7 (graph), each inside the other: lengths from the inside out. */
static weir_bytes nest(const char *tag, size_t count)
{
    weir_buffer inner = {0};
    for (size_t i = 0; i < count; i++) {
        weir_buffer outer = {0};
        weir_buffer_put_text(&outer, tag);
        weir_buffer_put_varint(&outer, inner.size);
        weir_buffer_put(&outer, inner.data, inner.size);
        weir_buffer_deinit(&inner);
        inner = outer;
    }
    weir_bytes bytes = {weir_arena_copy(&arena, inner.data, inner.size), inner.size};
    weir_buffer_deinit(&inner);
    return bytes;
}

static void deep_nesting_costs_nothing(void **state)
{
    (void)state;
    refuse(nest("\x3a", 5000), ""); /* model.graph.? */
    weir_buffer graph = {0};        /* graph.node.attribute.g.node.attribute.g ... */
    weir_bytes attribute = nest("\x32", 5000);
    weir_buffer_put_text(&graph, "\x3a");
    weir_buffer_put_varint(&graph, attribute.size);
    weir_buffer_put(&graph, attribute.data, attribute.size);
    refuse((weir_bytes){graph.data, graph.size}, "");
    weir_buffer_deinit(&graph);
    char *text = weir_arena_calloc(&arena, 1, 100001);
    memset(text, '[', 100000);
    text[0] = '{';
    text[1] = '"';
    text[2] = 'a';
    text[3] = '"';
    text[4] = ':';
    refuse((weir_bytes){(const uint8_t *)text, 100000}, "");
    memset(text, '[', 100000);
    text[0] = '{';
    text[1] = 'i';
    text[2] = 1;
    text[3] = 'a';
    refuse((weir_bytes){(const uint8_t *)text, 100000}, "deep");
}

/* The file with the first `find` replaced. */
static weir_bytes edited(const char *name, const char *find, const char *replacement)
{
    weir_bytes whole = read_small(name);
    const uint8_t *at = memmem(whole.data, whole.size, find, strlen(find));
    assert_non_null(at);
    weir_buffer out = {0};
    weir_buffer_put(&out, whole.data, (size_t)(at - whole.data));
    weir_buffer_put_text(&out, replacement);
    const uint8_t *rest = at + strlen(find);
    weir_buffer_put(&out, rest, (size_t)(whole.data + whole.size - rest));
    weir_bytes bytes = {weir_arena_copy(&arena, out.data, out.size), out.size};
    weir_buffer_deinit(&out);
    return bytes;
}

static void circles_and_bad_indexes_in_trees_are_refused(void **state)
{
    (void)state;
    refuse(edited("xgb_binary.json", "\"left_children\":[1", "\"left_children\":[0"),
           "reached twice");
    refuse(edited("xgb_binary.json", "\"left_children\":[1", "\"left_children\":[99"), "outside");
    refuse(edited("xgb_binary.json", "\"left_children\":[1", "\"left_children\":[1e300"),
           "outside");
    refuse(edited("xgb_binary.json", "\"split_indices\":[", "\"split_indices\":[7777,"),
           "differ in length");
    refuse(edited("xgb_binary.json", "\"num_class\":\"0\",\"num_feature\":\"4\"",
                  "\"num_class\":\"0\",\"num_feature\":\"1\""),
           "asks feature");
    refuse(edited("xgb_binary.json", "\"name\":\"binary:logistic\"", "\"name\":\"mine\""),
           "not supported");
    refuse(edited("lgb_binary.txt", "left_child=", "left_child=0 "), "left_child");
    refuse(edited("lgb_binary.txt", "right_child=", "right_child=x"), "no number");
    refuse(edited("lgb_binary.txt", "num_leaves=5", "num_leaves=99999999"), "num_leaves");
    refuse(edited("lgb_binary.txt", "objective=binary", "objective=mine"), "not supported");
    refuse(edited("lgb_binary.txt", "is_linear=0", "is_linear=1"), "linear");
}

static void exact_functions_have_their_bits(void **state)
{
    (void)state;
    /* Correctly rounded values, and the ends. */
    assert_true(weir_exp(0.0) == 1.0 && fabs(weir_exp(1.0) - 0x1.5bf0a8b145769p+1) <= 0x1p-51);
    assert_true(weir_exp(-746.0) == 0.0 && weir_exp(710.0) == INFINITY &&
                weir_exp(-INFINITY) == 0.0);
    assert_true(isnan(weir_exp(NAN)) && isnan(weir_log(-1.0)) && weir_log(0.0) == -INFINITY);
    assert_true(weir_log(1.0) == 0.0 && fabs(weir_log(2.0) - 0x1.62e42fefa39efp-1) <= 0x1p-53 &&
                weir_log(INFINITY) == INFINITY);
    assert_true(weir_tanh(0.0) == 0.0 && weir_tanh(40.0) == 1.0 && weir_tanh(-40.0) == -1.0);
    assert_true(weir_sigmoid(0.0) == 0.5 && weir_sigmoid(800.0) == 1.0 &&
                weir_sigmoid(-800.0) == 0.0);
    assert_true(weir_erf(7.0) == 1.0 && fabs(weir_erf(0.5) - 0.5204998778130465) < 1e-15);
    assert_true(weir_pow(2.0, 10.0) == 1024.0 && weir_pow(4.0, 0.5) == 2.0 &&
                weir_pow(-2.0, 3.0) == -8.0);
    assert_true(isnan(weir_pow(-2.0, 0.3)) && weir_pow(0.0, 0.0) == 1.0);
    assert_true(weir_sin(0.0) == 0.0 && weir_cos(0.0) == 1.0 && weir_sin(-1.0) == -weir_sin(1.0));
    assert_true(fabs(weir_sin(1.0) - 0x1.aed548f090ceep-1) <= 0x1p-52 &&
                fabs(weir_cos(0x1p700) - 0x1.c67807d529ad4p-1) <= 0x1p-51);
    assert_true(isnan(weir_sin(INFINITY)) && isnan(weir_cos(NAN)));
    /* One number for the bits of 6,000 results: the same with every compiler and level. */
    uint64_t all = 0;
    for (int i = 1; i <= 1000; i++) {
        const double results[] = {weir_exp(i * 0.01),  weir_log(i * 0.37), weir_tanh(i * 0.003),
                                  weir_erf(i * 0.004), weir_sin(i * 3.7),  weir_cos(i * 1e19)};
        for (size_t r = 0; r < sizeof results / sizeof *results; r++)
            all = all * UINT64_C(0x100000001b3) ^ weir_exact_bits(results[r]);
    }
    assert_int_equal(all, UINT64_C(0x77697e57bbd937ff));
}

static void a_dense_layer_is_a_chain_of_fused_steps(void **state)
{
    (void)state;
    enum { K = 37, N = 45, R = 9 };
    float w[K * N], x[R * K], bias[N], want[R * N], got[R * N];
    for (int i = 0; i < K * N; i++)
        w[i] = (float)((i * 7919) % 1013) / 500.0f - 1.0f;
    for (int i = 0; i < R * K; i++)
        x[i] = (float)((i * 104729) % 997) / 500.0f - 1.0f;
    for (int i = 0; i < N; i++)
        bias[i] = (float)i / 10.0f;
    for (int r = 0; r < R; r++)
        for (int n = 0; n < N; n++) {
            float sum = 0;
            for (int k = 0; k < K; k++)
                sum = fmaf(x[r * K + k], w[k * N + n], sum);
            want[r * N + n] = sum + bias[n];
        }
    uintptr_t at = (uintptr_t)weir_arena_alloc(&arena, weir_dense_packed_count(K, N) * 4 + 64);
    float *packed = (float *)((at + 63) / 64 * 64);
    weir_dense_pack(w, K, N, N, 1, packed);
    weir_dense dense = {.k = K, .n = N, .packed = packed, .bias = bias};
    for (int cpu = WEIR_CPU_PLAIN; cpu <= WEIR_CPU_AMX; cpu++) {
        weir_cpu_limit((weir_cpu)cpu);
        weir_dense_run(&dense, x, R, got);
        assert_memory_equal(got, want, sizeof want);
    }
    if (!weir_onednn_is_present()) return;
    weir_onednn_dense *layer = NULL;
    assert_null(weir_onednn_dense_create(K, N, packed, bias, &arena, &layer));
    weir_onednn_dense_run(layer, x, R, got);
    for (int i = 0; i < R * N; i++)
        assert_true(fabsf(got[i] - want[i]) < 1e-4f);
    print_message("oneDNN %s %s: %s\n", weir_onednn_version(), weir_onednn_isa(),
                  weir_onednn_dense_probe(layer) ? "qualifies" : "does not qualify");
    weir_onednn_dense_destroy(layer);
}

static void lone_rows_agree(const weir_dense *dense, const float *x, float *want, float *got)
{
    weir_dense plain = *dense;
    plain.is_finite = false;
    weir_cpu_limit(WEIR_CPU_PLAIN);
    weir_dense_run(&plain, x, 1, want);
    for (int cpu = WEIR_CPU_PLAIN; cpu <= WEIR_CPU_AMX; cpu++) {
        weir_cpu_limit((weir_cpu)cpu);
        weir_dense_run(dense, x, 1, got);
        assert_memory_equal(got, want, dense->n * sizeof *want);
    }
}

/* A product below the least float rounds to -0, which a zero behind it would make +0. */
static void a_lone_row_of_products_too_small_for_a_float_has_no_sign(void **state)
{
    (void)state;
    enum { K = 2, N = 17 };
    const float rows[][K] = {{1e-30f, 0.0f}, {0.0f, 1e-30f}, {1e-30f, -0.0f}};
    float w[K * N], want[N], got[N];
    for (int i = 0; i < K * N; i++)
        w[i] = i % 3 == 0 ? 1.0f : -1e-30f;
    uintptr_t at = (uintptr_t)weir_arena_alloc(&arena, weir_dense_packed_count(K, N) * 4 + 64);
    float *packed = (float *)((at + 63) / 64 * 64);
    weir_dense_pack(w, K, N, N, 1, packed);
    weir_dense dense = {.k = K, .n = N, .packed = packed, .is_finite = true};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        lone_rows_agree(&dense, rows[i], want, got);
}

static void a_lone_row_may_leave_out_its_zeros(void **state)
{
    (void)state;
    static const size_t sizes[][2] = {{1, 1},   {16, 16},  {17, 1},    {64, 33},  {100, 130},
                                      {31, 64}, {129, 96}, {1024, 20}, {1025, 20}};
    uint64_t seed = 7;
    for (size_t i = 0; i < 400; i++) {
        size_t k = sizes[i % 9][0], n = sizes[i % 9][1], count = weir_dense_packed_count(k, n);
        float *w = weir_arena_array(&arena, float, k *n), *x = weir_arena_array(&arena, float, k);
        float *want = weir_arena_array(&arena, float, n), *got = weir_arena_array(&arena, float, n);
        float *bias = weir_arena_array(&arena, float, n), *packed;
        packed = (float *)(((uintptr_t)weir_arena_array(&arena, float, count + 16) + 63) / 64 * 64);
        for (size_t j = 0; j < k * n + k + n; j++) {
            seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
            float value = (float)((int)(seed >> 40) % 2001 - 1000) / 300.0f;
            if (j < k * n)
                w[j] = value;
            else if (j < k * n + n)
                bias[j - k * n] = value;
            else /* zeros of both signs, some values that are none */
                x[j - k * n - n] = (seed >> 33) % 3 == 0   ? 0.0f
                                   : (seed >> 33) % 3 == 1 ? -0.0f
                                                           : value;
        }
        if (i % 50 == 7) x[k / 2] = NAN;
        if (i % 50 == 8) x[k / 2] = INFINITY;
        weir_dense_pack(w, k, n, n, 1, packed);
        weir_dense dense = {k, n, packed, i % 4 == 0 ? NULL : bias, i % 2 == 0, true};
        assert_true(weir_dense_is_finite(packed, count));
        lone_rows_agree(&dense, x, want, got);
        packed[0] = INFINITY;
        assert_false(weir_dense_is_finite(packed, count));
        weir_arena_reset(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_row_has_the_same_bits_on_every_cpu_and_in_every_batch, reset),
        cmocka_unit_test_setup(contributions_add_up_and_have_the_same_bits_on_every_cpu, reset),
        cmocka_unit_test_setup(a_file_cut_anywhere_fails_or_loads_but_never_crashes, reset),
        cmocka_unit_test_setup(other_kinds_of_files_are_named, reset),
        cmocka_unit_test_setup(deep_nesting_costs_nothing, reset),
        cmocka_unit_test_setup(circles_and_bad_indexes_in_trees_are_refused, reset),
        cmocka_unit_test_setup(exact_functions_have_their_bits, reset),
        cmocka_unit_test_setup(a_dense_layer_is_a_chain_of_fused_steps, reset),
        cmocka_unit_test_setup(a_lone_row_may_leave_out_its_zeros, reset),
        cmocka_unit_test_setup(a_lone_row_of_products_too_small_for_a_float_has_no_sign, reset),
    };
    int result = cmocka_run_group_tests(tests, NULL, NULL);
    weir_arena_deinit(&arena);
    return result;
}
