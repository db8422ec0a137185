/* SPDX-License-Identifier: Apache-2.0 */
/*
 * model.c - a model file of any format behind one interface.
 *
 * An ONNX graph is compiled for one row, and for a block of rows where a probe shows that a row's
 * bits are the same alone and in the block; a graph that mixes rows is refused. XGBoost and
 * LightGBM files are an ensemble and a link. The file's first bytes tell which it is.
 */
#include "compute/model/model.h"
#include "compute/model/dense.h"
#include "compute/model/explain.h"
#include "compute/model/onednn.h"
#include "compute/model/program.h"
#include "compute/model/tree_model.h"
#include "compute/model/width.h"
#include "ops/runtime/assert.h"
#include "ops/runtime/digest.h"

enum { BLOCK_ROWS = WEIR_MODEL_BLOCK_ROWS, BLOCK_BYTES_MAX = 1 << 26 };

struct weir_model {
    weir_arena arena;
    weir_model_info info;
    weir_model_port *inputs, *outputs;
    const weir_graph *graph; /* ONNX, else NULL */
    weir_program_shared shared;
    weir_shape *input_shapes;
    const weir_program *one, *block; /* block may be NULL */
    weir_tree_model tree;            /* where graph is NULL */
    weir_explainer *explainer;       /* ONNX: NULL where there is none */
    bool raw;                        /* trees: the raw scores are the output */
};

struct weir_model_workspace {
    const weir_model *model;
    size_t rows_max;
    weir_arena arena;
    weir_arena text; /* strings of outputs, until the next run */
    void **one, **block;
    uint8_t *block_memory;
    void **outputs; /* per output: rows_max rows */
    void *scratch;  /* trees */
    double *raw, *linked;
};

/* --- which format
 * ------------------------------------------------------------------------------------ */

typedef enum format { FORMAT_ONNX, FORMAT_JSON, FORMAT_UBJSON, FORMAT_LIGHTGBM } format;

static bool begins(weir_bytes file, const char *text)
{
    return file.size >= strlen(text) && memcmp(file.data, text, strlen(text)) == 0;
}

static weir_error *find_format(weir_bytes file, format *out)
{
    if (file.size == 0) return weir_error_new(WEIR_E_MODEL, "the file is empty");
    if (file.size > WEIR_MODEL_BYTES_MAX)
        return weir_error_new(WEIR_E_LIMIT, "the file has %zu bytes; at most %d are read",
                              file.size, WEIR_MODEL_BYTES_MAX);
    if (file.data[0] == 0x80 && file.size > 1 && file.data[1] >= 2 && file.data[1] <= 5)
        return weir_error_new(
            WEIR_E_MODEL,
            "the file is a Python pickle, which is a program; export the model as ONNX, "
            "XGBoost JSON or LightGBM text");
    if (begins(file, "binf"))
        return weir_error_new(
            WEIR_E_MODEL, "the file is XGBoost's old binary form; save it again as .json or .ubj");
    if (begins(file, "PK\x03\x04"))
        return weir_error_new(
            WEIR_E_MODEL,
            "the file is a zip archive (a PyTorch checkpoint?); export the model as ONNX");
    *out = FORMAT_ONNX;
    size_t at = 0;
    while (at < file.size && (file.data[at] == ' ' || file.data[at] == '\n' ||
                              file.data[at] == '\r' || file.data[at] == '\t'))
        at++;
    if (at < file.size && file.data[at] == '{') {
        uint8_t next = at + 1 < file.size ? file.data[at + 1] : 0;
        bool is_text = next == '"' || next == ' ' || next == '\n' || next == '\r' || next == '\t' ||
                       next == '}';
        *out = is_text ? FORMAT_JSON : FORMAT_UBJSON;
    } else if (begins(file, "tree\n") || begins(file, "tree\r\n")) {
        *out = FORMAT_LIGHTGBM;
    }
    return NULL;
}

/* --- trees
 * ------------------------------------------------------------------------------------------- */

static void one_port(weir_model *model, weir_model_port *port, const char *name, uint32_t width)
{
    *port = (weir_model_port){.name = name,
                              .kind = model->tree.in_float64 ? WEIR_TENSOR_FLOAT64
                                                             : WEIR_TENSOR_FLOAT32,
                              .width = width};
}

static void describe_trees(weir_model *model)
{
    const weir_tree_model *tree = &model->tree;
    weir_model_info *info = &model->info;
    model->inputs = weir_arena_new(&model->arena, weir_model_port);
    model->outputs = weir_arena_new(&model->arena, weir_model_port);
    one_port(model, model->inputs, "features", tree->features);
    model->inputs->accepts_missing = true;
    model->inputs->column_names = tree->feature_names;
    one_port(model, model->outputs, "prediction", model->raw ? tree->targets : tree->outputs);
    info->format = tree->format;
    info->producer = tree->producer;
    info->input_count = info->output_count = 1;
    const char **ops = weir_arena_array(&model->arena, const char *, 1);
    uint32_t *counts = weir_arena_array(&model->arena, uint32_t, 1);
    ops[0] = weir_arena_printf(&model->arena, "Tree (%s)", tree->objective);
    counts[0] = (uint32_t)weir_trees_count(tree->trees);
    info->ops = ops;
    info->op_counts = counts;
    info->op_count = 1;
    info->parameter_count = weir_trees_parameters(tree->trees);
    info->profile = tree->in_float64 ? "trees-lightgbm" : "trees-xgboost";
    info->verdict =
        tree->in_float64
            ? "leaves are added in tree order in float64: raw scores have LightGBM's bits on every "
              "CPU"
            : "leaves are added in tree order in float32: margins have XGBoost's bits on every CPU";
    info->is_classifier = tree->is_classifier;
    info->score_column = tree->is_classifier && tree->outputs == 2 ? 1 : 0;
}

static void describe_weights(weir_model *model)
{
    const weir_tree_model *tree = &model->tree;
    weir_model_info *info = &model->info;
    const char **ops = weir_arena_array(&model->arena, const char *, 1);
    uint32_t *counts = weir_arena_array(&model->arena, uint32_t, 1);
    ops[0] = weir_arena_printf(&model->arena, "Linear (%s)", tree->objective);
    counts[0] = 1;
    info->ops = ops;
    info->op_counts = counts;
    info->parameter_count = ((size_t)tree->features + 1) * tree->targets;
    info->profile = "linear-xgboost";
    info->verdict = "products are added in the features' order in float32: margins have XGBoost's "
                    "bits on every CPU";
}

static weir_error *load_trees(weir_model *model, weir_bytes file, format form)
{
    if (form == FORMAT_LIGHTGBM)
        WEIR_TRY(weir_lightgbm_read(file, &model->arena, &model->tree));
    else
        WEIR_TRY(weir_xgboost_read(file, form == FORMAT_UBJSON, &model->arena, &model->tree));
    describe_trees(model);
    if (model->tree.weights != NULL) describe_weights(model);
    return NULL;
}

/* --- ONNX
 * --------------------------------------------------------------------------------------------- */

static weir_error *check_versions(const weir_graph *graph)
{
    if (graph->opset != 0 && (graph->opset < 7 || graph->opset > 25))
        return weir_error_new(
            WEIR_E_MODEL,
            "it imports opset %d; 7 to 25 are supported: export with opset_version=17",
            graph->opset);
    if (graph->ml_opset > 5)
        return weir_error_new(WEIR_E_MODEL, "it imports ai.onnx.ml %d; 1 to 5 are supported",
                              graph->ml_opset);
    if (graph->output_count == 0) return weir_error_new(WEIR_E_MODEL, "the graph has no outputs");
    return NULL;
}

/* The inputs' shapes for a number of rows: the first dimension is the rows. */
static weir_error *set_shapes(weir_model *model, size_t rows, weir_shape *shapes)
{
    const weir_graph *graph = model->graph;
    for (size_t i = 0; i < graph->input_count; i++) {
        const weir_graph_port *port = &graph->inputs[i];
        const char *name = graph->value_names[port->value];
        if (!port->has_shape) {
            int64_t width = weir_width_guess(graph, port->value);
            shapes[i] = width > 0 ? (weir_shape){2, {(int64_t)rows, width}}
                                  : (weir_shape){1, {(int64_t)rows}};
            continue;
        }
        shapes[i] = port->shape;
        unsigned open = 0;
        for (unsigned d = 1; d < shapes[i].rank; d++)
            open += shapes[i].dims[d] < 0;
        for (unsigned d = 1; d < shapes[i].rank; d++) {
            if (shapes[i].dims[d] >= 0) continue;
            shapes[i].dims[d] =
                open == 1 && shapes[i].rank == 2 ? weir_width_guess(graph, port->value) : -1;
            if (shapes[i].dims[d] < 0)
                return weir_error_new(WEIR_E_MODEL,
                                      "input '%s' does not say how many columns it has; export it "
                                      "with a fixed second "
                                      "dimension",
                                      name);
        }
        if (shapes[i].rank > 0) shapes[i].dims[0] = (int64_t)rows;
    }
    return NULL;
}

static weir_error *compile(weir_model *model, size_t rows, const weir_program **out)
{
    weir_shape *shapes = weir_arena_array(&model->arena, weir_shape, model->graph->input_count + 1);
    WEIR_TRY(set_shapes(model, rows, shapes));
    weir_program *program;
    WEIR_TRY(weir_program_compile(&model->shared, shapes, rows, &program));
    *out = program;
    return NULL;
}

/* Inputs that are fixed to several rows can not be cut into rows, unless the graph compiles for
 * one. */
static weir_error *explain_fixed(const weir_model *model, weir_error *error)
{
    for (size_t i = 0; i < model->graph->input_count; i++) {
        const weir_graph_port *port = &model->graph->inputs[i];
        if (port->has_shape && port->shape.rank > 0 && port->shape.dims[0] > 1)
            return weir_error_while(
                error, "input '%s' is fixed to %lld rows; export with a dynamic batch dimension",
                model->graph->value_names[port->value], (long long)port->shape.dims[0]);
    }
    return error;
}

static weir_error *describe_port(weir_model *model, const weir_graph_port *from,
                                 weir_model_port *port)
{
    const weir_slot *slot = &model->one->slots[from->value];
    if (slot->count > 1 << 20 || slot->count == 0)
        return weir_error_new(WEIR_E_MODEL, "'%s' has %zu columns; 1 to 2^20 are supported",
                              model->graph->value_names[from->value], slot->count);
    *port = (weir_model_port){.name = model->graph->value_names[from->value],
                              .kind = slot->kind,
                              .width = (uint32_t)slot->count};
    return NULL;
}

/* The positive class: the second column of a two-column probability, or a lone probability. */
static void find_score(weir_model *model)
{
    weir_model_info *info = &model->info;
    size_t number = SIZE_MAX;
    for (size_t i = 0; i < info->output_count; i++) {
        const weir_slot *slot = &model->one->slots[model->graph->outputs[i].value];
        if (!slot->is_probability || slot->kind == WEIR_TENSOR_STRING ||
            slot->kind == WEIR_TENSOR_INT64) {
            if (number == SIZE_MAX && slot->kind <= WEIR_TENSOR_FLOAT64) number = i;
            continue;
        }
        info->score_output = i;
        info->score_column = slot->count == 2;
        info->is_classifier = slot->count <= 2;
        return;
    }
    info->score_output = number == SIZE_MAX ? 0 : number;
    /* Labels beside two columns of numbers are a classifier's, whatever made them. */
    if (info->output_count == 2 && number != SIZE_MAX && info->outputs[number].width == 2) {
        weir_tensor_kind other = info->outputs[1 - number].kind;
        info->is_classifier = other == WEIR_TENSOR_INT64 || other == WEIR_TENSOR_STRING;
        info->score_column = info->is_classifier;
    }
}

static void count_ops(weir_model *model)
{
    const weir_graph *graph = model->graph;
    const char **ops = weir_arena_array(&model->arena, const char *, graph->node_count + 1);
    uint32_t *counts = weir_arena_array(&model->arena, uint32_t, graph->node_count + 1);
    size_t count = 0;
    for (size_t i = 0; i < graph->node_count; i++) {
        size_t at = 0;
        while (at < count && strcmp(ops[at], graph->nodes[i].op) != 0)
            at++;
        if (at == count) ops[count++] = graph->nodes[i].op;
        counts[at]++;
    }
    model->info.ops = ops;
    model->info.op_counts = counts;
    model->info.op_count = count;
}

static weir_error *describe_graph(weir_model *model)
{
    const weir_graph *graph = model->graph;
    weir_model_info *info = &model->info;
    model->inputs = weir_arena_array(&model->arena, weir_model_port, graph->input_count + 1);
    model->outputs = weir_arena_array(&model->arena, weir_model_port, graph->output_count + 1);
    for (size_t i = 0; i < graph->input_count; i++) {
        WEIR_TRY(describe_port(model, &graph->inputs[i], &model->inputs[i]));
        model->inputs[i].accepts_missing = model->one->accepts_missing[i];
    }
    for (size_t i = 0; i < graph->output_count; i++)
        WEIR_TRY(describe_port(model, &graph->outputs[i], &model->outputs[i]));
    info->format = "onnx";
    info->producer = graph->producer;
    info->input_count = graph->input_count;
    info->output_count = graph->output_count;
    info->inputs = model->inputs;
    info->outputs = model->outputs;
    info->parameter_count = model->one->parameter_count;
    count_ops(model);
    find_score(model);
    return NULL;
}

/* --- the probe of rows
 * -------------------------------------------------------------------------------- */

static uint32_t next_random(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(*state >> 33);
}

static void fill_random(weir_tensor_kind kind, void *data, size_t count, uint64_t *state)
{
    for (size_t i = 0; i < count; i++) {
        uint32_t r = next_random(state);
        switch (kind) {
        case WEIR_TENSOR_FLOAT32: ((float *)data)[i] = (float)(r % 4001) / 1000.0f - 2.0f; break;
        case WEIR_TENSOR_FLOAT64: ((double *)data)[i] = (double)(r % 4001) / 1000.0 - 2.0; break;
        case WEIR_TENSOR_INT64: ((int64_t *)data)[i] = r % 4; break;
        case WEIR_TENSOR_INT32: ((int32_t *)data)[i] = (int32_t)(r % 4); break;
        case WEIR_TENSOR_BOOL: ((uint8_t *)data)[i] = r & 1; break;
        case WEIR_TENSOR_STRING:
            ((weir_bytes *)data)[i] = (weir_bytes){(const uint8_t *)"ab", r % 3};
            break;
        }
    }
}

typedef enum probe_result { PROBE_SAME, PROBE_DIFFERS, PROBE_FAILED } probe_result;

static bool same_row(const weir_model *model, size_t output, size_t row, void **one, void **block)
{
    uint32_t value = model->graph->outputs[output].value;
    const weir_slot *slot = &model->one->slots[value];
    size_t size = weir_kind_size(slot->kind);
    if (slot->kind == WEIR_TENSOR_STRING) {
        for (size_t i = 0; i < slot->count; i++) {
            weir_bytes a = ((weir_bytes *)one[value])[i],
                       b = ((weir_bytes *)block[value])[row * slot->count + i];
            if (a.size != b.size || (a.size > 0 && memcmp(a.data, b.data, a.size) != 0))
                return false;
        }
        return true;
    }
    return memcmp(one[value], (char *)block[value] + row * slot->count * size,
                  slot->count * size) == 0;
}

static probe_result probe_rows(const weir_model *model, weir_arena *scratch)
{
    const weir_graph *graph = model->graph;
    void **one = weir_arena_array(scratch, void *, model->one->slot_count + 1);
    void **block = weir_arena_array(scratch, void *, model->block->slot_count + 1);
    weir_program_bind(model->one, weir_arena_calloc(scratch, 1, model->one->memory_bytes + 64),
                      one);
    weir_program_bind(model->block, weir_arena_calloc(scratch, 1, model->block->memory_bytes + 64),
                      block);
    uint64_t state = 7;
    for (size_t i = 0; i < graph->input_count; i++) {
        const weir_slot *slot = &model->block->slots[graph->inputs[i].value];
        void *data = weir_arena_calloc(scratch, slot->count + 1, weir_kind_size(slot->kind));
        fill_random(slot->kind, data, slot->count, &state);
        block[graph->inputs[i].value] = data;
    }
    weir_error *error = weir_program_run(model->block, block);
    for (size_t row = 0; error == NULL && row < BLOCK_ROWS;
         row += row == 0 ? 1 : BLOCK_ROWS / 4 - 1) {
        for (size_t i = 0; i < graph->input_count; i++) {
            const weir_slot *slot = &model->one->slots[graph->inputs[i].value];
            one[graph->inputs[i].value] = (char *)block[graph->inputs[i].value] +
                                          row * slot->count * weir_kind_size(slot->kind);
        }
        error = weir_program_run(model->one, one);
        for (size_t o = 0; error == NULL && o < graph->output_count; o++)
            if (!same_row(model, o, row, one, block)) return PROBE_DIFFERS;
    }
    if (error == NULL) return PROBE_SAME;
    weir_error_free(error);
    return PROBE_FAILED;
}

/* Every output has its rows in the first dimension: `rows` times as many elements. */
static bool outputs_scale(const weir_model *model)
{
    for (size_t i = 0; i < model->graph->output_count; i++) {
        uint32_t value = model->graph->outputs[i].value;
        const weir_slot *one = &model->one->slots[value], *block = &model->block->slots[value];
        if (block->count != one->count * BLOCK_ROWS || block->kind != one->kind) return false;
    }
    return true;
}

/* A graph for any number of rows that has an output of another number of elements: a sum over the
 * batch, say. One that is fixed to a row may shape its outputs as it likes. */
static bool outputs_lose_rows(const weir_model *model)
{
    for (size_t i = 0; i < model->graph->input_count; i++) {
        const weir_graph_port *port = &model->graph->inputs[i];
        if (port->has_shape && (port->shape.rank == 0 || port->shape.dims[0] >= 0)) return false;
    }
    for (size_t i = 0; i < model->graph->output_count; i++) {
        uint32_t value = model->graph->outputs[i].value;
        const weir_slot *one = &model->one->slots[value], *block = &model->block->slots[value];
        if (one->constant == NULL && block->count != one->count * BLOCK_ROWS) return true;
    }
    return false;
}

static weir_error *rows_are_mixed(void)
{
    return weir_error_new(
        WEIR_E_MODEL,
        "the answer for a row depends on the rows beside it (an operation along the batch "
        "dimension); weir scores rows one by one");
}

/* Compiles for a block of rows; without one, rows run one by one, which is as exact. */
static weir_error *make_block(weir_model *model)
{
    if (model->one->memory_bytes > BLOCK_BYTES_MAX / BLOCK_ROWS || model->graph->input_count == 0)
        return NULL;
    weir_error *error = compile(model, BLOCK_ROWS, &model->block);
    if (error == NULL && outputs_lose_rows(model)) return rows_are_mixed();
    if (error != NULL || !outputs_scale(model)) {
        weir_error_free(error);
        model->block = NULL;
        return NULL;
    }
    weir_arena scratch = {0};
    probe_result result = probe_rows(model, &scratch);
    weir_arena_deinit(&scratch);
    if (result == PROBE_SAME) return NULL;
    model->block = NULL;
    return result == PROBE_FAILED ? NULL : rows_are_mixed();
}

/* --- numerics
 * ----------------------------------------------------------------------------------------- */

static bool layers_qualify(const weir_program_shared *shared)
{
    weir_onednn_dense *const *layers = (weir_onednn_dense *const *)shared->layers.data;
    for (size_t i = 0; i < shared->layers.size / sizeof(*layers); i++)
        if (!weir_onednn_dense_probe(layers[i])) return false;
    return true;
}

static void destroy_layers(weir_program_shared *shared)
{
    weir_onednn_dense *const *layers = (weir_onednn_dense *const *)shared->layers.data;
    for (size_t i = 0; i < shared->layers.size / sizeof(*layers); i++)
        weir_onednn_dense_destroy(layers[i]);
    weir_buffer_deinit(&shared->layers);
}

static void start_shared(weir_model *model, weir_numerics numerics)
{
    size_t count = model->graph->value_count + 1;
    model->shared =
        (weir_program_shared){.into = &model->arena,
                              .graph = model->graph,
                              .packed = weir_arena_array(&model->arena, const void *, count),
                              .ensembles = weir_arena_array(&model->arena, const void *, count),
                              .numerics = numerics};
}

static bool has_trees(const weir_model *model)
{
    for (size_t i = 0; i < model->graph->node_count; i++)
        if (strncmp(model->graph->nodes[i].op, "TreeEnsemble", 12) == 0) return true;
    return false;
}

static void say_exact(weir_model *model, const char *why)
{
    model->info.profile = has_trees(model) ? "trees-onnx" : "exact-f32";
    model->info.verdict = weir_arena_printf(
        &model->arena, "%ssums run in one order: the same bits on every CPU and for every batch",
        why);
}

weir_numerics weir_numerics_of_profile(const char *profile)
{
    return strncmp(profile, "onednn-", 7) == 0 ? WEIR_NUMERICS_ONEDNN
           : strncmp(profile, "int8-", 5) == 0 ? WEIR_NUMERICS_INT8
                                               : WEIR_NUMERICS_EXACT;
}

static void say_int8(weir_model *model)
{
    model->info.profile = "int8-u8s8";
    model->info.verdict = weir_arena_printf(
        &model->arena,
        "%zu layers in 8-bit integers, whose sums are exact: the same bits on every CPU and for "
        "every batch",
        model->shared.int8_count);
}

static void say_onednn(weir_model *model)
{
    model->info.profile = weir_arena_printf(&model->arena, "onednn-f32/%s", weir_onednn_isa());
    model->info.verdict = weir_arena_printf(
        &model->arena,
        "oneDNN %s gave a row the same bits alone, first, last and in every batch bucket, on this "
        "CPU, in all %zu layers",
        weir_onednn_version(), model->shared.layers.size / sizeof(void *));
}

/* Compiles, in integers or on oneDNN where that is asked for and its layers pass the probe. */
static weir_error *compile_numerics(weir_model *model, weir_numerics numerics)
{
    bool lacks_onednn = numerics == WEIR_NUMERICS_ONEDNN && !weir_onednn_is_present();
    start_shared(model, lacks_onednn ? WEIR_NUMERICS_EXACT : numerics);
    WEIR_TRY(compile(model, 1, &model->one));
    if (model->shared.int8_count > 0) {
        say_int8(model);
    } else if (model->shared.layers.size == 0) {
        say_exact(model, numerics == WEIR_NUMERICS_EXACT ? ""
                         : lacks_onednn                  ? "oneDNN is not available; "
                                        : "no layer is large enough for other numerics; ");
    } else if (layers_qualify(&model->shared)) {
        say_onednn(model);
    } else {
        destroy_layers(&model->shared);
        start_shared(model, WEIR_NUMERICS_EXACT);
        say_exact(model, "oneDNN changed a row's bits with its batch on this CPU, so the exact "
                         "kernels serve; ");
        return compile(model, 1, &model->one);
    }
    return NULL;
}

static weir_error *load_onnx(weir_model *model, weir_bytes file, const weir_model_options *options)
{
    weir_graph *graph;
    WEIR_TRY(weir_graph_read(file, &model->arena, &graph));
    model->graph = graph;
    WEIR_TRY(check_versions(graph));
    weir_error *error =
        compile_numerics(model, options == NULL ? WEIR_NUMERICS_EXACT : options->numerics);
    if (error != NULL) return explain_fixed(model, error);
    WEIR_TRY(describe_graph(model));
    WEIR_TRY(make_block(model));
    model->explainer =
        weir_explainer_create(graph, model->one, model->info.score_column, &model->arena);
    return NULL;
}

/* --- life
 * ---------------------------------------------------------------------------------------------- */

static weir_error *load(weir_model *model, weir_bytes file, const weir_model_options *options)
{
    format form = FORMAT_ONNX;
    WEIR_TRY(find_format(file, &form));
    weir_sha256_of(file.data, file.size, model->info.digest);
    model->info.file_bytes = file.size;
    model->raw = options != NULL && options->raw;
    if (form == FORMAT_ONNX)
        WEIR_TRY(load_onnx(model, file, options));
    else
        WEIR_TRY(load_trees(model, file, form));
    model->info.inputs = model->inputs;
    model->info.outputs = model->outputs;
    return NULL;
}

weir_error *weir_model_load(const char *name, weir_bytes file, const weir_model_options *options,
                            weir_model **model_out)
{
    weir_arena arena = {0}; /* the model lives in its own arena */
    weir_model *model = weir_arena_new(&arena, weir_model);
    model->arena = arena;
    weir_error *error = load(model, file, options);
    *model_out = model;
    if (error == NULL) return NULL;
    weir_model_destroy(model);
    *model_out = NULL;
    return weir_error_while(error, "model %s", name);
}

void weir_model_destroy(weir_model *model)
{
    if (model == NULL) return;
    destroy_layers(&model->shared);
    weir_arena arena = model->arena;
    weir_arena_deinit(&arena);
}

const weir_model_info *weir_model_describe(const weir_model *model) { return &model->info; }

static void *aligned_block(weir_arena *arena, size_t bytes)
{
    uintptr_t at = (uintptr_t)weir_arena_calloc(arena, 1, bytes + 64);
    return (void *)((at + 63) / 64 * 64);
}

weir_model_workspace *weir_model_workspace_create(const weir_model *model, size_t rows_max)
{
    WEIR_ASSERT(rows_max > 0);
    weir_arena arena = {0};
    weir_model_workspace *w = weir_arena_new(&arena, weir_model_workspace);
    w->arena = arena;
    w->model = model;
    w->rows_max = rows_max;
    w->outputs = weir_arena_array(&w->arena, void *, model->info.output_count + 1);
    for (size_t i = 0; i < model->info.output_count; i++)
        w->outputs[i] = weir_arena_calloc(&w->arena, rows_max * model->outputs[i].width,
                                          weir_kind_size(model->outputs[i].kind));
    if (model->graph == NULL) {
        w->scratch = aligned_block(&w->arena, weir_trees_scratch_bytes(model->tree.trees));
        w->raw = weir_arena_array(&w->arena, double, rows_max * model->tree.targets + 1);
        w->linked = weir_arena_array(&w->arena, double, model->tree.targets + 1);
        return w;
    }
    w->one = weir_arena_array(&w->arena, void *, model->one->slot_count + 1);
    weir_program_bind(model->one, aligned_block(&w->arena, model->one->memory_bytes), w->one);
    if (model->block != NULL && rows_max >= BLOCK_ROWS) {
        w->block = weir_arena_array(&w->arena, void *, model->block->slot_count + 1);
        weir_program_bind(model->block, aligned_block(&w->arena, model->block->memory_bytes),
                          w->block);
    }
    return w;
}

void weir_model_workspace_destroy(weir_model_workspace *workspace)
{
    if (workspace == NULL) return;
    weir_arena_deinit(&workspace->text);
    weir_arena arena = workspace->arena;
    weir_arena_deinit(&arena);
}

/* --- running
 * ------------------------------------------------------------------------------------------- */

static void run_trees(const weir_model *model, weir_model_workspace *w, const void *features,
                      size_t rows)
{
    const weir_tree_model *tree = &model->tree;
    float *narrow = (float *)w->raw;
    if (tree->in_float64)
        weir_trees_run_f64(tree->trees, features, rows, w->raw, NULL, w->scratch);
    else
        weir_trees_run_f32(tree->trees, features, rows, narrow, NULL, w->scratch);
    for (size_t row = 0; tree->weights != NULL && row < rows; row++)
        weir_tree_model_add_linear(tree, (const float *)features + row * tree->features,
                                   narrow + row * tree->targets);
    size_t width = model->outputs[0].width;
    double raw[64],
        *row_raw = tree->targets <= 64 ? raw : weir_arena_array(&w->text, double, tree->targets);
    double linked[64], *out = tree->targets <= 64 ? linked : w->linked;
    for (size_t row = 0; row < rows; row++) {
        for (uint32_t t = 0; t < tree->targets; t++)
            row_raw[t] = tree->in_float64 ? w->raw[row * tree->targets + t]
                                          : (double)narrow[row * tree->targets + t];
        if (model->raw)
            memcpy(out, row_raw, tree->targets * sizeof(double));
        else
            weir_tree_model_link(tree, row_raw, out);
        for (size_t i = 0; i < width; i++) {
            if (tree->in_float64)
                ((double *)w->outputs[0])[row * width + i] = out[i];
            else
                ((float *)w->outputs[0])[row * width + i] = (float)out[i];
        }
    }
}

static void keep_texts(weir_model_workspace *w, const weir_bytes *from, size_t count,
                       weir_bytes *to)
{
    for (size_t i = 0; i < count; i++)
        to[i] = (weir_bytes){weir_arena_copy(&w->text, from[i].data, from[i].size), from[i].size};
}

/* Runs one program on rows from `first` on, and copies its outputs out. */
static weir_error *run_part(weir_model_workspace *w, const weir_program *program, void **data,
                            const weir_model_tensor *inputs, size_t first)
{
    const weir_model *model = w->model;
    const weir_graph *graph = model->graph;
    for (size_t i = 0; i < graph->input_count; i++) {
        size_t row_bytes = model->inputs[i].width * weir_kind_size(model->inputs[i].kind);
        data[graph->inputs[i].value] = (char *)inputs[i].data + first * row_bytes;
    }
    WEIR_TRY(weir_program_run(program, data));
    for (size_t i = 0; i < graph->output_count; i++) {
        size_t row_bytes = model->outputs[i].width * weir_kind_size(model->outputs[i].kind);
        const void *from = data[graph->outputs[i].value];
        void *to = (char *)w->outputs[i] + first * row_bytes;
        if (model->outputs[i].kind == WEIR_TENSOR_STRING)
            keep_texts(w, from, program->rows * model->outputs[i].width, to);
        else
            memcpy(to, from, program->rows * row_bytes);
    }
    return NULL;
}

static weir_error *run_graph(weir_model_workspace *w, const weir_model_tensor *inputs, size_t rows)
{
    size_t row = 0;
    if (w->block != NULL)
        for (; row + BLOCK_ROWS <= rows; row += BLOCK_ROWS)
            WEIR_TRY(run_part(w, w->model->block, w->block, inputs, row));
    for (; row < rows; row++)
        WEIR_TRY(run_part(w, w->model->one, w->one, inputs, row));
    return NULL;
}

weir_error *weir_model_run(const weir_model *model, weir_model_workspace *workspace,
                           const weir_model_tensor *inputs, size_t rows,
                           weir_model_tensor *outputs_out)
{
    WEIR_ASSERT(workspace->model == model && rows >= 1 && rows <= workspace->rows_max);
    for (size_t i = 0; i < model->info.input_count; i++)
        WEIR_ASSERT(inputs[i].kind == model->inputs[i].kind &&
                    inputs[i].width == model->inputs[i].width);
    weir_arena_reset(&workspace->text);
    if (model->graph == NULL)
        run_trees(model, workspace, inputs[0].data, rows);
    else
        WEIR_TRY(run_graph(workspace, inputs, rows));
    for (size_t i = 0; i < model->info.output_count; i++)
        outputs_out[i] = (weir_model_tensor){model->outputs[i].kind, model->outputs[i].width,
                                             workspace->outputs[i]};
    return NULL;
}

weir_error *weir_model_explain(const weir_model *model, weir_model_workspace *workspace,
                               const weir_model_tensor *inputs, double *contributions,
                               bool *supported_out)
{
    if (model->graph == NULL) {
        *supported_out = weir_trees_explain(model->tree.trees, inputs[0].data, contributions,
                                            workspace->scratch);
        if (*supported_out && model->tree.weights != NULL)
            weir_tree_model_explain_linear(&model->tree, inputs[0].data, contributions);
        return NULL;
    }
    *supported_out = model->explainer != NULL;
    if (model->explainer == NULL) return NULL;
    WEIR_TRY(run_part(workspace, model->one, workspace->one, inputs, 0));
    *supported_out = weir_explainer_run(model->explainer, workspace->one, contributions);
    return NULL;
}
