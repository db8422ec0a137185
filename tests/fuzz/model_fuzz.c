/* SPDX-License-Identifier: Apache-2.0 */
/* Model files of every format: any bytes load or fail; what loads runs, explains, and gives a row
 * the same answer alone and beside another. */
#include "compute/model/model.h"

#include <math.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ROWS = 2, WIDTH_MAX = 4096 };

static const size_t sizes[] = {4, 8, 8, 4, 1, sizeof(weir_bytes)};

static void fill(const weir_model_port *port, void *data, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        double number = (double)(i % 7) - 3.0;
        switch (port->kind) {
        case WEIR_TENSOR_FLOAT32: ((float *)data)[i] = i % 5 == 4 ? NAN : (float)number; break;
        case WEIR_TENSOR_FLOAT64: ((double *)data)[i] = i % 5 == 4 ? NAN : number; break;
        case WEIR_TENSOR_INT64: ((int64_t *)data)[i] = (int64_t)number; break;
        case WEIR_TENSOR_INT32: ((int32_t *)data)[i] = (int32_t)number; break;
        case WEIR_TENSOR_BOOL: ((uint8_t *)data)[i] = i & 1; break;
        case WEIR_TENSOR_STRING:
            ((weir_bytes *)data)[i] = (weir_bytes){(const uint8_t *)"12", i % 3};
            break;
        }
    }
}

static size_t total_width(const weir_model_port *ports, size_t count)
{
    size_t total = 0;
    for (size_t i = 0; i < count; i++)
        total += ports[i].width;
    return total;
}

static void run(const weir_model *model, const weir_model_info *info)
{
    weir_arena arena = {0};
    weir_model_workspace *workspace = weir_model_workspace_create(model, ROWS);
    weir_model_tensor *inputs = weir_arena_array(&arena, weir_model_tensor, info->input_count + 1);
    weir_model_tensor *outputs =
        weir_arena_array(&arena, weir_model_tensor, info->output_count + 1);
    for (size_t i = 0; i < info->input_count; i++) {
        const weir_model_port *port = &info->inputs[i];
        void *data = weir_arena_calloc(&arena, (size_t)ROWS * port->width, sizes[port->kind]);
        fill(port, data, (size_t)ROWS * port->width);
        inputs[i] = (weir_model_tensor){port->kind, port->width, data};
    }
    weir_error *error = weir_model_run(model, workspace, inputs, ROWS, outputs);
    if (error == NULL && info->outputs[0].kind != WEIR_TENSOR_STRING) {
        size_t bytes = info->outputs[0].width * sizes[info->outputs[0].kind];
        void *together = weir_arena_copy(&arena, outputs[0].data, bytes);
        error = weir_model_run(model, workspace, inputs, 1, outputs);
        if (error == NULL && memcmp(together, outputs[0].data, bytes) != 0) abort();
    }
    weir_error_free(error);
    bool supported;
    double *phi =
        weir_arena_array(&arena, double, total_width(info->inputs, info->input_count) + 1);
    weir_error_free(weir_model_explain(model, workspace, inputs, phi, &supported));
    weir_model_workspace_destroy(workspace);
    weir_arena_deinit(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    weir_model_options options = {.raw = size > 0 && (data[size - 1] & 1) != 0};
    weir_model *model = NULL;
    weir_error *error = weir_model_load("fuzz", (weir_bytes){data, size}, &options, &model);
    if ((error == NULL) != (model != NULL)) abort();
    if (model != NULL) {
        const weir_model_info *info = weir_model_describe(model);
        if (total_width(info->inputs, info->input_count) <= WIDTH_MAX &&
            total_width(info->outputs, info->output_count) <= WIDTH_MAX)
            run(model, info);
    }
    weir_error_free(error);
    weir_model_destroy(model);
    return 0;
}
