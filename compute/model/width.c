/* SPDX-License-Identifier: Apache-2.0 */
#include "compute/model/width.h"

static const weir_attribute *list(const weir_node *node, const char *name)
{
    for (size_t i = 0; i < node->attribute_count; i++)
        if (strcmp(node->attributes[i].name, name) == 0) return &node->attributes[i];
    return NULL;
}

static int64_t count_of(const weir_node *node, const char *name)
{
    const weir_attribute *attribute = list(node, name);
    return attribute == NULL || attribute->count < 2 ? -1 : (int64_t)attribute->count;
}

/* A matrix's side that meets the input. */
static int64_t matrix_width(const weir_graph *graph, const weir_node *node)
{
    if (node->input_count < 2 || node->inputs[1] == WEIR_NO_VALUE) return -1;
    const weir_array *w = graph->constants[node->inputs[1]];
    if (w == NULL || w->shape.rank != 2) return -1;
    const weir_attribute *turned = list(node, "transB");
    return w->shape.dims[turned != NULL && turned->integer != 0];
}

static int64_t linear_width(const weir_node *node)
{
    const weir_attribute *w = list(node, "coefficients"), *b = list(node, "intercepts");
    if (w == NULL || w->count == 0) return -1;
    size_t scores = b == NULL || b->count == 0 ? 1 : b->count;
    return w->count % scores == 0 ? (int64_t)(w->count / scores) : -1;
}

/* The greatest feature number asked for, plus one: all that a tree ensemble tells. */
static int64_t tree_width(const weir_node *node)
{
    const weir_attribute *features = list(node, "nodes_featureids");
    int64_t most = -1;
    for (size_t i = 0; features != NULL && i < features->count; i++)
        if (features->integers[i] > most && features->integers[i] < 1 << 20)
            most = features->integers[i];
    return most + 1 > 0 ? most + 1 : -1;
}

/* Arithmetic with a constant row. */
static int64_t row_width(const weir_graph *graph, const weir_node *node)
{
    for (size_t i = 0; i < node->input_count; i++) {
        const weir_array *c =
            node->inputs[i] == WEIR_NO_VALUE ? NULL : graph->constants[node->inputs[i]];
        if (c != NULL && c->shape.rank > 0 && c->shape.dims[c->shape.rank - 1] > 1)
            return c->shape.dims[c->shape.rank - 1];
    }
    return -1;
}

static int64_t width_of(const weir_graph *graph, const weir_node *node)
{
    if (strcmp(node->op, "Gemm") == 0 || strcmp(node->op, "MatMul") == 0)
        return matrix_width(graph, node);
    if (strncmp(node->op, "Linear", 6) == 0) return linear_width(node);
    if (strncmp(node->op, "TreeEnsemble", 12) == 0) return tree_width(node);
    if (strcmp(node->op, "Scaler") == 0) {
        int64_t offsets = count_of(node, "offset");
        return offsets > 0 ? offsets : count_of(node, "scale");
    }
    if (strcmp(node->op, "Imputer") == 0) {
        int64_t floats = count_of(node, "imputed_value_floats");
        return floats > 0 ? floats : count_of(node, "imputed_value_int64s");
    }
    if (strcmp(node->op, "Sub") == 0 || strcmp(node->op, "Div") == 0 ||
        strcmp(node->op, "Mul") == 0 || strcmp(node->op, "Add") == 0)
        return row_width(graph, node);
    return -1;
}

static bool keeps_width(const weir_node *node)
{
    static const char *const names[] = {"Identity", "Cast", "Scaler", "Imputer", "Normalizer",
                                        "Sub",      "Div",  "Mul",    "Add"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (strcmp(node->op, names[i]) == 0) return true;
    return false;
}

int64_t weir_width_guess(const weir_graph *graph, uint32_t value)
{
    for (int hop = 0; hop < 8; hop++) {
        uint32_t next = WEIR_NO_VALUE;
        for (size_t n = 0; n < graph->node_count; n++) {
            const weir_node *node = &graph->nodes[n];
            bool reads = node->input_count > 0 && node->inputs[0] == value;
            if (!reads) continue;
            int64_t width = width_of(graph, node);
            if (width > 0) return width;
            if (keeps_width(node) && node->output_count > 0) next = node->outputs[0];
        }
        if (next == WEIR_NO_VALUE) return -1;
        value = next;
    }
    return -1;
}
