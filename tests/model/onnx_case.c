/* SPDX-License-Identifier: Apache-2.0 */
/*
 * onnx_case.c - runs test cases in ONNX's own form, and says which fail.
 *
 *     onnx_case DIR...      each with model.onnx and test_data_set_0/{input,output}_N.pb
 *
 * The graph is compiled for the inputs' shapes as they are, so that cases without a batch dimension
 * run too. Floats may differ by 1e-3 of their size plus 1e-5; everything else must be equal.
 */
#include <math.h>
#include <stdio.h>

#include "compute/model/program.h"
#include "ops/runtime/file.h"

enum { PORTS_MAX = 64 };

static weir_error *read_array(const char *dir, const char *kind, size_t index, weir_arena *arena,
                              weir_array *array, bool *found)
{
    const char *path = weir_arena_printf(arena, "%s/test_data_set_0/%s_%zu.pb", dir, kind, index);
    *found = weir_file_exists(path);
    if (!*found) return NULL;
    weir_bytes bytes;
    WEIR_TRY(weir_file_read(path, 1 << 28, arena, &bytes));
    return weir_array_read(bytes, arena, array);
}

static bool close_enough(double a, double b)
{
    if (a != a || b != b) return a != a && b != b;
    if (a == b) return true;
    return fabs(a - b) <= 1e-5 + 1e-3 * fabs(b);
}

static double number_at(const void *data, weir_tensor_kind kind, size_t i)
{
    switch (kind) {
    case WEIR_TENSOR_FLOAT32: return (double)((const float *)data)[i];
    case WEIR_TENSOR_FLOAT64: return ((const double *)data)[i];
    case WEIR_TENSOR_INT64: return (double)((const int64_t *)data)[i];
    case WEIR_TENSOR_INT32: return (double)((const int32_t *)data)[i];
    default: return (double)((const uint8_t *)data)[i];
    }
}

static weir_error *compare(const weir_slot *slot, const void *data, const weir_array *want,
                           size_t output)
{
    if (slot->kind != want->kind)
        return weir_error_new(WEIR_E_DIFFERENCE, "output %zu is %s, wants %s", output,
                              weir_kind_name(slot->kind), weir_kind_name(want->kind));
    bool same = slot->shape.rank == want->shape.rank;
    for (unsigned d = 0; same && d < want->shape.rank; d++)
        same = slot->shape.dims[d] == want->shape.dims[d];
    if (!same) return weir_error_new(WEIR_E_DIFFERENCE, "output %zu has another shape", output);
    for (size_t i = 0; i < want->count; i++) {
        if (slot->kind == WEIR_TENSOR_STRING) {
            weir_bytes a = ((const weir_bytes *)data)[i], b = ((const weir_bytes *)want->data)[i];
            if (a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0)) continue;
            return weir_error_new(
                WEIR_E_DIFFERENCE, "output %zu differs at %zu: '%.*s', wants '%.*s'", output, i,
                (int)a.size, (const char *)a.data, (int)b.size, (const char *)b.data);
        }
        double a = number_at(data, slot->kind, i), b = number_at(want->data, want->kind, i);
        if (!close_enough(a, b))
            return weir_error_new(WEIR_E_DIFFERENCE, "output %zu differs at %zu: %.9g, wants %.9g",
                                  output, i, a, b);
    }
    return NULL;
}

static weir_error *run(const char *dir, weir_arena *arena)
{
    weir_bytes file;
    WEIR_TRY(weir_file_read(weir_arena_printf(arena, "%s/model.onnx", dir), 1 << 28, arena, &file));
    weir_graph *graph;
    WEIR_TRY(weir_graph_read(file, arena, &graph));
    weir_program_shared shared = {
        .into = arena,
        .graph = graph,
        .packed = weir_arena_array(arena, const void *, graph->value_count + 1),
        .ensembles = weir_arena_array(arena, const void *, graph->value_count + 1)};
    weir_array inputs[PORTS_MAX];
    weir_shape shapes[PORTS_MAX];
    bool found;
    for (size_t i = 0; i < graph->input_count; i++) {
        WEIR_TRY(read_array(dir, "input", i, arena, &inputs[i], &found));
        if (!found) return weir_error_new(WEIR_E_NO_INPUT, "input %zu is missing", i);
        shapes[i] = inputs[i].shape;
    }
    weir_program *program;
    WEIR_TRY(weir_program_compile(&shared, shapes, 1, &program));
    void **data = weir_arena_array(arena, void *, program->slot_count + 1);
    weir_program_bind(program, weir_arena_calloc(arena, 1, program->memory_bytes + 1), data);
    for (size_t i = 0; i < graph->input_count; i++)
        data[graph->inputs[i].value] = (void *)inputs[i].data;
    WEIR_TRY(weir_program_run(program, data));
    for (size_t i = 0; i < graph->output_count; i++) {
        weir_array want;
        WEIR_TRY(read_array(dir, "output", i, arena, &want, &found));
        uint32_t value = graph->outputs[i].value;
        if (found) WEIR_TRY(compare(&program->slots[value], data[value], &want, i));
    }
    return NULL;
}

int main(int argc, char **argv)
{
    int failed = 0;
    for (int i = 1; i < argc; i++) {
        weir_arena arena = {0};
        weir_error *error = run(argv[i], &arena);
        if (error != NULL) {
            (void)printf("FAIL %s: %s\n", argv[i], weir_error_message(error));
            failed++;
        }
        weir_error_free(error);
        weir_arena_deinit(&arena);
    }
    (void)printf("%d of %d cases passed\n", argc - 1 - failed, argc - 1);
    return failed == 0 ? 0 : 1;
}
